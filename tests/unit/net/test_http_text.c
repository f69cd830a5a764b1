/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "net/http_text.h"

static void encode_when_any_bytes_then_decode_gives_them_back(void **state)
{
    (void)state;
    struct lf_error err;
    static const struct {
        const char *text, *encoded;
    } examples[] = {
        {"", ""},
        {"orders", "orders"},
        {"a/b?c&d=e+f g%", "a%2Fb%3Fc%26d%3De%2Bf%20g%25"},
        {"-._~", "-._~"},
        {"K\xC3\xB6ln\xFF\x01", "K%C3%B6ln%FF%01"},
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        CLEANUP(buf_done) struct buf encoded = {0};
        CLEANUP(buf_done) struct buf decoded = {0};
        http_encode(&encoded, examples[i].text);
        assert_string_equal(buf_text(&encoded), examples[i].encoded);
        assert_true(http_decode(&decoded, buf_text(&encoded), &err));
        assert_string_equal(buf_text(&decoded), examples[i].text);
    }
}

static void decode_when_not_encoded_then_as_it_is(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf decoded = {0};
    assert_true(http_decode(&decoded, "100%, a+b %zz %2", &err));
    assert_string_equal(buf_text(&decoded), "100%, a+b %zz %2");
}

static void decode_when_a_nul_then_data(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf decoded = {0};
    assert_false(http_decode(&decoded, "a%00b", &err));
    assert_int_equal(err.kind, LF_DATA);
    assert_string_equal(err.msg, "\"a%00b\" holds an encoded NUL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encode_when_any_bytes_then_decode_gives_them_back),
        cmocka_unit_test(decode_when_not_encoded_then_as_it_is),
        cmocka_unit_test(decode_when_a_nul_then_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
