/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "net/http_retry.h"

#include <stdio.h>
#include <string.h>

static struct random_source seeded(struct random_seeded *seeded)
{
    random_seeded_init(seeded, 7);
    return random_from_seeded(seeded);
}

static struct http_retry a_retry(enum http_repeat repeat)
{
    return (struct http_retry){.repeat = repeat, .deadline_ms = 1000000, .backoff_ms = 500, .can_renew = true};
}

struct row {
    const char *what;
    struct http_outcome outcome;
    bool repeat, once; /* tried again? */
    bool blind;        /* of HTTP_REPEAT */
};

static void next_when_each_class_of_outcome_then_as_the_table_says(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"not sent", {.status = 0}, true, true, false},
        {"sent", {.was_sent = true}, true, false, true},
        {"stale", {.was_sent = true, .was_stale = true}, true, false, true},
        {"hopeless", {.is_hopeless = true}, false, false, false},
        {"200", {.status = 200, .was_sent = true}, false, false, false},
        {"404", {.status = 404, .was_sent = true}, false, false, false},
        {"409", {.status = 409, .was_sent = true}, false, false, false},
        {"412", {.status = 412, .was_sent = true}, false, false, false},
        {"408", {.status = 408, .was_sent = true}, true, false, true},
        {"429", {.status = 429, .was_sent = true}, true, true, false},
        {"500", {.status = 500, .was_sent = true}, true, false, true},
        {"501", {.status = 501, .was_sent = true}, false, false, false},
        {"502", {.status = 502, .was_sent = true}, true, false, true},
        {"503", {.status = 503, .was_sent = true}, true, false, true},
        {"503 before the body", {.status = 503}, true, true, false},
        {"504", {.status = 504, .was_sent = true}, true, false, true},
        {"505", {.status = 505, .was_sent = true}, false, false, false},
        {"417 of its own", {.status = 417, .was_sent = true}, false, false, false},
        {"417 to Expect", {.status = 417, .expectation_failed = true}, true, true, false},
        {"401", {.status = 401, .was_sent = true}, true, true, false},
    };
    struct random_seeded seed;
    struct random_source random = seeded(&seed);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_retry repeat = a_retry(HTTP_REPEAT);
        struct http_retry once = a_retry(HTTP_ONCE);
        if (http_retry_next(&repeat, &rows[i].outcome, 0, &random).again != rows[i].repeat ||
            http_retry_next(&once, &rows[i].outcome, 0, &random).again != rows[i].once ||
            repeat.is_blind != rows[i].blind || once.is_blind) {
            fail_msg("%s", rows[i].what);
        }
    }
}

static void in_doubt_when_nothing_can_have_been_done_then_false(void **state)
{
    (void)state;
    static const struct http_outcome never[] = {{.status = 0},
                                                {.status = 503},
                                                {.status = 401, .was_sent = true},
                                                {.status = 417, .was_sent = true},
                                                {.status = 429, .was_sent = true}};
    static const struct http_outcome perhaps[] = {{.was_sent = true},
                                                  {.status = 503, .was_sent = true},
                                                  {.status = 201, .was_sent = true},
                                                  {.status = 500, .was_sent = true}};
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        assert_false(http_retry_in_doubt(&never[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(perhaps); i++) {
        assert_true(http_retry_in_doubt(&perhaps[i]));
    }
}

static void next_when_unauthorized_then_renewed_once_and_at_once(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random_source random = seeded(&seed);
    struct http_retry retry = a_retry(HTTP_ONCE);
    const struct http_outcome outcome = {.status = 401, .was_sent = true};
    struct http_next next = http_retry_next(&retry, &outcome, 0, &random);
    assert_true(next.again && next.unauthorized);
    assert_int_equal(next.delay_ms, 0);
    assert_false(http_retry_next(&retry, &outcome, 0, &random).again);
    retry = a_retry(HTTP_REPEAT);
    retry.can_renew = false;
    assert_false(http_retry_next(&retry, &outcome, 0, &random).again);
}

static void next_when_an_expectation_failed_then_plain_once(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random_source random = seeded(&seed);
    struct http_retry retry = a_retry(HTTP_ONCE);
    const struct http_outcome outcome = {.status = 417, .expectation_failed = true};
    assert_true(http_retry_next(&retry, &outcome, 0, &random).again);
    assert_true(retry.is_plain);
    assert_false(http_retry_next(&retry, &outcome, 0, &random).again);
}

static void next_when_a_kept_connection_broke_then_at_once_on_a_fresh_one(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random_source random = seeded(&seed);
    struct http_retry retry = a_retry(HTTP_REPEAT);
    struct http_next next =
        http_retry_next(&retry, &(struct http_outcome){.was_sent = true, .was_stale = true}, 0, &random);
    assert_true(next.again && next.fresh);
    assert_int_equal(next.delay_ms, 0);
    next = http_retry_next(&retry, &(struct http_outcome){.was_sent = true}, 0, &random);
    assert_true(next.again && !next.fresh);
    assert_in_range(next.delay_ms, 400, 600); /* the first wait */
}

static void next_when_repeated_then_waits_double_with_jitter_up_to_the_most(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random_source random = seeded(&seed);
    struct http_retry retry = a_retry(HTTP_REPEAT);
    int64_t base = 500;
    bool varies = false;
    for (unsigned i = 0; i < 12; i++) {
        struct http_next next = http_retry_next(&retry, &(struct http_outcome){.status = 500}, 0, &random);
        int64_t most = base * 12 / 10;
        assert_in_range(next.delay_ms, base * 8 / 10 < 24000 ? base * 8 / 10 : 24000,
                        most < HTTP_BACKOFF_MAX_MS ? most : HTTP_BACKOFF_MAX_MS);
        varies = varies || next.delay_ms != base;
        base *= 2;
    }
    assert_true(varies);
}

static void next_when_the_server_asks_for_a_wait_then_the_longer_one_counts(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random_source random = seeded(&seed);
    struct http_retry retry = a_retry(HTTP_REPEAT);
    struct http_outcome outcome = {.status = 503, .retry_after_ms = 70000};
    assert_int_equal(http_retry_next(&retry, &outcome, 0, &random).delay_ms, 70000);
    outcome.retry_after_ms = 1;
    assert_in_range(http_retry_next(&retry, &outcome, 0, &random).delay_ms, 800, 1200);
}

static void next_when_patience_would_end_before_the_wait_then_it_ends_now(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random_source random = seeded(&seed);
    struct http_retry retry = a_retry(HTTP_REPEAT);
    const struct http_outcome outcome = {.status = 503, .was_sent = true, .retry_after_ms = 5000};
    assert_false(http_retry_next(&retry, &outcome, 995001, &random).again);
    assert_false(retry.is_blind); /* nothing was repeated */
    assert_true(http_retry_next(&retry, &outcome, 995000, &random).again);
    retry = a_retry(HTTP_REPEAT);
    retry.is_single = true;
    assert_false(http_retry_next(&retry, &(struct http_outcome){.status = 503}, 0, &random).again);
    assert_false(http_retry_next(&retry, &(struct http_outcome){.was_stale = true}, 0, &random).again);
}

static void next_when_a_single_try_was_answered_401_then_one_more_at_once(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random_source random = seeded(&seed);
    const struct http_outcome outcome = {.status = 401, .was_sent = true};
    struct http_retry retry = a_retry(HTTP_ONCE);
    retry.is_single = true;
    const struct http_next next = http_retry_next(&retry, &outcome, 0, &random);
    assert_true(next.again);
    assert_true(next.unauthorized);
    assert_int_equal(next.delay_ms, 0);
    assert_false(http_retry_next(&retry, &outcome, 0, &random).again);
    retry = a_retry(HTTP_ONCE);
    retry.is_single = true;
    retry.can_renew = false;
    assert_false(http_retry_next(&retry, &outcome, 0, &random).again);
}

static void next_when_the_request_names_further_statuses_then_those_too(void **state)
{
    (void)state;
    static const unsigned further[] = {404, 410, 0};
    struct random_seeded seed;
    struct random_source random = seeded(&seed);
    struct http_retry retry = a_retry(HTTP_REPEAT);
    retry.further_statuses = further;
    assert_true(http_retry_next(&retry, &(struct http_outcome){.status = 410}, 0, &random).again);
    assert_false(http_retry_next(&retry, &(struct http_outcome){.status = 411}, 0, &random).again);
    assert_false(retry.is_blind);
}

static void retry_after_when_seconds_or_a_date_then_milliseconds(void **state)
{
    (void)state;
    const int64_t now_ms = INT64_C(784111777) * 1000; /* Sun, 06 Nov 1994 08:49:37 GMT */
    static const struct {
        const char *value;
        int64_t ms;
    } rows[] = {
        {NULL, 0},
        {"", 0},
        {"0", 0},
        {"7", 7000},
        {"99999999999999999999999", 86400000},
        {"Sun, 06 Nov 1994 08:49:57 GMT", 20000},
        {"Sun, 06 Nov 1994 08:49:07 GMT", 0},
        {"Sat, 06 Nov 2094 08:49:37 GMT", 86400000},
        {"soon", 0},
        {"Sunday, 06-Nov-94 08:49:57 GMT", 0}, /* no server writes this form any more */
        {"-5", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = http_retry_after(rows[i].value, now_ms);
        if (ms != rows[i].ms) {
            fail_msg("%s: %lld", rows[i].value, (long long)ms);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_when_each_class_of_outcome_then_as_the_table_says),
        cmocka_unit_test(in_doubt_when_nothing_can_have_been_done_then_false),
        cmocka_unit_test(next_when_unauthorized_then_renewed_once_and_at_once),
        cmocka_unit_test(next_when_an_expectation_failed_then_plain_once),
        cmocka_unit_test(next_when_a_kept_connection_broke_then_at_once_on_a_fresh_one),
        cmocka_unit_test(next_when_repeated_then_waits_double_with_jitter_up_to_the_most),
        cmocka_unit_test(next_when_the_server_asks_for_a_wait_then_the_longer_one_counts),
        cmocka_unit_test(next_when_patience_would_end_before_the_wait_then_it_ends_now),
        cmocka_unit_test(next_when_a_single_try_was_answered_401_then_one_more_at_once),
        cmocka_unit_test(next_when_the_request_names_further_statuses_then_those_too),
        cmocka_unit_test(retry_after_when_seconds_or_a_date_then_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
