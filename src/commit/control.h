/* SPDX-License-Identifier: Apache-2.0
 *
 * _lakefeed/control.json: whether the link of this lake may run. It lives in the lake, so that a daemon on another machine, or one that
 * starts again, obeys what an operator said. docs/formats/control.md has the text.
 */
#ifndef COMMIT_CONTROL_H
#define COMMIT_CONTROL_H

#include "lake/lake.h"

struct lake_control {
    bool enabled;
    char *reason;     /* NULL: none given */
    int64_t since_ms; /* UTC */
};

void lake_control_done(struct lake_control *control); /* for CLEANUP */

/* No file means enabled. DATA: the file is not one of ours; it is never taken for "enabled". */
bool lake_control_read(struct lake *lake, struct lake_control *ret_control, struct lf_error *err) LF_MUST_CHECK;
/* Only under the lock. `folder` is for a temporary file. */
bool lake_control_write(struct lake *lake, const char *folder, const struct lake_control *control,
                        struct lf_error *err) LF_MUST_CHECK;

#endif
