/* SPDX-License-Identifier: Apache-2.0 */
#include "data/spool_token.h"

#include "unit/data/spool_fixture.h"

static void tokens_come_back_across_generations_until_their_release(void **state UNUSED)
{
    enum { TOKENS = 6000 };
    static uint64_t tokens[TOKENS];
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    struct lf_error err;
    char text[64];
    for (uint64_t i = 0; i < TOKENS; i++) {
        int len = snprintf(text, sizeof text, "token %llu %*d", (unsigned long long)i, (int)(i % 40), 1);
        tokens[i] = add_token(spool, text, (size_t)len);
        if (i % 1000 == 999) {
            cut(spool, "c", i);
        }
    }
    assert_true(spool_disk_bytes(spool) > 0);
    assert_true(spool_memory_bytes(spool) < (uint64_t)2 * 65536);
    spool_release(spool, 2999);
    for (uint64_t i = 3000; i < TOKENS; i++) {
        int len = snprintf(text, sizeof text, "token %llu %*d", (unsigned long long)i, (int)(i % 40), 1);
        expect_token(spool, tokens[i], text, (size_t)len);
    }
    CLEANUP(buf_done) struct buf out = {0};
    assert_false(spool_token(spool, tokens[0], &out, &err));
    assert_int_equal(err.kind, LF_INTERNAL);
    spool_release(spool, TOKENS);
    assert_int_equal(spool_disk_bytes(spool), 0);
    assert_false(spool_token(spool, tokens[TOKENS - 1], &out, &err));
}

static void same_token_is_stored_once_but_not_across_a_cut(void **state UNUSED)
{
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    uint64_t first = add_token(spool, "x", 1);
    assert_int_equal(add_token(spool, "x", 1), first);
    uint64_t other = add_token(spool, "y", 1);
    assert_int_not_equal(other, first);
    assert_int_not_equal(add_token(spool, "", 0), other);
    uint64_t last = add_token(spool, "x", 1);
    cut(spool, "c", 1);
    uint64_t after = add_token(spool, "x", 1);
    assert_int_not_equal(after, last);
    spool_release(spool, 1);
    expect_token(spool, after, "x", 1);
}

static void longest_token_is_taken_and_a_longer_one_is_a_limit(void **state UNUSED)
{
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 0);
    struct lf_error err;
    char *bytes = mem_new(65537, 1);
    uint64_t small = add_token(spool, "small", 5);
    uint64_t first = add_token(spool, bytes, 65536);
    bytes[0] = 1;
    uint64_t second = add_token(spool, bytes, 65536);
    expect_token(spool, second, bytes, 65536);
    bytes[0] = 0;
    expect_token(spool, first, bytes, 65536);
    expect_token(spool, small, "small", 5);
    uint64_t token = 0;
    assert_false(spool_add_token(spool, (struct lf_slice){bytes, 65537}, &token, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    assert_false(spool_cut(spool, (struct lf_slice){bytes, 65537}, 1, 0, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    free(bytes);
}

static void full_disk_at_a_token_adds_nothing(void **state UNUSED)
{
    CLEANUP(spool_free) struct spool *spool = new_spool(65536, 4096);
    struct lf_error err;
    char *bytes = mem_new(40000, 1);
    uint64_t first = add_token(spool, bytes, 40000);
    uint64_t token = 0;
    bytes[0] = 1;
    assert_false(spool_add_token(spool, (struct lf_slice){bytes, 40000}, &token, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    bytes[0] = 0;
    expect_token(spool, first, bytes, 40000);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_come_back_across_generations_until_their_release),
        cmocka_unit_test(same_token_is_stored_once_but_not_across_a_cut),
        cmocka_unit_test(longest_token_is_taken_and_a_longer_one_is_a_limit),
        cmocka_unit_test(full_disk_at_a_token_adds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
