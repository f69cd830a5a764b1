/* SPDX-License-Identifier: Apache-2.0
 *
 * A look at the catalog for what the log does not tell: cheap, for all tables at once, and in one snapshot.
 */
#ifndef SOURCE_POSTGRES_STREAM_LOOK_H
#define SOURCE_POSTGRES_STREAM_LOOK_H

#include "source/postgres/catalog.h"

/* What of a table in the catalog makes it worth a closer look. */
struct stream_trace {
    uint32_t oid;         /* 0: no such table */
    uint32_t relfilenode; /* another one after TRUNCATE and whatever rewrites the rows */
    uint64_t columns;  /* hash over the versions of its column rows: untouched by TRUNCATE, VACUUM FULL and CLUSTER */
    uint64_t rest;     /* hash over key, indexes, identity, membership */
    uint32_t full_key; /* with the identity FULL a hash over its unique indexes; else 0 */
    uint32_t publication; /* the version of its row: what it sends may have been less in between */
    bool partitioned;
    const char *leaves; /* all partitions below it: "oid:relfilenode:made:attached,", ascending; else "" */
};

struct stream_look {
    struct stream_trace *traces; /* one for each oid asked for, in that order */
    size_t ntraces;
    pg_lsn at;     /* whatever the look shows was committed before */
    uint64_t xmax; /* above the xid of every transaction that had ended; 0: no table was asked for */
    struct arena arena;
};

/* begin → pg_catalog_read of what differs, which sees the same → end. The connection is in no transaction before and after. */
bool stream_look_begin(struct pg_connection *connection, const char *publication, const uint32_t *oids, size_t noids,
                       struct stream_look *ret_look, struct lf_error *err) LF_MUST_CHECK;
bool stream_look_end(struct pg_connection *connection, struct lf_error *err) LF_MUST_CHECK;
void stream_look_done(struct stream_look *look); /* for CLEANUP */

#endif
