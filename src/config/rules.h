/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside config only: what must hold between values that are right each by itself. Every error names both places.
 */
#ifndef CONFIG_RULES_H
#define CONFIG_RULES_H

#include "config/node.h"

/* No column excluded twice; a name in the lake that nothing else has. */
bool rules_check_entity(const struct node *node, const struct config_entity *entity,
                        struct lf_error *err) LF_MUST_CHECK;
/* Something is set, and what is set for a mask has one. The entity's excluded columns are read already. */
bool rules_check_column(const struct node *node, const struct config_entity *entity, const struct config_column *column,
                        struct lf_error *err) LF_MUST_CHECK;
/* Where there is a hash, there is a key, and no short one. */
bool rules_check_mask_key(const struct node *link_node, const struct config_link *link,
                          struct lf_error *err) LF_MUST_CHECK;
/* No table twice, no name twice. */
bool rules_check_entities(const struct node *list, const struct config_link *link, struct lf_error *err) LF_MUST_CHECK;
/* No name twice, and no lake in another link's lake. */
bool rules_check_links(const struct node *list, const struct config *config, struct lf_error *err) LF_MUST_CHECK;

#endif
