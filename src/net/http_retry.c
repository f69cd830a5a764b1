/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_retry.h"

#include "base/http_date.h"
#include "base/macros.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_AFTER_MAX_S 86400u /* a day */

static bool is_further(const struct http_retry *retry, unsigned status)
{
    for (const unsigned *at = retry->further_statuses; at != NULL && *at != 0; at++) {
        if (*at == status) {
            return true;
        }
    }
    return false;
}

/* Worth another try at all, were it harmless. */
static bool is_passing(const struct http_retry *retry, const struct http_outcome *outcome)
{
    static const unsigned statuses[] = {408, 429, 500, 502, 503, 504};
    if (outcome->status == 0) {
        return !outcome->is_hopeless;
    }
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        if (outcome->status == statuses[i]) {
            return true;
        }
    }
    return is_further(retry, outcome->status);
}

/* A service that refuses by 503 does so before it acts, but what stands before it may say 503 afterwards. */
bool http_retry_in_doubt(const struct http_outcome *outcome)
{
    switch (outcome->status) {
    case 0:
    case 503:
        return outcome->was_sent;
    case 401:
    case 417:
    case 429:
        return false;
    default:
        return true;
    }
}

static int64_t wait_ms(struct http_retry *retry, const struct random_source *random)
{
    int64_t wait = retry->backoff_ms;
    for (unsigned i = 0; i < retry->waits && wait < HTTP_BACKOFF_MAX_MS; i++) {
        wait *= 2;
    }
    retry->waits++;
    uint32_t number = 0;
    random->fill(random->context, &number, sizeof number);
    wait = wait * (800 + number % 401) / 1000;
    return wait < HTTP_BACKOFF_MAX_MS ? wait : HTTP_BACKOFF_MAX_MS;
}

static bool is_at_once(struct http_retry *retry, const struct http_outcome *outcome, struct http_next *ret_next)
{
    if (outcome->status == 401 && retry->can_renew && !retry->is_renewed) {
        retry->is_renewed = true;
        *ret_next = (struct http_next){.again = true, .unauthorized = true};
        return true;
    }
    if (outcome->expectation_failed && !retry->is_plain) {
        retry->is_plain = true;
        *ret_next = (struct http_next){.again = true};
        return true;
    }
    return false;
}

struct http_next http_retry_next(struct http_retry *retry, const struct http_outcome *outcome, int64_t now_ms,
                                 const struct random_source *random)
{
    struct http_next next = {0};
    if (is_at_once(retry, outcome, &next) || retry->is_single) {
        return next;
    }
    bool blind = http_retry_in_doubt(outcome);
    if (!is_passing(retry, outcome) || (blind && retry->repeat == HTTP_ONCE)) {
        return next;
    }
    next.fresh = outcome->was_stale;
    if (!outcome->was_stale) {
        next.delay_ms = wait_ms(retry, random);
    }
    if (next.delay_ms < outcome->retry_after_ms) {
        next.delay_ms = outcome->retry_after_ms;
    }
    if (next.delay_ms > retry->deadline_ms - now_ms) {
        return (struct http_next){0};
    }
    next.again = true;
    retry->is_blind = retry->is_blind || (blind && !is_further(retry, outcome->status));
    return next;
}

int64_t http_retry_after(const char *value, int64_t now_ms)
{
    if (value == NULL || value[0] == '\0') {
        return 0;
    }
    if (value[strspn(value, "0123456789")] == '\0') {
        unsigned long long seconds = strtoull(value, NULL, 10);
        return (int64_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
    }
    const int64_t most = (int64_t)RETRY_AFTER_MAX_S * 1000;
    int64_t date_ms = 0;
    const int64_t wait = http_date_parse(value, &date_ms) ? date_ms - now_ms : 0;
    return wait < 0 ? 0 : wait < most ? wait : most;
}
