/* SPDX-License-Identifier: Apache-2.0
 *
 * The history of operations and failures of all links of a process, for people: one SQLite file in the state directory
 * (docs/formats/catalog.md). Nothing is ever decided by it, and losing it loses history only; so what goes wrong with
 * the file is told in the log and never to a caller that writes.
 *
 *   struct catalog *catalog = catalog_open(&options);
 *   int64_t id = catalog_begin(catalog, "shop", "run", 1);
 *   …
 *   catalog_fail(catalog, &(struct catalog_failure){.link = "shop", .operation = id, …});
 *   catalog_end(catalog, id, "failed", 0);
 *   catalog_close(&catalog);
 *
 * Thread-safe. Calls may wait for the local disk and, for at most two seconds, for another process, so none belongs on a
 * thread that must not block. Several processes may have one file open. A catalog that is NULL does nothing.
 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/clock.h"
#include "base/log.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CATALOG_FILE "catalog.db"  /* in the state directory */
#define CATALOG_KEEP_DAYS 90       /* older rows are removed */
#define CATALOG_FAILURES_MAX 10000 /* of more the oldest go, those of the link with most rows first */
#define CATALOG_OPERATIONS_MAX 40000
#define CATALOG_MERGE_MS INT64_C(3600000) /* identical failures within this time are one row */
#define CATALOG_RETRY_MS INT64_C(60000)   /* between two attempts to open a file that cannot be used */
#define CATALOG_MESSAGE_MAX 1024          /* bytes; longer texts are cut between characters */
#define CATALOG_KEY_MAX 512
#define CATALOG_NAME_MAX 256 /* link, operation, phase, entity, outcome */

struct catalog;

struct catalog_options {
    const char *path;   /* copied */
    struct clock clock; /* its context is borrowed: now_us stamps rows, monotonic_us paces attempts */
    struct log *log;    /* borrowed, may be NULL */
    bool read_only; /* never makes or changes a file, and writing calls do nothing: for a process beside the writer */
};

/* Never fails. A damaged file, one that is no catalog, or one of a newer format is renamed to <path>.damaged-<UTC time>
 * (removed when that fails, and from the second of a process on) and begun anew, with the event catalog_recreated. When
 * no file can be used at all the event catalog_unavailable says why, once; calls do nothing, and the next one after
 * CATALOG_RETRY_MS tries again. The same holds for trouble later on, also for a file that was taken away. */
struct catalog *catalog_open(const struct catalog_options *options);
void catalog_close(struct catalog **catalog); /* NULL is allowed */

/* An operation begins: run, load, snapshot, resync, unlink, … Returns its id, 0 without a file. An earlier one of the
 * same link and name that never ended has the outcome `interrupted` from now on, unless it ends after all. */
int64_t catalog_begin(struct catalog *catalog, const char *link, const char *operation, unsigned attempt);
/* outcome: done, failed or stopped; commit: 0 for none. An id of 0, or of a file that is gone, is ignored. */
void catalog_end(struct catalog *catalog, int64_t id, const char *outcome, uint64_t commit);

struct catalog_failure {
    const char *link;
    int64_t operation; /* of catalog_begin; 0: none */
    unsigned attempt;
    const char *phase; /* open, feed, load, merge, commit, ack, entity, … */
    enum lf_error_kind kind;
    int code;
    const char *entity; /* NULL: the link's own */
    const char *key;    /* of the row, as text; may be NULL */
    const char *message;
    uint64_t orphan_files; /* what the failure left in the lake for collection */
    uint64_t orphan_bytes;
};

/* Repeated within CATALOG_MERGE_MS with the same link, phase, kind, entity and message it adds to the row that is there:
 * `times` and the orphans grow, operation, attempt, code and key become the newest. */
void catalog_fail(struct catalog *catalog, const struct catalog_failure *failure);

/* One row of failures; texts live during the visit. */
struct catalog_entry {
    int64_t id;
    int64_t at_ms;   /* the first of them */
    int64_t last_ms; /* the newest */
    uint64_t times;
    const char *operation;          /* its name; NULL: none, or removed already */
    struct catalog_failure failure; /* `operation` is the id in the file */
};

struct catalog_operation {
    int64_t id;
    const char *link;
    const char *operation;
    unsigned attempt;
    int64_t began_ms;
    int64_t ended_ms;    /* 0: has not ended */
    const char *outcome; /* done, failed, stopped, interrupted; NULL: runs, or nobody could say how it ended */
    uint64_t commit;     /* 0: none */
};

/* Called with the catalog locked: it must not call the catalog. */
typedef void (*catalog_failure_visitor)(void *context, const struct catalog_entry *entry);
typedef void (*catalog_operation_visitor)(void *context, const struct catalog_operation *operation);

/* The newest first, in the order in which rows were begun, whatever the clock did. link NULL: all links; only what lasted
 * beyond since_ms; at most `most`. A read-only catalog without a file has no rows. CONFIG, TRANSIENT: the file cannot be
 * read now; DATA, UNSUPPORTED: a read-only catalog met a damaged file or one of a newer format. */
bool catalog_failures(struct catalog *catalog, const char *link, int64_t since_ms, size_t most,
                      catalog_failure_visitor visit, void *context, struct lf_error *err) LF_MUST_CHECK;
bool catalog_operations(struct catalog *catalog, const char *link, int64_t since_ms, size_t most,
                        catalog_operation_visitor visit, void *context, struct lf_error *err) LF_MUST_CHECK;

#endif
