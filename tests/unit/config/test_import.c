/* SPDX-License-Identifier: Apache-2.0 */
#include "random_config.h"

static bool import_texts(const char *target, const char *document, struct buf *out, struct config_imported *ret,
                         struct lf_error *err)
{
    const struct config_text into = {"own.json", target, strlen(target)};
    const struct config_text from = {"new.json", document, strlen(document)};
    return config_import(&into, &from, out, ret, err);
}

static void assert_imported(const char *target, const char *document, const char *result)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct config_imported imported;
    struct lf_error err = {0};
    if (!import_texts(target, document, &out, &imported, &err)) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(buf_text(&out), result);
}

static void assert_import_refused(const char *target, const char *document, const char *message)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct config_imported imported;
    struct lf_error err = {0};
    assert_false(import_texts(target, document, &out, &imported, &err));
    assert_string_equal(err.msg, message);
    assert_int_equal(err.kind, LF_CONFIG);
}

#define LINK(name) "{\"name\":\"" name "\",\"source\":{\"url\":\"x:" name "\"},\"lake\":{\"url\":\"file:" name "\"}}"
#define A "{\"version\":1,\"links\":[" LINK("a") "]}"

static void import_then_no_byte_of_the_target_changes(UNUSED void **state)
{
    assert_imported(
        "// top\n{\n  \"version\": 1,\n  \"links\": [\n    " LINK(
            "a") " // of a ]\n    /* more }\n */\n  ]\n // end\n}\n",
        "{\"version\":1,\"parameters\":{\"P\":1,\n\"Q\": \"q\"},\"links\":[" LINK(
            "b") "/*no*/,{ // b\n" //
                 "\"name\":\"c\",\"source\":{\"url\":\"x:${P}\"},\"lake\":{\"url\":\"file:c\"}}]}",
        "// top\n{\n  \"version\": 1,\n  \"links\": [\n    " LINK(
            "a") ", // of a ]\n    /* more }\n */\n"
                 "    " LINK(
                     "b") ",\n    { // b\n\"name\":\"c\",\"source\":{\"url\":\"x:${P}\"},\"lake\":{\"url\":"
                          "\"file:c\"}}\n  ],\n // end\n  \"parameters\": {\n    \"P\":1,\n    \"Q\": \"q\"\n  }\n}\n");
}

static void import_into_one_line_then_still_right(UNUSED void **state)
{
    assert_imported(A, "{\"version\":1,\"links\":[" LINK("b") "]}",
                    "{\"version\":1,\"links\":[" LINK("a") ",\n    " LINK("b") "]}");
    assert_imported("{\"version\":1,\"parameters\":{},\"links\":[" LINK("a") "]}",
                    "{\"version\":1,\"parameters\":{\"P\":true},\"links\":[" LINK("b") "]}",
                    "{\"version\":1,\"parameters\":{\n    \"P\":true},\"links\":[" LINK("a") ",\n    " LINK("b") "]}");
}

static void import_when_a_parameter_is_there_with_one_value_then_once(UNUSED void **state)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct config_imported imported;
    struct lf_error err = {0};
    assert_true(import_texts(
        "{\"version\":1,\"parameters\":{\"P\":\"x\",\"E\":{\"env\":\"V\"},\"N\":1,\"T\":true},\"links\":[" LINK(
            "a") "]}",
        "{\"version\":1,\"parameters\":{\"T\":true,\"N\":1,\"E\":{\"env\":\"V\"},\"P\":\"x\"},\"links\":[" LINK(
            "b") "]}",
        &out, &imported, &err));
    assert_int_equal(imported.links, 1);
    assert_int_equal(imported.parameters, 0);
}

static void import_when_a_name_is_taken_then_refused_with_both_lines(UNUSED void **state)
{
    assert_import_refused(
        "{\"version\":1,\"links\":[\n" LINK("a") "]}", "{\"version\":1,\n\"links\":[\n" LINK("b") ",\n" LINK("a") "]}",
        "new.json: line 4: links[1].name: own.json has a link of this name already (line 2); give one "
        "of them another name");
    static const char *const values[] = {"\"y\"", "1", "false", "{\"env\":\"x\"}", "{\"file\":\"x\"}"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        CLEANUP(text_free)
        char *document =
            text_printf("{\"version\":1,\n\"parameters\":{\"P\":%s},\"links\":[" LINK("b") "]}", values[i]);
        assert_import_refused("{\"version\":1,\"parameters\":{\n\"P\":\"x\"},\"links\":[" LINK("a") "]}", document,
                              "new.json: line 2: parameters.P: own.json gives this parameter another value (line 2); "
                              "rename one of them, or make them equal");
    }
}

static void import_when_the_document_sets_the_process_then_refused(UNUSED void **state)
{
    assert_import_refused(
        A, "{\"version\":1,\n\"memory\":\"32MiB\",\"links\":[" LINK("b") "]}",
        "new.json: line 2: memory: belongs to the whole process and is not imported; take it out of this "
        "document");
}

static void import_when_lakes_would_overlap_then_refused(UNUSED void **state)
{
    assert_import_refused(
        A,
        "{\"version\":1,\"links\":[{\"name\":\"b\",\"source\":{\"url\":\"x:b\"},\"lake\":{\"url\":"
        "\"file:a/b\"}}]}",
        "with the imported links, the file would be wrong: own.json: line 2: links[1].lake.url: this "
        "lake lies in that of links[0] (line 1), so that one link would take the other's files for its "
        "own; put them beside each other");
}

static void import_when_either_document_is_wrong_then_refused(UNUSED void **state)
{
    assert_import_refused(A, "{\"version\":1}",
                          "new.json: line 1: \"links\" is missing (The links: each copies one source to one lake)");
    assert_import_refused("{\"version\":1}", A,
                          "own.json: line 1: \"links\" is missing (The links: each copies one source to one lake)");
}

static void import_of_random_documents_then_the_links_of_both(UNUSED void **state)
{
    CLEANUP(random_config_done) struct random_config maker;
    random_config_init(&maker);
    for (int i = 0; i < 200; i++) {
        CLEANUP(text_free) char *target = text_copy(random_config_next(&maker));
        CLEANUP(config_free) struct config *own = must_parse(target);
        CLEANUP(config_free) struct config *other = must_parse(random_config_next(&maker));
        CLEANUP(buf_done) struct buf document = {0};
        CLEANUP(buf_done) struct buf out = {0};
        struct config_imported imported;
        struct lf_error err = {0};
        assert_true(config_export(other, NULL, 0, &document, &err));
        if (!import_texts(target, buf_text(&document), &out, &imported, &err)) {
            fail_msg("%s", err.msg);
        }
        CLEANUP(config_free) struct config *both = must_parse(buf_text(&out));
        assert_int_equal(imported.links, other->nlinks);
        assert_int_equal(both->nlinks, own->nlinks + other->nlinks);
        for (size_t j = 0; j < both->nlinks; j++) {
            const struct config_link *link = j < own->nlinks ? &own->links[j] : &other->links[j - own->nlinks];
            assert_string_equal(both->links[j].name, link->name);
            assert_string_equal(both->links[j].source_url, link->source_url);
            assert_int_equal(both->links[j].nentities, link->nentities);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(import_then_no_byte_of_the_target_changes),
        cmocka_unit_test(import_into_one_line_then_still_right),
        cmocka_unit_test(import_when_a_parameter_is_there_with_one_value_then_once),
        cmocka_unit_test(import_when_a_name_is_taken_then_refused_with_both_lines),
        cmocka_unit_test(import_when_the_document_sets_the_process_then_refused),
        cmocka_unit_test(import_when_lakes_would_overlap_then_refused),
        cmocka_unit_test(import_when_either_document_is_wrong_then_refused),
        cmocka_unit_test(import_of_random_documents_then_the_links_of_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
