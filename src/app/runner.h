/* SPDX-License-Identifier: Apache-2.0
 *
 * One link on its own thread, from the lock of its lake to its end, and what operators ask of it meanwhile. All functions from any
 * thread but the runner's own.
 *
 *   runner_start → (runner_ask, runner_report)… → runner_stop → runner_free
 */
#ifndef APP_RUNNER_H
#define APP_RUNNER_H

#include "app/internal.h"

/* X(name, whether nothing more happens by itself, meaning) */
#define RUNNER_STATES(X) \
    X(starting, false, "opens lake and source") \
    X(waiting_for_owner, false, "another process holds the lake or the link") \
    X(running, false, "follows its source") \
    X(retrying, false, "failed and will try again") \
    X(disabled, false, "waits for lakefeed enable") \
    X(done, true, "a single run that is up to date, or a link that was unlinked") \
    X(failed, true, "ended with an error that this process cannot mend") \
    X(fenced, true, "another writer owns the lake") \
    X(resync_required, true, "the source lost the changes after the cursor") \
    X(stopped, true, "ended on request")

enum runner_state {
#define RUNNER_STATE_ENUM(name, at_rest, meaning) RUNNER_##name,
    RUNNER_STATES(RUNNER_STATE_ENUM)
#undef RUNNER_STATE_ENUM
};
const char *runner_state_name(enum runner_state state);

struct runner;

struct runner_options {
    struct config *config; /* a reference of its own is taken */
    const struct config_link *settings;
    const struct app_options *app; /* borrowed until runner_free */
    /* The runner came to rest, or its thread ended. On the runner's thread. */
    void (*changed)(void *context);
    void *context;
};
struct runner *runner_start(const struct runner_options *options);
void runner_stop(struct runner *runner);  /* soon; returns at once */
void runner_free(struct runner **runner); /* stops, and waits for the thread */

/* Takes the call. `done` is called once, from the runner's thread, or from within when the runner has ended: with err NULL and an
 * answer, which it may empty, or with an error. */
typedef void (*runner_done)(void *context, struct admin_answer *answer, const struct lf_error *err);
void runner_ask(struct runner *runner, struct admin_call *call, runner_done done, void *context);
/* The link goes on with other settings, from its next cut. */
void runner_replace(struct runner *runner, struct config *config, const struct config_link *settings);

/* What its source keeps for it, as seen a moment ago. */
struct runner_lag {
    bool known;
    struct link_lag now;
};

struct runner_report {
    enum runner_state state;
    bool at_rest, ended; /* at_rest: and nothing is asked of it; ended: the thread is gone */
    bool holds;          /* the locks are this process's */
    int64_t since_ms, next_attempt_ms;
    struct lf_error err; /* of the last attempt; NONE */
    size_t frozen;       /* after a single run */
    struct runner_lag lag;
};
void runner_report(struct runner *runner, struct runner_report *ret_report);
const char *runner_name(const struct runner *runner);
/* Settings with a reference to the configuration that holds them, which the caller gives back with config_free. */
const struct config_link *runner_settings(struct runner *runner, struct config **ret_config);
/* What a single run did; after its end. */
void runner_write_report(struct runner *runner, struct json_writer *writer);

#endif
