/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

static struct config *must_take(const struct config_flags *flags)
{
    struct config *config = NULL;
    struct lf_error err = {0};
    if (!config_from_flags(flags, &config, &err)) {
        fail_msg("%s", err.msg);
    }
    return config;
}

static void assert_flags_refused(const struct config_flags *flags, const char *message)
{
    struct config *config = NULL;
    struct lf_error err = {0};
    assert_false(config_from_flags(flags, &config, &err));
    assert_null(config);
    assert_string_equal(err.msg, message);
    assert_int_equal(err.kind, LF_CONFIG);
}

static void flags_of_source_and_lake_then_the_same_as_the_least_file(UNUSED void **state)
{
    const struct config_flags flags = {.source_url = "sqlite:a.db", .lake_url = "file:./lake"};
    CLEANUP(config_free) struct config *config = must_take(&flags);
    CLEANUP(config_free)
    struct config *file = must_parse("{\"version\":1,\"links\":[{\"name\":\"a\"," SOURCE_AND_LAKE "}]}");
    const struct config_link *link = &config->links[0];
    const struct config_link *other = &file->links[0];
    assert_int_equal(config->nlinks, 1);
    assert_true(config->memory_bytes == file->memory_bytes && config->spool_max_bytes == file->spool_max_bytes);
    assert_true(config->log_json == file->log_json);
    assert_string_equal(link->name, other->name);
    assert_string_equal(link->source_url, other->source_url);
    assert_string_equal(link->lake_url, other->lake_url);
    assert_true(link->interval_ms == other->interval_ms && link->cursor_interval_ms == other->cursor_interval_ms);
    assert_true(link->load_commit_ms == other->load_commit_ms && link->keep == other->keep);
    assert_true(link->keep_for_ms == other->keep_for_ms && link->partition_bytes == other->partition_bytes);
    assert_true(link->chunk_rows == other->chunk_rows && link->entities == NULL);
}

static void flags_when_all_are_given_then_all_are_taken(UNUSED void **state)
{
    const struct config_flags flags = {.source_url = "sqlite:a.db",
                                       .lake_url = "file:./lake",
                                       .name = "mine",
                                       .entities = "orders, main.customers ,\tx",
                                       .interval = "5s"};
    CLEANUP(config_free) struct config *config = must_take(&flags);
    const struct config_link *link = &config->links[0];
    assert_string_equal(link->name, "mine");
    assert_int_equal(link->interval_ms, 5000);
    assert_int_equal(link->nentities, 3);
    assert_string_equal(link->entities[0].table, "orders");
    assert_string_equal(link->entities[1].table, "main.customers");
    assert_string_equal(link->entities[2].table, "x");
    assert_null(link->entities[0].name);
}

static void name_when_not_given_then_the_databases(UNUSED void **state)
{
    static const struct {
        const char *url, *name;
    } cases[] = {
        {"sqlite:shop.db", "shop"},
        {"sqlite:/a/b/shop.db", "shop"},
        {"sqlite:///a.b/shop", "shop"},
        {"sqlite:shop.old.db", "shop_old"},
        {"sqlite:.hidden", "_hidden"},
        {"sqlite:my shop\xC3\xA4.db", "my_shop__"},
        {"sqlite:a:b.db", "a_b"},
        {"sqlite:1234567890123456789012345678901234567890.db", "12345678901234567890123456789012"},
        {"postgresql://me@db:5432/shop?sslmode=require&x=/y", "shop"},
        {"postgresql:///shop#x", "shop"},
        {"shop.db", "shop"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct config_flags flags = {.source_url = cases[i].url, .lake_url = "file:l"};
        CLEANUP(config_free) struct config *config = must_take(&flags);
        assert_string_equal(config->links[0].name, cases[i].name);
    }
}

static void name_when_the_url_has_none_then_refused(UNUSED void **state)
{
    static const char *const urls[] = {"sqlite:", "sqlite:/a/", "postgresql://db", "postgresql://db/",
                                       "postgresql://db/?x=y"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        assert_flags_refused(&(struct config_flags){.source_url = urls[i], .lake_url = "file:l"},
                             "no name for the link can be made from the URL of the source; give --name");
    }
}

static void flags_when_source_or_lake_is_missing_then_refused(UNUSED void **state)
{
    assert_flags_refused(&(struct config_flags){.lake_url = "file:l"},
                         "--source is missing; give a URL such as --source sqlite:shop.db");
    assert_flags_refused(&(struct config_flags){.source_url = "sqlite:a"},
                         "--lake is missing; give a URL such as --lake file:./lake");
    assert_flags_refused(&(struct config_flags){.source_url = "", .lake_url = "file:l"},
                         "--source: is empty; write a value");
}

static void flags_when_a_value_is_wrong_then_refused_with_the_flag(UNUSED void **state)
{
    struct config_flags flags = {.source_url = "sqlite:a", .lake_url = "file:l", .interval = "5"};
    assert_flags_refused(
        &flags, "--interval: \"5\" is not a duration; write a whole number and a unit (ms, s, min, h or d), such "
                "as \"15min\"");
    flags.interval = "25h";
    assert_flags_refused(&flags, "--interval: \"25h\" is out of range; write one from 1s to 24h");
    flags = (struct config_flags){.source_url = "sqlite:a", .lake_url = "file:l", .name = "a b"};
    assert_flags_refused(&flags, "--name: \"a b\" is no name of a link; write 1 to 32 of A-Z a-z 0-9 _ -");
    flags = (struct config_flags){.source_url = "sqlite:a", .lake_url = "x://u:hush@h"};
    assert_flags_refused(
        &flags, "--lake: a password inside a URL is refused, because lists of processes and logs show it; take "
                "it out and put it into ~/.pgpass, into the environment variable PGPASSWORD, or into the "
                "configuration as the option \"password\" of the source: {\"file\": \"PATH\"} or {\"env\": "
                "\"NAME\"}");
}

static void entities_when_one_is_empty_or_twice_then_refused(UNUSED void **state)
{
    static const char *const lists[] = {"", " ", "a,", ",a", "a, ,b"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        assert_flags_refused(
            &(struct config_flags){.source_url = "sqlite:a", .lake_url = "file:l", .entities = lists[i]},
            "--entities: a name is empty; write tables as in orders,customers");
    }
    assert_flags_refused(&(struct config_flags){.source_url = "sqlite:a", .lake_url = "file:l", .entities = "a,b,a"},
                         "--entities: the table \"a\" is named twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_of_source_and_lake_then_the_same_as_the_least_file),
        cmocka_unit_test(flags_when_all_are_given_then_all_are_taken),
        cmocka_unit_test(name_when_not_given_then_the_databases),
        cmocka_unit_test(name_when_the_url_has_none_then_refused),
        cmocka_unit_test(flags_when_source_or_lake_is_missing_then_refused),
        cmocka_unit_test(flags_when_a_value_is_wrong_then_refused_with_the_flag),
        cmocka_unit_test(entities_when_one_is_empty_or_twice_then_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
