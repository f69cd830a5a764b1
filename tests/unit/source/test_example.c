/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/example_control.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* Columns id, label, note. */
static const struct lf_column columns[] = {
    {.name = "id", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1},
    {.name = "label", .source_type = "text", .type = LF_TYPE_STRING, .max_length = -1},
    {.name = "note", .source_type = "text", .type = LF_TYPE_STRING, .max_length = -1}};
static const uint32_t id_key[] = {0};
static const struct lf_schema schema = {.columns = columns, .ncolumns = 3, .key = id_key, .nkey = 1};

static struct lf_cell integer(int64_t value)
{
    return (struct lf_cell){.state = LF_CELL_VALUE, .i = value};
}

static struct lf_cell text(const char *value)
{
    if (value == NULL) {
        return (struct lf_cell){.state = LF_CELL_NULL};
    }
    return (struct lf_cell){.state = LF_CELL_VALUE, .bytes = {.ptr = value, .len = strlen(value)}};
}

static const struct lf_cell absent = {.state = LF_CELL_ABSENT};

struct fixture {
    struct example_db *db;
    struct lf_host host;
    const struct lf_connector_ops *ops;
    struct lf_session *session;
    struct lf_changes *changes;
    struct lf_table_state state;
    struct lf_batch batch;
    struct lf_error err;
};

static bool never_cancelled(void *context)
{
    (void)context;
    return false;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->db = example_db_new("unit", 1);
    f->host.cancelled = never_cancelled;
    f->ops = lakefeed_connector()->ops;
    assert_true(f->ops->open(&f->host, "example:unit?batch=1000", NULL, 0, &f->session, &f->err));
    struct example_txn *txn = example_begin(f->db);
    assert_true(example_create_table(txn, "t", &schema, NULL));
    (void)example_commit_visible(txn);
    f->state = (struct lf_table_state){.name = "t", .id = {.ptr = "1", .len = 1}};
    assert_true(example_schema_at(f->db, 1, "t", &f->state.schema, NULL));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->ops->changes_close(f->changes);
    f->ops->close(f->session);
    example_db_free(&f->db);
    free(f);
    return 0;
}

static void put(struct example_txn *txn, int64_t id, const char *label)
{
    struct lf_cell cells[] = {integer(id), text(label), text(NULL)};
    assert_true(example_insert(txn, "t", cells, NULL));
}

static uint64_t put_alone(struct fixture *f, int64_t id)
{
    struct example_txn *txn = example_begin(f->db);
    put(txn, id, "row");
    return example_commit(txn);
}

static struct lf_slice cursor_at(struct fixture *f, unsigned position, char ret_text[64])
{
    (void)f;
    int len = snprintf(ret_text, 64, "example:unit-0000000000000001:%u", position);
    return (struct lf_slice){.ptr = ret_text, .len = (size_t)len};
}

static bool open_changes(struct fixture *f, unsigned position)
{
    char bytes[64];
    f->ops->changes_close(f->changes);
    f->changes = NULL;
    return f->ops->changes_open(f->session, cursor_at(f, position, bytes), &f->state, 1, &f->changes, &f->err);
}

/* The first event of the kind in what comes until nothing more does; NULL: none. Valid until the next call. */
static const struct lf_event *next_event(struct fixture *f, enum lf_event_kind kind)
{
    for (int i = 0; i < 1000; i++) {
        assert_true(f->ops->changes_next(f->changes, 0, &f->batch, &f->err));
        for (size_t k = 0; k < f->batch.nevents; k++) {
            if (f->batch.events[k].kind == kind) {
                return &f->batch.events[k];
            }
        }
    }
    return NULL;
}

static struct lf_load *open_load(struct fixture *f)
{
    struct lf_load *load = NULL;
    bool ordered;
    struct lf_bound open_end = {.cells = NULL};
    return f->ops->load_open(f->session, &f->state, open_end, open_end, &load, &ordered, &f->err) ? load : NULL;
}

static size_t count_rows(struct fixture *f, struct lf_load *load)
{
    struct lf_rows rows;
    size_t n = 0;
    do {
        assert_true(f->ops->load_next(load, &rows, &f->err));
        n += rows.nrows;
    } while (rows.nrows > 0);
    return n;
}

struct lookup {
    int64_t id;
    struct lf_cell cells[3]; /* borrowed from the database */
    size_t nrows;
};

static bool find_cells(void *context, const struct lf_schema *now, const struct lf_cell *cells)
{
    struct lookup *lookup = context;
    lookup->nrows++;
    if (cells[0].i == lookup->id) {
        memcpy(lookup->cells, cells, now->ncolumns * sizeof *cells);
    }
    return true;
}

static size_t count_truth(struct fixture *f, uint64_t position)
{
    struct lookup lookup = {0};
    assert_true(example_state_at(f->db, position, "t", find_cells, &lookup, NULL));
    return lookup.nrows;
}

static void commit_when_not_visible_then_streamed_but_not_loaded(void **state)
{
    struct fixture *f = *state;
    (void)put_alone(f, 1);
    assert_true(open_changes(f, 1));
    assert_non_null(next_event(f, LF_EVENT_ROW));
    struct lf_load *load = open_load(f);
    assert_int_equal(count_rows(f, load), 0);
    f->ops->load_close(load);
    assert_true(example_make_visible(f->db, 2));
    load = open_load(f);
    assert_int_equal(count_rows(f, load), 1);
    f->ops->load_close(load);
    assert_int_equal(count_truth(f, 1), 0);
    assert_int_equal(count_truth(f, 2), 1);
}

static bool ask(bool (*question)(struct lf_slice, struct lf_slice, bool *, struct lf_error *), struct lf_slice asof,
                const char *argument)
{
    bool yes = false;
    struct lf_error err = {0};
    assert_true(question(asof, (struct lf_slice){.ptr = argument, .len = strlen(argument)}, &yes, &err));
    return yes;
}

static void asof_when_visible_out_of_order_then_is_the_set(void **state)
{
    struct fixture *f = *state;
    struct lf_slice asof;
    (void)put_alone(f, 2);
    (void)put_alone(f, 3);
    (void)put_alone(f, 4);
    assert_true(example_make_visible(f->db, 3));
    struct lf_load *load = open_load(f);
    assert_true(f->ops->load_asof(load, &asof, &f->err));
    assert_true(ask(f->ops->covers, asof, "example-txn:unit-0000000000000001:1"));
    assert_false(ask(f->ops->covers, asof, "example-txn:unit-0000000000000001:2"));
    assert_true(ask(f->ops->covers, asof, "example-txn:unit-0000000000000001:3"));
    assert_false(ask(f->ops->covers, asof, "example-txn:unit-0000000000000001:4"));
    assert_true(ask(f->ops->includes, asof, "example:unit-0000000000000001:1"));
    assert_false(ask(f->ops->includes, asof, "example:unit-0000000000000001:3"));
    assert_false(ask(f->ops->passed, asof, "example:unit-0000000000000001:2"));
    assert_true(ask(f->ops->passed, asof, "example:unit-0000000000000001:3"));
    f->ops->load_close(load);
}

static void truncate_when_load_is_open_then_refused(void **state)
{
    struct fixture *f = *state;
    struct lf_error err = {0};
    struct lf_load *load = open_load(f);
    struct example_txn *txn = example_begin(f->db);
    assert_false(example_truncate(txn, "t", &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_false(example_rewrite(txn, "t", false, &err));
    put(txn, 9, "rows are not locked");
    f->ops->load_close(load);
    assert_true(example_truncate(txn, "t", &err));
    example_rollback(txn);
}

static void load_when_truncate_is_not_visible_then_transient(void **state)
{
    struct fixture *f = *state;
    struct example_txn *txn = example_begin(f->db);
    assert_true(example_truncate(txn, "t", NULL));
    assert_null(open_load(f));
    assert_int_equal(f->err.kind, LF_TRANSIENT);
    uint64_t position = example_commit(txn);
    assert_null(open_load(f));
    assert_int_equal(f->err.kind, LF_TRANSIENT);
    assert_true(example_make_visible(f->db, position));
    struct lf_load *load = open_load(f);
    assert_non_null(load);
    f->ops->load_close(load);
}

static void write_when_row_is_locked_then_refused(void **state)
{
    struct fixture *f = *state;
    struct lf_error err = {0};
    struct lf_cell key = integer(5);
    uint64_t position = put_alone(f, 5);
    struct example_txn *txn = example_begin(f->db);
    assert_false(example_delete(txn, "t", &key, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_true(example_make_visible(f->db, position));
    assert_true(example_delete(txn, "t", &key, &err));
    example_rollback(txn);
    assert_int_equal(count_truth(f, UINT64_MAX), 1);
}

static void update_when_cell_is_absent_then_truth_keeps_it(void **state)
{
    struct fixture *f = *state;
    struct lookup lookup = {.id = 6};
    struct lf_cell key = integer(5), cells[] = {integer(6), absent, text("new")};
    struct example_txn *txn = example_begin(f->db);
    put(txn, 5, "kept");
    assert_true(example_update(txn, "t", &key, cells, NULL));
    (void)example_commit(txn);
    assert_true(example_state_at(f->db, 2, "t", find_cells, &lookup, NULL));
    assert_int_equal(lookup.nrows, 1);
    assert_memory_equal(lookup.cells[1].bytes.ptr, "kept", 4);
    assert_true(open_changes(f, 1));
    const struct lf_event *row = next_event(f, LF_EVENT_ROW);
    assert_int_equal(row[1].kind, LF_EVENT_ROW); /* of the same batch */
    assert_int_equal(row[1].op, LF_OP_UPDATE);
    assert_int_equal(row[1].old_key[0].i, 5);
    assert_int_equal(row[1].cells[0].i, 6);
    assert_int_equal(row[1].cells[1].state, LF_CELL_ABSENT);
    assert_int_equal(row[1].cells[2].state, LF_CELL_VALUE);
}

static void rename_when_streamed_then_schema_keeps_the_id(void **state)
{
    struct fixture *f = *state;
    struct example_txn *txn = example_begin(f->db);
    assert_true(example_rename_column(txn, "t", "note", "remark", NULL));
    (void)example_commit_visible(txn);
    assert_true(open_changes(f, 1));
    const struct lf_event *event = next_event(f, LF_EVENT_SCHEMA);
    assert_string_equal(event->schema->columns[2].name, "remark");
    assert_int_equal(event->schema->columns[2].id, f->state.schema.columns[2].id);
    assert_null(open_load(f)); /* with the schema from before */
    assert_int_equal(f->err.kind, LF_SCHEMA);
}

static void column_when_dropped_and_added_again_then_gets_another_id(void **state)
{
    struct fixture *f = *state;
    struct lf_schema now;
    struct example_txn *txn = example_begin(f->db);
    assert_true(example_drop_column(txn, "t", "note", NULL));
    assert_true(example_add_column(txn, "t", &columns[2], NULL, NULL));
    (void)example_commit_visible(txn);
    assert_true(example_schema_at(f->db, 2, "t", &now, NULL));
    assert_string_equal(now.columns[2].name, "note");
    assert_int_equal(now.columns[2].id, 4);
}

static void change_when_rows_change_without_events_then_reload(void **state)
{
    struct fixture *f = *state;
    struct lf_cell fill = text("filled");
    struct lf_column extra = columns[2];
    extra.name = "extra";
    struct example_txn *txn = example_begin(f->db);
    assert_true(example_add_column(txn, "t", &extra, &fill, NULL));
    (void)example_commit_visible(txn);
    assert_true(open_changes(f, 1));
    assert_int_equal(next_event(f, LF_EVENT_RELOAD)->schema->ncolumns, 4);
    txn = example_begin(f->db);
    assert_true(example_change_type(txn, "t", "extra", LF_TYPE_JSON, NULL));
    (void)example_commit_visible(txn);
    assert_int_equal(next_event(f, LF_EVENT_RELOAD)->schema->columns[3].type, LF_TYPE_JSON);
    txn = example_begin(f->db);
    assert_true(example_rewrite(txn, "t", false, NULL));
    (void)example_commit_visible(txn);
    assert_null(next_event(f, LF_EVENT_RELOAD)->schema);
}

static void verify_when_changed_silently_then_told_once_after_the_stream_passed(void **state)
{
    struct fixture *f = *state;
    assert_true(open_changes(f, 1));
    struct example_txn *txn = example_begin(f->db);
    assert_true(example_rewrite(txn, "t", true, NULL));
    assert_true(example_drop_table(txn, "t", true, NULL));
    (void)example_commit_visible(txn);
    assert_true(f->ops->verify_catalog(f->changes, &f->batch, &f->err));
    assert_int_equal(f->batch.nevents, 0);
    assert_null(next_event(f, LF_EVENT_RELOAD));
    assert_true(f->ops->verify_catalog(f->changes, &f->batch, &f->err));
    assert_int_equal(f->batch.nevents, 2);
    assert_int_equal(f->batch.events[0].kind, LF_EVENT_RELOAD);
    assert_int_equal(f->batch.events[1].kind, LF_EVENT_FAULT);
    assert_true(f->ops->verify_catalog(f->changes, &f->batch, &f->err));
    assert_int_equal(f->batch.nevents, 0);
    assert_null(open_load(f));
    assert_int_equal(f->err.kind, LF_NOT_FOUND);
}

static void stream_when_table_is_dropped_or_faulty_then_fault(void **state)
{
    struct fixture *f = *state;
    assert_true(open_changes(f, 1));
    struct example_txn *txn = example_begin(f->db);
    assert_true(example_fault(txn, "t", LF_DATA, "row 3 is odd", NULL));
    (void)example_commit(txn);
    const struct lf_event *event = next_event(f, LF_EVENT_FAULT);
    assert_int_equal(event->fault, LF_DATA);
    assert_string_equal(event->reason, "row 3 is odd");
    example_make_all_visible(f->db);
    txn = example_begin(f->db);
    assert_true(example_drop_table(txn, "t", false, NULL));
    (void)example_commit(txn);
    assert_int_equal(next_event(f, LF_EVENT_FAULT)->fault, LF_SCHEMA);
    assert_true(open_changes(f, 3)); /* the next start finds it gone */
    assert_int_equal(next_event(f, LF_EVENT_FAULT)->fault, LF_SCHEMA);
}

static void changes_when_shape_differs_from_what_is_known_then_told_first(void **state)
{
    struct fixture *f = *state;
    struct example_txn *txn = example_begin(f->db);
    assert_true(example_drop_column(txn, "t", "note", NULL));
    (void)example_commit_visible(txn);
    assert_true(open_changes(f, 2));
    assert_int_equal(next_event(f, LF_EVENT_SCHEMA)->schema->ncolumns, 2);
    txn = example_begin(f->db);
    assert_true(example_add_column(txn, "t", &columns[2], NULL, NULL));
    (void)example_commit_visible(txn);
    assert_true(open_changes(f, 3)); /* the column's id is another one: rows may be, too */
    assert_int_equal(next_event(f, LF_EVENT_RELOAD)->schema->ncolumns, 3);
}

static void changes_when_log_does_not_reach_then_lost(void **state)
{
    struct fixture *f = *state;
    const struct lf_consumer consumer = {.link = "l", .lake_id = "1", .location = "/1"};
    struct lf_slice cursor;
    char bytes[64];
    assert_false(open_changes(f, 2));
    assert_int_equal(f->err.kind, LF_LOST);
    assert_true(f->ops->register_consumer(f->session, &consumer, &cursor, &f->err));
    (void)put_alone(f, 1);
    assert_true(open_changes(f, 1));
    assert_true(f->ops->ack(f->session, &consumer, cursor_at(f, 2, bytes), &f->err));
    assert_int_equal(example_pruned(f->db), 2);
    assert_false(open_changes(f, 1));
    assert_int_equal(f->err.kind, LF_LOST);
    assert_true(open_changes(f, 2));
}

static void register_when_lake_has_a_cursor_then_begins_there(void **state)
{
    struct fixture *f = *state;
    struct lf_consumer consumer = {.link = "l", .lake_id = "1", .location = "/1"};
    struct lf_slice cursor;
    uint64_t start;
    char bytes[64];
    (void)put_alone(f, 1);
    consumer.cursor = cursor_at(f, 1, bytes);
    assert_true(f->ops->register_consumer(f->session, &consumer, &cursor, &f->err));
    assert_true(example_cursor_position(cursor, &start) && start == 1);
    consumer.link = "another";
    consumer.cursor = cursor_at(f, 3, bytes);
    assert_false(f->ops->register_consumer(f->session, &consumer, &cursor, &f->err));
    assert_int_equal(f->err.kind, LF_LOST);
}

static void register_when_lake_was_begun_again_then_old_consumer_is_replaced(void **state)
{
    struct fixture *f = *state;
    const struct lf_consumer old = {.link = "l", .lake_id = "1", .location = "/1"};
    const struct lf_consumer renamed = {.link = "m", .lake_id = "2", .location = "/1"};
    struct lf_slice cursor;
    uint64_t position;
    assert_true(f->ops->register_consumer(f->session, &old, &cursor, &f->err));
    assert_true(f->ops->register_consumer(f->session, &renamed, &cursor, &f->err));
    assert_false(example_acked(f->db, "l", &position));
    assert_true(example_acked(f->db, "m", &position));
}

static void ack_when_past_the_limit_of_the_test_then_counted(void **state)
{
    struct fixture *f = *state;
    const struct lf_consumer consumer = {.link = "l", .lake_id = "1", .location = "/1"};
    struct lf_slice cursor;
    uint64_t acked;
    char bytes[64];
    assert_false(example_acked(f->db, "l", &acked));
    assert_true(f->ops->register_consumer(f->session, &consumer, &cursor, &f->err));
    (void)put_alone(f, 1);
    example_limit_ack(f->db, 1);
    assert_true(f->ops->ack(f->session, &consumer, cursor_at(f, 1, bytes), &f->err));
    assert_int_equal(example_ack_violations(f->db), 0);
    assert_true(f->ops->ack(f->session, &consumer, cursor_at(f, 2, bytes), &f->err));
    assert_int_equal(example_ack_violations(f->db), 1);
    assert_true(example_acked(f->db, "l", &acked) && acked == 2);
    assert_false(f->ops->ack(f->session, &consumer, cursor_at(f, 3, bytes), &f->err));
    assert_int_equal(f->err.kind, LF_LOST);
}

static void call_when_told_to_fail_then_fails_once(void **state)
{
    struct fixture *f = *state;
    struct lf_slice cursor;
    example_fail_call(f->db, 2, LF_THROTTLED);
    assert_true(f->ops->position(f->session, &cursor, &f->err));
    assert_false(f->ops->position(f->session, &cursor, &f->err));
    assert_int_equal(f->err.kind, LF_THROTTLED);
    assert_true(f->ops->position(f->session, &cursor, &f->err));
}

static void nudge_when_idle_then_position_is_streamed(void **state)
{
    struct fixture *f = *state;
    uint64_t position;
    assert_true(open_changes(f, 1));
    assert_true(f->ops->nudge(f->session, &f->err));
    assert_true(f->ops->changes_next(f->changes, 0, &f->batch, &f->err));
    assert_int_equal(f->batch.nevents, 1);
    assert_int_equal(f->batch.events[0].kind, LF_EVENT_IDLE);
    assert_true(example_cursor_position(f->batch.events[0].cursor, &position) && position == 1);
}

struct findings {
    unsigned ok, errors;
};

static void count_finding(void *context, const char *severity, const char *what, const char *cure)
{
    struct findings *findings = context;
    assert_non_null(what);
    assert_true((strcmp(severity, "error") == 0) == (cure != NULL));
    findings->ok += strcmp(severity, "ok") == 0;
    findings->errors += strcmp(severity, "error") == 0;
}

static void check_when_table_is_missing_then_error_with_cure(void **state)
{
    struct fixture *f = *state;
    struct findings findings = {0};
    const char *const tables[] = {"t", "nowhere"};
    assert_true(f->ops->check(f->session, tables, 2, count_finding, &findings, &f->err));
    assert_int_equal(findings.ok, 1);
    assert_int_equal(findings.errors, 1);
}

static void open_when_url_is_odd_then_config(void **state)
{
    struct fixture *f = *state;
    static const char *const urls[] = {"example:",          "example:a b",         "example:unit?batch=0",
                                       "example:unit?seed", "example:unit?x=1",    "example:unit?ordered=maybe",
                                       "sqlite:unit",       "example:unit?seed=-1"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct lf_session *session = NULL;
        assert_false(f->ops->open(&f->host, urls[i], NULL, 0, &session, &f->err));
        assert_int_equal(f->err.kind, LF_CONFIG);
    }
}

static void *write_rows(void *context)
{
    struct fixture *f = context;
    for (int64_t i = 0; i < 200; i++) {
        struct example_txn *txn = example_begin(f->db);
        struct lf_cell cells[] = {integer(i), text("row"), text(NULL)};
        (void)example_insert(txn, "t", cells, NULL);
        (void)example_commit_visible(txn);
    }
    return NULL;
}

static void follow_when_written_by_another_thread_then_all_arrive(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    size_t rows = 0;
    assert_true(open_changes(f, 1));
    assert_int_equal(pthread_create(&thread, NULL, write_rows, f), 0);
    while (rows < 200) {
        assert_true(f->ops->changes_next(f->changes, 60000, &f->batch, &f->err));
        for (size_t i = 0; i < f->batch.nevents; i++) {
            rows += f->batch.events[i].kind == LF_EVENT_ROW;
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(rows, 200);
}

int main(void)
{
#define WITH_DB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_DB(commit_when_not_visible_then_streamed_but_not_loaded),
        WITH_DB(asof_when_visible_out_of_order_then_is_the_set),
        WITH_DB(truncate_when_load_is_open_then_refused),
        WITH_DB(load_when_truncate_is_not_visible_then_transient),
        WITH_DB(write_when_row_is_locked_then_refused),
        WITH_DB(update_when_cell_is_absent_then_truth_keeps_it),
        WITH_DB(rename_when_streamed_then_schema_keeps_the_id),
        WITH_DB(column_when_dropped_and_added_again_then_gets_another_id),
        WITH_DB(change_when_rows_change_without_events_then_reload),
        WITH_DB(verify_when_changed_silently_then_told_once_after_the_stream_passed),
        WITH_DB(stream_when_table_is_dropped_or_faulty_then_fault),
        WITH_DB(changes_when_shape_differs_from_what_is_known_then_told_first),
        WITH_DB(changes_when_log_does_not_reach_then_lost),
        WITH_DB(register_when_lake_has_a_cursor_then_begins_there),
        WITH_DB(register_when_lake_was_begun_again_then_old_consumer_is_replaced),
        WITH_DB(ack_when_past_the_limit_of_the_test_then_counted),
        WITH_DB(call_when_told_to_fail_then_fails_once),
        WITH_DB(nudge_when_idle_then_position_is_streamed),
        WITH_DB(check_when_table_is_missing_then_error_with_cure),
        WITH_DB(open_when_url_is_odd_then_config),
        WITH_DB(follow_when_written_by_another_thread_then_all_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
