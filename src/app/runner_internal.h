/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside app: the runner's state, shared by runner.c (its life), attempt.c and request.c (what is asked of it).
 */
#ifndef APP_RUNNER_INTERNAL_H
#define APP_RUNNER_INTERNAL_H

#include "app/report.h"
#include "app/runner.h"

struct request {
    struct request *next;
    struct admin_call call;
    runner_done done;
    void *context;
    bool begun; /* snapshot, resync: the run that answers it has begun after it was asked */
};

struct runner {
    const struct app_options *app;
    void (*changed)(void *context);
    void *context;
    pthread_t thread;
    char *name;

    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t wake;
    struct config *config, *next_config; /* next_config: from runner_replace, not yet in force */
    const struct config_link *settings, *next_settings;
    struct link *link;        /* while it may be stopped or asked */
    struct request *requests; /* oldest first */
    bool stopping;
    int64_t stopped_ms; /* when it was asked to, on the clock of durations */
    struct runner_report now;

    /* the runner's thread alone */
    struct report report;
    struct admin_call resync; /* asked for and not yet begun; link NULL: none */
    struct model *last_head;  /* of a single run */
    bool has_owned;           /* what --takeover takes is taken once */
    bool given_up;            /* the attempts of this life are over; opening the lake again is none */
};

/* ---- runner.c ---- */

void runner_set_state(struct runner *runner, enum runner_state state,
                      const struct lf_error *err); /* NULL: the last stays */

void runner_set_lag(struct runner *runner, const struct link_lag *lag); /* NULL: nobody looks now */

/* ---- attempt.c, on the runner's thread ---- */

/* With the lake open and locked; `number` of those in a row. CANCELLED: interrupted. */
bool runner_attempt(struct runner *runner, struct app_link *app, unsigned number, struct lf_error *err) LF_MUST_CHECK;

/* ---- request.c, on the runner's thread ---- */

/* Whether the link has to be left to serve a request, other settings, or a stop. */
bool runner_is_interrupted(struct runner *runner);
/* Puts the settings of runner_replace in force; only while no lake is open. */
void runner_take_settings(struct runner *runner);
/* Serves what is asked of a link whose locks are held. *ret_unlinked: there is no link any more. */
void runner_serve(struct runner *runner, struct app_link *app, bool *ret_unlinked);
/* A run begins that does what the waiting snapshots and resyncs ask for. */
void runner_begin(struct runner *runner);
/* Answers those that have begun (all: everything); err NULL: with the report. */
void runner_answer(struct runner *runner, bool all, const struct model *head, size_t frozen,
                   const struct lf_error *err);
bool runner_has_snapshot_request(struct runner *runner);
void runner_answer_one(struct request *request, struct admin_answer *answer, const struct lf_error *err);

#endif
