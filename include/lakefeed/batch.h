/* SPDX-License-Identifier: Apache-2.0
 *
 * What crosses from a connector to the host: cells, change events, rows of a load. A batch and everything that
 * it points at is owned by the reader and valid until the next call of its next() or close().
 */
#ifndef LAKEFEED_BATCH_H
#define LAKEFEED_BATCH_H

#include "lakefeed/error.h"
#include "lakefeed/schema.h"

enum lf_cell_state {
    LF_CELL_NULL,
    LF_CELL_VALUE,
    LF_CELL_ABSENT, /* the stream did not resend it: unchanged since the row's last state, never NULL */
    LF_CELL_REFUSED /* the source has a value that the column's type cannot hold; not in key cells */
};

/* Why a value could not be brought into its column's type. The host fails the table with it, or leaves the row out, whose key it
 * has. Text that is not UTF-8 is no case of it: STRING and JSON cross as they are, the host checks them. */
struct lf_refusal {
    enum lf_error_kind kind; /* LF_DATA or LF_LIMIT */
    const char *reason;      /* a sentence that names table, row, column and value, and what to do */
    struct lf_slice start;   /* the first bytes of the value, as the source has them; 32 are enough */
};

/* One cell. The member in use follows the column's type:
 *   BOOLEAN                     i     0 or 1
 *   INT64                       i
 *   DOUBLE                      d     NaN and infinities allowed
 *   DECIMAL                     bytes canonical text: optional '-', digits, optional '.' and digits; no exponent
 *   STRING JSON                 bytes UTF-8; what is not, or has U+0000, is judged by the host
 *   BINARY                      bytes raw
 *   GUID                        bytes 36 characters, any case
 *   DATE                        bytes yyyy-MM-dd
 *   TIME                        bytes HH:mm:ss[.f{1,7}]
 *   DATETIME                    bytes yyyy-MM-ddTHH:mm:ss[.f{1,7}]            in UTC
 *   DATETIMEOFFSET              bytes yyyy-MM-ddTHH:mm:ss[.f{1,7}](Z|±HH:mm)
 */
struct lf_cell {
    enum lf_cell_state state;
    union {
        int64_t i;
        double d;
        struct lf_slice bytes;
        const struct lf_refusal *refusal; /* REFUSED */
    };
};

enum lf_op {
    LF_OP_INSERT,
    LF_OP_UPDATE,
    LF_OP_DELETE, /* only the key cells are looked at */
    LF_OP_UPSERT  /* net state: whether the row existed is unknown */
};

/* X(name, meaning) */
#define LF_EVENTS(X) \
    X(BEGIN, "a transaction begins; carries its token") \
    X(ROW, "one row changed") \
    X(TRUNCATE, "all rows of the table are gone") \
    X(SCHEMA, "rows after this one have the new schema; may stand inside a transaction") \
    X(RELOAD, "rows changed without events: the table must be read again") \
    X(FAULT, "the table cannot be followed any further (dropped, a row that cannot be taken)") \
    X(COMMIT, "the transaction ends; carries the cursor after it") \
    X(IDLE, "nothing is in flight; carries a cursor that is safe to commit")

enum lf_event_kind {
#define LF_EVENT_ENUM(name, text) LF_EVENT_##name,
    LF_EVENTS(LF_EVENT_ENUM)
#undef LF_EVENT_ENUM
};

struct lf_event {
    enum lf_event_kind kind;
    uint32_t table; /* ROW TRUNCATE SCHEMA RELOAD FAULT: index into the tables that changes_open was given */
    enum lf_op op;  /* ROW */
    const struct lf_cell
        *cells; /* ROW: one for each column of the table's current schema, in its order. Current is what the
                                      last SCHEMA (or RELOAD with a schema) said; before that, the columns of the state given to
                                      changes_open that are not dropped */
    const struct lf_cell *old_key;  /* ROW: nkey cells of the key before, when it changed; else NULL */
    const struct lf_schema *schema; /* SCHEMA, without dropped columns; RELOAD: the schema now, or NULL if unchanged */
    struct lf_slice token;          /* BEGIN: names the transaction for covers(); at most 64 KiB */
    struct lf_slice cursor;         /* COMMIT IDLE: where to go on after this event; at most 64 KiB */
    int64_t commit_time_us;         /* COMMIT: since 1970 UTC, 0 if the source does not say */
    enum lf_error_kind fault;       /* FAULT: LF_DATA, LF_SCHEMA or LF_LIMIT */
    const char *reason;             /* RELOAD FAULT: one sentence for the operator */
};

struct lf_batch {
    const struct lf_event *events;
    size_t nevents; /* 0: nothing arrived within the time allowed */
};

/* Rows of one chunk of a load: the cells of row r stand at cells[r * n], n being the columns of the state given to load_open
 * that are not dropped, in its order. */
struct lf_rows {
    const struct lf_cell *cells;
    size_t nrows; /* 0: the chunk is at its end */
};

#endif
