/* SPDX-License-Identifier: Apache-2.0
 *
 * Chunks of a connector that is nothing but an array of rows.
 */
#include "snapshot_bench.h"

#include "snapshot/load.h"

#define BATCH 2u

struct lf_session {
    const int64_t *keys;
    size_t nkeys;
    bool ordered, cancel, refuse;
    size_t fail_at; /* row before which load_next fails; SIZE_MAX: never */
    const char *asof, *last_asof;
    int64_t lo_key, hi_key;
    unsigned opened, closed;
};

struct lf_load {
    struct lf_session *session;
    size_t next;
    struct lf_cell cells[BATCH * 2];
};

static bool fake_open(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                      struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered, struct lf_error *err)
{
    assert_string_equal(table->name, "t");
    if (session->refuse) {
        return lf_error_set(err, LF_SCHEMA, 0, "another shape by now");
    }
    session->lo_key = lo.cells == NULL ? INT64_MIN : lo.cells[0].i;
    session->hi_key = hi.cells == NULL ? INT64_MAX : hi.cells[0].i;
    session->opened++;
    *ret_load = calloc(1, sizeof **ret_load);
    (*ret_load)->session = session;
    *ret_ordered = session->ordered;
    return true;
}

static bool fake_next(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err)
{
    const struct lf_session *session = load->session;
    *ret_rows = (struct lf_rows){.cells = load->cells};
    for (; ret_rows->nrows < BATCH && load->next < session->nkeys; load->next++, ret_rows->nrows++) {
        if (load->next == session->fail_at) {
            return lf_error_set(err, LF_TRANSIENT, 0, "the source is busy");
        }
        load->cells[ret_rows->nrows * 2] = (struct lf_cell){.state = LF_CELL_VALUE, .i = session->keys[load->next]};
        load->cells[ret_rows->nrows * 2 + 1] = (struct lf_cell){.state = LF_CELL_VALUE, .bytes = slice_of_text("row")};
    }
    return true;
}

static bool fake_asof(struct lf_load *load, struct lf_slice *ret_asof, struct lf_error *err)
{
    (void)err;
    const struct lf_session *session = load->session;
    *ret_asof = slice_of_text(load->next == 0 ? session->asof : session->last_asof);
    return true;
}

static bool fake_includes(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err)
{
    (void)err;
    assert_true(slice_equal(cursor, slice_of_text("cursor")));
    *ret = asof.len > 0 && *(const char *)asof.ptr == 'y';
    return true;
}

static void fake_close(struct lf_load *load)
{
    load->session->closed++;
    free(load);
}

static const struct lf_connector_ops ops = {.load_open = fake_open,
                                            .load_next = fake_next,
                                            .load_asof = fake_asof,
                                            .includes = fake_includes,
                                            .load_close = fake_close};

static bool is_cancelled(void *context)
{
    return ((struct lf_session *)context)->cancel;
}

struct fixture {
    struct bench bench;
    struct schema *schema;
    struct lf_session session;
    struct source_rows_options options;
    struct load_result result;
    struct lf_error err;
};

static const int64_t sorted[] = {-4, 1, 2, 30, 31};
static const int64_t unsorted[] = {30, -4, 31, 2, 1};
static const int64_t doubled[] = {1, 2, 2};
static const int64_t doubled_apart[] = {2, 1, 2};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    bench_init(&f->bench, 20);
    f->schema = bench_schema("1:id -3:gone 2:name", 1, 1);
    f->session = (struct lf_session){.keys = sorted,
                                     .nkeys = ARRAY_LEN(sorted),
                                     .ordered = true,
                                     .fail_at = SIZE_MAX,
                                     .asof = "y",
                                     .last_asof = "y at the end"};
    f->options = (struct source_rows_options){.ops = &ops,
                                              .session = &f->session,
                                              .table = "t",
                                              .schema = f->schema,
                                              .folder = "/tmp",
                                              .memory_bytes = (size_t)1 << 20,
                                              .cancelled = is_cancelled,
                                              .context = &f->session};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->session.opened, f->session.closed);
    load_result_done(&f->result);
    schema_free(&f->schema);
    bench_done(&f->bench);
    free(f);
    return 0;
}

static bool load(struct fixture *f)
{
    return load_chunk(&f->options, slice_of_text("cursor"), &f->bench.target, &f->result, &f->err);
}

static void read_keys(struct fixture *f, const int64_t *keys, size_t n)
{
    f->session.keys = keys;
    f->session.nkeys = n;
}

static void assert_rows(struct fixture *f)
{
    CLEANUP(buf_done) struct buf all = {0};
    assert_true(f->result.accepted);
    for (size_t i = 0; i < f->result.npartitions; i++) {
        CLEANUP(text_free) char *text = bench_text(&f->bench, f->result.partitions[i].path);
        buf_append_text(&all, text);
    }
    assert_string_equal(buf_text(&all), "-4,,\"row\"\n1,,\"row\"\n2,,\"row\"\n30,,\"row\"\n31,,\"row\"\n");
    assert_int_equal(f->result.rows, 5);
    assert_int_equal(f->result.bytes, all.len);
    assert_true(f->result.npartitions > 1);
}

static void assert_failed(struct fixture *f, enum lf_error_kind kind)
{
    assert_false(load(f));
    assert_int_equal(f->err.kind, kind);
    bench_assert_all_forgotten(&f->bench);
}

static void chunk_when_rows_come_in_order_then_written_as_they_come(void **state)
{
    assert_true(load(*state));
    assert_rows(*state);
}

static void chunk_when_rows_come_anyhow_then_sorted(void **state)
{
    struct fixture *f = *state;
    f->session.ordered = false;
    read_keys(f, unsorted, ARRAY_LEN(unsorted));
    assert_true(load(f));
    assert_rows(f);
}

static void chunk_when_it_has_bounds_then_the_connector_gets_them_as_cells(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_done) struct buf lo = {0};
    CLEANUP(buf_done) struct buf hi = {0};
    f->options.lo = bench_key(&lo, f->schema, -7);
    f->options.hi = bench_key(&hi, f->schema, 900);
    assert_true(load(f));
    assert_int_equal(f->session.lo_key, -7);
    assert_int_equal(f->session.hi_key, 900);
    assert_true(slice_equal(model_bytes_slice(&f->result.partitions[0].first_key), f->options.lo));
}

static void chunk_when_a_bound_is_damaged_then_fails(void **state)
{
    struct fixture *f = *state;
    f->options.lo = slice_of_text("x");
    assert_false(load(f));
    f->options.lo = (struct lf_slice){0};
    f->options.hi = slice_of_text("x");
    assert_false(load(f));
}

static void chunk_when_empty_then_no_partition_but_an_asof(void **state)
{
    struct fixture *f = *state;
    read_keys(f, sorted, 0);
    assert_true(load(f));
    assert_true(f->result.accepted);
    assert_int_equal(f->result.npartitions, 0);
    assert_true(f->result.asof.len > 0);
}

static void chunk_when_read_then_keeps_the_asof_of_its_end(void **state)
{
    struct fixture *f = *state;
    assert_true(load(f));
    assert_true(slice_equal(model_bytes_slice(&f->result.asof), slice_of_text("y at the end")));
}

static void chunk_when_the_snapshot_misses_the_cursor_then_nothing_is_written(void **state)
{
    struct fixture *f = *state;
    f->session.asof = "n";
    assert_true(load(f));
    assert_false(f->result.accepted);
    assert_int_equal(f->bench.ngiven, 0);
}

static void chunk_when_the_connector_gives_no_asof_then_internal(void **state)
{
    struct fixture *f = *state;
    f->session.asof = "";
    assert_failed(f, LF_INTERNAL);
    f->session.asof = "y";
    f->session.last_asof = "";
    assert_failed(f, LF_INTERNAL);
    assert_true(f->bench.ngiven > 0);
}

static void chunk_when_a_key_comes_twice_then_data_that_names_it(void **state)
{
    struct fixture *f = *state;
    read_keys(f, doubled, ARRAY_LEN(doubled));
    assert_failed(f, LF_DATA);
    assert_non_null(strstr(f->err.msg, "id=2"));
    f->session.ordered = false;
    read_keys(f, doubled_apart, ARRAY_LEN(doubled_apart));
    assert_failed(f, LF_DATA);
    assert_non_null(strstr(f->err.msg, "id=2"));
}

static void chunk_when_promised_order_is_broken_then_data(void **state)
{
    struct fixture *f = *state;
    read_keys(f, unsorted, ARRAY_LEN(unsorted));
    assert_failed(f, LF_DATA);
}

static void chunk_when_the_shape_is_another_then_schema(void **state)
{
    struct fixture *f = *state;
    f->session.refuse = true;
    assert_failed(f, LF_SCHEMA);
}

static void chunk_when_the_source_fails_midway_then_everything_is_forgotten(void **state)
{
    struct fixture *f = *state;
    f->session.fail_at = 4;
    assert_failed(f, LF_TRANSIENT);
    assert_true(f->bench.ngiven > 0);
    f->session.ordered = false;
    assert_failed(f, LF_TRANSIENT);
}

static void chunk_when_cancelled_then_everything_is_forgotten(void **state)
{
    struct fixture *f = *state;
    f->session.cancel = true;
    assert_failed(f, LF_CANCELLED);
}

static void chunk_when_the_lake_fails_at_any_call_then_everything_is_forgotten(void **state)
{
    struct fixture *f = *state;
    uint64_t n = 1;
    for (;; n++) {
        bench_forget_given(&f->bench);
        fault_lake_plan(f->bench.lake, &(struct fault_plan){.kind = FAULT_LOST, .fail_at = n});
        if (load(f)) {
            break;
        }
        assert_int_equal(fault_lake_fired(f->bench.lake), 1);
        bench_assert_all_forgotten(&f->bench);
    }
    assert_true(n > 5);
    assert_rows(f);
}

static void count_rows(void *context, uint64_t rows)
{
    ((struct lf_session *)context)->lo_key += (int64_t)rows;
}

static void chunk_when_read_then_tells_of_its_progress(void **state)
{
    struct fixture *f = *state;
    f->options.progress = count_rows;
    assert_true(load(f));
    assert_true(f->session.lo_key == INT64_MIN + 5);
}

#define load_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        load_test(chunk_when_rows_come_in_order_then_written_as_they_come),
        load_test(chunk_when_rows_come_anyhow_then_sorted),
        load_test(chunk_when_it_has_bounds_then_the_connector_gets_them_as_cells),
        load_test(chunk_when_a_bound_is_damaged_then_fails),
        load_test(chunk_when_empty_then_no_partition_but_an_asof),
        load_test(chunk_when_read_then_keeps_the_asof_of_its_end),
        load_test(chunk_when_the_snapshot_misses_the_cursor_then_nothing_is_written),
        load_test(chunk_when_the_connector_gives_no_asof_then_internal),
        load_test(chunk_when_a_key_comes_twice_then_data_that_names_it),
        load_test(chunk_when_promised_order_is_broken_then_data),
        load_test(chunk_when_the_shape_is_another_then_schema),
        load_test(chunk_when_the_source_fails_midway_then_everything_is_forgotten),
        load_test(chunk_when_cancelled_then_everything_is_forgotten),
        load_test(chunk_when_the_lake_fails_at_any_call_then_everything_is_forgotten),
        load_test(chunk_when_read_then_tells_of_its_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
