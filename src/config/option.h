/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside config only: the options of a connector, as they stand in a link.
 */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include "base/json.h"
#include "config/config.h"
#include "lakefeed/error.h"

#include <stdbool.h>

/* "<kind>.<table>.<column>" */
void option_add_column(struct config_link *link, const char *kind, const char *table, const char *column,
                       const char *text);

/* A member of "source" that is no setting: text, integer, boolean, or a secret as {"file": …} or {"env": …}, which is read
 * here. CONFIG without the place. */
bool option_add_json(struct config_link *link, const char *name, const struct json *value,
                     struct lf_error *err) LF_MUST_CHECK;

#endif
