/* SPDX-License-Identifier: Apache-2.0 */
#include "verify_fixture.h"

static void verify_when_lake_is_up_to_date_then_all_rows_are_equal(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    const struct verify_entity *orders = verify(&fixture);
    assert_true(fixture.result.equal);
    assert_int_equal(orders->rows, ROWS);
    assert_int_equal(orders->difference_count, 0);
    assert_int_equal(orders->moving, 0);
    assert_null(orders->skipped);
}

static void verify_when_a_digit_is_altered_then_key_and_column_are_named(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    alter(&fixture, "14,1014", "14,1914", /* honest= */ true);
    const struct verify_entity *orders = verify(&fixture);
    assert_false(fixture.result.equal);
    assert_int_equal(orders->difference_count, 1);
    assert_int_equal(orders->differences[0].kind, VERIFY_DIFFERS);
    assert_string_equal(orders->differences[0].key, "id=14");
    assert_string_equal(orders->differences[0].column, "amount");
    assert_string_equal(orders->differences[0].lake, "1914");
    assert_string_equal(orders->differences[0].source, "1014");
}

static void verify_when_the_sum_of_a_file_is_wrong_then_row_and_file_are_named(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    alter(&fixture, "14,1014", "14,1914", /* honest= */ false);
    CLEANUP(text_free) char *path = find_partition(&fixture, "14,1914");
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 2);
    assert_string_equal(orders->differences[0].key, "id=14");
    assert_string_equal(orders->differences[1].key, path);
}

static void verify_when_a_row_is_cut_out_of_the_lake_then_it_is_missing(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    alter(&fixture, "14,1014,\"note\"\n", "", /* honest= */ false);
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 2);
    assert_true(has_key(orders, VERIFY_MISSING, "id=14"));
    assert_int_equal(count_kind(orders, VERIFY_FILE), 1);
}

static void verify_when_the_lake_has_a_row_of_its_own_then_it_is_extra(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    alter(&fixture, "14,1014,\"note\"\n", "14,1014,\"note\"\n15,1,\"note\"\n", /* honest= */ false);
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 2);
    assert_true(has_key(orders, VERIFY_EXTRA, "id=15"));
}

static void verify_when_a_file_is_missing_then_it_is_named_and_the_others_are_compared(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    CLEANUP(text_free) char *path = find_partition(&fixture, "14,1014");
    alter(&fixture, "40,1040", "40,1940", /* honest= */ true);
    memory_store_remove(fixture.store, path);
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 2);
    assert_true(has_key(orders, VERIFY_FILE, path));
    assert_true(has_key(orders, VERIFY_DIFFERS, "id=40"));
    assert_in_range(orders->rows, 1, ROWS - 1);
}

static void verify_when_a_file_cannot_be_parsed_then_no_row_behind_the_damage_is_claimed(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    alter(&fixture, "\"note\"", "\"no\"te\"", /* honest= */ false);
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 1);
    assert_int_equal(orders->differences[0].kind, VERIFY_FILE);
}

static void verify_when_a_key_is_altered_out_of_order_then_no_row_behind_it_is_claimed(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    alter(&fixture, "2,1002", "9,1002", /* honest= */ true);
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 1);
    assert_int_equal(orders->differences[0].kind, VERIFY_FILE);
}

static void verify_when_rows_changed_after_the_commit_then_they_are_no_difference(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    struct lf_error err;
    setup_orders(&fixture, "");
    update_order(&fixture, 14, 1);
    struct example_txn *txn = example_begin(fixture.db);
    const struct lf_cell gone = number(20);
    insert_order(txn, 7);
    assert_ok(example_delete(txn, "orders", &gone, &err), &err);
    (void)example_commit_visible(txn);
    const struct verify_entity *orders = verify(&fixture);
    assert_true(fixture.result.equal);
    assert_int_equal(orders->difference_count, 0);
    assert_int_equal(orders->moving, 3);
}

static void verify_when_a_key_moved_after_the_commit_then_both_keys_are_no_difference(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    struct lf_error err;
    setup_orders(&fixture, "");
    struct example_txn *txn = example_begin(fixture.db);
    const struct lf_cell key = number(14);
    const struct lf_cell cells[] = {number(99), number(1014), text("note")};
    assert_ok(example_update(txn, "orders", &key, cells, &err), &err);
    (void)example_commit_visible(txn);
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 0);
    assert_int_equal(orders->moving, 2);
}

static void verify_when_the_next_commit_brings_the_change_then_nothing_is_left_open(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    update_order(&fixture, 14, 1);
    fixture.on_sleep = commit_lake;
    const struct verify_entity *orders = verify(&fixture);
    assert_true(fixture.result.equal);
    assert_int_equal(orders->moving, 0);
    assert_int_equal(orders->rows, ROWS);
}

static void verify_when_other_rows_change_then_an_altered_row_is_still_found(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    alter(&fixture, "14,1014", "14,1914", /* honest= */ true);
    update_order(&fixture, 12, 1);
    update_order(&fixture, 16, 1);
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 1);
    assert_true(has_key(orders, VERIFY_DIFFERS, "id=14"));
    assert_int_equal(orders->moving, 2);
}

static void verify_when_keys_are_compared_again_then_a_difference_is_counted_once(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    alter(&fixture, "14,1014", "14,1914", /* honest= */ true);
    update_order(&fixture, 12, 1);
    fixture.on_sleep = commit_lake;
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 1);
    assert_true(has_key(orders, VERIFY_DIFFERS, "id=14"));
    assert_int_equal(orders->moving, 0);
}

/* While the source is being read (and no earlier): several commits, so that the files of the first one are gone. */
static void commit_often(struct fixture *fixture)
{
    if (fixture->opens < 2) {
        return;
    }
    fixture->on_step = NULL;
    for (int64_t amount = 1; amount <= 4; amount++) {
        update_order(fixture, 14, amount);
        commit_lake(fixture);
    }
}

static void verify_when_a_file_goes_with_its_commit_then_it_goes_on_with_the_next_one(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    CLEANUP(buf_done) struct buf bytes = {0};
    setup_orders(&fixture, "?ordered=false"); /* after a first look one read against all files */
    CLEANUP(text_free) char *path = find_partition(&fixture, "14,1014");
    fixture.on_step = commit_often;
    const struct verify_entity *orders = verify(&fixture);
    assert_false(memory_store_get(fixture.store, path, &bytes));
    assert_int_equal(orders->difference_count, 0);
    assert_int_equal(orders->moving, 0);
    assert_int_equal(orders->rows, ROWS);
}

static void verify_when_the_source_gives_no_order_then_rows_are_compared_all_the_same(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "?ordered=false");
    assert_int_equal(verify(&fixture)->rows, ROWS);
    assert_true(fixture.result.equal);
    alter(&fixture, "14,1014", "14,1914", /* honest= */ true);
    update_order(&fixture, 12, 1);
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 1);
    assert_true(has_key(orders, VERIFY_DIFFERS, "id=14"));
    assert_int_equal(orders->moving, 1);
}

static void verify_when_the_table_was_truncated_after_the_commit_then_nothing_is_claimed(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    struct lf_error err;
    setup_orders(&fixture, "");
    struct example_txn *txn = example_begin(fixture.db);
    assert_ok(example_truncate(txn, "orders", &err), &err);
    (void)example_commit_visible(txn);
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 0);
    assert_int_equal(orders->moving, ROWS);
}

static void verify_when_rows_changed_without_events_then_nothing_is_claimed(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    struct lf_error err;
    setup_orders(&fixture, "");
    struct example_txn *txn = example_begin(fixture.db);
    assert_ok(example_rewrite(txn, "orders", /* silent= */ true, &err), &err);
    (void)example_commit_visible(txn);
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 0);
    assert_int_equal(orders->moving, ROWS);
}

static void add_column(struct fixture *fixture)
{
    static const struct lf_column column = {
        .name = "extra", .source_type = "int", .type = LF_TYPE_INT64, .max_length = -1};
    struct lf_error err;
    struct example_txn *txn = example_begin(fixture->db);
    assert_ok(example_add_column(txn, "orders", &column, NULL, &err), &err);
    (void)example_commit_visible(txn);
}

static void verify_when_the_shape_changed_after_the_commit_then_the_entity_is_not_compared(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    add_column(&fixture);
    const struct verify_entity *orders = verify(&fixture);
    assert_true(fixture.result.equal);
    assert_non_null(orders->skipped);
}

static void verify_when_the_next_commit_brings_the_shape_then_the_entity_is_compared(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    setup_orders(&fixture, "");
    add_column(&fixture);
    fixture.on_sleep = commit_lake;
    const struct verify_entity *orders = verify(&fixture);
    assert_null(orders->skipped);
    assert_int_equal(orders->rows, ROWS);
    assert_int_equal(orders->difference_count, 0);
}

static void verify_when_a_column_before_the_key_was_dropped_then_keys_of_changes_are_still_right(UNUSED void **state)
{
    static const struct lf_column columns[] = {
        {.name = "note", .source_type = "text", .type = LF_TYPE_STRING, .max_length = -1},
        {.name = "id", .source_type = "int", .type = LF_TYPE_INT64, .max_length = -1},
        {.name = "amount", .source_type = "int", .type = LF_TYPE_INT64, .max_length = -1},
    };
    CLEANUP(teardown) struct fixture fixture;
    struct lf_error err;
    setup(&fixture, 1, "");
    create_orders(&fixture, columns, /* key= */ 1);
    struct example_txn *txn = example_begin(fixture.db);
    assert_ok(example_insert(txn, "orders", (struct lf_cell[]){text("a"), number(14), number(1)}, &err), &err);
    (void)example_commit_visible(txn);
    commit_lake(&fixture);
    txn = example_begin(fixture.db);
    assert_ok(example_drop_column(txn, "orders", "note", &err), &err);
    (void)example_commit_visible(txn);
    commit_lake(&fixture);
    txn = example_begin(fixture.db);
    const struct lf_cell key = number(14);
    assert_ok(example_update(txn, "orders", &key, (struct lf_cell[]){number(14), number(2)}, &err), &err);
    (void)example_commit_visible(txn);
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 0);
    assert_int_equal(orders->moving, 1);
}

static void verify_when_an_entity_stands_still_then_it_is_not_compared(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    struct lf_error err;
    setup_orders(&fixture, "");
    struct example_txn *txn = example_begin(fixture.db);
    assert_ok(example_fault(txn, "orders", LF_DATA, "a bad row", &err), &err);
    (void)example_commit_visible(txn);
    commit_lake(&fixture);
    const struct verify_entity *orders = verify(&fixture);
    assert_true(fixture.result.equal);
    assert_non_null(strstr(orders->skipped, "a bad row"));
}

static void make_visible(struct fixture *fixture)
{
    example_make_all_visible(fixture->db);
}

static void verify_when_the_source_shows_less_than_the_lake_then_it_waits(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    struct lf_error err;
    setup_orders(&fixture, "");
    struct example_txn *txn = example_begin(fixture.db);
    const struct lf_cell key = number(14);
    const struct lf_cell cells[] = {number(14), number(1), text("note")};
    assert_ok(example_update(txn, "orders", &key, cells, &err), &err);
    (void)example_commit(txn);
    commit_lake(&fixture);
    fixture.on_sleep = make_visible;
    const struct verify_entity *orders = verify(&fixture);
    assert_int_equal(orders->difference_count, 0);
    assert_int_equal(orders->moving, 0);
    assert_int_equal(orders->rows, ROWS);
}

static void verify_when_the_source_is_busy_once_then_it_goes_on(UNUSED void **state)
{
    for (uint64_t call = 1; call <= 12; call++) {
        CLEANUP(teardown) struct fixture fixture;
        setup_orders(&fixture, "");
        alter(&fixture, "14,1014", "14,1914", /* honest= */ true);
        fixture.on_sleep = commit_lake;
        fixture.fail_call = call;
        const struct verify_entity *orders = verify(&fixture);
        assert_int_equal(orders->rows, ROWS);
        assert_int_equal(orders->difference_count, 1);
        assert_true(has_key(orders, VERIFY_DIFFERS, "id=14"));
    }
}

static void verify_when_a_name_is_unknown_then_it_is_refused(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    struct lf_error err;
    setup_orders(&fixture, "");
    assert_false(try_verify(&fixture, "nothing", &err));
    assert_int_equal(err.kind, LF_CONFIG);
}

static void verify_when_the_lake_is_empty_then_it_says_so(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    struct lf_error err;
    setup(&fixture, 1, "");
    assert_false(try_verify(&fixture, NULL, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
}

static void verify_when_the_source_has_forgotten_the_changes_then_that_is_told(UNUSED void **state)
{
    CLEANUP(teardown) struct fixture fixture;
    CLEANUP(buf_done) struct buf model = {0};
    struct lf_error err;
    setup_orders(&fixture, "");
    assert_true(memory_store_get(fixture.store, "model.json", &model));
    update_order(&fixture, 14, 1);
    commit_lake(&fixture);
    memory_store_put(fixture.store, "model.json", model.ptr, model.len); /* a lake that was set back */
    assert_false(try_verify(&fixture, NULL, &err));
    assert_int_equal(err.kind, LF_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_when_lake_is_up_to_date_then_all_rows_are_equal),
        cmocka_unit_test(verify_when_a_digit_is_altered_then_key_and_column_are_named),
        cmocka_unit_test(verify_when_the_sum_of_a_file_is_wrong_then_row_and_file_are_named),
        cmocka_unit_test(verify_when_a_row_is_cut_out_of_the_lake_then_it_is_missing),
        cmocka_unit_test(verify_when_the_lake_has_a_row_of_its_own_then_it_is_extra),
        cmocka_unit_test(verify_when_a_file_is_missing_then_it_is_named_and_the_others_are_compared),
        cmocka_unit_test(verify_when_a_file_cannot_be_parsed_then_no_row_behind_the_damage_is_claimed),
        cmocka_unit_test(verify_when_a_key_is_altered_out_of_order_then_no_row_behind_it_is_claimed),
        cmocka_unit_test(verify_when_rows_changed_after_the_commit_then_they_are_no_difference),
        cmocka_unit_test(verify_when_a_key_moved_after_the_commit_then_both_keys_are_no_difference),
        cmocka_unit_test(verify_when_the_next_commit_brings_the_change_then_nothing_is_left_open),
        cmocka_unit_test(verify_when_other_rows_change_then_an_altered_row_is_still_found),
        cmocka_unit_test(verify_when_keys_are_compared_again_then_a_difference_is_counted_once),
        cmocka_unit_test(verify_when_a_file_goes_with_its_commit_then_it_goes_on_with_the_next_one),
        cmocka_unit_test(verify_when_the_source_gives_no_order_then_rows_are_compared_all_the_same),
        cmocka_unit_test(verify_when_the_table_was_truncated_after_the_commit_then_nothing_is_claimed),
        cmocka_unit_test(verify_when_rows_changed_without_events_then_nothing_is_claimed),
        cmocka_unit_test(verify_when_the_shape_changed_after_the_commit_then_the_entity_is_not_compared),
        cmocka_unit_test(verify_when_the_next_commit_brings_the_shape_then_the_entity_is_compared),
        cmocka_unit_test(verify_when_a_column_before_the_key_was_dropped_then_keys_of_changes_are_still_right),
        cmocka_unit_test(verify_when_an_entity_stands_still_then_it_is_not_compared),
        cmocka_unit_test(verify_when_the_source_shows_less_than_the_lake_then_it_waits),
        cmocka_unit_test(verify_when_the_source_is_busy_once_then_it_goes_on),
        cmocka_unit_test(verify_when_a_name_is_unknown_then_it_is_refused),
        cmocka_unit_test(verify_when_the_lake_is_empty_then_it_says_so),
        cmocka_unit_test(verify_when_the_source_has_forgotten_the_changes_then_that_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
