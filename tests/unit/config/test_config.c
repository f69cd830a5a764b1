/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "fakes/temp_folder.h"

#include <pthread.h>
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

static void ref_then_the_last_owner_frees(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *first = must_parse("{\"version\":1,\"links\":[{\"name\":\"a\"," SOURCE_AND_LAKE "}]}");
    struct config *second = config_ref(first);
    assert_ptr_equal(first, second);
    config_free(&second);
    assert_null(second);
    assert_string_equal(first->links[0].name, "a"); /* an address sanitizer sees it freed too early, or never */
}

struct sharing {
    struct config *config;
    pthread_barrier_t start;
};

static void *share(void *context)
{
    struct sharing *sharing = context;
    (void)pthread_barrier_wait(&sharing->start);
    for (int i = 0; i < 1000000; i++) {
        struct config *mine = config_ref(sharing->config);
        config_free(&mine);
    }
    return NULL;
}

static void ref_on_several_threads_then_none_is_lost(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config = must_parse("{\"version\":1,\"links\":[{\"name\":\"a\"," SOURCE_AND_LAKE "}]}");
    pthread_t threads[3];
    struct sharing sharing = {.config = config};
    assert_int_equal(pthread_barrier_init(&sharing.start, NULL, ARRAY_LEN(threads)), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, share, &sharing), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(pthread_barrier_destroy(&sharing.start), 0);
    assert_int_equal(config->more_owners, 0);
}

#define TWO_SECRETS \
    "{\"version\":1,\"links\":[{\"name\":\"a\",\"source\":{\"url\":\"x:\",\"password\":{\"env\":\"LAKEFEED_TEST_A\"}}" \
    "," \
    "\"lake\":{\"url\":\"file:a\"}},\n{\"name\":\"b\",\"lake\":{\"url\":\"file:b\"}," \
    "\"source\":{\"url\":\"x:\",\"password\":{\"env\":\"LAKEFEED_TEST_B\"}}}]}"

static void reload_of_secrets_then_a_new_link_beside_the_old_one_and_no_other_link_matters(UNUSED void **state)
{
    CLEANUP(config_free) struct config *again = NULL;
    struct config *none = NULL;
    struct lf_error err = {0};
    assert_int_equal(setenv("LAKEFEED_TEST_A", "one", 1), 0);
    assert_int_equal(setenv("LAKEFEED_TEST_B", "two", 1), 0);
    CLEANUP(config_free) struct config *config = must_parse(TWO_SECRETS);
    assert_int_equal(setenv("LAKEFEED_TEST_B", "three", 1), 0);
    assert_int_equal(unsetenv("LAKEFEED_TEST_A"), 0);
    if (!config_reload_secrets(config, "b", &again, &err)) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(again->nlinks, 1);
    assert_string_equal(again->links[0].connector_options[0].text, "three");
    assert_string_equal(config->links[1].connector_options[0].text, "two");
    assert_false(config_reload_secrets(config, "a", &none, &err));
    assert_string_equal(err.msg,
                        "t.json: line 1: links[0].source.password: the environment variable LAKEFEED_TEST_A is "
                        "not set");
    assert_false(config_reload_secrets(config, "c", &none, &err));
    assert_string_equal(err.msg, "t.json has no link c");
    assert_int_equal(unsetenv("LAKEFEED_TEST_B"), 0);
}

static void reload_of_secrets_when_made_from_flags_then_the_same(UNUSED void **state)
{
    const struct config_flags flags = {.source_url = "sqlite:a.db", .lake_url = "file:l"};
    CLEANUP(config_free) struct config *config = NULL;
    CLEANUP(config_free) struct config *again = NULL;
    struct lf_error err = {0};
    assert_true(config_from_flags(&flags, &config, &err));
    assert_true(config_reload_secrets(config, "a", &again, &err));
    assert_ptr_equal(config, again);
}

static void collect(void *context, const struct lf_error *err)
{
    buf_printf(context, "%s\n", err->msg);
}

static void parse_when_somebody_listens_then_every_link_tells_its_first_error(UNUSED void **state)
{
    static const char text[] =
        "{\"version\":1,\"links\":[\n{\"nam\":\"a\"},\n{\"name\":\"b\"," SOURCE_AND_LAKE "},\n7]}";
    CLEANUP(buf_done) struct buf errors = {0};
    const struct config_reading how = {.report = collect, .context = &errors};
    struct config *config = NULL;
    struct lf_error err = {0};
    assert_false(config_parse_with("t.json", text, sizeof text - 1, &how, &config, &err));
    assert_string_equal(buf_text(&errors),
                        "t.json: line 2: links[0].nam: there is no setting \"nam\"; did you mean \"name\"?\n"
                        "t.json: line 4: links[2]: must be an object { … } with \"name\", \"source\" and \"lake\"\n");
    assert_string_equal(err.msg, "t.json: line 2: links[0].nam: there is no setting \"nam\"; did you mean \"name\"?");
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
        cmocka_unit_test(ref_then_the_last_owner_frees),
        cmocka_unit_test(ref_on_several_threads_then_none_is_lost),
        cmocka_unit_test(reload_of_secrets_then_a_new_link_beside_the_old_one_and_no_other_link_matters),
        cmocka_unit_test(reload_of_secrets_when_made_from_flags_then_the_same),
        cmocka_unit_test(parse_when_somebody_listens_then_every_link_tells_its_first_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
