/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/expiry.h"

bool expiry_is_near(int64_t expires_ms, int64_t now_ms)
{
    return expires_ms != 0 && expires_ms - now_ms < EXPIRY_WARNING_DAYS * EXPIRY_DAY_MS;
}

bool expiry_is_due(struct expiry_watch *watch, int64_t expires_ms, int64_t now_ms)
{
    const bool last_day_began = expires_ms - now_ms <= EXPIRY_DAY_MS && expires_ms - watch->warned_ms > EXPIRY_DAY_MS;
    const bool was_today = watch->warned_ms != 0 && now_ms - watch->warned_ms < EXPIRY_DAY_MS;
    if (!expiry_is_near(expires_ms, now_ms) || (was_today && !last_day_began)) {
        return false;
    }
    watch->warned_ms = now_ms;
    return true;
}
