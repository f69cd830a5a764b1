/* SPDX-License-Identifier: Apache-2.0
 *
 * The example database from inside. The plug-in needs no symbol of the host, so it brings its own small helpers.
 * Functions that take a struct example_db expect its mutex to be held, unless they are in example_control.h.
 */
#ifndef EXAMPLE_INTERNAL_H
#define EXAMPLE_INTERNAL_H

#include "example_control.h"

#include <pthread.h>

#define EXAMPLE_NAME_MAX 64
#define EXAMPLE_ID_SIZE 96 /* <name>-<16 hex of the seed> */
#define EXAMPLE_CURSOR_SIZE 160
#define EXAMPLE_RANDOM_OPEN 2

/* Memory that is freed at once. */
struct example_arena {
    struct example_block *blocks;
};
void *example_alloc(struct example_arena *arena, size_t size); /* zeroed; aborts when there is none */
void example_arena_done(struct example_arena *arena);
char *example_copy_text(struct example_arena *arena, const char *text); /* NULL gives NULL */
struct lf_slice example_copy_slice(struct example_arena *arena, struct lf_slice slice);
/* Aborting realloc of an array to hold at least `need` elements. */
void example_grow(void *array, size_t *cap, size_t need, size_t size);

/* Schemas and cells. */
bool example_is_bytes(enum lf_type type);
const struct lf_schema *example_copy_schema(struct example_arena *arena, const struct lf_schema *schema);
struct lf_cell *example_copy_cells(struct example_arena *arena, const struct lf_schema *schema,
                                   const struct lf_cell *cells);
struct lf_cell *example_copy_key(struct example_arena *arena, const struct lf_schema *schema,
                                 const struct lf_cell *key_cells);
/* The key cells of a row, in key order, bytes borrowed. */
struct lf_cell *example_key_of(struct example_arena *arena, const struct lf_schema *schema, const struct lf_cell *row);
int example_find_column(const struct lf_schema *schema, const char *name); /* -1: none */
int example_find_column_id(const struct lf_schema *schema, uint32_t id);
bool example_is_key_column(const struct lf_schema *schema, uint32_t index);
/* Without the dropped columns of `handed`. */
bool example_schema_matches(const struct lf_schema *now, const struct lf_schema *handed);
/* From the number of a value to a cell of the column's type; the same number, the same cell. */
struct lf_cell example_cell_from(struct example_arena *arena, const struct lf_column *column, uint64_t n);

enum example_op_kind {
    EXAMPLE_CREATE,
    EXAMPLE_DROP,
    EXAMPLE_ROW,
    EXAMPLE_TRUNCATE,
    EXAMPLE_RESHAPE,
    EXAMPLE_REWRITE,
    EXAMPLE_NOTE
};

enum example_said { EXAMPLE_SAID_BY_STREAM, EXAMPLE_SAID_BY_CATALOG, EXAMPLE_UNSAID };

/* One operation; immutable, in the arena of the database. */
struct example_op {
    enum example_op_kind kind;
    uint32_t table; /* id, from 1 */
    enum example_said said;
    struct lf_event event;          /* without the index of the table */
    const struct lf_schema *schema; /* CREATE, RESHAPE: afterwards. ROW: of the cells */
    const char *name;               /* CREATE */
    const struct lf_cell *key;      /* ROW: key of the event's cells */
    const struct lf_cell *fill;     /* RESHAPE: of an added column, or NULL */
};

struct example_txn {
    struct example_db *db;
    struct example_op **ops;
    size_t nops, cap;
    uint64_t position; /* 0 while open */
    bool visible;
    struct example_state *view; /* all that is logged and our own operations, while `seen` is the end of the log */
    uint64_t seen;
    struct example_txn *next; /* of the open ones */
};

struct example_table {
    bool exists;
    const char *name;
    const struct lf_schema *schema;
    const struct lf_cell **rows; /* in key order; rows never change once made */
    size_t nrows, cap;
};

/* What a set of transactions has made; tables by id - 1. */
struct example_state {
    struct example_arena arena;
    struct example_table *tables;
    size_t ntables, cap;
};
struct example_state *example_state_new(void);
void example_state_free(struct example_state **state);
void example_state_apply(struct example_state *state, const struct example_op *op);
/* The first `end` transactions, or those of them that are visible. */
struct example_state *example_state_build(struct example_db *db, uint64_t end, bool visible_only);
/* Borrows the rows of the database's own state. */
struct example_state *example_state_clone(const struct example_state *from);
struct example_table *example_state_table(struct example_state *state, uint32_t id); /* NULL: does not exist */
uint32_t example_state_find(const struct example_state *state, const char *name);    /* id, 0: none */
/* Place of the first row that is not below the key; *ret_equal tells if it is the row. */
size_t example_table_place(const struct example_table *table, const struct lf_cell *key, bool *ret_equal);

#define EXAMPLE_LOG_BYTES 1000 /* what a transaction of the log counts as */

struct example_consumer {
    char *link, *lake_id, *location;
    uint64_t acked;
    struct example_consumer *next;
};

struct example_db {
    pthread_mutex_t mutex;
    pthread_cond_t moved; /* the log grew, or a session was stopped */
    unsigned references;
    struct example_db *next;
    char name[EXAMPLE_NAME_MAX + 1];
    char id[EXAMPLE_ID_SIZE];
    uint64_t seed;
    struct example_arena arena;
    struct example_state *head; /* after the whole log */
    struct example_txn **log;
    size_t nlog, log_cap;
    struct example_txn *open;
    uint32_t ntables;
    struct {
        uint32_t next_column; /* the largest column id given so far */
        unsigned readers;     /* loads that hold the read lock */
    } * tables;
    size_t tables_cap;
    struct example_consumer *consumers;
    uint64_t pruned, ack_limit, violations, nudges;
    bool keep_all;
    uint64_t fail_in;
    enum lf_error_kind fail_kind;
    struct example_txn *random_open[EXAMPLE_RANDOM_OPEN];
};

/* A reference to the database of that name; NULL: none. Takes no mutex of a database. */
struct example_db *example_db_find(const char *name);
struct example_db *example_db_create(const char *name, uint64_t seed, bool *ret_made); /* or finds it */
void example_db_release(struct example_db *db);
/* Somebody has changed the table as a whole and is open or not yet visible. */
bool example_table_locked(struct example_db *db, uint32_t table);
const struct lf_schema *example_table_history(const struct example_db *db, uint32_t table, uint64_t position,
                                              bool *ret_created);
struct example_state *example_txn_view(struct example_txn *txn);

/* Tokens: text of fixed form, parsed strictly. */
struct example_place {
    struct lf_slice db; /* borrowed */
    uint64_t position;
};
size_t example_cursor_write(const struct example_db *db, uint64_t position, char ret_text[EXAMPLE_CURSOR_SIZE]);
size_t example_token_write(const struct example_db *db, uint64_t position, char ret_text[EXAMPLE_CURSOR_SIZE]);
bool example_cursor_parse(struct lf_slice cursor, struct example_place *ret_place, struct lf_error *err);
/* The visible set; LIMIT over LF_TOKEN_MAX. */
bool example_asof_write(const struct example_db *db, struct example_arena *arena, struct lf_slice *ret_asof,
                        struct lf_error *err);
bool example_covers(struct lf_slice asof, struct lf_slice token, bool *ret, struct lf_error *err);
bool example_includes(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err);
bool example_passed(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err);
bool example_compare(struct lf_slice a, struct lf_slice b, int *ret, struct lf_error *err);
bool example_print(struct lf_slice cursor, char *ret_text, size_t size, struct lf_error *err);

struct lf_session {
    struct example_db *db;
    const struct lf_host *host;
    bool stopped;
    bool unordered;
    uint64_t batch;
    struct example_rng rng;
    struct example_arena scratch;
    char text[EXAMPLE_CURSOR_SIZE];
};
/* Takes the mutex; on false it is not held. */
bool example_enter(struct lf_session *session, struct lf_error *err);
void example_leave(struct lf_session *session);
/* The table that a host means; NOT_FOUND when no snapshot shows it, TRANSIENT while that is about to change. */
bool example_table_id(const struct lf_session *session, const struct lf_table_state *table, uint32_t *ret_id,
                      struct lf_error *err);

bool example_load_plan(struct lf_session *session, const struct lf_table_state *table, uint32_t want,
                       lf_bound_visitor visit, void *context, struct lf_error *err);
bool example_load_open(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                       struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered, struct lf_error *err);
bool example_load_asof(struct lf_load *load, struct lf_slice *ret_asof, struct lf_error *err);
bool example_load_next(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err);
void example_load_close(struct lf_load *load);

/* Refuses a cursor that the log does not reach to without a gap. */
bool example_check_cursor(const struct example_db *db, struct lf_slice cursor, uint64_t *ret_position,
                          struct lf_error *err);
bool example_changes_open(struct lf_session *session, struct lf_slice cursor, const struct lf_table_state *tables,
                          size_t ntables, struct lf_changes **ret_changes, struct lf_error *err);
bool example_changes_next(struct lf_changes *changes, int wait_ms, struct lf_batch *ret_batch, struct lf_error *err);
bool example_verify_catalog(struct lf_changes *changes, struct lf_batch *ret_batch, struct lf_error *err);
void example_changes_close(struct lf_changes *changes);

#endif
