/* SPDX-License-Identifier: Apache-2.0
 *
 * Cursors, tokens and asOf: bytes with a meaning, and the pure questions about them. All are printable text.
 *
 * A cursor is the end LSN of a commit (or a place of which the server said that nothing of ours lies before it). Its horizon
 * is above the xid of every transaction that committed at or before it, so that a snapshot can be told to contain them
 * all: a commit is in the log, and so in the stream, before snapshots see it. Whoever makes a cursor raises the horizon with
 * pg_cursor_raise for every transaction that lies before it.
 */
#ifndef SOURCE_POSTGRES_TOKEN_H
#define SOURCE_POSTGRES_TOKEN_H

#include "base/arena.h"
#include "base/buf.h"
#include "lakefeed/connector.h"

#define PG_CURSOR_TEXT_SIZE 200
#define PG_SLOT_SIZE 64

typedef uint64_t pg_lsn; /* a place in the log, as PostgreSQL prints it: X/X */
#define PG_LSN_TEXT_SIZE 24
#define PG_LSN_FORMAT "%X/%X"
#define PG_LSN_ARGS(lsn) (unsigned)((lsn) >> 32), (unsigned)((lsn)&UINT32_MAX)

struct pg_cursor {
    uint64_t system; /* system identifier of the cluster */
    uint32_t timeline;
    uint32_t database; /* its oid */
    pg_lsn lsn;
    uint64_t horizon;        /* 64-bit xid, see above */
    char slot[PG_SLOT_SIZE]; /* where the changes after it are kept; empty: not known */
};

struct pg_token {
    uint64_t system;
    pg_lsn commit_lsn; /* as BEGIN has it; for people, no question looks at it */
    uint64_t xid;      /* top level, 64 bits */
};

struct lf_slice pg_cursor_print(const struct pg_cursor *cursor, char ret_text[PG_CURSOR_TEXT_SIZE]);
/* Likewise with what the stream wants to find again at its next start: at most PG_STAMPS_MAX characters of 0-9, a-f, '=' and ','. No
 * question looks at them. */
#define PG_STAMPS_MAX ((size_t)60000)
struct lf_slice pg_cursor_print_stamped(const struct pg_cursor *cursor, struct lf_slice stamps, struct arena *arena);
/* The stamps of a cursor, within its bytes; empty when it has none or is no cursor. */
struct lf_slice pg_cursor_stamps(struct lf_slice text);
/* CONFIG when it is not a cursor of ours. */
bool pg_cursor_parse(struct lf_slice text, struct pg_cursor *ret_cursor, struct lf_error *err) LF_MUST_CHECK;
static inline void pg_cursor_raise(struct pg_cursor *cursor, uint64_t xid)
{
    cursor->horizon = xid >= cursor->horizon ? xid + 1 : cursor->horizon;
}

/* Of a lower case hexadecimal digit; -1: it is none. */
static inline int pg_hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct lf_slice pg_token_print(const struct pg_token *token, char ret_text[PG_CURSOR_TEXT_SIZE]);
/* A snapshot as asOf: xid is visible when it is below xmin, or below xmax and not in progress. Made of the text of
 * pg_current_snapshot(), xmin:xmax:xip,xip…; TRANSIENT when too many transactions are in progress. */
bool pg_asof_print(uint64_t system, const char *snapshot, pg_lsn end, struct buf *ret_asof,
                   struct lf_error *err) LF_MUST_CHECK;

/* "X/X"; false for anything else. */
bool pg_lsn_parse(const char *text, pg_lsn *ret_lsn) LF_MUST_CHECK;
/* The 64-bit xid whose low half is `xid`, next to one that is at most 2^31 away. */
uint64_t pg_xid_widen(uint32_t xid, uint64_t near);

bool pg_op_covers(struct lf_slice asof, struct lf_slice token, bool *ret, struct lf_error *err);
bool pg_op_includes(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err);
bool pg_op_passed(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err);
bool pg_op_compare(struct lf_slice a, struct lf_slice b, int *ret, struct lf_error *err);
bool pg_op_print(struct lf_slice cursor, char *ret_text, size_t size, struct lf_error *err);

#endif
