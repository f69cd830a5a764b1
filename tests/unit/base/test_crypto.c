/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/macros.h"
#include "base/random.h"

#include <string.h>

static const char sha_of_abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char sha_of_nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void sha256_when_updated_in_parts_then_the_hash_of_all(void **state)
{
    (void)state;
    CLEANUP(sha256_free) struct sha256 *hash = sha256_new();
    char hex[SHA256_HEX_SIZE];
    sha256_update(hash, "a", 1);
    sha256_update(hash, "", 0);
    sha256_update(hash, "bc", 2);
    sha256_finish(hash, hex);
    assert_string_equal(hex, sha_of_abc);
}

static void sha256_when_finished_then_starts_anew(void **state)
{
    (void)state;
    CLEANUP(sha256_free) struct sha256 *hash = sha256_new();
    char hex[SHA256_HEX_SIZE];
    sha256_update(hash, "xyz", 3);
    sha256_finish(hash, hex);
    sha256_finish(hash, hex);
    assert_string_equal(hex, sha_of_nothing);
    sha256_update(hash, "abc", 3);
    sha256_finish(hash, hex);
    assert_string_equal(hex, sha_of_abc);
}

static void sha256_of_when_given_bytes_then_their_hash(void **state)
{
    (void)state;
    char hex[SHA256_HEX_SIZE];
    sha256_of("abc", 3, hex);
    assert_string_equal(hex, sha_of_abc);
    sha256_of(NULL, 0, hex);
    assert_string_equal(hex, sha_of_nothing);
}

static void sha256_free_when_null_then_nothing(void **state)
{
    (void)state;
    struct sha256 *hash = NULL;
    sha256_free(&hash);
    assert_null(hash);
}

static void assert_hex(const unsigned char *bytes, size_t len, const char *expected)
{
    CLEANUP(buf_done) struct buf hex = {0};
    for (size_t i = 0; i < len; i++) {
        buf_printf(&hex, "%02x", bytes[i]);
    }
    assert_string_equal(buf_text(&hex), expected);
}

/* RFC 4231, cases 1, 2 and 6 (a key longer than a block). */
static void hmac_sha256_when_computed_then_the_published_value(void **state)
{
    (void)state;
    unsigned char mac[HMAC_SHA256_BYTES];
    unsigned char key[131];
    memset(key, 0x0B, 20);
    hmac_sha256(key, 20, "Hi There", 8, mac);
    assert_hex(mac, sizeof mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
    assert_hex(mac, sizeof mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xAA, sizeof key);
    const char *text = "Test Using Larger Than Block-Size Key - Hash Key First";
    hmac_sha256(key, sizeof key, text, strlen(text), mac);
    assert_hex(mac, sizeof mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* RFC 1321, appendix A.5. */
static void md5_when_computed_then_the_published_value(void **state)
{
    (void)state;
    unsigned char digest[MD5_BYTES];
    md5_of("", 0, digest);
    assert_hex(digest, sizeof digest, "d41d8cd98f00b204e9800998ecf8427e");
    md5_of("message digest", 14, digest);
    assert_hex(digest, sizeof digest, "f96b697d7cb7938d525a2f31aaf161d0");
}

static void md5_when_updated_in_parts_then_the_hash_of_all_and_starts_anew(void **state)
{
    (void)state;
    unsigned char digest[MD5_BYTES];
    CLEANUP(md5_free) struct md5 *hash = md5_new();
    md5_update(hash, "message ", 8);
    md5_update(hash, "digest", 6);
    md5_finish(hash, digest);
    assert_hex(digest, sizeof digest, "f96b697d7cb7938d525a2f31aaf161d0");
    md5_update(hash, "abc", 3);
    md5_finish(hash, digest);
    assert_hex(digest, sizeof digest, "900150983cd24fb0d6963f7d28e17f72");
}

struct example {
    const char *bytes, *url, *standard;
};

/* RFC 4648 section 10, and bytes that need the two characters in which the alphabets differ. */
static const struct example examples[] = {
    {"", "", ""},
    {"f", "Zg", "Zg=="},
    {"fo", "Zm8", "Zm8="},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg", "Zm9vYg=="},
    {"fooba", "Zm9vYmE", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xFB\xEF\xBE\xFF", "----_w", "++++/w=="},
};

static void base64_when_encoded_then_the_published_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        CLEANUP(buf_done) struct buf url = {0};
        CLEANUP(buf_done) struct buf standard = {0};
        base64url_append(&url, examples[i].bytes, strlen(examples[i].bytes));
        base64_append(&standard, examples[i].bytes, strlen(examples[i].bytes));
        assert_string_equal(buf_text(&url), examples[i].url);
        assert_string_equal(buf_text(&standard), examples[i].standard);
    }
}

static void base64_when_decoded_then_the_bytes_follow_what_was_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct lf_error err;
        CLEANUP(buf_done) struct buf out = {0};
        buf_append_text(&out, "x");
        assert_true(base64url_decode(examples[i].url, strlen(examples[i].url), &out, &err));
        assert_true(base64_decode(examples[i].standard, strlen(examples[i].standard), &out, &err));
        CLEANUP(buf_done) struct buf expected = {0};
        buf_printf(&expected, "x%s%s", examples[i].bytes, examples[i].bytes);
        assert_string_equal(buf_text(&out), buf_text(&expected));
    }
}

static void refuse(bool (*decode)(const char *, size_t, struct buf *, struct lf_error *), const char *text, size_t len)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    buf_append_text(&out, "x");
    assert_false(decode(text, len, &out, &err));
    assert_int_equal(err.kind, LF_DATA);
    assert_int_equal(out.len, 1);
    assert_string_equal(buf_text(&out), "x");
}

static void base64url_decode_when_text_is_wrong_then_data_and_nothing_is_added(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "Zg==", "Zm9v YmFy", "Zm9v\n", "Z+9v", "Z/9v", "\xC3\xA4", "A", "Zm9vA", /* alphabet, then length */
        "Zh",   "Zm9",       "Zm9vYh",                                           /* bits left over that are not zero */
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        refuse(base64url_decode, wrong[i], strlen(wrong[i]));
    }
    refuse(base64url_decode, "Zm\0v", 4);
}

static void base64_decode_when_text_is_wrong_then_data_and_nothing_is_added(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Zg",   "Zg=",      "Z===", "====", "=m9v",
                                        "Zm=v", "Zg==Zg==", "Zm-v", "Zh==", "Zm9="};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        refuse(base64_decode, wrong[i], strlen(wrong[i]));
    }
}

static void base64url_decode_when_the_buffer_is_too_small_then_limit(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out;
    buf_init(&out, 3);
    assert_false(base64url_decode("Zm9vYg", 6, &out, &err));
    assert_int_equal(err.kind, LF_LIMIT);
}

static void base64url_when_random_bytes_then_round_trip(void **state)
{
    (void)state;
    struct random_seeded seeded;
    random_seeded_init(&seeded, 11);
    struct random_source source = random_from_seeded(&seeded);
    for (size_t len = 0; len < 200; len++) {
        struct lf_error err;
        char bytes[200];
        source.fill(source.context, bytes, len);
        CLEANUP(buf_done) struct buf text = {0};
        CLEANUP(buf_done) struct buf out = {0};
        base64url_append(&text, bytes, len);
        assert_true(base64url_decode(buf_text(&text), text.len, &out, &err));
        assert_true(slice_equal(buf_slice(&out), (struct lf_slice){bytes, len}));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_when_updated_in_parts_then_the_hash_of_all),
        cmocka_unit_test(sha256_when_finished_then_starts_anew),
        cmocka_unit_test(sha256_of_when_given_bytes_then_their_hash),
        cmocka_unit_test(sha256_free_when_null_then_nothing),
        cmocka_unit_test(hmac_sha256_when_computed_then_the_published_value),
        cmocka_unit_test(md5_when_computed_then_the_published_value),
        cmocka_unit_test(md5_when_updated_in_parts_then_the_hash_of_all_and_starts_anew),
        cmocka_unit_test(base64_when_encoded_then_the_published_text),
        cmocka_unit_test(base64_when_decoded_then_the_bytes_follow_what_was_there),
        cmocka_unit_test(base64url_decode_when_text_is_wrong_then_data_and_nothing_is_added),
        cmocka_unit_test(base64_decode_when_text_is_wrong_then_data_and_nothing_is_added),
        cmocka_unit_test(base64url_decode_when_the_buffer_is_too_small_then_limit),
        cmocka_unit_test(base64url_when_random_bytes_then_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
