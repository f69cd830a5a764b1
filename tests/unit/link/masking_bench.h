/* SPDX-License-Identifier: Apache-2.0
 *
 * A connector that hands out what a test has prepared and notes what it was handed, and a masking session over it.
 */
#ifndef MASKING_BENCH_H
#define MASKING_BENCH_H

#include "base/buf.h"
#include "base/macros.h"
#include "link/masking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "sEcReT"
#define KEY ((struct lf_slice){"a key that is long enough", 25})

/* ---- the connector below ---- */

static struct {
    struct lf_table table;
    struct lf_rows rows; /* handed out once */
    bool read;
    struct lf_batch batch;
    struct lf_cell bound; /* of a plan, where there is one */
    bool has_bound;
    enum lf_error_kind failing; /* of every op that looks at rows; NONE: it succeeds */
    size_t calls;               /* with its own session */
    struct lf_schema handed;    /* with the last table; as long as the call */
    char handed_type[64];       /* of the column that a test looks at, of the same */
    uint32_t look_at;
    bool bounded;
} below;

static struct lf_session *const inner_session = (struct lf_session *)&below;

static inline bool end(struct lf_error *err)
{
    return below.failing == LF_NONE || lf_error_set(err, below.failing, 7, "the value " SECRET " is no good");
}

static inline bool note_call(const struct lf_session *session)
{
    below.calls += session == inner_session ? 1 : 0;
    return true;
}

static inline void note_table(const struct lf_table_state *table)
{
    below.handed = table->schema;
    (void)snprintf(below.handed_type, sizeof below.handed_type, "%d %s", table->schema.columns[below.look_at].type,
                   table->schema.columns[below.look_at].source_type);
}

static inline bool below_open(const struct lf_host *host, const char *url, const struct lf_option_value *options,
                              size_t n, struct lf_session **ret_session, struct lf_error *err)
{
    (void)host, (void)url, (void)options, (void)n, (void)err;
    *ret_session = inner_session;
    return true;
}

static inline void below_close(struct lf_session *session)
{
    (void)note_call(session);
}

static inline bool below_identity(struct lf_session *session, const char **ret_identity, struct lf_error *err)
{
    (void)err;
    *ret_identity = "me";
    return note_call(session);
}

static inline bool below_discover(struct lf_session *session, lf_table_visitor visit, void *context,
                                  struct lf_error *err)
{
    return note_call(session) && visit(context, &below.table, err);
}

static inline bool below_check(struct lf_session *session, const char *const *tables, size_t ntables,
                               lf_finding_visitor visit, void *context, struct lf_error *err)
{
    (void)tables, (void)ntables, (void)visit, (void)context, (void)err;
    return note_call(session);
}

static inline bool below_track(struct lf_session *session, const char *const *tables, size_t ntables,
                               struct lf_error *err)
{
    (void)tables, (void)ntables, (void)err;
    return note_call(session);
}

static inline bool below_untrack(struct lf_session *session, struct lf_error *err)
{
    (void)err;
    return note_call(session);
}

static inline bool below_register(struct lf_session *session, const struct lf_consumer *consumer,
                                  struct lf_slice *ret_cursor, struct lf_error *err)
{
    (void)consumer, (void)ret_cursor, (void)err;
    return note_call(session);
}

static inline bool below_unregister(struct lf_session *session, const struct lf_consumer *consumer,
                                    struct lf_error *err)
{
    (void)consumer, (void)err;
    return note_call(session);
}

static inline bool below_position(struct lf_session *session, struct lf_slice *ret_cursor, struct lf_error *err)
{
    (void)ret_cursor, (void)err;
    return note_call(session);
}

static inline bool below_ack(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice cursor,
                             struct lf_error *err)
{
    (void)consumer, (void)cursor, (void)err;
    return note_call(session);
}

static inline bool below_lag(struct lf_session *session, const struct lf_consumer *consumer, struct lf_lag *ret_lag,
                             struct lf_error *err)
{
    (void)consumer, (void)err;
    *ret_lag = (struct lf_lag){1, 2, 3, "a slot"};
    return note_call(session);
}

static inline bool below_load_plan(struct lf_session *session, const struct lf_table_state *table, uint32_t want,
                                   lf_bound_visitor visit, void *context, struct lf_error *err)
{
    (void)want;
    note_table(table);
    return note_call(session) && end(err) && (!below.has_bound || visit(context, (struct lf_bound){&below.bound}, err));
}

static inline bool below_load_open(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                                   struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered,
                                   struct lf_error *err)
{
    note_table(table);
    below.bounded = lo.cells != NULL || hi.cells != NULL;
    below.read = false;
    *ret_load = (struct lf_load *)&below;
    *ret_ordered = true;
    return note_call(session);
    (void)err;
}

static inline bool below_load_next(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err)
{
    (void)load;
    *ret_rows = below.read ? (struct lf_rows){0} : below.rows;
    below.read = true;
    return end(err);
}

static inline bool below_load_asof(struct lf_load *load, struct lf_slice *ret_asof, struct lf_error *err)
{
    (void)load, (void)err;
    *ret_asof = slice_of_text("asof");
    return true;
}

static inline void below_load_close(struct lf_load *load)
{
    (void)load;
}

static inline bool below_changes_open(struct lf_session *session, struct lf_slice cursor,
                                      const struct lf_table_state *tables, size_t ntables,
                                      struct lf_changes **ret_changes, struct lf_error *err)
{
    (void)cursor, (void)ntables, (void)err;
    note_table(&tables[0]);
    *ret_changes = (struct lf_changes *)&below;
    return note_call(session);
}

static inline bool below_changes_next(struct lf_changes *changes, int wait_ms, struct lf_batch *ret_batch,
                                      struct lf_error *err)
{
    (void)changes, (void)wait_ms;
    *ret_batch = below.batch;
    return end(err);
}

static inline bool below_verify_catalog(struct lf_changes *changes, struct lf_batch *ret_batch, struct lf_error *err)
{
    return below_changes_next(changes, 0, ret_batch, err);
}

static inline void below_changes_close(struct lf_changes *changes)
{
    (void)changes;
}

static inline bool below_compare(struct lf_slice a, struct lf_slice b, int *ret, struct lf_error *err)
{
    (void)a, (void)b, (void)err;
    *ret = 0;
    return true;
}

static const struct lf_connector_ops below_ops = {
    .open = below_open,
    .close = below_close,
    .stop = below_close,
    .identity = below_identity,
    .discover = below_discover,
    .check = below_check,
    .track = below_track,
    .untrack = below_untrack,
    .register_consumer = below_register,
    .unregister_consumer = below_unregister,
    .position = below_position,
    .nudge = below_untrack,
    .ack = below_ack,
    .load_plan = below_load_plan,
    .load_open = below_load_open,
    .load_asof = below_load_asof,
    .load_next = below_load_next,
    .load_close = below_load_close,
    .compare = below_compare,
    .changes_open = below_changes_open,
    .changes_next = below_changes_next,
    .verify_catalog = below_verify_catalog,
    .changes_close = below_changes_close,
    .lag = below_lag,
};
static const struct lf_connector below_connector = {.ops = &below_ops, .capabilities = LF_CAP_COLUMN_IDS};

/* ---- a session over it ---- */

struct top {
    struct masking *masking;
    const struct lf_connector_ops *ops;
    struct lf_session *session;
    struct arena arena;
    struct lf_table_state state; /* as the lake has it */
    struct lf_load *load;
    struct lf_changes *changes;
    struct lf_error err;
};

static inline bool keep_table(void *context, const struct lf_table *table, struct lf_error *err)
{
    struct top *top = context;
    (void)err;
    struct lf_column *columns =
        arena_copy(&top->arena, table->schema.columns, table->schema.ncolumns * sizeof *columns);
    for (uint32_t i = 0; i < table->schema.ncolumns; i++) {
        columns[i].name = arena_text(&top->arena, columns[i].name);
        columns[i].source_type = arena_text(&top->arena, columns[i].source_type);
    }
    top->state = (struct lf_table_state){.name = "t", .id = table->id, .schema = table->schema};
    top->state.schema.columns = columns;
    top->state.schema.key = arena_copy(&top->arena, table->schema.key, table->schema.nkey * sizeof(uint32_t));
    return table->refusal == NULL;
}

static inline void begin(struct top *top, const struct lf_schema *schema, const struct masking_column *columns,
                         size_t n)
{
    const struct masking_table table = {"t", columns, n};
    memset(&below, 0, sizeof below);
    below.table = (struct lf_table){.name = "t", .id = slice_of_text("7"), .schema = *schema};
    *top = (struct top){.masking = masking_new(&(struct masking_options){&below_connector, KEY, &table, 1})};
    top->ops = masking_connector(top->masking)->ops;
    assert_true(masking_open(top->masking, NULL, "url", NULL, 0, &top->session, &top->err));
    assert_true(top->ops->discover(top->session, keep_table, top, &top->err));
}

static inline void finish(struct top *top)
{
    top->ops->load_close(top->load);
    top->ops->changes_close(top->changes);
    top->ops->close(top->session);
    masking_free(&top->masking);
    arena_done(&top->arena);
}

static inline void open_load(struct top *top, struct lf_bound lo, struct lf_bound hi, bool *ret_ordered)
{
    assert_true(top->ops->load_open(top->session, &top->state, lo, hi, &top->load, ret_ordered, &top->err));
}

static inline struct lf_rows load(struct top *top)
{
    bool ordered = false;
    struct lf_rows rows;
    open_load(top, (struct lf_bound){0}, (struct lf_bound){0}, &ordered);
    assert_true(top->ops->load_next(top->load, &rows, &top->err));
    return rows;
}

static inline void follow(struct top *top)
{
    assert_true(
        top->ops->changes_open(top->session, slice_of_text("cursor"), &top->state, 1, &top->changes, &top->err));
}

static inline const struct lf_event *receive(struct top *top, const struct lf_event *events, size_t n)
{
    struct lf_batch batch;
    below.batch = (struct lf_batch){events, n};
    assert_true(top->ops->changes_next(top->changes, 0, &batch, &top->err));
    assert_int_equal(batch.nevents, n);
    return batch.events;
}

#endif
