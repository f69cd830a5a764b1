/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside config only: the options of a connector, as they stand in a link.
 */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include "config/node.h"

/* "<kind>.<table>.<column>" */
void option_add_column(struct config_link *link, const char *kind, const char *table, const char *column,
                       const char *text);

/* "filter.<table>" */
void option_add_filter(struct config_link *link, const char *table, const char *text);

/* Whether an option is one of those. */
bool option_is_of_column(const char *name);

/* {"file": …}, {"env": …}, or a text that is one secret parameter and nothing beside it. The text is empty in a reading without
 * secrets. CONFIG without the place. */
bool option_read_secret(const struct node *node, char **ret_text, struct config_reference *ret,
                        struct lf_error *err) LF_MUST_CHECK;

/* A member of "source" that is no setting: text, integer, boolean, or a secret as {"file": …} or {"env": …}, which is read
 * here. CONFIG without the place. */
bool option_add(const struct node *node, struct config_link *link, struct lf_error *err) LF_MUST_CHECK;

#endif
