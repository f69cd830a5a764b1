/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside config only: whether two lakes are one, or one lies in the other.
 */
#ifndef CONFIG_LAKE_PLACE_H
#define CONFIG_LAKE_PLACE_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

/* One text for each place, with a slash at its end: a lake that lies in another one begins with the other's text. Of a folder
 * its path, absolute, with the links of the part that exists followed; of a lake in Azure account, filesystem and folder, however
 * the URL spells them; of another URL without ., .. and doubled slashes. */
char *lake_place_of(const struct config_link *link);

struct lake_overlap {
    size_t outer, inner; /* the same place: outer is the earlier one */
};
/* Whether one of the places lies in another; those of the earliest pair that has neighbours in the order of texts. */
bool lake_place_find_overlap(const char *const *places, size_t n, struct lake_overlap *ret);

#endif
