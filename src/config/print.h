/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside config only: values as they are shown, with nothing secret in them.
 */
#ifndef CONFIG_PRINT_H
#define CONFIG_PRINT_H

#include "base/json.h"
#include "config/config.h"
#include "config/settings.h"

/* The configuration as a document. brief: links and parameters alone, without what has its default. */
bool print_config(const struct config *config, bool brief, struct buf *out, struct lf_error *err) LF_MUST_CHECK;

/* What stands in a file in place of a value made with a secret; NULL: the value may be shown. `target` is the struct of the
 * setting. */
struct config_hidden *print_find_hidden(const struct config *config, const struct setting *setting, const void *target);
/* Its text. */
const char *print_hidden(const struct config *config, const struct setting *setting, const void *target);

#endif
