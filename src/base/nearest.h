/* SPDX-License-Identifier: Apache-2.0
 *
 * The known name that was probably meant: offer them all, then look at `name`. One edit in three characters is a slip, more is another
 * word.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *wanted;
    const char *name; /* of those offered, borrowed; NULL: none is near */
    size_t distance;
};

static inline struct nearest nearest_to(const char *wanted)
{
    return (struct nearest){.wanted = wanted};
}
void nearest_offer(struct nearest *nearest, const char *name);

#define NEAREST_TEXT_MAX 64
/* How many characters must be inserted, removed, replaced or swapped with their neighbour; SIZE_MAX for longer texts. */
size_t text_distance(const char *a, const char *b);

#endif
