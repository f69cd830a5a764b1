/* SPDX-License-Identifier: Apache-2.0 */
#include "commit/control.h"
#include "lake/path.h"
#include "world.h"

static void read_when_there_is_no_file_then_enabled(UNUSED void **state)
{
    struct world *world = world_new();
    CLEANUP(lake_close) struct lake *lake = memory_lake_open(world->store);
    CLEANUP(lake_control_done) struct lake_control control = {0};
    struct lf_error err = {0};
    assert_true(lake_control_read(lake, &control, &err));
    assert_true(control.enabled);
    assert_null(control.reason);
    lake_close(&lake);
    world_free(world);
}

static void write_when_done_twice_then_read_gives_the_last(UNUSED void **state)
{
    struct world *world = world_new();
    CLEANUP(lake_close) struct lake *lake = memory_lake_open(world->store);
    struct lf_error err = {0};
    char reason[] = "moving \"house\"";
    const struct lake_control off = {.enabled = false, .reason = reason, .since_ms = 1700000000123};
    const struct lake_control on = {.enabled = true, .since_ms = 1700000000456};
    CLEANUP(lake_control_done) struct lake_control found = {0};
    assert_true(lake_control_write(lake, "/tmp", &off, &err));
    assert_true(lake_control_read(lake, &found, &err));
    assert_false(found.enabled);
    assert_string_equal(found.reason, reason);
    assert_int_equal(found.since_ms, off.since_ms);
    lake_control_done(&found);
    assert_true(lake_control_write(lake, "/tmp", &on, &err));
    assert_true(lake_control_read(lake, &found, &err));
    assert_true(found.enabled);
    lake_close(&lake);
    world_free(world);
}

static void read_when_the_file_is_damaged_then_an_error_and_never_enabled(UNUSED void **state)
{
    static const char *const texts[] = {"", "{", "{}", "{\"enabled\": 1, \"sinceMs\": 2}", "{\"enabled\": true}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct world *world = world_new();
        CLEANUP(lake_close) struct lake *lake = memory_lake_open(world->store);
        CLEANUP(lake_control_done) struct lake_control control = {0};
        struct lf_error err = {0};
        memory_store_put(world->store, LAKE_PATH_CONTROL, texts[i], strlen(texts[i]));
        assert_false(lake_control_read(lake, &control, &err));
        assert_int_equal(err.kind, LF_DATA);
        assert_non_null(strstr(err.msg, LAKE_PATH_CONTROL));
        lake_close(&lake);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_when_there_is_no_file_then_enabled),
        cmocka_unit_test(write_when_done_twice_then_read_gives_the_last),
        cmocka_unit_test(read_when_the_file_is_damaged_then_an_error_and_never_enabled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
