/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of logical replication as text: frames of the walsender, messages of the output plug-in pgoutput in version 1 of its
 * protocol, and our status updates. Pure: no connection, no memory of its own. Whatever is decoded points into the bytes handed
 * in. A server that holds to the protocol never causes an error; UNSUPPORTED: a message of a later version, INTERNAL: bytes that
 * are none.
 */
#ifndef SOURCE_POSTGRES_PGOUTPUT_H
#define SOURCE_POSTGRES_PGOUTPUT_H

#include "lakefeed/error.h"
#include "lakefeed/schema.h"

#define PGOUTPUT_COLUMNS_MAX 1664u /* MaxTupleAttributeNumber of the server */
#define PGOUTPUT_STATUS_BYTES 34u

/* ---- frames: one for each CopyData of the walsender ---- */

enum pgoutput_frame_kind { PGOUTPUT_DATA, PGOUTPUT_KEEPALIVE };

struct pgoutput_frame {
    enum pgoutput_frame_kind kind;
    uint64_t wal_start;      /* DATA */
    uint64_t wal_end;        /* as far as the server has read its log */
    bool reply_wanted;       /* KEEPALIVE: an answer is due at once */
    struct lf_slice message; /* DATA: for pgoutput_decode */
};

bool pgoutput_decode_frame(struct lf_slice bytes, struct pgoutput_frame *ret_frame, struct lf_error *err) LF_MUST_CHECK;

/* What we tell the server: how far we have received, and up to where it may forget. */
struct pgoutput_status {
    uint64_t received;
    uint64_t flushed;
    int64_t now_us; /* since 1970 */
    bool reply_wanted;
};

void pgoutput_encode_status(const struct pgoutput_status *status, unsigned char ret_bytes[PGOUTPUT_STATUS_BYTES]);

/* ---- messages ---- */

/* X(name, byte on the wire) */
#define PGOUTPUT_MESSAGES(X) \
    X(BEGIN, 'B') \
    X(COMMIT, 'C') \
    X(ORIGIN, 'O') \
    X(RELATION, 'R') \
    X(TYPE, 'Y') \
    X(INSERT, 'I') \
    X(UPDATE, 'U') \
    X(DELETE, 'D') \
    X(TRUNCATE, 'T') \
    X(MESSAGE, 'M')

enum pgoutput_kind {
#define PGOUTPUT_ENUM(name, byte) PGOUTPUT_##name = (byte),
    PGOUTPUT_MESSAGES(PGOUTPUT_ENUM)
#undef PGOUTPUT_ENUM
};

/* The wire's own letters. */
enum pgoutput_cell_state {
    PGOUTPUT_NULL = 'n',
    PGOUTPUT_UNCHANGED = 'u', /* a large value that the server did not read again */
    PGOUTPUT_TEXT = 't'
};

struct pgoutput_cell {
    const char *text; /* TEXT; not terminated */
    uint32_t len;
    enum pgoutput_cell_state state;
};

struct pgoutput_column {
    const char *name;
    uint32_t type;  /* oid */
    int32_t typmod; /* -1: none */
    bool key;       /* part of the replica identity; all columns with FULL */
};

enum pgoutput_old {
    PGOUTPUT_OLD_NONE,
    PGOUTPUT_OLD_KEY, /* only cells of key columns mean anything: the others are NULL whatever the row has */
    PGOUTPUT_OLD_ROW
};

struct pgoutput_message {
    enum pgoutput_kind kind;
    uint32_t relation; /* RELATION INSERT UPDATE DELETE; oid */

    uint32_t xid;           /* BEGIN */
    uint64_t commit_lsn;    /* BEGIN COMMIT: of the commit record */
    uint64_t end_lsn;       /* COMMIT: behind the commit record; the position after the transaction */
    int64_t commit_time_us; /* BEGIN COMMIT; since 1970 */

    const char *schema; /* RELATION; "" is pg_catalog */
    const char *name;
    char identity; /* d default, n nothing, f full, i index */

    enum pgoutput_old old; /* UPDATE DELETE: what old_cells are */
    uint32_t ncells;       /* INSERT UPDATE; 0 for DELETE */
    uint32_t nold_cells;
    uint32_t ncolumns; /* RELATION */

    uint32_t ntruncated;   /* TRUNCATE */
    const char *truncated; /* read with pgoutput_truncated */

    union {
        struct pgoutput_cell cells[PGOUTPUT_COLUMNS_MAX];     /* INSERT UPDATE: the new row */
        struct pgoutput_column columns[PGOUTPUT_COLUMNS_MAX]; /* RELATION */
    };
    struct pgoutput_cell old_cells[PGOUTPUT_COLUMNS_MAX];
};

/* Large, so the caller keeps one and hands it in again and again. After an error its content means nothing. */
bool pgoutput_decode(struct lf_slice bytes, struct pgoutput_message *message, struct lf_error *err) LF_MUST_CHECK;

/* The oid of the table number `index`, below ntruncated. */
uint32_t pgoutput_truncated(const struct pgoutput_message *message, uint32_t index);

#endif
