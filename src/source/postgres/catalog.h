/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables as the server's catalog has them.
 *
 * A column's id is its attnum, which PostgreSQL never gives twice within a table. A table's id names its oid and the rows that
 * made it a member of the publication and say what that publishes: a table that left and came back is another one, because its changes in
 * between were not sent.
 */
#ifndef SOURCE_POSTGRES_CATALOG_H
#define SOURCE_POSTGRES_CATALOG_H

#include "source/postgres/connection.h"
#include "source/postgres/type.h"

struct pg_column {
    const char *name;
    const char *declared; /* numeric(10,2) */
    struct pg_type type;
    uint32_t type_oid; /* as the stream names it: of a domain its own */
    uint32_t base_oid; /* the same, of a domain what it is over */
    int32_t typmod;
    int16_t attnum;
    bool not_null;
    bool generated;   /* computed by the server; the stream does not have it, so it is left out */
    bool has_missing; /* rows older than the column have a value that was not written into them */
    bool has_default;
    bool excluded;         /* by the configuration, or generated */
    bool configured;       /* the configuration gave it another type */
    bool byte_order;       /* of a key column: the index has it in the order of docs/formats/keys.md */
    uint32_t key;          /* 1 + its place in the key; 0: none */
    const char *collation; /* of a key column in the key's index, quoted, for COLLATE; NULL: it has none */
    const char *unnamed;   /* of a key column: a partition of whose rows the log does not tell it, quoted; NULL: none */
};

struct pg_table {
    uint32_t oid;
    uint32_t membership; /* stands for its row in the publication, and for what that publishes; 0: no member */
    const char *schema, *relation;
    const char *name;  /* without the schema public, else schema.relation */
    char kind;         /* r ordinary, p partitioned, f foreign */
    char persistence;  /* p, u unlogged */
    char identity;     /* replica identity: d n f i */
    bool row_security; /* policies would apply to this role */
    bool readable;     /* this role may SELECT it */
    bool publishable;  /* this role may add it to a publication: it owns the table */
    double rows;       /* estimate, -1: unknown */
    int64_t bytes;
    uint32_t ncolumns;
    const struct pg_column *columns; /* all that live, by attnum */
    uint32_t nkey;
    const uint32_t *key;   /* indexes into columns, in the order of the key */
    bool key_ordered;      /* the key's index gives rows in the order of docs/formats/keys.md */
    const char *filter;    /* the configured condition; NULL: all rows */
    const char *published; /* that of the publication, in the server's words */
    const char *uncovered; /* columns in it that the log does not have of an old row; NULL: none */
    bool whole;            /* the publication takes it with its schema, or with all tables: no filter has an effect */
    bool refilter;         /* a member with another filter than the configured one */
    const char *refusal;   /* why it cannot be replicated, NULL if it can */
    bool followed;         /* a member of the publication, which sends all that happens to it */
};

struct pg_tables {
    struct pg_table *list; /* by schema and name */
    size_t count;
    struct arena arena; /* owns all of it */
};

#define PG_PORTION \
    100 /* tables that are asked for at once: what the server answers takes many times what is kept of it */

/* Those with the oids given, as far as they are there; their filters are not compared (filter.h). */
bool pg_catalog_read(struct pg_connection *connection, const uint32_t *oids, size_t noids, struct pg_tables *ret_tables,
                     struct lf_error *err) LF_MUST_CHECK;
/* All tables of the database with their filters compared, outside of a transaction: for whoever needs them beside each other. */
bool pg_catalog_read_all(struct pg_connection *connection, struct pg_tables *ret_tables,
                         struct lf_error *err) LF_MUST_CHECK;
/* The same in portions, which are freed behind the visit: a database can have 100,000 tables. */
typedef bool (*pg_portion_visitor)(void *context, const struct pg_tables *portion, struct lf_error *err);
bool pg_catalog_visit(struct pg_connection *connection, pg_portion_visitor visit, void *context,
                      struct lf_error *err) LF_MUST_CHECK;
void pg_tables_done(struct pg_tables *tables); /* for CLEANUP */
const struct pg_table *pg_tables_find(const struct pg_tables *tables, uint32_t oid);
const struct pg_table *pg_tables_find_name(const struct pg_tables *tables, const char *name);

/* A list as a text of PostgreSQL, {1,2}, for a parameter $1::oid[]. */
void pg_append_oids(struct buf *text, const uint32_t *oids, size_t noids);

/* The id of a table for the host, empty while it is no member. Lives in the arena. */
struct lf_slice pg_table_id(const struct pg_table *table, struct arena *arena);
/* False: not an id of ours. */
bool pg_table_id_parse(struct lf_slice id, uint32_t *ret_oid, uint32_t *ret_membership) LF_MUST_CHECK;
/* The columns that are not excluded, with the key. Lives in the arena, its texts in the table. */
struct lf_schema pg_table_schema(const struct pg_table *table, struct arena *arena);

#endif
