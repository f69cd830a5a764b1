/* SPDX-License-Identifier: Apache-2.0
 *
 * Who this installation is, so that a restart is known as the same one: a random number in the state directory, bound to the
 * machine. A copy of the directory on another machine, such as a cloned disk, is another instance.
 */
#ifndef APP_INSTANCE_H
#define APP_INSTANCE_H

#include "lakefeed/error.h"

#include <stdbool.h>

/* Makes the number when there is none. `root` stands before the paths of the system's own files: "" but in tests. */
bool instance_read(const char *state_dir, const char *root, char **ret_text, struct lf_error *err) LF_MUST_CHECK;

#endif
