/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations on links: asked of the daemon that holds the link, otherwise done here; the same output either way.
 */
#ifndef CLI_OPERATE_H
#define CLI_OPERATE_H

#include "cli/cli.h"
#include "cli/render.h"

struct operate_verb {
    enum admin_operation operation;
    bool every_link; /* without --link: all of them */
    bool progress;   /* done here, it shows progress and logs */
    void (*render)(const struct cli *cli, const struct json *answer, FILE *out);
};

/* The exit status. */
int operate(struct cli *cli, const struct operate_verb *verb);
/* Asks the daemon of the state directory; NOT_FOUND: there is none. */
bool operate_daemon(const struct cli *cli, const struct admin_call *call, struct admin_answer *ret_answer,
                    struct lf_error *err) LF_MUST_CHECK;

#endif
