/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside config only: a value that stands elsewhere, as {"file": PATH} or {"env": NAME}.
 */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include "config/config.h"

/* What the file holds, without one line end, or the variable. CONFIG without the place: it cannot be read, holds nothing, or the
 * file can be read by others than its owner, who must be the user of this process or root. */
bool secret_read(enum config_origin origin, const char *where, char **ret_text, struct lf_error *err) LF_MUST_CHECK;
/* The member of such an object. CONFIG_PLAIN: there is none. */
enum config_origin secret_origin(const char *member);
const char *secret_member(enum config_origin origin);

#endif
