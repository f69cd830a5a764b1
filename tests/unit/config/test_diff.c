/* SPDX-License-Identifier: Apache-2.0 */
#include "random_config.h"

static const char *text_or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

static void print_differences(const struct config *old, const struct config *new, struct buf *out)
{
    struct config_differences differences;
    config_diff(old, new, &differences);
    for (size_t i = 0; i < differences.n; i++) {
        const struct config_difference *one = &differences.items[i];
        buf_printf(out, "%s: %s -> %s %s%s\n", one->path, text_or_dash(one->old_text), text_or_dash(one->new_text),
                   settings_change_word(one->change), one->secret ? " secret" : "");
        assert_true((one->change == CONFIG_REFUSED) == (one->way != NULL));
    }
    config_differences_done(&differences);
}

static void assert_diff(const char *old_text, const char *new_text, const char *differences)
{
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(config_free) struct config *old = must_parse(old_text);
    CLEANUP(config_free) struct config *new = must_parse(new_text);
    print_differences(old, new, &out);
    assert_string_equal(buf_text(&out), differences);
}

#define LINK(name, members) \
    "{\"name\":\"" name "\",\"source\":{\"url\":\"x:" name "\"},\"lake\":{\"url\":\"file:" name "\"}" members "}"
#define LINKS(links) "{\"version\":1,\"links\":[" links "]}"

static void diff_when_only_the_form_differs_then_none(UNUSED void **state)
{
    assert_diff(LINKS(LINK("a", ",\"snapshot\":{\"interval\":\"60min\"},\"entities\":[\"x\",\"y\"]") "," LINK("b", "")),
                "{\"version\":1,\"memory\":50331648,\"parameters\":{\"N\":\"a\"},\"links\":[" LINK("b", "") "," LINK(
                    "${N}", ",\"entities\":[\"y\",{\"table\":\"x\"}]") "]}",
                "");
}

static void diff_of_settings_then_path_texts_and_what_it_takes(UNUSED void **state)
{
    assert_diff(LINKS(LINK("a", "")), LINKS(LINK("a", ",\"snapshot\":{\"interval\":\"5min\",\"keep\":6}")),
                "links[a].snapshot.interval: 1h -> 5min live\n"
                "links[a].snapshot.keep: 5 -> 6 live\n");
    assert_diff(LINKS(LINK("a", "")),
                "{\"version\":1,\"memory\":\"32MiB\",\"spool\":{\"max_bytes\":\"1GiB\"},\"log\":{\"format\":\"json\"},"
                "\"links\":[" LINK("a", "") "]}",
                "spool.max_bytes: 10GiB -> 1GiB refused\n"
                "memory: 48MiB -> 32MiB refused\n"
                "log.format: auto -> json refused\n");
    assert_diff(
        LINKS("{\"name\":\"a\",\"source\":{\"url\":\"x:1\"},\"lake\":{\"url\":\"file:1\"}}"),
        LINKS("{\"name\":\"a\",\"source\":{\"url\":\"x:2\",\"connector\":\"x\",\"poll\":\"1s\"},\"lake\":{\"url\":"
              "\"file:2\",\"public_location\":\"https://x\",\"allow_network\":true}}"),
        "links[a].source.connector: - -> x refused\n"
        "links[a].source.url: x:1 -> x:2 refused\n"
        "links[a].lake.url: file:1 -> file:2 refused\n"
        "links[a].lake.public_location: - -> https://x restarts the link\n"
        "links[a].lake.allow_network: false -> true restarts the link\n"
        "links[a].source.poll: - -> 1s restarts the link\n");
}

static void diff_when_refused_then_the_way_is_told(UNUSED void **state)
{
    struct config_differences differences;
    CLEANUP(config_free) struct config *old = must_parse(LINKS(LINK("a", "")));
    CLEANUP(config_free)
    struct config *new =
        must_parse("{\"version\":1,\"memory\":\"32MiB\",\"links\":[{\"name\":\"a\",\"source\":{\"url\":"
                   "\"x:a\"},\"lake\":{\"url\":\"file:b\"}}]}");
    config_diff(old, new, &differences);
    assert_int_equal(differences.n, 2);
    assert_string_equal(differences.items[0].way, "it belongs to the whole process; restart the daemon");
    assert_string_equal(differences.items[1].way,
                        "another source or lake is another link: give it a new name, and end the old one with lakefeed "
                        "unlink; or, if only the way to the same one has changed, restart the daemon");
    config_differences_done(&differences);
}

static void diff_of_links_and_entities_then_added_and_removed(UNUSED void **state)
{
    assert_diff(LINKS(LINK("a", "") "," LINK("b", "")), LINKS(LINK("c", "") "," LINK("b", "")),
                "links[a]: x:a to file:a -> - live\n"
                "links[c]: - -> x:c to file:c live\n");
    assert_diff(LINKS(LINK("a", ",\"entities\":[\"t\",\"u\"]")), LINKS(LINK("a", ",\"entities\":[\"u\",\"v\"]")),
                "links[a].entities[t]: t -> - restarts the link\n"
                "links[a].entities[v]: - -> v restarts the link\n");
    assert_diff(LINKS(LINK("a", "")), LINKS(LINK("a", ",\"entities\":[\"u\",\"v\"]")),
                "links[a].entities: all tables that have a key -> 2 listed restarts the link\n");
    assert_diff(
        LINKS(LINK("a", ",\"entities\":[{\"table\":\"t\",\"exclude\":[\"x\",\"y\"],\"columns\":{\"c\":{\"type\":"
                        "\"json\"},\"d\":{\"type\":\"json\"}}}]")),
        LINKS(LINK("a", ",\"entities\":[{\"table\":\"t\",\"name\":\"n\",\"exclude\":[\"y\",\"z\"],\"columns\":{\"c\":{"
                        "\"type\":\"guid\"},\"e\":{\"type\":\"json\"}}}]")),
        "links[a].entities[t].name: - -> n restarts the link\n"
        "links[a].entities[t].exclude: x -> - restarts the link\n"
        "links[a].entities[t].exclude: - -> z restarts the link\n"
        "links[a].entities[t].columns.c.type: json -> guid restarts the link\n"
        "links[a].entities[t].columns.d.type: json -> - restarts the link\n"
        "links[a].entities[t].columns.e.type: - -> json restarts the link\n");
}

#define SECRETS \
    "{\"version\":1,\"links\":[{\"name\":\"a\",\"lake\":{\"url\":\"file:l\"},\"source\":{\"url\":\"x:${LAKEFEED_TEST_" \
    "A}\"," \
    "\"password\":{\"env\":\"LAKEFEED_TEST_B\"}},\"snapshot\":{\"keep\":\"${LAKEFEED_TEST_C}\"}}]}"

static void diff_of_secrets_then_that_they_changed_and_nothing_of_them(UNUSED void **state)
{
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(config_free) struct config *unread = NULL;
    const struct config_reading how = {.without_secrets = true};
    struct lf_error err = {0};
    assert_int_equal(setenv("LAKEFEED_TEST_A", "one", 1), 0);
    assert_int_equal(setenv("LAKEFEED_TEST_B", "two", 1), 0);
    assert_int_equal(setenv("LAKEFEED_TEST_C", "31", 1), 0);
    CLEANUP(config_free) struct config *old = must_parse(SECRETS);
    assert_int_equal(setenv("LAKEFEED_TEST_A", "three", 1), 0);
    assert_int_equal(setenv("LAKEFEED_TEST_B", "four", 1), 0);
    assert_int_equal(setenv("LAKEFEED_TEST_C", "41", 1), 0);
    CLEANUP(config_free) struct config *new = must_parse(SECRETS);
    print_differences(old, new, &out);
    assert_string_equal(buf_text(&out),
                        "links[a].source.url: x:${LAKEFEED_TEST_A} -> x:${LAKEFEED_TEST_A} refused secret\n"
                        "links[a].snapshot.keep: ${LAKEFEED_TEST_C} -> ${LAKEFEED_TEST_C} live secret\n"
                        "links[a].source.password: {\"env\": \"LAKEFEED_TEST_B\"} -> {\"env\": \"LAKEFEED_TEST_B\"} "
                        "restarts the link secret\n");
    buf_reset(&out);
    assert_true(config_parse_with("t.json", SECRETS, strlen(SECRETS), &how, &unread, &err));
    print_differences(old, unread, &out);
    assert_string_equal(buf_text(&out), "");
    assert_int_equal(unsetenv("LAKEFEED_TEST_A"), 0);
    assert_int_equal(unsetenv("LAKEFEED_TEST_B"), 0);
    assert_int_equal(unsetenv("LAKEFEED_TEST_C"), 0);
}

static void diff_of_random_documents_then_none_to_itself_and_no_secret_to_another(UNUSED void **state)
{
    CLEANUP(random_config_done) struct random_config maker;
    random_config_init(&maker);
    for (int i = 0; i < 200; i++) {
        CLEANUP(buf_done) struct buf out = {0};
        const char *text = random_config_next(&maker);
        CLEANUP(config_free) struct config *one = must_parse(text);
        CLEANUP(config_free) struct config *same = must_parse(text);
        print_differences(one, same, &out);
        assert_string_equal(buf_text(&out), "");
        maker.serial = 0;
        CLEANUP(config_free) struct config *other = must_parse(random_config_next(&maker));
        print_differences(one, other, &out);
        assert_null(strstr(buf_text(&out), RANDOM_CONFIG_SECRET));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diff_when_only_the_form_differs_then_none),
        cmocka_unit_test(diff_of_settings_then_path_texts_and_what_it_takes),
        cmocka_unit_test(diff_when_refused_then_the_way_is_told),
        cmocka_unit_test(diff_of_links_and_entities_then_added_and_removed),
        cmocka_unit_test(diff_of_secrets_then_that_they_changed_and_nothing_of_them),
        cmocka_unit_test(diff_of_random_documents_then_none_to_itself_and_no_secret_to_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
