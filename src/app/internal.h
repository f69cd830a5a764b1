/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_INTERNAL_H
#define APP_INTERNAL_H

#include "app/app.h"

bool app_lock_state(const char *state_dir, const char *link, int *ret_fd, struct lf_error *err) LF_MUST_CHECK;

#endif
