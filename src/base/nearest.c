/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t text_distance(const char *a, const char *b)
{
    size_t before[NEAREST_TEXT_MAX + 1] = {0}; /* rows of the matrix: i - 2, i - 1, i */
    size_t above[NEAREST_TEXT_MAX + 1];
    size_t row[NEAREST_TEXT_MAX + 1];
    size_t alen = strlen(a);
    size_t blen = strlen(b);
    if (alen > NEAREST_TEXT_MAX || blen > NEAREST_TEXT_MAX) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= blen; j++) {
        above[j] = j;
    }
    for (size_t i = 1; i <= alen; i++) {
        row[0] = i;
        for (size_t j = 1; j <= blen; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        memcpy(before, above, sizeof before);
        memcpy(above, row, sizeof above);
    }
    return above[blen];
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    size_t distance = text_distance(nearest->wanted, name);
    size_t limit = nearest->name != NULL ? nearest->distance : strlen(nearest->wanted) / 3 + 2;
    if (distance < limit) {
        nearest->name = name;
        nearest->distance = distance;
    }
}
