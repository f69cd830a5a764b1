/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "fakes/temp_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0 && fclose(file) == 0, 1);
}

static void load_of_the_example_then_every_setting_has_its_default(UNUSED void **state)
{
    CLEANUP(config_free) struct config *config = NULL;
    struct lf_error err = {0};
    if (!config_load(LAKEFEED_TESTS_DIR "/../config/lakefeed.example.json", &config, &err)) {
        fail_msg("%s", err.msg);
    }
    CLEANUP(config_free)
    struct config *least = must_parse("{\"version\":1,\"links\":[{\"name\":\"a\"," SOURCE_AND_LAKE "}]}");
    assert_int_equal(config->nlinks, 1);
    const struct config_link *link = &config->links[0];
    const struct config_link *defaults = &least->links[0];
    assert_true(config->memory_bytes == least->memory_bytes && config->spool_max_bytes == least->spool_max_bytes);
    assert_true(config->log_json == least->log_json && link->allow_network == defaults->allow_network);
    assert_true(link->interval_ms == defaults->interval_ms && link->cursor_interval_ms == defaults->cursor_interval_ms);
    assert_true(link->load_commit_ms == defaults->load_commit_ms && link->keep == defaults->keep);
    assert_true(link->keep_for_ms == defaults->keep_for_ms && link->partition_bytes == defaults->partition_bytes);
    assert_true(link->chunk_rows == defaults->chunk_rows);
    assert_int_equal(link->nentities, 2);
    assert_int_equal(link->nconnector_options, 3);
}

static void load_when_the_file_is_missing_or_too_large_then_a_configuration_error(UNUSED void **state)
{
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *path = text_printf("%s/c.json", folder);
    CLEANUP(text_free) char *missing = text_printf("the configuration: open %s: No such file or directory", path);
    CLEANUP(text_free)
    char *large = text_printf("the configuration: %s is larger than the limit of 1048576 bytes", path);
    struct config *config = NULL;
    struct lf_error err = {0};
    assert_false(config_load(path, &config, &err));
    assert_string_equal(err.msg, missing);
    assert_int_equal(err.kind, LF_CONFIG);
    char *blanks = mem_new((1 << 20) + 2, 1);
    memset(blanks, ' ', (1 << 20) + 1);
    write_text(path, blanks);
    free(blanks);
    assert_false(config_load(path, &config, &err));
    assert_string_equal(err.msg, large);
    assert_int_equal(err.kind, LF_CONFIG);
}

static void load_when_the_file_is_wrong_then_named(UNUSED void **state)
{
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *path = text_printf("%s/c.json", folder);
    CLEANUP(text_free)
    char *message = text_printf("%s: line 2: \"version\" is missing (Version of this format; always 1)", path);
    struct config *config = NULL;
    struct lf_error err = {0};
    write_text(path, "// nothing\n{}");
    assert_false(config_load(path, &config, &err));
    assert_string_equal(err.msg, message);
}

static void find_when_given_then_that_one_although_others_exist(UNUSED void **state)
{
    CLEANUP(text_free) char *path = NULL;
    struct lf_error err = {0};
    assert_int_equal(setenv("LAKEFEED_CONFIG", "/x/other.json", 1), 0);
    assert_true(config_find("/x/given.json", &path, &err));
    assert_string_equal(path, "/x/given.json");
}

static void find_when_the_variable_is_set_then_that_one(UNUSED void **state)
{
    CLEANUP(text_free) char *path = NULL;
    struct lf_error err = {0};
    assert_int_equal(setenv("LAKEFEED_CONFIG", "/x/other.json", 1), 0);
    assert_true(config_find(NULL, &path, &err));
    assert_string_equal(path, "/x/other.json");
}

static void find_when_nothing_is_given_then_the_working_folder(UNUSED void **state)
{
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *path = NULL;
    struct lf_error err = {0};
    assert_int_equal(setenv("LAKEFEED_CONFIG", "", 1), 0);
    assert_int_equal(chdir(folder), 0);
    write_text("lakefeed.json", "{}");
    assert_true(config_find(NULL, &path, &err));
    assert_string_equal(path, "./lakefeed.json");
    assert_int_equal(chdir("/"), 0);
}

static void find_when_there_is_none_then_all_places_are_named(UNUSED void **state)
{
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *path = NULL;
    struct lf_error err = {0};
    assert_int_equal(unsetenv("LAKEFEED_CONFIG"), 0);
    assert_int_equal(chdir(folder), 0);
    const bool found = config_find(NULL, &path, &err);
    assert_int_equal(chdir("/"), 0);
    if (access("/etc/lakefeed/lakefeed.json", F_OK) == 0) {
        assert_true(found);
        assert_string_equal(path, "/etc/lakefeed/lakefeed.json");
        return;
    }
    assert_false(found);
    assert_int_equal(err.kind, LF_CONFIG);
    assert_string_equal(err.msg,
                        "there is no configuration: give -c FILE or --source and --lake, set LAKEFEED_CONFIG, or write "
                        "./lakefeed.json or /etc/lakefeed/lakefeed.json");
}

static void free_of_nothing_then_nothing(UNUSED void **state)
{
    struct config *config = NULL;
    config_free(&config);
    assert_null(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_of_the_example_then_every_setting_has_its_default),
        cmocka_unit_test(load_when_the_file_is_missing_or_too_large_then_a_configuration_error),
        cmocka_unit_test(load_when_the_file_is_wrong_then_named),
        cmocka_unit_test(find_when_given_then_that_one_although_others_exist),
        cmocka_unit_test(find_when_the_variable_is_set_then_that_one),
        cmocka_unit_test(find_when_nothing_is_given_then_the_working_folder),
        cmocka_unit_test(find_when_there_is_none_then_all_places_are_named),
        cmocka_unit_test(free_of_nothing_then_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
