/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/signing.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/macros.h"

#include <string.h>

static enum http_method method_of(const char *name)
{
    static const char *const names[] = {"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"};
    size_t i = 0;
    while (strcmp(names[i], name) != 0) {
        i++;
        assert_true(i < ARRAY_LEN(names));
    }
    return (enum http_method)i;
}

static void check_vector(const struct json *vector, const char *account, const struct buf *key)
{
    struct lf_error err;
    int64_t bytes = 0;
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(buf_done) struct buf authorization = {0};
    for (const struct json *header = json_first(json_member(vector, "headers")); header != NULL;
         header = json_next(header)) {
        http_headers_set(headers, json_name(header), json_text(header));
    }
    assert_true(json_int(json_member(vector, "bytes"), &bytes));
    const struct signing_request request = {
        .method = method_of(json_text(json_member(vector, "method"))),
        .url = json_text(json_member(vector, "url")),
        .headers = headers,
        .body_bytes = (uint64_t)bytes,
    };
    assert_true(signing_append_text(&request, account, &text, &err));
    assert_string_equal(buf_text(&text), json_text(json_member(vector, "text")));
    signing_append_authorization(account, key->ptr, key->len, buf_slice(&text), &authorization);
    assert_string_equal(buf_text(&authorization), json_text(json_member(vector, "authorization")));
}

/* Made by the official SDK, see shared_key_vectors.py. */
static void signing_when_the_sdk_signs_the_same_request_then_the_same_signature(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(buf_done) struct buf key = {0};
    CLEANUP(json_free) struct json *root = NULL;
    assert_true(file_read_all(LAKEFEED_TESTS_DIR "/golden/shared-key.json", (size_t)1 << 20, &text, &err));
    assert_true(json_parse("shared-key.json", text.ptr, text.len, &root, &err));
    const char *encoded = json_text(json_member(root, "key"));
    assert_true(base64_decode(encoded, strlen(encoded), &key, &err));
    size_t count = 0;
    for (const struct json *vector = json_first(json_member(root, "requests")); vector != NULL;
         vector = json_next(vector)) {
        check_vector(vector, json_text(json_member(root, "account")), &key);
        count++;
    }
    assert_true(count > 20);
}

static void assert_text(enum http_method method, const char *url, struct http_headers *headers, uint64_t bytes,
                        const char *expected)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf text = {0};
    const struct signing_request request = {.method = method, .url = url, .headers = headers, .body_bytes = bytes};
    assert_true(signing_append_text(&request, "myaccount", &text, &err));
    assert_string_equal(buf_text(&text), expected);
}

/* The examples of the service's documentation, Authorize with Shared Key. */
static void signing_when_the_request_is_a_documented_one_then_its_text(void **state)
{
    (void)state;
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    http_headers_set(headers, "x-ms-version", "2015-02-21");
    http_headers_set(headers, "x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT");
    assert_text(HTTP_GET,
                "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20",
                headers, 0,
                "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
                "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20");
    assert_text(HTTP_GET,
                "https://myaccount.blob.core.windows.net/mycontainer?comp=list&include=snapshots&include=metadata&"
                "include=uncommittedblobs&restype=container",
                headers, 0,
                "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
                "/myaccount/mycontainer\ncomp:list\ninclude:metadata,snapshots,uncommittedblobs\nrestype:container");
}

static void signing_when_a_range_is_asked_then_it_stands_in_its_slot(void **state)
{
    (void)state;
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    http_headers_set(headers, "range", "bytes=0-9");
    http_headers_set(headers, "DATE", "Fri, 26 Jun 2015 23:39:12 GMT"); /* x-ms-date counts, so this slot is empty */
    http_headers_set(headers, "X-MS-Version", "  2024-11-04 \t");
    http_headers_set(headers, "Authorization", "SharedKey myaccount:of the try before");
    assert_text(HTTP_GET, "https://myaccount.dfs.core.windows.net", headers, 0,
                "GET\n\n\n\n\n\n\n\n\n\n\nbytes=0-9\nx-ms-version:2024-11-04\n/myaccount/");
}

static void signing_when_the_path_style_is_used_then_the_account_stands_twice(void **state)
{
    (void)state;
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    assert_text(HTTP_PUT, "http://127.0.0.1:10000/myaccount/fs/a%20b?A=x%2By#part", headers, 7,
                "PUT\n\n\n7\n\n\n\n\n\n\n\n\n/myaccount/myaccount/fs/a%20b\na:x+y");
}

static void signing_when_the_query_holds_a_nul_then_data(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    CLEANUP(buf_done) struct buf text = {0};
    const struct signing_request request = {.method = HTTP_GET, .url = "https://a.b/c?d=%00", .headers = headers};
    assert_false(signing_append_text(&request, "a", &text, &err));
    assert_int_equal(err.kind, LF_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signing_when_the_sdk_signs_the_same_request_then_the_same_signature),
        cmocka_unit_test(signing_when_the_request_is_a_documented_one_then_its_text),
        cmocka_unit_test(signing_when_a_range_is_asked_then_it_stands_in_its_slot),
        cmocka_unit_test(signing_when_the_path_style_is_used_then_the_account_stands_twice),
        cmocka_unit_test(signing_when_the_query_holds_a_nul_then_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
