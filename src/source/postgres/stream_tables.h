/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables that the host follows: what it was told of each, how the rows that the server sends now are laid out, and what the
 * catalog says. All that the host has to know goes into the batch.
 *
 * The catalog is always ahead of the stream. A table that changed is told as the catalog has it now; rows that are still of an older
 * shape are laid out by that one, which is remembered. Where that cannot be, the table is told to be read again and the
 * rows are left out until the stream has caught up: whoever reads the table from now on sees them.
 *
 *   open; for each RELATION describe, for each row find and, when its table is muted, try_unmute; verify before a commit of the host;
 *   prune once the batch was handed over and reset; stamps whenever a cursor is printed; done. Not for several threads.
 */
#ifndef SOURCE_POSTGRES_STREAM_TABLES_H
#define SOURCE_POSTGRES_STREAM_TABLES_H

#include "source/postgres/stream_batch.h"
#include "source/postgres/stream_look.h"
#include "source/postgres/stream_shape.h"

struct stream_table {
    uint32_t oid, membership;
    uint32_t index; /* the host's */
    char *name;
    struct stream_shape *shape; /* as the host was told last; older ones behind it */
    struct stream_trace trace;  /* as it was then; leaves are owned */
    bool dead;                  /* a fault was told: nothing more comes of it */
    bool muted;                 /* told to be read again; rows are left out until RELATION can be understood */
    pg_lsn muted_until;         /* rows of a transaction behind this one cannot be left out */
    int64_t keyless_ms;         /* since when looks have found no key; 0: it has one */
    /* The last RELATION. */
    struct buf relation; /* its bytes; empty: none came */
    uint32_t nplaces;
    uint32_t *places; /* where its columns stand in the schema */
    bool *key;        /* whether they are part of the replica identity */
};

struct stream_tables {
    struct lf_session *session;
    struct pg_connection *connection;
    struct stream_batch *batch;
    struct stream_table *list; /* by oid */
    size_t count;
    size_t last; /* the one found last */
    struct pgoutput_message *scratch;
    uint64_t xmax;     /* of the last look at the catalog, or 0 */
    struct buf stamps; /* as of the last call of stream_tables_stamps */
    bool stamps_old;
};

/* Compares the catalog with what the host has, and with the stamps of its cursor, and tells the differences. */
bool stream_tables_open(struct stream_tables *tables, const struct lf_table_state *states, size_t nstates,
                        struct lf_slice stamps, struct lf_error *err) LF_MUST_CHECK;
/* Of what the host has been told so far; for its cursors. */
struct lf_slice stream_tables_stamps(struct stream_tables *tables);
void stream_tables_done(struct stream_tables *tables);
/* Forgets shapes that no row can have any more; only when no event points at them. */
void stream_tables_prune(struct stream_tables *tables);

/* NULL: nobody follows it. */
struct stream_table *stream_tables_find(struct stream_tables *tables, uint32_t oid);
/* A RELATION came; `bytes` are its own. */
bool stream_tables_describe(struct stream_tables *tables, struct stream_table *table,
                            const struct pgoutput_message *relation, struct lf_slice bytes,
                            struct lf_error *err) LF_MUST_CHECK;
/* A row of a muted table came, of a transaction with that commit record. Afterwards it may be muted no longer, or dead. */
bool stream_tables_try_unmute(struct stream_tables *tables, struct stream_table *table, pg_lsn commit,
                              struct lf_error *err) LF_MUST_CHECK;
/* What the stream has not told. */
bool stream_tables_verify(struct stream_tables *tables, struct lf_error *err) LF_MUST_CHECK;
void stream_tables_fault(struct stream_tables *tables, struct stream_table *table, enum lf_error_kind kind,
                         const char *reason);

#endif
