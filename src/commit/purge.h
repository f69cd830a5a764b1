/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a lake: everything that lakefeed wrote goes, and nothing else. Only under the lock.
 *
 *   purge_list → (show it) → purge_remove → purge_plan_done
 */
#ifndef COMMIT_PURGE_H
#define COMMIT_PURGE_H

#include "lake/lake.h"

/* In the order of removal: model.json first, so that no reader ever finds it without its files. */
struct purge_plan {
    char **paths;
    size_t count, size;
    uint64_t bytes;
    size_t foreign; /* files that lakefeed did not write: they stay */
};

void purge_plan_done(struct purge_plan *plan); /* for CLEANUP */

/* CONFIG: model.json is not ours, so nothing may be removed. The lock file is not listed: it stays. */
bool purge_list(struct lake *lake, struct purge_plan *ret_plan, struct lf_error *err) LF_MUST_CHECK;
/* May be repeated after a failure; then folders that became empty go as well. */
bool purge_remove(struct lake *lake, const struct purge_plan *plan, struct lf_error *err) LF_MUST_CHECK;

#endif
