/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/token_retry.h"
#include "base/buf.h"
#include "base/macros.h"

/* The waits between tries that all have this outcome, as "1 2 4"; time passes only while waiting. */
static void assert_waits(enum token_service service, unsigned status, int64_t patience_ms, int64_t retry_after_ms,
                         const char *expected)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct token_outcome outcome = {
        .status = status, .tries = 1, .patience_ms = patience_ms, .retry_after_ms = retry_after_ms};
    int64_t wait_ms = 0;
    while (token_retry_next(service, &outcome, &wait_ms)) {
        buf_printf(&text, "%s%d", text.len > 0 ? " " : "", (int)(wait_ms / 1000));
        outcome.elapsed_ms += wait_ms;
        outcome.tries++;
    }
    assert_string_equal(buf_text(&text), expected);
}

static void entra_when_it_may_pass_then_again_with_growing_waits_until_patience_ends(void **state)
{
    (void)state;
    static const unsigned passing[] = {0, 408, 429, 500, 502, 503, 504};
    for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
        assert_waits(TOKEN_SERVICE_ENTRA, passing[i], 60000, 0, "1 2 4 8 16 16");
    }
    assert_waits(TOKEN_SERVICE_ENTRA, 503, 4000, 0, "1 2");
}

static void entra_when_it_is_final_then_not_again(void **state)
{
    (void)state;
    static const unsigned final[] = {400, 401, 403, 404, 410, 418};
    for (size_t i = 0; i < ARRAY_LEN(final); i++) {
        assert_waits(TOKEN_SERVICE_ENTRA, final[i], 60000, 0, "");
    }
}

static void any_when_the_service_asks_to_wait_then_at_least_so_long_or_not_at_all(void **state)
{
    (void)state;
    assert_waits(TOKEN_SERVICE_ENTRA, 429, 60000, 7000, "7 7 7 8 16");
    assert_waits(TOKEN_SERVICE_ENTRA, 429, 60000, 90000, "");
    assert_waits(TOKEN_SERVICE_MACHINE, 429, 60000, 5000, "5 5 6 14");
}

static void machine_when_it_is_busy_or_starting_then_five_more_tries(void **state)
{
    (void)state;
    static const unsigned passing[] = {404, 429, 500, 503};
    for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
        assert_waits(TOKEN_SERVICE_MACHINE, passing[i], 60000, 0, "1 2 6 14 30");
    }
    assert_waits(TOKEN_SERVICE_MACHINE, 0, 60000, 0, "1 2");
    assert_waits(TOKEN_SERVICE_MACHINE, 400, 60000, 0, "");
    assert_waits(TOKEN_SERVICE_MACHINE, 403, 60000, 0, "");
}

static void machine_when_it_is_upgraded_then_tried_for_seventy_seconds(void **state)
{
    (void)state;
    assert_waits(TOKEN_SERVICE_MACHINE, 410, 60000, 0, "10 10 10 10 10 10 10");
    assert_waits(TOKEN_SERVICE_MACHINE, 410, 25000, 0, "10 10"); /* but not by who has no time */
}

static void any_when_nobody_waits_for_it_then_a_single_try(void **state)
{
    (void)state;
    assert_waits(TOKEN_SERVICE_ENTRA, 503, 0, 0, "");
    assert_waits(TOKEN_SERVICE_ENTRA, 503, -1, 0, "");
    assert_waits(TOKEN_SERVICE_MACHINE, 410, 0, 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entra_when_it_may_pass_then_again_with_growing_waits_until_patience_ends),
        cmocka_unit_test(entra_when_it_is_final_then_not_again),
        cmocka_unit_test(any_when_the_service_asks_to_wait_then_at_least_so_long_or_not_at_all),
        cmocka_unit_test(machine_when_it_is_busy_or_starting_then_five_more_tries),
        cmocka_unit_test(machine_when_it_is_upgraded_then_tried_for_seventy_seconds),
        cmocka_unit_test(any_when_nobody_waits_for_it_then_a_single_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
