/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of verify share.
 *
 *   verify.c         rounds: which entities and keys are compared with which commit
 *   verify_range.c   one key range of one commit: order of steps, and what becomes of them
 *   verify_compare.c lake and source side by side
 *   verify_listing.c rows that are listed because they cannot be taken
 *   verify_settle.c  which differences the change stream explains
 *   verify_result.c  what was found
 */
#ifndef LINK_VERIFY_INTERNAL_H
#define LINK_VERIFY_INTERNAL_H

#include "cdm/quarantine.h"
#include "data/schema.h"
#include "data/sorter.h"
#include "data/sorter_run.h"
#include "link/verify.h"

#define VERIFY_BUSY_MAX 30u /* times that a locked source is waited for */

enum verify_todo { VERIFY_ALL, VERIFY_KEYS, VERIFY_NOTHING };

/* One entity over all rounds. Keys live in sorters, so that their number is bounded by the disk alone. */
struct verify_job {
    struct verify_entity *result;
    enum verify_todo todo;
    bool whole;              /* the source gives no order: all partitions against one read */
    char *load_id;           /* of the partitions looked at; another one: from the start */
    uint64_t commit;         /* looked at last */
    unsigned restarts, busy; /* in this round */
    struct sorter *pending;  /* keys to compare in this round; only with VERIFY_KEYS */
    struct sorter_iterator *iterator;
    struct change head; /* of the iterator */
    bool has_head;
    struct sorter *next; /* keys for the next round */
};

struct verify {
    const struct verify_options *options;
    struct lf_host host;
    struct lf_session *load_session, *stream_session;
    struct model *model; /* the newest that was read */
    char etag[LAKE_ETAG_SIZE];
    struct run_file *file; /* of all sorters of keys */
    struct verify_result result;
    struct verify_job *jobs; /* one for each entity of the result */
    size_t njobs;
    uint64_t kept;              /* differences in the result */
    struct quarantine *listing; /* of the file below */
    char *listing_path;
};

/* A key range at one commit. */
struct verify_range {
    struct verify *verify;
    struct verify_job *job;
    const struct model_entity *entity;
    struct schema *schema;
    size_t first, end;      /* the partitions that hold it */
    struct lf_slice lo, hi; /* empty: open */
    struct sorter *found;   /* differences to settle, then the keys that the stream names */
    uint64_t nfound, rows, quarantined;
    struct buf asof;
};

enum verify_outcome {
    VERIFY_DONE,
    VERIFY_STALE,    /* the commit is no longer the newest and its files are gone: again with a newer one */
    VERIFY_NEED_ALL, /* the source gives no order: all partitions at once */
    VERIFY_BUSY,     /* the source is locked or hurried: the same again a little later. err tells why */
    VERIFY_BLOCKED /* the source cannot be read in the shape of the commit; a newer one may bring the change. err tells why */
};

/* verify.c */
bool verify_check_cancelled(const struct verify *verify, struct lf_error *err) LF_MUST_CHECK;
bool verify_wait_while_busy(const struct verify *verify, struct lf_error *err) LF_MUST_CHECK;
int64_t verify_monotonic_ms(const struct verify *verify);
/* Whether model.json is another one by now. */
bool verify_model_moved(const struct verify *verify, bool *ret_moved, struct lf_error *err) LF_MUST_CHECK;
struct sorter *verify_sorter_new(const struct verify *verify);

/* verify_range.c */
/* Compares and settles the range that begins at *from, and moves *from to its end; *ret_end: that was the last one. */
bool verify_next_range(struct verify *verify, struct verify_job *job, const struct model_entity *entity,
                       struct buf *from, bool *ret_end, enum verify_outcome *ret_outcome,
                       struct lf_error *err) LF_MUST_CHECK;
bool verify_pending_open(struct verify_job *job, struct lf_error *err) LF_MUST_CHECK;
/* Moves to the first key at or after `key`. */
bool verify_pending_seek(struct verify_job *job, struct lf_slice key, struct lf_error *err) LF_MUST_CHECK;

/* verify_compare.c */
/* Fills found, nfound, rows and asof. */
bool verify_compare(struct verify_range *range, enum verify_outcome *ret_outcome, struct lf_error *err) LF_MUST_CHECK;

/* verify_listing.c */
/* Reads the quarantine file of the range's entity, unless it is the one read last. A damaged one is a difference and lists
 * nothing. *ret_stale: it is gone with its commit. */
bool verify_listing_read(struct verify_range *range, bool *ret_stale, struct lf_error *err) LF_MUST_CHECK;
bool verify_listing_has(const struct verify *verify, struct lf_slice key);

/* verify_settle.c */
/* What nobody changed is a difference; the other keys go to the next round. */
bool verify_settle(struct verify_range *range, struct lf_error *err) LF_MUST_CHECK;

/* verify_result.c */
/* The payload of a candidate; cells NULL where the row is missing on one side. */
void verify_detail_append(struct buf *out, enum verify_kind kind, uint32_t column, struct lf_slice lake,
                          struct lf_slice source);
void verify_add_row(struct verify *verify, struct verify_entity *entity, const struct lf_schema *schema,
                    struct lf_slice key, struct lf_slice detail);
/* Once for each file. */
void verify_add_file(struct verify *verify, struct verify_entity *entity, const char *path, const char *problem);
/* Rows before files. */
void verify_order_differences(struct verify_entity *entity);
void verify_drop_differences(struct verify *verify, struct verify_entity *entity);

#endif
