/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share.
 *
 *   state.c     the state directory and its locks
 *   client.c instance.c    what the lakes of a process share
 *   parts.c     connector and lake of a link
 *   link.c      a link with its lake, locked
 *   runner.c    a link on its own thread: its life
 *   attempt.c   one run of it, from opening to the end
 *   request.c   what operators ask of a runner
 *   daemon.c    all runners, the loop, signals and the control socket
 *   perform.c   the same operations for a command that works alone
 *   show.c check.c change.c    what the operations do
 */
#ifndef APP_INTERNAL_H
#define APP_INTERNAL_H

#include "app/app.h"
#include "base/json.h"
#include "commit/control.h"
#include "link/link.h"

#define APP_LOCK_PATIENCE_MS 90000 /* of commands and single runs: longer than the lease of a process that is gone */

bool app_lock_state(const char *state_dir, const char *link, int *ret_fd, struct lf_error *err) LF_MUST_CHECK;

/* ---- link.c: one link with its lake, locked ---- */

struct app_link {
    const struct config *config;        /* borrowed */
    const struct config_link *settings; /* of it */
    const struct lf_connector *connector;
    struct masking *masking; /* NULL: nothing is masked */
    struct link_entity_config *entities;
    struct lake_opened opened;
    char *folder; /* scratch, below the state directory */
    char *location;
    char *track_command;
    int state_lock_fd; /* -1: not held */
    struct link *link;
};

/* Opens the lake and takes the locks of lake and state directory. CONFLICT: another process has it. */
bool app_link_open(const struct config *config, const struct config_link *settings, const struct app_options *options,
                   struct app_link *ret_link, struct lf_error *err) LF_MUST_CHECK;
/* Makes app->link anew, from what app->settings says now. */
bool app_link_begin(struct app_link *app, const struct app_options *options, const struct link_observer *observer,
                    struct lf_error *err) LF_MUST_CHECK;
void app_link_close(struct app_link *link); /* for CLEANUP */

/* ---- what the operations do; each writes one JSON object ---- */

/* What only a running process knows. All NULL and 0: no process runs the link. */
struct app_process {
    const char *state;
    int64_t pid, since_ms, next_attempt_ms;
    const struct lf_error *err; /* NULL: none */
    const struct link_lag *lag; /* NULL: not known */
};

bool show_status(const struct config_link *settings, const struct app_options *options,
                 const struct app_process *process, struct json_writer *writer, struct lf_error *err) LF_MUST_CHECK;
bool show_artifacts(const struct config_link *settings, const struct app_options *options,
                    const struct admin_call *call, struct json_writer *writer, struct lf_error *err) LF_MUST_CHECK;
bool show_failures(struct catalog *catalog, const struct config_link *settings, struct json_writer *writer,
                   struct lf_error *err) LF_MUST_CHECK;
/* *ret_status: the exit status that the worst finding deserves. */
bool check_link(const struct config *config, const struct config_link *settings, const struct app_options *options,
                struct json_writer *writer, int *ret_status, struct lf_error *err) LF_MUST_CHECK;

/* The operation of a call that changes nothing: one of the above. */
bool app_read(struct config *config, const struct config_link *settings, const struct app_options *options,
              const struct app_process *process, const struct admin_call *call, struct admin_answer *ret_answer,
              struct lf_error *err) LF_MUST_CHECK;

/* Under the locks. */
bool change_link(struct app_link *app, const struct admin_call *call, struct json_writer *writer,
                 struct lf_error *err) LF_MUST_CHECK; /* enable, disable, unlink */

#endif
