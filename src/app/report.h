/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run of one link has done so far, counted while it runs.
 *
 *   report_init → report_observer (into link_options) → report_write → report_done
 */
#ifndef APP_REPORT_H
#define APP_REPORT_H

#include "base/json.h"
#include "link/link.h"

#include <pthread.h>

struct report_left_out {
    char *table, *reason;
};

struct report {
    pthread_mutex_t mutex; /* the link's threads write, others read */
    struct link_observer next;
    struct clock clock;
    int64_t began_us;
    uint64_t rows, changes, commits;
    struct report_left_out *left_out;
    size_t nleft_out, size;
};

/* `next` hears everything after the report; its members may be NULL. */
void report_init(struct report *report, const struct link_observer *next);
void report_done(struct report *report);
/* Counts begin at 0 again; the tables left out stay. */
void report_restart(struct report *report);
/* `answered` is not taken: the runner listens to that. */
struct link_observer report_observer(struct report *report);

/* One JSON object: docs/formats/control.md. head NULL: there is no commit yet. */
void report_write(struct report *report, const char *link, const struct model *head, struct json_writer *writer);

#endif
