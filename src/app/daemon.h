/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside app: all runners of the process, and what is asked of it. On the loop's thread.
 *
 *   daemon.c   runners, signals, the end
 *   answer.c   calls that come through the control socket
 *   reload.c   another configuration
 */
#ifndef APP_DAEMON_H
#define APP_DAEMON_H

#include "admin/control.h"
#include "app/runner.h"
#include "net/loop.h"
#include "net/workers.h"

#include <stdatomic.h>

struct member {
    struct runner *runner;
    bool leaving; /* no longer in the configuration: freed when its thread has ended */
};

struct daemon {
    struct config *config; /* in force */
    const struct app_options *options;
    struct loop *loop;
    struct workers *workers;
    struct control *control; /* NULL with options->once, and while another process serves the socket */
    struct loop_timer *end, *serve;
    struct member *members; /* in the order of the configuration; with once: those begun */
    size_t nmembers, size;
    size_t next;                         /* with once: the link to begin next */
    uint64_t reloads_begun, reload_done; /* reload_done: the number of the newest in force */
    atomic_bool stopping;                /* also read by workers */
    bool signalled;                      /* asked to stop while links were at work */
    bool reloaded; /* a configuration came by reload: whoever made it is still at it, and may mend a link that fails */
};

bool daemon_means(const struct daemon *daemon, const struct config_link *settings); /* run --link names one */
void daemon_add(struct daemon *daemon, const struct config_link *settings);
struct runner *daemon_find(const struct daemon *daemon, const char *link); /* NULL: none */
void daemon_stop(struct daemon *daemon);
/* After any change of a runner: the ended ones go, and with the last the process. */
void daemon_look(struct daemon *daemon);

/* answer.c */
void daemon_answer(void *daemon, struct admin_call *call, struct control_reply *reply);

/* reload.c: reads the file on a worker, then puts it in force here; reply NULL: on SIGHUP. Of two that read at the same time, the
 * one that was asked for later stays in force. Also once there are no workers any more: it is refused. */
void daemon_reload(struct daemon *daemon, struct control_reply *reply);

#endif
