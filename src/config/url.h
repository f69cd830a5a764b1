/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside config only: what is a secret.
 */
#ifndef CONFIG_URL_H
#define CONFIG_URL_H

#include "lakefeed/schema.h"

#include <stdbool.h>

/* Whether a parameter or an option of this name holds a password, in any case of letters. */
bool url_is_password_name(struct lf_slice name);
extern const char *const url_password_names[]; /* in lower case, ends with NULL */

#endif
