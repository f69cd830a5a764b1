/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of a key range as the source has them, encoded and in key order: a load writes them, verify compares them.
 * An unordered chunk goes through a sorter. Blocking; one thread for each session.
 *
 *   source_rows_init → source_rows_open → source_rows_next… → source_rows_asof → source_rows_done
 */
#ifndef SNAPSHOT_SOURCE_ROWS_H
#define SNAPSHOT_SOURCE_ROWS_H

#include "data/intake.h"
#include "data/schema.h"
#include "data/sorter.h"
#include "lakefeed/connector.h"

struct source_rows_options {
    const struct lf_connector_ops *ops;
    struct lf_session *session;
    const char *table;
    struct lf_slice table_id;
    const struct schema *schema; /* of the encoded rows, dropped columns included */
    struct lf_slice lo, hi;      /* encoded keys; empty: open */
    struct intake_policy intake; /* zeroed: a row that cannot be taken is an error */
    const char *folder;          /* for the sorter */
    size_t memory_bytes;         /* of the sorter */
    bool (*cancelled)(void *context);
    void (*progress)(void *context, uint64_t rows); /* may be NULL; rows since the last call */
    void *context;                                  /* of both */
};

struct source_rows {
    const struct source_rows_options *options;
    struct lf_load *load;
    bool ordered;
    uint32_t *place; /* for each column that the table still has: its index in the schema */
    uint32_t nplace;
    struct lf_cell *cells; /* one row of the schema; dropped columns stay NULL */
    struct lf_cell *key_cells;
    struct lf_rows batch;
    size_t at; /* in the batch */
    struct buf row, key, last_key;
    struct sorter *sorter; /* NULL: the rows come in order */
    struct sorter_iterator *iterator;
    uint64_t nrows; /* handed out */
    bool bad;       /* the row handed out last cannot be taken: in its place stands its note */
    bool repaired;  /* text in it was replaced */
};

void source_rows_init(struct source_rows *rows, const struct source_rows_options *options);
void source_rows_done(struct source_rows *rows); /* for CLEANUP */

/* Takes the snapshot. Kinds: those of load_open. */
bool source_rows_open(struct source_rows *rows, struct lf_error *err) LF_MUST_CHECK;
/* The next row, valid until the next call. DATA and LIMIT name the table and the row. */
bool source_rows_next(struct source_rows *rows, struct lf_slice *ret_key, struct lf_slice *ret_row, bool *ret_more,
                      struct lf_error *err) LF_MUST_CHECK;
/* What the rows have seen; final once source_rows_next has said that there are no more. */
bool source_rows_asof(struct source_rows *rows, struct lf_slice *ret_asof, struct lf_error *err) LF_MUST_CHECK;

#endif
