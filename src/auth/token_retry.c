/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/token_retry.h"

#include "base/macros.h"

#include <stddef.h>

#define UPGRADE_MS 70000
#define UPGRADE_WAIT_MS 10000
#define PATIENCE_USUAL_MS 60000 /* of who has less, it counts for an upgrade too */

bool token_retry_may_pass(enum token_service service, unsigned status)
{
    const bool machine = service == TOKEN_SERVICE_MACHINE && (status == 404 || status == 410);
    return machine || status == 0 || status == 408 || status == 429 || status >= 500;
}

static bool wait_for_entra(const struct token_outcome *outcome, int64_t *ret_wait_ms)
{
    const unsigned doublings = outcome->tries - 1 < 4 ? outcome->tries - 1 : 4;
    *ret_wait_ms = INT64_C(1000) << doublings;
    return true;
}

static bool wait_for_machine(const struct token_outcome *outcome, int64_t *ret_wait_ms)
{
    static const int64_t waits_ms[] = {1000, 2000, 6000, 14000, 30000};
    const size_t most = outcome->status == 0 ? 2 : ARRAY_LEN(waits_ms);
    if (outcome->tries > most) {
        return false;
    }
    *ret_wait_ms = waits_ms[outcome->tries - 1];
    return true;
}

bool token_retry_next(enum token_service service, const struct token_outcome *outcome, int64_t *ret_wait_ms)
{
    *ret_wait_ms = 0;
    if (outcome->patience_ms <= 0 || !token_retry_may_pass(service, outcome->status)) {
        return false;
    }
    if (service == TOKEN_SERVICE_MACHINE && outcome->status == 410) {
        *ret_wait_ms = UPGRADE_WAIT_MS;
        const bool impatient = outcome->patience_ms < PATIENCE_USUAL_MS;
        return outcome->elapsed_ms < UPGRADE_MS &&
               (!impatient || outcome->elapsed_ms + UPGRADE_WAIT_MS < outcome->patience_ms);
    }
    if (!(service == TOKEN_SERVICE_MACHINE ? wait_for_machine : wait_for_entra)(outcome, ret_wait_ms)) {
        return false;
    }
    *ret_wait_ms = outcome->retry_after_ms > *ret_wait_ms ? outcome->retry_after_ms : *ret_wait_ms;
    return outcome->elapsed_ms + *ret_wait_ms < outcome->patience_ms;
}
