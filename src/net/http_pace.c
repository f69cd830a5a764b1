/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_pace.h"

void http_pace_init(struct http_pace *pace, size_t most)
{
    *pace = (struct http_pace){.most = most, .allowed = (double)most, .slowed_us = INT64_MIN};
}

size_t http_pace_allowed(const struct http_pace *pace)
{
    return (size_t)pace->allowed;
}

void http_pace_went_well(struct http_pace *pace)
{
    double raised = pace->allowed + 1 / pace->allowed;
    pace->allowed = raised < (double)pace->most ? raised : (double)pace->most;
}

bool http_pace_slow_down(struct http_pace *pace, int64_t started_us, int64_t now_us)
{
    if (started_us <= pace->slowed_us || pace->allowed <= 1) {
        return false;
    }
    pace->slowed_us = now_us;
    pace->allowed = pace->allowed / 2 > 1 ? pace->allowed / 2 : 1;
    return true;
}
