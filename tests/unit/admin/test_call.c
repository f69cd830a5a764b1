/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/call.h"

#include "base/macros.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool parse(const char *method, const char *path, const char *entities, const char *body, struct admin_call *call,
                  struct lf_error *err)
{
    const struct admin_request request = {
        .method = method, .path = path, .entities = entities, .body = {body, body == NULL ? 0 : strlen(body)}};
    return admin_call_parse(&request, call, err);
}

static void parse_when_each_operation_is_asked_then_it_is_found(UNUSED void **state)
{
    for (int i = 0; i < ADMIN_OPERATION_COUNT; i++) {
        CLEANUP(admin_call_done) struct admin_call call = {.operation = (enum admin_operation)i};
        CLEANUP(admin_call_done) struct admin_call found = {0};
        CLEANUP(buf_done) struct buf target = {0};
        CLEANUP(buf_done) struct buf body = {0};
        struct lf_error err = {0};
        call.link = admin_operation_is_of_link(call.operation) ? text_copy("shop-1_x") : NULL;
        const char *method = admin_call_print(&call, &target, &body);
        assert_true(parse(method, buf_text(&target), NULL, buf_text(&body), &found, &err));
        assert_int_equal(found.operation, i);
        assert_true(call.link == NULL ? found.link == NULL : strcmp(call.link, found.link) == 0);
        assert_int_equal(admin_operation_is_change(call.operation), strcmp(method, "POST") == 0);
    }
}

static void print_when_a_call_has_every_part_then_parse_gives_it_back(UNUSED void **state)
{
    CLEANUP(admin_call_done) struct admin_call call = {.operation = ADMIN_unlink, .purge = true, .takeover = true};
    CLEANUP(admin_call_done) struct admin_call found = {0};
    CLEANUP(buf_done) struct buf target = {0};
    CLEANUP(buf_done) struct buf body = {0};
    struct lf_error err = {0};
    call.link = text_copy("shop");
    call.reason = text_copy("\"quoted\"\n\xC3\xA9");
    admin_call_add_entity(&call, "orders");
    admin_call_add_entity(&call, "a b,c");
    const char *method = admin_call_print(&call, &target, &body);
    assert_true(parse(method, buf_text(&target), NULL, buf_text(&body), &found, &err));
    assert_int_equal(found.nentities, 2);
    assert_string_equal(found.entities[1], "a b,c");
    assert_string_equal(found.reason, call.reason);
    assert_true(found.purge && found.takeover && !found.preview);
}

static void parse_when_entities_stand_in_the_query_then_each_is_taken(UNUSED void **state)
{
    CLEANUP(admin_call_done) struct admin_call call = {0};
    struct lf_error err = {0};
    assert_true(parse("GET", "/v1/links/shop/artifacts", "orders,lines", NULL, &call, &err));
    assert_int_equal(call.nentities, 2);
    assert_string_equal(call.entities[0], "orders");
    assert_string_equal(call.entities[1], "lines");
}

static void parse_when_the_request_is_wrong_then_the_message_says_how(UNUSED void **state)
{
    static const struct {
        const char *method, *path, *body;
        enum lf_error_kind kind;
        const char *message;
    } cases[] = {
        {"GET", "/", NULL, LF_NOT_FOUND, "there is nothing at /; paths begin with /v1/"},
        {"GET", "/v1/", NULL, LF_NOT_FOUND, "there is no operation at /v1/"},
        {"GET", "/v1/status", NULL, LF_NOT_FOUND, "there is no operation at /v1/status"},
        {"GET", "/v1/links/shop", NULL, LF_NOT_FOUND, "there is no operation at /v1/links/shop"},
        {"GET", "/v1/links/shop/reload", NULL, LF_NOT_FOUND, "there is no operation at /v1/links/shop/reload"},
        {"GET", "/v1/reload", NULL, LF_UNSUPPORTED, "reload takes POST, not GET"},
        {"POST", "/v1/links/shop/status", NULL, LF_UNSUPPORTED, "status takes GET, not POST"},
        {"POST", "/v1/reload", "[]", LF_CONFIG, "the body must be a JSON object"},
        {"POST", "/v1/links/a/resync", "{\"entities\":\"a\"}", LF_CONFIG, "\"entities\" must be a list of names"},
        {"POST", "/v1/links/a/resync", "{\"entities\":[1]}", LF_CONFIG, "\"entities\" must be a list of names"},
        {"POST", "/v1/links/a/unlink", "{\"purge\":1}", LF_CONFIG, "\"purge\" must be true or false"},
        {"POST", "/v1/links/a/disable", "{\"reason\":1}", LF_CONFIG, "\"reason\" must be text"},
        {"POST", "/v1/links/a/disable", "{\"why\":1}", LF_CONFIG,
         "there is no member \"why\"; there are entities, reason, purge, preview, takeover"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(admin_call_done) struct admin_call call = {0};
        struct lf_error err = {0};
        assert_false(parse(cases[i].method, cases[i].path, NULL, cases[i].body, &call, &err));
        assert_int_equal(err.kind, cases[i].kind);
        assert_string_equal(err.msg, cases[i].message);
    }
}

static void parse_when_the_body_is_no_json_then_config(UNUSED void **state)
{
    CLEANUP(admin_call_done) struct admin_call call = {0};
    struct lf_error err = {0};
    assert_false(parse("POST", "/v1/reload", NULL, "{", &call, &err));
    assert_int_equal(err.kind, LF_CONFIG);
}

static void error_when_printed_then_parse_gives_kind_code_and_message_back(UNUSED void **state)
{
    static const enum lf_error_kind kinds[] = {LF_CONFIG,    LF_AUTH, LF_NOT_FOUND, LF_CONFLICT,    LF_FENCED,
                                               LF_THROTTLED, LF_LOST, LF_CANCELLED, LF_UNSUPPORTED, LF_INTERNAL};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct lf_error err = {.kind = kinds[i], .code = 7, .msg = "say \"why\""};
        CLEANUP(buf_done) struct buf json = {0};
        struct lf_error found = {0};
        assert_in_range(admin_error_print(&err, &json), 400, 599);
        assert_false(admin_error_parse(buf_text(&json), json.len, &found));
        assert_int_equal(found.kind, err.kind);
        assert_int_equal(found.code, 7);
        assert_string_equal(found.msg, err.msg);
    }
}

static void error_when_the_answer_is_no_error_then_internal(UNUSED void **state)
{
    struct lf_error found = {0};
    assert_false(admin_error_parse("{}", 2, &found));
    assert_int_equal(found.kind, LF_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_when_each_operation_is_asked_then_it_is_found),
        cmocka_unit_test(print_when_a_call_has_every_part_then_parse_gives_it_back),
        cmocka_unit_test(parse_when_entities_stand_in_the_query_then_each_is_taken),
        cmocka_unit_test(parse_when_the_request_is_wrong_then_the_message_says_how),
        cmocka_unit_test(parse_when_the_body_is_no_json_then_config),
        cmocka_unit_test(error_when_printed_then_parse_gives_kind_code_and_message_back),
        cmocka_unit_test(error_when_the_answer_is_no_error_then_internal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
