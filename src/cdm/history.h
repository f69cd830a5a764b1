/* SPDX-License-Identifier: Apache-2.0
 *
 * The history file that model.json names: retained commit records and superseded files, each with the time of its replacement
 * by the lake's clock. Immutable; every commit that changes files writes a new one. No I/O here.
 */
#ifndef CDM_HISTORY_H
#define CDM_HISTORY_H

#include "base/buf.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stdint.h>

struct history_record {
    uint64_t commit;
    char *commit_id;
    int64_t replaced_ms; /* 0: it is the newest record */
    bool dropped;        /* no longer retained; never becomes retained again */
};

/* A file that commits since..until named and later ones do not. */
struct history_file {
    char *path;
    uint64_t since, until;
    int64_t replaced_ms;
    bool expired; /* a committed history has already found that no retained record names it */
};

struct history {
    struct history_record *records; /* ascending by commit */
    size_t nrecords;
    struct history_file *files; /* in order of replacement */
    size_t nfiles;
};

void history_free(struct history **history); /* for CLEANUP */
struct history *history_copy(const struct history *history);
void history_add_record(struct history *history, uint64_t commit, const char *commit_id);
void history_add_file(struct history *history, const char *path, uint64_t since, uint64_t until, int64_t replaced_ms);

bool history_print(const struct history *history, struct buf *out, struct lf_error *err) LF_MUST_CHECK;
bool history_parse(const char *text, size_t len, struct history **ret_history, struct lf_error *err) LF_MUST_CHECK;

#endif
