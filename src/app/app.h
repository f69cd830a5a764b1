/* SPDX-License-Identifier: Apache-2.0
 *
 * Wiring: the only place that sees every part.
 *
 *   app_run        the daemon, and a single run
 *   app_perform    one operation of admin/call.h, by a command that works alone
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "admin/call.h"
#include "base/budget.h"
#include "base/json.h"
#include "base/log.h"
#include "catalog/catalog.h"
#include "config/config.h"
#include "lake/lake.h"
#include "lake/open.h"
#include "lake/path.h"
#include "lakefeed/connector.h"
#include "link/link.h"

struct app_client; /* what the lakes of a process share */

struct app_options {
    const char *state_dir;
    struct app_client *client;
    const char *config_path; /* NULL: made from flags, so that nothing can be read again */
    struct log *log;
    struct catalog *catalog; /* may be NULL */
    bool track, takeover;
    bool log_end;                    /* log how a link ended; on a terminal the command itself says it */
    bool once;                       /* a single run: no control socket, and no commit for the cursor alone */
    const char *only;                /* name of the one link that runs; NULL: all */
    const struct admin_call *resync; /* NULL: none; without entities: everything */
    struct link_observer observer;
    struct budget *budget; /* shared by all links; app_run makes it */
    /* Of lakes. All 0 and NULL: a lake that does not answer is waited for as long as its driver does. */
    int64_t lock_patience_ms, patience_ms;
    bool (*cancelled)(void *context);
    void *cancel_context;
};

/* --state-dir, $STATE_DIRECTORY, as root /var/lib/lakefeed, else $XDG_STATE_HOME/lakefeed; made with mode 0700. */
bool app_state_dir(const char *given, char **ret_path, struct lf_error *err) LF_MUST_CHECK;
char *app_socket_path(const char *state_dir);

/* The connector of a link, its options checked. NULL: CONFIG. */
const struct lf_connector *app_find_connector(const struct config_link *settings, struct lf_error *err);
/* What masks the link's source; NULL: nothing is masked. The caller's. */
struct masking *app_masking_new(const struct config_link *settings, const struct lf_connector *connector);
/* The whole of what can be said about a link without source and lake. CONFIG. */
bool app_check_settings(const struct config_link *settings, struct lf_error *err) LF_MUST_CHECK;

/* One HTTP client, made when a lake first needs it, and the name of this installation. Freed when every lake is closed. */
struct app_client *app_client_new(const struct config *config, const char *state_dir, struct log *log);
void app_client_free(struct app_client **client); /* for CLEANUP; NULL inside is allowed */
const struct lake_services *app_client_services(const struct app_client *client);
/* `scratch` is a folder that is there, for temporary files. */
bool app_open_lake(const struct config_link *settings, const struct app_options *options, const char *scratch,
                   struct lake_opened *ret_opened, struct lf_error *err) LF_MUST_CHECK;
/* With the secrets of settings that were read again. */
bool app_renew_lake(const struct config_link *settings, const struct app_options *options, struct lake_opened *opened,
                    struct lf_error *err) LF_MUST_CHECK;
/* model.json without any lock; NULL when there is none. */
bool app_read_model(struct lake *lake, struct model **ret_model, struct lf_error *err) LF_MUST_CHECK;

/* Runs every link of the configuration, each on its own thread, until SIGTERM or SIGINT; with options->once one link after the other, until
 * each is up to date. This thread runs the loop. The exit status; *ret_first: the failure that it comes from.
 * `writer` gets one object with what it did for each link that reached its end; may be NULL. */
int app_run(struct config *config, const struct app_options *options, struct json_writer *writer,
            struct lf_error *ret_first);

/* One operation on one link, in this process, under the locks that it needs. */
bool app_perform(struct config *config, const struct config_link *settings, const struct app_options *options,
                 const struct admin_call *call, struct admin_answer *ret_answer, struct lf_error *err) LF_MUST_CHECK;

/* X(name, status, meaning) */
#define APP_STATUSES(X) \
    X(DONE, 0, "done") \
    X(FAILED, 1, "failed, or an entity stands in Error after --once") \
    X(USAGE, 2, "the command line or the configuration is wrong") \
    X(DIFFERENT, 3, "verify found a difference") \
    X(FENCED, 4, "another writer owns the lake or the link") \
    X(RESYNC, 5, "the source lost the changes after our cursor: resync required")
enum app_status {
#define APP_STATUS_ENUM(name, status, meaning) APP_##name = (status),
    APP_STATUSES(APP_STATUS_ENUM)
#undef APP_STATUS_ENUM
};
enum app_status app_status_of(const struct lf_error *err);

#endif
