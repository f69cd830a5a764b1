/* SPDX-License-Identifier: Apache-2.0
 *
 * What follows a failure of a link: pure, error kind and history in, verdict out. Nobody else decides.
 */
#ifndef SCHED_POLICY_H
#define SCHED_POLICY_H

#include "lakefeed/error.h"

enum policy_action {
    POLICY_RETRY, /* open the link again after delay_ms; it starts from the lake */
    POLICY_STOP   /* nothing that this process can mend */
};

struct policy_verdict {
    enum policy_action action;
    int64_t delay_ms;
};

/* `failures`: in a row, this one included. `patient`: a daemon, which never gives up on what may pass. */
struct policy_verdict policy_decide(const struct lf_error *err, unsigned failures, bool patient);

#endif
