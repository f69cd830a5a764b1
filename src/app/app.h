/* SPDX-License-Identifier: Apache-2.0
 *
 * Wiring: the only place that sees every part. A session holds what a command on one link needs.
 *
 *   app_open_link → (link_open, link_run…) → app_close_link
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "base/log.h"
#include "config/config.h"
#include "lake/lake.h"
#include "lake/path.h"
#include "lakefeed/connector.h"
#include "link/link.h"

struct app_options {
    const char *state_dir;
    struct log *log;
    bool track, takeover;
    bool log_end; /* log how a link ended; on a terminal the command itself says it */
    bool once;    /* a single run, so no commit for the cursor alone */
    const char *const *resync;
    size_t nresync;
    bool resync_all;
    struct link_observer observer;
};

/* One link with its lake, locked. */
struct app_link {
    const struct config_link *settings; /* borrowed */
    struct link_entity_config *entities;
    struct lake *lake;
    char *folder; /* scratch, below the state directory */
    char *location;
    int state_lock_fd; /* -1: not held */
    struct link *link;
};

/* --state-dir, $STATE_DIRECTORY, as root /var/lib/lakefeed, else $XDG_STATE_HOME/lakefeed; made with mode 0700. */
bool app_state_dir(const char *given, char **ret_path, struct lf_error *err) LF_MUST_CHECK;

/* The connector of a link, its options checked. NULL: CONFIG. */
const struct lf_connector *app_find_connector(const struct config_link *settings, struct lf_error *err);
bool app_open_lake(const struct config_link *settings, struct lake **ret_lake, struct lf_error *err) LF_MUST_CHECK;

/* Opens the lake, takes the locks of lake and state directory and makes the link. CONFLICT: another process has it. */
bool app_open_link(const struct config *config, const struct config_link *settings, const struct app_options *options,
                   struct app_link *ret_link, struct lf_error *err) LF_MUST_CHECK;
void app_close_link(struct app_link *link);

/* Runs every link of the configuration, each on its own thread, until SIGTERM or SIGINT; with options->once one link after the other, until
 * each is up to date. This thread waits for signals. The exit status; *ret_first: the failure that it comes from. */
int app_run(const struct config *config, const struct app_options *options, struct lf_error *ret_first);

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
