/* SPDX-License-Identifier: Apache-2.0
 *
 * What a connector that masks lets through: ops, rows, events, messages.
 */
#include "masking_bench.h"

#include "base/crypto.h"

#define STARS "***"

/* ---- what is expected ---- */

static struct lf_cell number(int64_t value)
{
    return (struct lf_cell){.state = LF_CELL_VALUE, .i = value};
}

static struct lf_cell bytes(const char *value)
{
    return (struct lf_cell){.state = LF_CELL_VALUE, .bytes = slice_of_text(value)};
}

static const struct lf_cell none = {.state = LF_CELL_NULL}, absent = {.state = LF_CELL_ABSENT};

static void assert_text(const struct lf_cell *cell, const char *expected)
{
    assert_int_equal(cell->state, LF_CELL_VALUE);
    assert_int_equal(cell->bytes.len, strlen(expected));
    assert_memory_equal(cell->bytes.ptr, expected, strlen(expected));
}

static void assert_hash(const struct lf_cell *cell, const char *lake_text)
{
    unsigned char mac[HMAC_SHA256_BYTES];
    char hex[2 * sizeof mac + 1];
    hmac_sha256(KEY.ptr, KEY.len, lake_text, strlen(lake_text), mac);
    for (size_t i = 0; i < sizeof mac; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", mac[i]);
    }
    assert_text(cell, hex);
}

/* ---- ops ---- */

/* All ops as what they are to a linker, so that one which is new in the ABI is among them. */
typedef void (*op)(void);
#define NOPS (sizeof(struct lf_connector_ops) / sizeof(op))
union ops {
    struct lf_connector_ops named;
    op list[NOPS];
};

static void stand_in(void)
{
}

static bool is_pure(size_t at)
{
    const size_t from = offsetof(struct lf_connector_ops, covers), to = offsetof(struct lf_connector_ops, changes_open);
    return at * sizeof(op) >= from && at * sizeof(op) < to;
}

static void ops_then_each_one_of_the_abi_is_wrapped_or_pure(UNUSED void **state)
{
    union ops inner, outer;
    for (size_t i = 0; i < NOPS; i++) {
        inner.list[i] = stand_in;
    }
    const struct lf_connector connector = {.ops = &inner.named};
    CLEANUP(masking_free) struct masking *masking = masking_new(&(struct masking_options){.connector = &connector});
    outer.named = *masking_connector(masking)->ops;
    assert_null(outer.named.open); /* masking_open is in its place */
    for (size_t i = 1; i < NOPS; i++) {
        if (outer.list[i] == NULL || (outer.list[i] == stand_in) != is_pure(i)) {
            fail_msg("op %zu of struct lf_connector_ops is %s", i,
                     outer.list[i] == NULL ? "forgotten" : "not what it should be");
        }
    }
}

static void ops_when_the_connector_lacks_optional_ones_then_they_are_absent(UNUSED void **state)
{
    const struct lf_connector_ops few = {.open = below_open};
    const struct lf_connector connector = {.ops = &few};
    CLEANUP(masking_free) struct masking *masking = masking_new(&(struct masking_options){.connector = &connector});
    const struct lf_connector_ops *ops = masking_connector(masking)->ops;
    assert_true(ops->check == NULL && ops->track == NULL && ops->untrack == NULL && ops->nudge == NULL);
    assert_true(ops->verify_catalog == NULL && ops->lag == NULL);
}

static const uint32_t first_key[] = {0};
static const struct lf_column two_columns[] = {
    {.id = 1, .name = "id", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1},
    {.id = 2, .name = "email", .source_type = "varchar", .type = LF_TYPE_STRING, .max_length = 80}};
static const struct lf_schema two = {two_columns, 2, first_key, 1};
static const struct masking_column hash_email = {"email", MASK_HASH, NULL};
static const struct masking_column hash_id = {"id", MASK_HASH, NULL};

static void ops_then_the_connector_below_gets_its_own_session(UNUSED void **state)
{
    struct top top;
    begin(&top, &two, &hash_email, 1);
    const struct lf_connector_ops *ops = top.ops;
    const char *identity = NULL;
    struct lf_slice cursor;
    struct lf_lag lag;
    below.calls = 0;
    ops->stop(top.session);
    assert_true(ops->identity(top.session, &identity, &top.err));
    assert_true(ops->check(top.session, NULL, 0, NULL, NULL, &top.err));
    assert_true(ops->track(top.session, NULL, 0, &top.err) && ops->untrack(top.session, &top.err));
    assert_true(ops->register_consumer(top.session, NULL, &cursor, &top.err));
    assert_true(ops->unregister_consumer(top.session, NULL, &top.err));
    assert_true(ops->position(top.session, &cursor, &top.err) && ops->nudge(top.session, &top.err));
    assert_true(ops->ack(top.session, NULL, slice_none(), &top.err));
    assert_true(ops->lag(top.session, NULL, &lag, &top.err));
    assert_int_equal(below.calls, 11);
    assert_true(lag.beyond_bytes == 1 && lag.retained_bytes == 2 && lag.left_bytes == 3);
    finish(&top);
}

/* ---- tables ---- */

static void tables_then_above_there_are_columns_of_the_lake_and_below_those_of_the_source(UNUSED void **state)
{
    struct top top;
    begin(&top, &two, &hash_email, 1);
    const struct lf_column *email = &top.state.schema.columns[1];
    assert_true(email->type == LF_TYPE_STRING && email->max_length == 64);
    assert_int_equal(strncmp(email->source_type, "masked hash ", 12), 0);
    assert_string_equal(top.state.schema.columns[0].source_type, "int8");
    below.look_at = 1;
    CLEANUP(text_free) char *expected = text_printf("%d varchar", LF_TYPE_STRING);
    assert_true(top.ops->load_plan(top.session, &top.state, 2, NULL, NULL, &top.err));
    assert_string_equal(below.handed_type, expected);
    below.handed_type[0] = '\0';
    (void)load(&top);
    assert_string_equal(below.handed_type, expected);
    below.handed_type[0] = '\0';
    follow(&top);
    assert_string_equal(below.handed_type, expected);
    finish(&top);
}

static void table_when_the_lake_has_other_masks_then_config(UNUSED void **state)
{
    struct top top;
    begin(&top, &two, &hash_email, 1);
    const struct lf_table_state clear = {.name = "t", .schema = two};
    bool ordered = false;
    assert_false(top.ops->load_plan(top.session, &clear, 2, NULL, NULL, &top.err));
    assert_int_equal(top.err.kind, LF_CONFIG);
    assert_false(top.ops->load_open(top.session, &clear, (struct lf_bound){0}, (struct lf_bound){0}, &top.load,
                                    &ordered, &top.err));
    assert_int_equal(top.err.kind, LF_CONFIG);
    assert_false(top.ops->changes_open(top.session, slice_of_text("cursor"), &clear, 1, &top.changes, &top.err));
    assert_int_equal(top.err.kind, LF_CONFIG);
    finish(&top);
}

/* ---- cells ---- */

static const struct typed {
    enum lf_type type;
    uint8_t precision, scale;
    struct lf_cell cell;
    const char *lake_text;
} typed[] = {
    {LF_TYPE_BOOLEAN, 0, 0, {.state = LF_CELL_VALUE, .i = 1}, "True"},
    {LF_TYPE_INT64, 0, 0, {.state = LF_CELL_VALUE, .i = -42}, "-42"},
    {LF_TYPE_DOUBLE, 0, 0, {.state = LF_CELL_VALUE, .d = 1.5}, "1.5"},
    {LF_TYPE_DECIMAL, 10, 2, {.state = LF_CELL_VALUE, .bytes = {"12.50", 5}}, "12.50"},
    {LF_TYPE_STRING, 0, 0, {.state = LF_CELL_VALUE, .bytes = {SECRET, 6}}, SECRET},
    {LF_TYPE_BINARY, 0, 0, {.state = LF_CELL_VALUE, .bytes = {SECRET, 6}}, "c0VjUmVU"},
    {LF_TYPE_GUID,
     0,
     0,
     {.state = LF_CELL_VALUE, .bytes = {"0123abcd-0000-0000-0000-0123456789ab", 36}},
     "0123abcd-0000-0000-0000-0123456789ab"},
    {LF_TYPE_DATE, 0, 0, {.state = LF_CELL_VALUE, .bytes = {"2001-02-03", 10}}, "2001-02-03"},
    {LF_TYPE_TIME, 0, 3, {.state = LF_CELL_VALUE, .bytes = {"01:02:03.5", 10}}, "01:02:03.500"},
    {LF_TYPE_DATETIME, 0, 0, {.state = LF_CELL_VALUE, .bytes = {"2024-02-29T01:02:03", 19}}, "2024-02-29T01:02:03Z"},
    {LF_TYPE_DATETIMEOFFSET,
     0,
     0,
     {.state = LF_CELL_VALUE, .bytes = {"2024-03-01T00:29:03+00:30", 25}},
     "2024-02-29T23:59:03Z"},
    {LF_TYPE_JSON, 0, 0, {.state = LF_CELL_VALUE, .bytes = {"{}", 2}}, "{}"},
};
_Static_assert(ARRAY_LEN(typed) == LF_TYPE_JSON + 1, "one for each type");

/* id, and for each type three columns, one for each mask: type by type, NULL FIXED HASH. */
#define NMASKED (3 * ARRAY_LEN(typed))
static struct lf_column all_columns[1 + NMASKED];
static struct masking_column all_masks[NMASKED];
static char all_names[NMASKED][8];

static void begin_all(struct top *top)
{
    all_columns[0] = two_columns[0];
    for (size_t i = 0; i < NMASKED; i++) {
        const struct typed *t = &typed[i / 3];
        (void)snprintf(all_names[i], sizeof all_names[i], "c%zu", i);
        all_columns[1 + i] = (struct lf_column){.id = (uint32_t)i + 2,
                                                .name = all_names[i],
                                                .source_type = "declared",
                                                .type = t->type,
                                                .max_length = -1,
                                                .precision = t->precision,
                                                .scale = t->scale};
        all_masks[i] = (struct masking_column){all_names[i], (enum mask_kind)(i % 3), STARS};
    }
    const struct lf_schema schema = {all_columns, ARRAY_LEN(all_columns), first_key, 1};
    begin(top, &schema, all_masks, NMASKED);
}

/* `given` NULL: the value of each type. */
static void fill(struct lf_cell *cells, const struct lf_cell *given)
{
    cells[0] = number(1);
    for (size_t i = 0; i < NMASKED; i++) {
        cells[1 + i] = given != NULL ? *given : typed[i / 3].cell;
    }
}

static void assert_masked(const struct lf_cell *cells, const struct lf_cell *given)
{
    assert_int_equal(cells[0].i, 1);
    for (size_t i = 0; i < NMASKED; i += 3) {
        assert_int_equal(cells[1 + i].state, LF_CELL_NULL);
        assert_text(&cells[2 + i], STARS);
        if (given == NULL) {
            assert_hash(&cells[3 + i], typed[i / 3].lake_text);
        } else {
            assert_int_equal(cells[3 + i].state, given->state);
        }
    }
}

static void load_then_each_type_has_each_mask_and_null_stays_null_under_a_hash(UNUSED void **state)
{
    static struct lf_cell cells[2][1 + NMASKED];
    struct top top;
    begin_all(&top);
    fill(cells[0], NULL);
    fill(cells[1], &none);
    below.rows = (struct lf_rows){cells[0], 2};
    const struct lf_rows rows = load(&top);
    assert_int_equal(rows.nrows, 2);
    assert_masked(rows.cells, NULL);
    assert_masked(rows.cells + 1 + NMASKED, &none);
    finish(&top);
}

static void row_then_each_type_has_each_mask_whatever_the_change(UNUSED void **state)
{
    static struct lf_cell cells[3][1 + NMASKED];
    struct top top;
    struct lf_event events[3];
    begin_all(&top);
    follow(&top);
    fill(cells[0], NULL);
    fill(cells[1], &none);
    fill(cells[2], &absent);
    for (int change = LF_OP_INSERT; change <= LF_OP_UPSERT; change++) {
        for (size_t i = 0; i < ARRAY_LEN(events); i++) {
            events[i] = (struct lf_event){.kind = LF_EVENT_ROW, .op = (enum lf_op)change, .cells = cells[i]};
        }
        if (change != LF_OP_DELETE) {
            const struct lf_event *got = receive(&top, events, ARRAY_LEN(events));
            assert_masked(got[0].cells, NULL);
            assert_masked(got[1].cells, &none);
            assert_masked(got[2].cells, &absent);
        }
    }
    finish(&top);
}

/* ---- keys ---- */

static void keys_when_masked_then_hashed_in_row_old_key_and_delete(UNUSED void **state)
{
    struct top top;
    begin(&top, &two, &hash_id, 1);
    follow(&top);
    const struct lf_cell old = number(41), row[] = {number(42), absent}, gone[] = {number(43), bytes(SECRET)};
    const struct lf_event events[] = {{.kind = LF_EVENT_ROW, .op = LF_OP_UPDATE, .cells = row, .old_key = &old},
                                      {.kind = LF_EVENT_ROW, .op = LF_OP_DELETE, .cells = gone}};
    const struct lf_event *got = receive(&top, events, ARRAY_LEN(events));
    assert_hash(&got[0].cells[0], "42");
    assert_int_equal(got[0].cells[1].state, LF_CELL_ABSENT);
    assert_hash(&got[0].old_key[0], "41");
    assert_hash(&got[1].cells[0], "43");
    assert_int_equal(got[1].cells[1].state, LF_CELL_NULL);
    finish(&top);
}

static void key_when_not_masked_then_it_stays_and_a_delete_keeps_nothing_else(UNUSED void **state)
{
    struct top top;
    begin(&top, &two, &hash_email, 1);
    follow(&top);
    const struct lf_cell old = number(41), row[] = {number(42), bytes(SECRET)};
    const struct lf_event events[] = {{.kind = LF_EVENT_ROW, .op = LF_OP_UPDATE, .cells = row, .old_key = &old},
                                      {.kind = LF_EVENT_ROW, .op = LF_OP_DELETE, .cells = row}};
    const struct lf_event *got = receive(&top, events, ARRAY_LEN(events));
    assert_true(got[0].cells[0].i == 42 && got[0].old_key[0].i == 41 && got[1].cells[0].i == 42);
    assert_hash(&got[0].cells[1], SECRET);
    assert_int_equal(got[1].cells[1].state, LF_CELL_NULL);
    finish(&top);
}

static bool count_bound(void *context, struct lf_bound bound, struct lf_error *err)
{
    (void)err;
    assert_int_equal(bound.cells[0].i, 5);
    ++*(size_t *)context;
    return true;
}

static void load_when_the_key_is_not_masked_then_bounds_and_order_are_those_of_the_source(UNUSED void **state)
{
    struct top top;
    size_t bounds = 0;
    bool ordered = false;
    begin(&top, &two, &hash_email, 1);
    below.has_bound = true;
    below.bound = number(5);
    assert_true(top.ops->load_plan(top.session, &top.state, 2, count_bound, &bounds, &top.err));
    assert_int_equal(bounds, 1);
    open_load(&top, (struct lf_bound){&below.bound}, (struct lf_bound){0}, &ordered);
    assert_true(ordered && below.bounded);
    finish(&top);
}

/* Hashes are not in the order of the source, so that it can neither cut nor order by them. */
static void load_when_the_key_is_masked_then_cut_above_the_source_and_unordered(UNUSED void **state)
{
    struct top top;
    size_t bounds = 0, below_bound = 0;
    bool ordered = true;
    struct lf_rows rows;
    struct lf_cell cells[40];
    const struct lf_cell middle = bytes("8000000000000000000000000000000000000000000000000000000000000000");
    begin(&top, &two, &hash_id, 1);
    below.has_bound = true;
    below.bound = number(5);
    for (size_t i = 0; i < 20; i++) {
        cells[2 * i] = number((int64_t)i);
        cells[2 * i + 1] = none;
    }
    below.rows = (struct lf_rows){cells, 20};
    assert_true(top.ops->load_plan(top.session, &top.state, 2, count_bound, &bounds, &top.err));
    assert_int_equal(bounds, 0);
    for (int upper = 0; upper <= 1; upper++) {
        const struct lf_bound bound = {&middle}, open = {0};
        open_load(&top, upper ? bound : open, upper ? open : bound, &ordered);
        assert_false(ordered || below.bounded);
        assert_true(top.ops->load_next(top.load, &rows, &top.err));
        for (size_t i = 0; i < rows.nrows; i++) {
            assert_int_equal(memcmp(rows.cells[2 * i].bytes.ptr, middle.bytes.ptr, 64) >= 0, upper);
        }
        below_bound += rows.nrows;
        top.ops->load_close(top.load);
        top.load = NULL;
    }
    assert_int_equal(below_bound, 20);
    finish(&top);
}

/* ---- what is said of values ---- */

static void assert_silent(const struct top *top)
{
    if (strstr(top->err.msg, SECRET) != NULL) {
        fail_msg("%s: %s", lf_error_kind_name(top->err.kind), top->err.msg);
    }
}

static void failure_when_its_kind_may_name_a_value_then_its_message_is_replaced(UNUSED void **state)
{
    static const enum lf_error_kind kinds[] = {LF_DATA, LF_LIMIT, LF_INTERNAL};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct top top;
        struct lf_rows rows;
        struct lf_batch batch;
        begin(&top, &two, &hash_email, 1);
        (void)load(&top);
        follow(&top);
        below.failing = kinds[i];
        assert_false(top.ops->load_plan(top.session, &top.state, 2, NULL, NULL, &top.err));
        assert_silent(&top);
        assert_false(top.ops->load_next(top.load, &rows, &top.err));
        assert_silent(&top);
        assert_true(top.err.kind == kinds[i] && top.err.code == 7);
        assert_non_null(strstr(top.err.msg, "table t"));
        assert_false(top.ops->changes_next(top.changes, 0, &batch, &top.err));
        assert_silent(&top);
        assert_true(top.err.kind == kinds[i] && top.err.code == 7);
        assert_false(top.ops->verify_catalog(top.changes, &batch, &top.err));
        assert_silent(&top);
        finish(&top);
    }
}

static void failure_when_nothing_is_masked_in_the_table_then_its_message_stays(UNUSED void **state)
{
    struct top top;
    struct lf_rows rows;
    begin(&top, &two, NULL, 0);
    (void)load(&top);
    below.failing = LF_DATA;
    assert_false(top.ops->load_next(top.load, &rows, &top.err));
    assert_non_null(strstr(top.err.msg, SECRET));
    finish(&top);
}

static void failure_of_another_kind_then_as_it_is(UNUSED void **state)
{
    struct top top;
    struct lf_batch batch;
    begin(&top, &two, &hash_email, 1);
    follow(&top);
    below.failing = LF_TRANSIENT;
    assert_false(top.ops->changes_next(top.changes, 0, &batch, &top.err));
    assert_true(top.err.kind == LF_TRANSIENT && strstr(top.err.msg, "no good") != NULL);
    finish(&top);
}

static void refused_cell_then_neither_value_nor_masked_key_is_told(UNUSED void **state)
{
    const struct lf_refusal refusal = {LF_DATA, "row " SECRET ": the value " SECRET, {SECRET, 6}};
    const struct lf_cell refused = {.state = LF_CELL_REFUSED, .refusal = &refusal};
    struct top top;
    begin(&top, &two, &hash_email, 1); /* of a masked column */
    const struct lf_cell row[] = {number(1), refused};
    below.rows = (struct lf_rows){row, 1};
    const struct lf_refusal *told = load(&top).cells[1].refusal;
    assert_null(strstr(told->reason, SECRET));
    assert_int_equal(told->start.len, 0);
    finish(&top);
    begin(&top, &two, &hash_id, 1); /* of a row whose key is masked */
    below.rows = (struct lf_rows){row, 1};
    assert_null(strstr(load(&top).cells[1].refusal->reason, SECRET));
    finish(&top);
    begin(&top, &two, NULL, 0);
    below.rows = (struct lf_rows){row, 1};
    assert_ptr_equal(load(&top).cells[1].refusal, &refusal);
    finish(&top);
}

static void fault_then_its_reason_is_told_only_if_its_kind_names_no_value(UNUSED void **state)
{
    static const struct lf_event events[] = {
        {.kind = LF_EVENT_FAULT, .fault = LF_DATA, .reason = "the value " SECRET},
        {.kind = LF_EVENT_FAULT, .fault = LF_LIMIT, .reason = "the value " SECRET},
        {.kind = LF_EVENT_FAULT, .fault = LF_SCHEMA, .reason = "the table was dropped"}};
    struct top top;
    begin(&top, &two, &hash_email, 1);
    follow(&top);
    const struct lf_event *got = receive(&top, events, ARRAY_LEN(events));
    assert_null(strstr(got[0].reason, SECRET));
    assert_null(strstr(got[1].reason, SECRET));
    assert_string_equal(got[2].reason, "the table was dropped");
    finish(&top);
}

/* ---- columns that change ---- */

static const struct lf_column renamed_columns[] = {
    {.id = 1, .name = "id", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1},
    {.id = 2, .name = "post", .source_type = "varchar", .type = LF_TYPE_STRING, .max_length = 80},
    {.id = 3, .name = "email", .source_type = "varchar", .type = LF_TYPE_STRING, .max_length = 80}};
static const struct lf_schema renamed = {renamed_columns, 3, first_key, 1};

static void schema_when_a_masked_column_is_renamed_then_it_and_the_one_of_its_name_are_masked(UNUSED void **state)
{
    static const enum lf_event_kind kinds[] = {LF_EVENT_SCHEMA, LF_EVENT_RELOAD};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct top top;
        begin(&top, &two, &hash_email, 1);
        follow(&top);
        const struct lf_cell row[] = {number(1), bytes(SECRET), bytes("other")};
        const struct lf_event events[] = {{.kind = kinds[i], .schema = &renamed, .reason = "columns changed"},
                                          {.kind = LF_EVENT_ROW, .op = LF_OP_INSERT, .cells = row}};
        const struct lf_event *got = receive(&top, events, ARRAY_LEN(events));
        assert_int_equal(strncmp(got[0].schema->columns[1].source_type, "masked hash ", 12), 0);
        assert_int_equal(strncmp(got[0].schema->columns[2].source_type, "masked hash ", 12), 0);
        assert_hash(&got[1].cells[1], SECRET);
        assert_hash(&got[1].cells[2], "other");
        finish(&top);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ops_then_each_one_of_the_abi_is_wrapped_or_pure),
        cmocka_unit_test(ops_when_the_connector_lacks_optional_ones_then_they_are_absent),
        cmocka_unit_test(ops_then_the_connector_below_gets_its_own_session),
        cmocka_unit_test(tables_then_above_there_are_columns_of_the_lake_and_below_those_of_the_source),
        cmocka_unit_test(table_when_the_lake_has_other_masks_then_config),
        cmocka_unit_test(load_then_each_type_has_each_mask_and_null_stays_null_under_a_hash),
        cmocka_unit_test(row_then_each_type_has_each_mask_whatever_the_change),
        cmocka_unit_test(keys_when_masked_then_hashed_in_row_old_key_and_delete),
        cmocka_unit_test(key_when_not_masked_then_it_stays_and_a_delete_keeps_nothing_else),
        cmocka_unit_test(load_when_the_key_is_not_masked_then_bounds_and_order_are_those_of_the_source),
        cmocka_unit_test(load_when_the_key_is_masked_then_cut_above_the_source_and_unordered),
        cmocka_unit_test(failure_when_its_kind_may_name_a_value_then_its_message_is_replaced),
        cmocka_unit_test(failure_when_nothing_is_masked_in_the_table_then_its_message_stays),
        cmocka_unit_test(failure_of_another_kind_then_as_it_is),
        cmocka_unit_test(refused_cell_then_neither_value_nor_masked_key_is_told),
        cmocka_unit_test(fault_then_its_reason_is_told_only_if_its_kind_names_no_value),
        cmocka_unit_test(schema_when_a_masked_column_is_renamed_then_it_and_the_one_of_its_name_are_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
