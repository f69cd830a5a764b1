/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside config only: rules over several values.
 */
#ifndef CONFIG_REPETITION_H
#define CONFIG_REPETITION_H

#include <stdbool.h>
#include <stddef.h>

struct repetition {
    size_t first, second; /* first < second */
};

/* Whether a text stands there twice, and where: the earliest `second`, and the earliest `first` for it. NULL entries do not
 * count. */
bool repetition_find(const char *const *texts, size_t n, bool any_case, struct repetition *ret);

#endif
