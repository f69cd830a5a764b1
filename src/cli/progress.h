/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run shows on a terminal while it works.
 *
 *   progress_init → (calls of the observer) → progress_done
 *
 * The observer's calls may come from the threads of several links; the rest belongs to one thread. Nothing is printed unless it is a terminal. A line of
 * progress never wraps.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "base/clock.h"
#include "link/link.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct progress_entity {
    char *name;
    uint64_t rows;
    int64_t estimated, began_us, last_us;
};

struct progress {
    pthread_mutex_t mutex; /* of the entities, and of what is shown */
    FILE *out;
    bool live;      /* a terminal: rows are shown while they are read */
    bool moving;    /* on it a line can be written over */
    size_t columns; /* 0: asked for with each line */
    size_t shown_columns;
    struct progress_entity *entities; /* read since the last commit */
    size_t nentities, entities_size;
    int64_t shown_us;
    struct clock clock;
};

void progress_init(struct progress *progress, FILE *out, bool live);
void progress_done(struct progress *progress); /* for CLEANUP; what is shown stays, the next line begins below it */
struct link_observer progress_observer(struct progress *progress);

#endif
