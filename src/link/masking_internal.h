/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of masking share.
 *
 *   masking.c          rules; columns of source and lake
 *   masking_refuse.c   masks and tables that do not fit, or not any more
 *   masking_session.c  a session; what it hands through
 *   masking_load.c     rows of a chunk
 *   masking_changes.c  events
 */
#ifndef LINK_MASKING_INTERNAL_H
#define LINK_MASKING_INTERNAL_H

#include "base/macros.h"
#include "link/masking.h"

struct masking_rule {
    const char *column;
    struct mask mask;
};

struct masking_rules {
    const char *table;
    struct lf_slice id; /* empty: not bound */
    const struct masking_rule *list;
    size_t count;
};

struct masking {
    struct arena arena;
    const struct lf_connector_ops *inner;
    struct lf_connector connector;
    struct lf_connector_ops ops;
    char *key;
    size_t key_len;
    struct masking_rules *tables;
    size_t ntables;
};

struct lf_session {
    const struct masking *masking;
    const struct lf_connector_ops *ops; /* of the connector below */
    struct lf_session *inner;
};

/* The columns that a connector sends, in its order, and what becomes of them. */
struct masking_shape {
    struct arena arena;
    const char *table;
    const struct masking_rules *rules; /* NULL: of no rule by name */
    struct lf_column *columns;         /* the source's */
    const struct mask **masks;         /* NULL: as it is */
    uint32_t ncolumns;
    uint32_t *key; /* indexes */
    uint32_t nkey;
    bool any, key_masked;
};

void masking_shape_done(struct masking_shape *shape); /* for CLEANUP */

const struct masking_rules *masking_find_rules(const struct masking *masking, const char *table, struct lf_slice id);
/* What is said of the column; NULL: nothing. `rules` may be NULL. */
const struct masking_rule *masking_find_rule(const struct masking_rules *rules, const char *column);
/* One of today's masks; NULL: none is the same. */
const struct mask *masking_find_sign(const struct masking *masking, const struct mask *sign);
/* From what the source says. `before` (may be NULL): columns of the same id keep its masks, if no name says otherwise. */
void masking_shape_of_source(const struct masking_rules *rules, const char *table, const struct lf_schema *schema,
                             const struct masking_shape *before, struct masking_shape *ret_shape);
/* From what the lake has. *ret_source: the same state with the source's columns, in the shape's arena. CONFIG: its masks are not
 * today's. */
bool masking_shape_of_lake(const struct masking *masking, const struct lf_table_state *state,
                           struct masking_shape *ret_shape, struct lf_table_state *ret_source,
                           struct lf_error *err) LF_MUST_CHECK;
/* As it stands in the lake. Lives in the arena. */
struct lf_schema masking_lake_schema(const struct masking_shape *shape, struct arena *arena);
/* Why the table cannot be taken with these masks; NULL: it can. Lives in the arena. */
const char *masking_refuse(const struct masking_shape *shape, struct arena *arena);

/* The same for names of columns in the configuration that the table does not have. */
const char *masking_refuse_names(const struct masking_shape *shape, struct arena *arena);
/* The same for a column without a mask that is a masked one of the lake, or may be under another name. `rules` may be NULL. */
const char *masking_refuse_bare(const struct masking_rules *rules, const struct lf_connector *connector,
                                const struct lf_schema *lake, const struct lf_schema *now, struct arena *arena);

void masking_row(const struct masking_shape *shape, const struct lf_cell *cells, struct arena *arena,
                 struct lf_cell *ret_cells);
void masking_key(const struct masking_shape *shape, const struct lf_cell *cells, struct arena *arena,
                 struct lf_cell *ret_cells);
/* In the place of a message of this kind, which may hold values; false: it holds none. */
bool masking_is_telling(enum lf_error_kind kind);
/* Replaces the message. Always false. */
bool masking_hush(const char *table, struct lf_error *err);

bool masking_load_open(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                       struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered, struct lf_error *err);
bool masking_load_plan(struct lf_session *session, const struct lf_table_state *table, uint32_t want,
                       lf_bound_visitor visit, void *context, struct lf_error *err);
bool masking_load_asof(struct lf_load *load, struct lf_slice *ret_asof, struct lf_error *err);
bool masking_load_next(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err);
void masking_load_close(struct lf_load *load);

bool masking_changes_open(struct lf_session *session, struct lf_slice cursor, const struct lf_table_state *tables,
                          size_t ntables, struct lf_changes **ret_changes, struct lf_error *err);
bool masking_changes_next(struct lf_changes *changes, int wait_ms, struct lf_batch *ret_batch, struct lf_error *err);
bool masking_verify_catalog(struct lf_changes *changes, struct lf_batch *ret_batch, struct lf_error *err);
void masking_changes_close(struct lf_changes *changes);

/* Fills the ops of masking from those below. */
void masking_session_ops(struct masking *masking);

#endif
