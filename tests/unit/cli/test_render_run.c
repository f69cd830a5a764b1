/* SPDX-License-Identifier: Apache-2.0 */
#include "shown.h"

#include "cli/render.h"

static const char *rendered(struct shown *shown, const char *json, size_t nlinks, bool several)
{
    struct config config = {.nlinks = nlinks};
    char config_path[] = "my conf.json";
    const struct cli cli = {.config = &config, .config_path = config_path};
    CLEANUP(json_free) struct json *root = NULL;
    struct lf_error err = {0};
    assert_true(json_parse("test", json, strlen(json), &root, &err));
    shown_open(shown);
    (several ? render_runs : render_run)(&cli, root, shown->out);
    return shown_close(shown);
}

static void summary_of_several_links_then_each_has_its_own_figures(UNUSED void **state)
{
    CLEANUP(shown_done) struct shown shown;
    assert_string_equal(
        rendered(&shown,
                 "[{\"link\":\"one\",\"commit\":4,\"commits\":2,\"rowsLoaded\":1500,\"changesMerged\":1,"
                 "\"milliseconds\":2040,\"rows\":1234567,\"entities\":1,\"cursor\":\"example:7\"},"
                 "{\"link\":\"two\",\"commit\":9,\"commits\":0,\"rows\":0,\"entities\":0,"
                 "\"cursor\":\"example:8\"}]",
                 2, true),
        "one: Commit 4: 1,500 rows loaded, 1 changes merged, in 2.0 s.\n"
        "one: The lake holds 1,234,567 rows in 1 entity, at source position example:7.\n"
        "two: Nothing has changed since commit 9; no commit was made.\n"
        "two: The lake holds 0 rows in 0 entities, at source position example:8.\n");
}

static void summary_then_tells_what_was_left_out_what_stands_still_and_what_to_do(UNUSED void **state)
{
    CLEANUP(shown_done) struct shown shown;
    assert_string_equal(
        rendered(&shown,
                 "{\"commit\":4,\"entities\":2,\"cursor\":\"c\",\"standingStill\":[{\"entity\":\"orders\",\"reason\":"
                 "\"the value 'so\\u001bon' is no date\"}],\"leftOut\":[{\"table\":\"lo\\ng\",\"reason\":\"it has no "
                 "key\"},{\"table\":\"t\",\"reason\":\"its changes are not tracked; run lakefeed track\"}]}",
                 1, false),
        "Nothing has changed since commit 4; no commit was made.\n"
        "The lake holds 0 rows in 2 entities, at source position c.\n"
        "orders stands still: the value 'so?on' is no date\n"
        "Left out: lo?g: it has no key\n"
        "Left out: t: its changes are not tracked; run lakefeed track\n"
        "Mend what stands still; then this loads it again:\n"
        "  lakefeed run -c 'my conf.json' --once\n"
        "To follow the tables that are not tracked:\n"
        "  lakefeed track -c 'my conf.json'\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summary_of_several_links_then_each_has_its_own_figures),
        cmocka_unit_test(summary_then_tells_what_was_left_out_what_stands_still_and_what_to_do),
    };
    return cmocka_run_group_tests_name("render_run", tests, NULL, NULL);
}
