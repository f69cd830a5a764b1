/* SPDX-License-Identifier: Apache-2.0
 *
 * The control socket of a running process: requests become calls, answers become responses. On the loop's thread, except
 * control_answer, which any thread may call.
 *
 *   control_open → handle(call, reply)… control_answer(reply)… → control_close
 */
#ifndef ADMIN_CONTROL_H
#define ADMIN_CONTROL_H

#include "admin/call.h"
#include "net/loop.h"

struct control;
struct control_reply; /* an answer that is owed */

struct control_options {
    struct loop *loop;
    const char *socket_path;
    /* Owes one control_answer, now or later; may empty the call. */
    void (*handle)(void *context, struct admin_call *call, struct control_reply *reply);
    void *context;
};

/* CONFLICT: another process serves this socket. */
bool control_open(const struct control_options *options, struct control **ret_control,
                  struct lf_error *err) LF_MUST_CHECK;
void control_close(struct control **control); /* for CLEANUP; answers that come later go nowhere */

/* Exactly once for each reply. err NULL: the answer. */
void control_answer(struct control_reply *reply, const struct admin_answer *answer, const struct lf_error *err);

#endif
