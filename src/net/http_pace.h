/* SPDX-License-Identifier: Apache-2.0
 *
 * How many requests to one host may run at once: all that the client has, until the host asks to slow down (429, 503). Each
 * such answer halves the number, but only once for what ran at the time of it; each good answer raises it by the part of one
 * that makes it one more after as many answers as run at once. Pure; not thread-safe.
 */
#ifndef NET_HTTP_PACE_H
#define NET_HTTP_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_pace {
    size_t most;
    double allowed; /* from 1 to most */
    int64_t slowed_us;
};

void http_pace_init(struct http_pace *pace, size_t most);
size_t http_pace_allowed(const struct http_pace *pace);
void http_pace_went_well(struct http_pace *pace);
/* The host asked to slow down in answer to a request that was started then; true when the number fell. */
bool http_pace_slow_down(struct http_pace *pace, int64_t started_us, int64_t now_us);

#endif
