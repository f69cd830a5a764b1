/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/policy.h"

#define DELAY_MIN_MS 1000
#define DELAY_MAX_MS 60000
#define IMPATIENT_FAILURES 3u

/* AUTH and NOT_FOUND pass when somebody mends a right or a mount: a daemon waits for that. */
static bool may_pass(enum lf_error_kind kind, bool patient)
{
    switch (kind) {
    case LF_TRANSIENT:
    case LF_THROTTLED:
        return true;
    case LF_AUTH:
    case LF_NOT_FOUND:
        return patient;
    default:
        return false;
    }
}

static int64_t delay(unsigned failures)
{
    int64_t ms = DELAY_MIN_MS;
    for (unsigned i = 1; i < failures && ms < DELAY_MAX_MS; i++) {
        ms *= 2;
    }
    return ms > DELAY_MAX_MS ? DELAY_MAX_MS : ms;
}

struct policy_verdict policy_decide(const struct lf_error *err, unsigned failures, bool patient)
{
    bool retry = may_pass(err->kind, patient) && (patient || failures < IMPATIENT_FAILURES);
    if (!retry) {
        return (struct policy_verdict){.action = POLICY_STOP};
    }
    return (struct policy_verdict){
        .action = POLICY_RETRY,
        .delay_ms = err->retry_after_ms > 0 ? err->retry_after_ms : delay(failures),
    };
}
