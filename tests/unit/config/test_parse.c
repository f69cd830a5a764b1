/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include <stdlib.h>

static void parse_of_the_least_then_every_default(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config = must_parse("{\"version\":1,\"links\":[{\"name\":\"a\"," SOURCE_AND_LAKE "}]}");
    assert_int_equal(config->nlinks, 1);
    assert_int_equal(config->memory_bytes, 48 << 20);
    assert_true(config->spool_max_bytes == UINT64_C(10) << 30);
    assert_false(config->log_json);
    const struct config_link *link = &config->links[0];
    assert_string_equal(link->name, "a");
    assert_null(link->connector);
    assert_string_equal(link->source_url, "sqlite:a.db");
    assert_string_equal(link->lake_url, "file:./lake");
    assert_null(link->public_location);
    assert_false(link->allow_network);
    assert_null(link->entities);
    assert_int_equal(link->nentities, 0);
    assert_int_equal(link->nconnector_options, 0);
    assert_int_equal(link->interval_ms, 3600000);
    assert_int_equal(link->cursor_interval_ms, 600000);
    assert_int_equal(link->load_commit_ms, 300000);
    assert_int_equal(link->keep, 5);
    assert_int_equal(link->keep_for_ms, 86400000);
    assert_int_equal(link->partition_bytes, 64 << 20);
    assert_int_equal(link->chunk_rows, 1000000);
}

static void parse_when_everything_is_given_then_everything_is_taken(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config = must_parse(
        "{\"version\":1,\"spool\":{\"max_bytes\":\"2GiB\"},\"memory\":\"32MiB\",\"log\":{\"format\":\"json\"},"
        "\"links\":[{\"name\":\"Shop_1-x\",\"source\":{\"connector\":\"sqlite\",\"url\":\"sqlite:s\"},"
        "\"lake\":{\"url\":\"file:l\",\"public_location\":\"https://x/y\",\"allow_network\":true},"
        "\"entities\":[\"orders\",{\"table\":\"customers\",\"name\":\"customer\"}],"
        "\"snapshot\":{\"interval\":\"5s\",\"cursor_interval\":\"1min\",\"load_commit\":\"2s\",\"keep\":7,\"keep_for\":"
        "\"0s\","
        "\"partition_bytes\":2048,\"chunk_rows\":3}},"
        "{\"name\":\"b\",\"source\":{\"url\":\"sqlite:t\"},\"lake\":{\"url\":\"file:m\"}}]}");
    assert_int_equal(config->nlinks, 2);
    assert_int_equal(config->memory_bytes, 32 << 20);
    assert_true(config->spool_max_bytes == UINT64_C(2) << 30);
    assert_true(config->log_json);
    const struct config_link *link = &config->links[0];
    assert_string_equal(link->name, "Shop_1-x");
    assert_string_equal(link->connector, "sqlite");
    assert_string_equal(link->source_url, "sqlite:s");
    assert_string_equal(link->lake_url, "file:l");
    assert_string_equal(link->public_location, "https://x/y");
    assert_true(link->allow_network);
    assert_int_equal(link->nentities, 2);
    assert_string_equal(link->entities[0].table, "orders");
    assert_null(link->entities[0].name);
    assert_string_equal(link->entities[1].table, "customers");
    assert_string_equal(link->entities[1].name, "customer");
    assert_int_equal(link->interval_ms, 5000);
    assert_int_equal(link->cursor_interval_ms, 60000);
    assert_int_equal(link->load_commit_ms, 2000);
    assert_int_equal(link->keep, 7);
    assert_int_equal(link->keep_for_ms, 0);
    assert_int_equal(link->partition_bytes, 2048);
    assert_int_equal(link->chunk_rows, 3);
    assert_string_equal(config->links[1].name, "b");
    assert_int_equal(config->links[1].interval_ms, 3600000);
}

static void parse_of_columns_then_options_of_the_connector_wherever_the_table_stands(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config =
        must_parse_link("\"entities\":[{\"columns\":{\"zip\":{\"type\":\"string\"},\"a.b\":{\"type\":\"dateTime\"}},"
                        "\"exclude\":[\"secret\"],\"table\":\"s.t\"}]");
    const struct config_link *link = &config->links[0];
    assert_int_equal(link->nconnector_options, 3);
    assert_string_equal(link->connector_options[0].name, "exclude.s.t.secret");
    assert_string_equal(link->connector_options[0].text, "true");
    assert_string_equal(link->connector_options[1].name, "type.s.t.zip");
    assert_string_equal(link->connector_options[1].text, "string");
    assert_string_equal(link->connector_options[2].name, "type.s.t.a.b");
    assert_string_equal(link->connector_options[2].text, "dateTime");
}

static void parse_of_every_column_type_then_taken(UNUSED void **state)
{
    static const char *const types[] = {"string", "binary", "int64",    "double", "boolean",
                                        "date",   "time",   "dateTime", "guid",   "json"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        CLEANUP(text_free)
        char *members = text_printf("\"entities\":[{\"table\":\"t\",\"columns\":{\"c\":{\"type\":\"%s\"}}}]", types[i]);
        CLEANUP(config_free) struct config *config = must_parse_link(members);
        assert_string_equal(config->links[0].connector_options[0].text, types[i]);
    }
}

static void parse_when_a_column_is_no_object_or_of_no_type_then_refused(UNUSED void **state)
{
    assert_link_refused("\"entities\":[{\"table\":\"t\",\"columns\":{\n\"c\":\"string\"}}]",
                        "t.json: line 4: links[0].entities[0].columns.c: must be an object, such as {\"type\": "
                        "\"string\"} or {\"mask\": "
                        "\"hash\"}");
    assert_link_refused(
        "\"entities\":[{\"table\":\"t\",\"columns\":{\"c\":{\n\"type\":\"text\"}}}]",
        "t.json: line 4: links[0].entities[0].columns.c.type: \"text\" is not possible; choose one of "
        "\"string\", \"binary\", \"int64\", \"double\", \"boolean\", \"date\", \"time\", \"dateTime\", \"guid\", "
        "\"json\"");
    assert_link_refused(
        "\"entities\":[{\"table\":\"t\",\"columns\":{\"c\":{\"type\":1}}}]",
        "t.json: line 3: links[0].entities[0].columns.c.type: must be one of these, in quotes: "
        "\"string\", \"binary\", \"int64\", \"double\", \"boolean\", \"date\", \"time\", \"dateTime\", \"guid\", "
        "\"json\"");
    assert_link_refused(
        "\"entities\":[{\"table\":\"t\",\"columns\":{\"c\":{}}}]",
        "t.json: line 3: links[0].entities[0].columns.c: sets nothing; write \"type\" or \"mask\", or leave it out");
    assert_link_refused("\"entities\":[{\"table\":\"t\",\"columns\":[]}]",
                        "t.json: line 3: links[0].entities[0].columns: must be an object { … }");
    assert_link_refused("\"entities\":[{\"table\":\"t\",\"columns\":{\"c\":{\"typ\":\"json\"}}}]",
                        "t.json: line 3: links[0].entities[0].columns.c.typ: there is no setting \"typ\"; did you mean "
                        "\"type\"?");
}

static void parse_when_a_mask_cannot_be_then_refused(UNUSED void **state)
{
    assert_link_refused("\"entities\":[{\"table\":\"t\",\"columns\":{\"c\":{\n\"mask\":\"rot13\"}}}]",
                        "t.json: line 4: links[0].entities[0].columns.c.mask: \"rot13\" is not possible; choose one of "
                        "\"null\", \"fixed\", \"hash\", \"none\"");
    assert_link_refused(
        "\"entities\":[{\"table\":\"t\",\"columns\":{\"c\":{\"mask\":\"null\",\n\"mask_text\":\"x\"}}}]",
        "t.json: line 4: links[0].entities[0].columns.c.mask_text: is the text of {\"mask\": \"fixed\"} alone; take "
        "one "
        "of them out");
    assert_link_refused(
        "\"entities\":[{\"table\":\"t\",\"exclude\":[\"c\"],\"columns\":{\"c\":{\n\"mask\":\"null\"}}}]",
        "t.json: line 4: links[0].entities[0].columns.c.mask: the column is left out (exclude), so there is nothing to "
        "mask");
}

static void parse_when_a_hash_has_no_key_or_a_short_one_then_refused(UNUSED void **state)
{
    const char *hash = "\"entities\":[{\"table\":\"t\",\"columns\":{\"c\":{\"mask\":\"hash\"}}}]";
    assert_link_refused(
        hash, "t.json: line 2: links[0]: \"mask_key\" is missing, with which the column c of table t is to be "
              "hashed; make a key with openssl rand -hex 32 and give it as {\"file\": …}");
    assert_link_refused(
        "\"mask_key\":\"in plain sight, but long\"",
        "t.json: line 3: links[0].mask_key: a secret does not belong into the configuration; write {\"file\": "
        "\"PATH\"} or {\"env\": \"NAME\"}");
    assert_int_equal(setenv("LAKEFEED_TEST_KEY", "fifteen letters", 1), 0);
    assert_link_refused(
        "\"mask_key\":{\"env\":\"LAKEFEED_TEST_KEY\"}",
        "t.json: line 3: links[0].mask_key: the key is shorter than 16 bytes, so that it could be guessed; "
        "make one with openssl rand -hex 32");
}

static void parse_when_excluded_columns_are_no_names_then_refused(UNUSED void **state)
{
    assert_link_refused("\"entities\":[{\"table\":\"t\",\"exclude\":[\"a\",\n2]}]",
                        "t.json: line 4: links[0].entities[0].exclude[1]: must be the name of a column, in quotes");
    assert_link_refused("\"entities\":[{\"table\":\"t\",\"exclude\":[\"\"]}]",
                        "t.json: line 3: links[0].entities[0].exclude[0]: must be the name of a column, in quotes");
    assert_link_refused("\"entities\":[{\"table\":\"t\",\"exclude\":\"a\"}]",
                        "t.json: line 3: links[0].entities[0].exclude: must be a list [ … ]");
}

static void parse_when_entities_are_malformed_then_refused(UNUSED void **state)
{
    assert_link_refused("\"entities\":{}", "t.json: line 3: links[0].entities: must be a list [ … ]");
    assert_link_refused("\"entities\":[]",
                        "t.json: line 3: links[0].entities: is empty; name at least one table, or leave it "
                        "out to copy all that have a key");
    assert_link_refused("\"entities\":[\"a\",\n7]",
                        "t.json: line 4: links[0].entities[1]: must be the name of a table in "
                        "quotes, or an object with \"table\"");
    assert_link_refused("\"entities\":[\"a\",\n\"\"]", "t.json: line 4: links[0].entities[1]: is empty; write a value");
    assert_link_refused(
        "\"entities\":[{\"name\":\"x\"}]",
        "t.json: line 3: links[0].entities[0]: \"table\" is missing (The table, with its schema unless that is "
        "the default one)");
    assert_link_refused("\"entities\":[{\"table\":\"x\",\"name\":\"\"}]",
                        "t.json: line 3: links[0].entities[0].name: is empty; leave it out");
}

static void parse_when_a_table_stands_twice_then_refused(UNUSED void **state)
{
    assert_link_refused(
        "\"entities\":[\"a\",\"b\",\n\"a\"]",
        "t.json: line 4: links[0].entities[2]: this table is already entities[0] (line 3); remove one of them");
    assert_link_refused(
        "\"entities\":[\"b\",\n{\n\"table\":\"b\"}]",
        "t.json: line 5: links[0].entities[1].table: this table is already entities[0] (line 3); remove one of them");
}

static void parse_when_two_tables_differ_by_case_then_taken(UNUSED void **state)
{
    CLEANUP(config_free) struct config *config = must_parse_link("\"entities\":[\"a\",\"A\"]");
    assert_int_equal(config->links[0].nentities, 2);
}

static void parse_when_two_entities_have_one_name_in_any_case_then_refused(UNUSED void **state)
{
    assert_link_refused(
        "\"entities\":[\"x\",{\"table\":\"a\",\"name\":\"N\"},\n{\"table\":\"b\",\n\"name\":\"n\"}]",
        "t.json: line 5: links[0].entities[2].name: entities[1] (line 3) has this name already (upper and lower case "
        "are one); choose another");
}

static void parse_when_two_links_have_one_name_then_refused(UNUSED void **state)
{
    assert_refused("{\"version\":1,\"links\":[\n"
                   "{\"name\":\"a\",\"source\":{\"url\":\"sqlite:a\"},\"lake\":{\"url\":\"file:1\"}},\n"
                   "{\"source\":{\"url\":\"sqlite:b\"},\"lake\":{\"url\":\"file:2\"},\n"
                   "\"name\":\"a\"}]}",
                   "t.json: line 4: links[1].name: links[0] (line 2) has this name already; choose another");
}

static void parse_when_two_links_have_one_lake_then_refused(UNUSED void **state)
{
    assert_refused("{\"version\":1,\"links\":[\n"
                   "{\"name\":\"a\",\"source\":{\"url\":\"sqlite:a\"},\"lake\":{\"url\":\"file:1\"}},\n"
                   "{\"name\":\"b\",\"source\":{\"url\":\"sqlite:b\"},\"lake\":{\"url\":\"file:1\"}}]}",
                   "t.json: line 3: links[1].lake.url: links[0] (line 2) writes to this lake already; each link needs "
                   "one of its own");
}

static void parse_of_bad_link_names_then_refused(UNUSED void **state)
{
    static const char *const names[] = {"", "a b", "\\u00e4", "a.b", "123456789012345678901234567890123"};
    static const char *const shown[] = {"", "a b", "ä", "a.b", "123456789012345678901234567890123"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(text_free)
        char *text = text_printf("{\"version\":1,\"links\":[{\n\"name\":\"%s\"," SOURCE_AND_LAKE "}]}", names[i]);
        CLEANUP(text_free)
        char *message = text_printf("t.json: line 2: links[0].name: \"%s\" is no name of a link; write 1 to "
                                    "32 of A-Z a-z 0-9 _ -",
                                    shown[i]);
        assert_refused(text, message);
    }
}

static void parse_of_a_link_name_with_32_characters_then_taken(UNUSED void **state)
{
    CLEANUP(config_free)
    struct config *config =
        must_parse("{\"version\":1,\"links\":[{\"name\":\"12345678901234567890123456789012\"," SOURCE_AND_LAKE "}]}");
    assert_int_equal(strlen(config->links[0].name), 32);
}

static void parse_when_a_key_is_unknown_then_the_nearest_is_named(UNUSED void **state)
{
    assert_link_refused("\"snapshot\":{\n\"intervall\":\"1h\"}",
                        "t.json: line 4: links[0].snapshot.intervall: there is no setting \"intervall\"; did you mean "
                        "\"interval\"?");
    assert_link_refused(
        "\"entites\":[]",
        "t.json: line 3: links[0].entites: there is no setting \"entites\"; did you mean \"entities\"?");
    assert_link_refused("\"lkae\":[]",
                        "t.json: line 3: links[0].lkae: there is no setting \"lkae\"; did you mean \"lake\"?");
}

static void parse_when_a_key_is_like_no_other_then_all_are_named(UNUSED void **state)
{
    assert_refused(
        "{\n\n\"admin\":{}}",
        "t.json: line 3: admin: there is no setting \"admin\"; there are: version, $schema, parameters, links, spool, "
        "memory, http, log");
}

static void parse_when_a_key_stands_twice_then_refused_with_its_line(UNUSED void **state)
{
    assert_refused("{\"version\":1,\n\"memory\":\"48MiB\",\n\"memory\":\"32MiB\"}",
                   "t.json: line 3: the key \"memory\" is given twice");
}

static void parse_when_required_settings_are_missing_then_named(UNUSED void **state)
{
    assert_refused("{}", "t.json: line 1: \"version\" is missing (Version of this format; always 1)");
    assert_refused("\n{\"version\":1}",
                   "t.json: line 2: \"links\" is missing (The links: each copies one source to one lake)");
    assert_refused(
        "{\"version\":1,\"links\":[\n{}]}",
        "t.json: line 2: links[0]: \"name\" is missing (Names the link in commands, logs and the source: 1 to 32 of "
        "A-Z a-z 0-9 _ -)");
    assert_refused("{\"version\":1,\"links\":[{\"name\":\"a\",\n\"source\":{}}]}",
                   "t.json: line 2: links[0].source: \"url\" is missing (The database, such as `sqlite:shop.db`)");
    assert_refused("{\"version\":1,\"links\":[{\"name\":\"a\",\"source\":{\"url\":\"sqlite:a\"}}]}",
                   "t.json: line 1: links[0]: \"lake\" is missing (Where the copy stands)");
}

static void parse_when_shapes_are_wrong_then_refused(UNUSED void **state)
{
    assert_refused("[1]", "t.json: line 1: must be an object { … } with \"version\" and \"links\"");
    assert_refused("{\"version\":1,\"links\":{}}", "t.json: line 1: links: must be a list [ … ]");
    assert_refused("{\"version\":1,\n\"links\":[]}",
                   "t.json: line 2: links: is empty; a link is {\"name\": …, \"source\": "
                   "{\"url\": …}, \"lake\": {\"url\": …}}");
    assert_refused("{\"version\":1,\"links\":[[\n],\n3]}",
                   "t.json: line 1: links[0]: must be an object { … } with \"name\", \"source\" and \"lake\"");
    assert_link_refused("\"snapshot\":\"1h\"", "t.json: line 3: links[0].snapshot: must be an object { … }");
}

static void parse_when_the_version_is_another_then_refused(UNUSED void **state)
{
    assert_refused("{\"version\":2}", "t.json: line 1: version: 2 is out of range; this lakefeed takes only 1");
    assert_refused("{\"version\":\"1\"}", "t.json: line 1: version: must be a whole number, without quotes");
}

static void parse_when_a_url_holds_a_password_then_refused_without_it(UNUSED void **state)
{
    assert_refused(
        "{\"version\":1,\"links\":[{\"name\":\"a\",\"source\":{\n\"url\":\"postgresql://me:hush@db/shop\"}}]}",
        "t.json: line 2: links[0].source.url: a password inside a URL is refused, because lists of processes and logs "
        "show it; take it out and put it into ~/.pgpass, into the environment variable PGPASSWORD, or into the "
        "configuration as the option \"password\" of the source: {\"file\": \"PATH\"} or {\"env\": \"NAME\"}");
}

static void parse_when_no_json_then_refused_with_the_line(UNUSED void **state)
{
    struct config *config = NULL;
    struct lf_error err = {0};
    static const char text[] = "{\"version\":1,\n\"links\":]}";
    assert_false(config_parse("t.json", text, sizeof text - 1, &config, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_memory_equal(err.msg, "t.json: line 2: ", 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_of_the_least_then_every_default),
        cmocka_unit_test(parse_when_everything_is_given_then_everything_is_taken),
        cmocka_unit_test(parse_of_columns_then_options_of_the_connector_wherever_the_table_stands),
        cmocka_unit_test(parse_of_every_column_type_then_taken),
        cmocka_unit_test(parse_when_a_column_is_no_object_or_of_no_type_then_refused),
        cmocka_unit_test(parse_when_a_mask_cannot_be_then_refused),
        cmocka_unit_test(parse_when_a_hash_has_no_key_or_a_short_one_then_refused),
        cmocka_unit_test(parse_when_excluded_columns_are_no_names_then_refused),
        cmocka_unit_test(parse_when_entities_are_malformed_then_refused),
        cmocka_unit_test(parse_when_a_table_stands_twice_then_refused),
        cmocka_unit_test(parse_when_two_tables_differ_by_case_then_taken),
        cmocka_unit_test(parse_when_two_entities_have_one_name_in_any_case_then_refused),
        cmocka_unit_test(parse_when_two_links_have_one_name_then_refused),
        cmocka_unit_test(parse_when_two_links_have_one_lake_then_refused),
        cmocka_unit_test(parse_of_bad_link_names_then_refused),
        cmocka_unit_test(parse_of_a_link_name_with_32_characters_then_taken),
        cmocka_unit_test(parse_when_a_key_is_unknown_then_the_nearest_is_named),
        cmocka_unit_test(parse_when_a_key_is_like_no_other_then_all_are_named),
        cmocka_unit_test(parse_when_a_key_stands_twice_then_refused_with_its_line),
        cmocka_unit_test(parse_when_required_settings_are_missing_then_named),
        cmocka_unit_test(parse_when_shapes_are_wrong_then_refused),
        cmocka_unit_test(parse_when_the_version_is_another_then_refused),
        cmocka_unit_test(parse_when_a_url_holds_a_password_then_refused_without_it),
        cmocka_unit_test(parse_when_no_json_then_refused_with_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
