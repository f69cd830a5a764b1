/* SPDX-License-Identifier: Apache-2.0
 *
 * Introsort over small entries: quicksort, insertion sort for short ranges, heapsort where the pivots are bad.
 */
#include "base/buf.h"
#include "data/change_layout.h"
#include "data/sorter_internal.h"

static const size_t insertion_max = 16;

static struct lf_slice entry_key(const struct sorter_entry *entry)
{
    return (struct lf_slice){entry->record + CHANGE_KEY_AT, change_load_u16(entry->record + CHANGE_KEY_LEN_AT)};
}

static bool less_by_record(const struct sorter_entry *a, const struct sorter_entry *b)
{
    int order = slice_compare(entry_key(a), entry_key(b));
    if (order != 0) {
        return order < 0;
    }
    return change_load_u64(a->record + CHANGE_SEQ_AT) < change_load_u64(b->record + CHANGE_SEQ_AT);
}

static inline bool less(const struct sorter_entry *a, const struct sorter_entry *b)
{
    return a->prefix != b->prefix ? a->prefix < b->prefix : less_by_record(a, b);
}

static inline void swap(struct sorter_entry *a, struct sorter_entry *b)
{
    struct sorter_entry c = *a;
    *a = *b;
    *b = c;
}

static void insertion_sort(struct sorter_entry *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct sorter_entry entry = entries[i];
        size_t at = i;
        for (; at > 0 && less(&entry, &entries[at - 1]); at--) {
            entries[at] = entries[at - 1];
        }
        entries[at] = entry;
    }
}

static void sift_down(struct sorter_entry *entries, size_t count, size_t at)
{
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && less(&entries[child], &entries[child + 1])) {
            child++;
        }
        if (!less(&entries[at], &entries[child])) {
            return;
        }
        swap(&entries[at], &entries[child]);
        at = child;
    }
}

static void heap_sort(struct sorter_entry *entries, size_t count)
{
    for (size_t i = count / 2; i-- > 0;) {
        sift_down(entries, count, i);
    }
    for (size_t i = count; i-- > 1;) {
        swap(&entries[0], &entries[i]);
        sift_down(entries, i, 0);
    }
}

/* Brings the median of first, middle and last to the middle. */
static struct sorter_entry median(struct sorter_entry *entries, size_t count)
{
    struct sorter_entry *first = entries;
    struct sorter_entry *middle = entries + count / 2;
    struct sorter_entry *last = entries + count - 1;
    if (less(middle, first)) {
        swap(middle, first);
    }
    if (less(last, middle)) {
        swap(last, middle);
        if (less(middle, first)) {
            swap(middle, first);
        }
    }
    return *middle;
}

/* Afterwards no entry before the result is greater than any from it on; both sides have at least one. */
static size_t partition(struct sorter_entry *entries, size_t count)
{
    struct sorter_entry pivot = median(entries, count);
    size_t low = 0;
    size_t high = count - 1;
    for (;;) {
        while (less(&entries[low], &pivot)) {
            low++;
        }
        while (less(&pivot, &entries[high])) {
            high--;
        }
        if (low >= high) {
            return high + 1;
        }
        swap(&entries[low++], &entries[high--]);
    }
}

static void sort_range(struct sorter_entry *entries, size_t count, unsigned depth)
{
    while (count > insertion_max) {
        if (depth-- == 0) {
            heap_sort(entries, count);
            return;
        }
        size_t left = partition(entries, count);
        if (left < count - left) {
            sort_range(entries, left, depth);
            entries += left;
            count -= left;
        } else {
            sort_range(entries + left, count - left, depth);
            count = left;
        }
    }
    insertion_sort(entries, count);
}

static size_t common_len(struct lf_slice a, struct lf_slice b)
{
    const char *left = a.ptr;
    const char *right = b.ptr;
    size_t len = a.len < b.len ? a.len : b.len;
    size_t same = 0;
    while (same < len && left[same] == right[same]) {
        same++;
    }
    return same;
}

/* Keys often begin alike (a tag, the leading bytes of a small number): the cached bytes are those behind what all
 * share. */
static bool fill_prefixes(struct sorter_entry *entries, size_t count)
{
    struct lf_slice shared = entry_key(&entries[0]);
    bool sorted = true;
    for (size_t i = 1; i < count; i++) {
        shared.len = common_len(shared, entry_key(&entries[i]));
        sorted = sorted && less_by_record(&entries[i - 1], &entries[i]);
    }
    for (size_t i = 0; i < count; i++) {
        struct lf_slice key = entry_key(&entries[i]);
        entries[i].prefix = change_key_prefix((const char *)key.ptr + shared.len, key.len - shared.len);
    }
    return sorted;
}

void sorter_sort_entries(struct sorter_entry *entries, size_t count)
{
    if (count < 2 || fill_prefixes(entries, count)) {
        return;
    }
    unsigned depth = 0;
    for (size_t n = count; n > 1; n /= 2) {
        depth += 2;
    }
    sort_range(entries, count, depth);
}
