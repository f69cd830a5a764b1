/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings that may stand in the environment instead, under the names that other Azure clients know.
 */
#ifndef AUTH_ENVIRONMENT_H
#define AUTH_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* The variable; NULL when it is absent or empty. Borrowed. */
const char *environment_get(const char *name);
/* The option when given, else the variable. */
const char *environment_or(const char *option, const char *name);
bool environment_is_true(const char *name); /* "1" or "true" */

#endif
