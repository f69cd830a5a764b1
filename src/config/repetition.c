/* SPDX-License-Identifier: Apache-2.0 */
#include "config/repetition.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct entry {
    const char *text;
    size_t index;
    int (*compare)(const char *a, const char *b);
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    const int order = left->compare(left->text, right->text);
    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

bool repetition_find(const char *const *texts, size_t n, bool any_case, struct repetition *ret)
{
    struct entry *entries = mem_new(n, sizeof *entries);
    size_t count = 0;
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        if (texts[i] != NULL) {
            entries[count++] = (struct entry){texts[i], i, any_case ? strcasecmp : strcmp};
        }
    }
    qsort(entries, count, sizeof *entries, compare_entries);
    for (size_t i = 1; i < count; i++) {
        const struct entry *before = &entries[i - 1];
        const bool equal = before->compare(before->text, entries[i].text) == 0;
        if (equal && (!found || entries[i].index < ret->second)) {
            *ret = (struct repetition){before->index, entries[i].index};
            found = true;
        }
    }
    free(entries);
    return found;
}
