/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "net/http.h"
#include "net/http_curl.h"

#include <string.h>

static void headers_when_set_added_and_removed_then_names_have_no_case(void **state)
{
    (void)state;
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    assert_null(http_headers_get(headers, "a"));
    http_headers_add(headers, "A", "1");
    http_headers_add(headers, "b", "2");
    http_headers_add(headers, "a", "3");
    assert_int_equal(http_headers_count(headers), 3);
    assert_string_equal(http_headers_get(headers, "a"), "1");
    http_headers_set(headers, "a", http_headers_get(headers, "b"));
    assert_int_equal(http_headers_count(headers), 2);
    const char *name = NULL;
    const char *value = NULL;
    http_headers_at(headers, 1, &name, &value);
    assert_string_equal(name, "a");
    assert_string_equal(value, "2");
    http_headers_remove(headers, "A");
    http_headers_remove(headers, "none");
    assert_int_equal(http_headers_count(headers), 1);
}

static void url_show_when_there_are_secrets_then_they_are_left_out(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"https://a.dfs.core.windows.net/fs/p%20q?sv=1&sig=secret", "https://a.dfs.core.windows.net/fs/p%20q"},
        {"https://user:secret@host:8/p@q#secret", "https://host:8/p@q"},
        {"https://us@er:secret@host/", "https://host/"},
        {"http://host?x=://a@b", "http://host"},
        {"http://host", "http://host"},
        {"nonsense?secret", "nonsense"},
        {"user:secret@host/p", "host/p"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_done) struct buf out = {0};
        http_url_show(rows[i][0], &out);
        assert_string_equal(buf_text(&out), rows[i][1]);
    }
}

static void header_is_shown_when_it_may_hold_a_secret_then_not(void **state)
{
    (void)state;
    assert_true(http_header_is_shown("X-MS-Request-Id"));
    static const char *const hidden[] = {"Authorization",      "Cookie",
                                         "Set-Cookie",         "Proxy-Authorization",
                                         "x-ms-rename-source", "x-ms-copy-source-authorization",
                                         "X-IDENTITY-HEADER",  "WWW-Authenticate",
                                         "x-ms-copy-source",   "Location"};
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
        assert_false(http_header_is_shown(hidden[i]));
    }
}

static void split_when_a_line_is_no_header_then_false(void **state)
{
    (void)state;
    struct lf_slice name;
    struct lf_slice value;
    assert_false(http_curl_split("HTTP/1.1 200 it: works\r\n", 24, &name, &value));
    assert_false(http_curl_split("\r\n", 2, &name, &value));
    assert_false(http_curl_split("none", 4, &name, &value));
    assert_false(http_curl_split(": x", 3, &name, &value));
    assert_true(http_curl_split("a:", 2, &name, &value));
    assert_int_equal(value.len, 0);
    assert_true(http_curl_split("A-b: \t c d \r\n", 13, &name, &value));
    assert_int_equal(name.len, 3);
    assert_int_equal(value.len, 3);
    assert_memory_equal(value.ptr, "c d", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_when_set_added_and_removed_then_names_have_no_case),
        cmocka_unit_test(url_show_when_there_are_secrets_then_they_are_left_out),
        cmocka_unit_test(header_is_shown_when_it_may_hold_a_secret_then_not),
        cmocka_unit_test(split_when_a_line_is_no_header_then_false),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
