/* SPDX-License-Identifier: Apache-2.0
 *
 * When to warn of what ends and nobody here can renew, a shared access signature or a certificate: once a day in the last seven
 * days, and as soon as the last day has begun. Pure. An end of 0 is not known.
 */
#ifndef AUTH_EXPIRY_H
#define AUTH_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#define EXPIRY_DAY_MS (INT64_C(24) * 3600 * 1000)
#define EXPIRY_WARNING_DAYS 7

struct expiry_watch {
    int64_t warned_ms; /* 0: never */
};

/* Whether the last seven days have begun. */
bool expiry_is_near(int64_t expires_ms, int64_t now_ms);
/* Whether it is time for another warning, which the watch then counts as given. */
bool expiry_is_due(struct expiry_watch *watch, int64_t expires_ms, int64_t now_ms);

#endif
