/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers of the example connector: memory, random numbers, cells, keys and schemas.
 */
#include "example_internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#define BLOCK_BYTES ((size_t)16 << 10)

struct example_block {
    struct example_block *next;
    size_t used, size;
    _Alignas(max_align_t) char bytes[];
};

void *example_alloc(struct example_arena *arena, size_t size)
{
    size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    struct example_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = calloc(1, sizeof *block + room);
        if (block == NULL) {
            abort();
        }
        block->size = room;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *ptr = block->bytes + block->used;
    block->used += size;
    return ptr;
}

void example_arena_done(struct example_arena *arena)
{
    while (arena->blocks != NULL) {
        struct example_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}

char *example_copy_text(struct example_arena *arena, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t size = strlen(text) + 1;
    return memcpy(example_alloc(arena, size), text, size);
}

struct lf_slice example_copy_slice(struct example_arena *arena, struct lf_slice slice)
{
    char *copy = example_alloc(arena, slice.len + 1);
    if (slice.len > 0) {
        memcpy(copy, slice.ptr, slice.len);
    }
    return (struct lf_slice){.ptr = copy, .len = slice.len};
}

void example_grow(void *array, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) {
        return;
    }
    size_t want = *cap + *cap / 2 + 8;
    want = want < need ? need : want;
    void *old;
    memcpy(&old, array, sizeof old);
    void *grown = reallocarray(old, want, size);
    if (grown == NULL) {
        abort();
    }
    memcpy(array, &grown, sizeof grown);
    *cap = want;
}

uint64_t example_rng_next(struct example_rng *rng)
{
    uint64_t z = rng->state += 0x9E3779B97F4A7C15u; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t example_rng_below(struct example_rng *rng, uint64_t limit)
{
    return example_rng_next(rng) % limit;
}

bool example_is_bytes(enum lf_type type)
{
    return type != LF_TYPE_BOOLEAN && type != LF_TYPE_INT64 && type != LF_TYPE_DOUBLE;
}

const struct lf_schema *example_copy_schema(struct example_arena *arena, const struct lf_schema *schema)
{
    struct lf_schema *copy = example_alloc(arena, sizeof *copy);
    struct lf_column *columns = example_alloc(arena, schema->ncolumns * sizeof *columns);
    uint32_t *key = example_alloc(arena, schema->nkey * sizeof *key);
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        columns[i] = schema->columns[i];
        columns[i].name = example_copy_text(arena, columns[i].name);
        columns[i].source_type = example_copy_text(arena, columns[i].source_type);
    }
    for (uint32_t i = 0; i < schema->nkey; i++) {
        key[i] = schema->key[i];
    }
    *copy = (struct lf_schema){.columns = columns, .ncolumns = schema->ncolumns, .key = key, .nkey = schema->nkey};
    return copy;
}

static struct lf_cell copy_cell(struct example_arena *arena, enum lf_type type, const struct lf_cell *cell)
{
    struct lf_cell copy = *cell;
    if (cell->state == LF_CELL_VALUE && example_is_bytes(type)) {
        copy.bytes = example_copy_slice(arena, cell->bytes);
    }
    return copy;
}

struct lf_cell *example_copy_cells(struct example_arena *arena, const struct lf_schema *schema,
                                   const struct lf_cell *cells)
{
    struct lf_cell *copy = example_alloc(arena, schema->ncolumns * sizeof *copy);
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        copy[i] = copy_cell(arena, schema->columns[i].type, &cells[i]);
    }
    return copy;
}

struct lf_cell *example_copy_key(struct example_arena *arena, const struct lf_schema *schema,
                                 const struct lf_cell *key_cells)
{
    struct lf_cell *copy = example_alloc(arena, schema->nkey * sizeof *copy);
    for (uint32_t i = 0; i < schema->nkey; i++) {
        copy[i] = copy_cell(arena, schema->columns[schema->key[i]].type, &key_cells[i]);
    }
    return copy;
}

struct lf_cell *example_key_of(struct example_arena *arena, const struct lf_schema *schema, const struct lf_cell *row)
{
    struct lf_cell *key = example_alloc(arena, schema->nkey * sizeof *key);
    for (uint32_t i = 0; i < schema->nkey; i++) {
        key[i] = row[schema->key[i]];
    }
    return key;
}

int example_find_column(const struct lf_schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        if (strcmp(schema->columns[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int example_find_column_id(const struct lf_schema *schema, uint32_t id)
{
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        if (schema->columns[i].id == id) {
            return (int)i;
        }
    }
    return -1;
}

bool example_is_key_column(const struct lf_schema *schema, uint32_t index)
{
    for (uint32_t i = 0; i < schema->nkey; i++) {
        if (schema->key[i] == index) {
            return true;
        }
    }
    return false;
}

static bool same_column(const struct lf_column *a, const struct lf_column *b)
{
    return a->id == b->id && a->type == b->type && a->max_length == b->max_length && a->precision == b->precision &&
           a->scale == b->scale && strcmp(a->name, b->name) == 0;
}

bool example_schema_matches(const struct lf_schema *now, const struct lf_schema *handed)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < handed->ncolumns; i++) {
        if (handed->columns[i].dropped) {
            continue;
        }
        if (at == now->ncolumns || !same_column(&now->columns[at++], &handed->columns[i])) {
            return false;
        }
    }
    if (at != now->ncolumns || now->nkey != handed->nkey) {
        return false;
    }
    for (uint32_t i = 0; i < now->nkey; i++) {
        if (now->columns[now->key[i]].id != handed->columns[handed->key[i]].id) {
            return false;
        }
    }
    return true;
}

static int compare_bytes(struct lf_slice a, struct lf_slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int diff = common > 0 && a.ptr != NULL && b.ptr != NULL ? memcmp(a.ptr, b.ptr, common) : 0;
    return diff != 0 ? diff : (a.len > b.len) - (a.len < b.len);
}

static int compare_guids(struct lf_slice a, struct lf_slice b)
{
    const unsigned char *x = a.ptr, *y = b.ptr;
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        int diff = tolower(x[i]) - tolower(y[i]);
        if (diff != 0) {
            return diff;
        }
    }
    return (a.len > b.len) - (a.len < b.len);
}

/* A decimal cut into sign, digits before the point without leading zeros, digits after it without trailing ones. */
struct decimal {
    bool negative;
    struct lf_slice whole, part;
};

static struct decimal cut_decimal(struct lf_slice text)
{
    const char *at = text.ptr, *end = at + text.len;
    struct decimal d = {.negative = at < end && *at == '-'};
    at += d.negative ? 1 : 0;
    while (at < end && *at == '0') {
        at++;
    }
    const char *point = at < end ? memchr(at, '.', (size_t)(end - at)) : NULL;
    d.whole = (struct lf_slice){.ptr = at, .len = (size_t)((point != NULL ? point : end) - at)};
    if (point != NULL) {
        while (end > point + 1 && end[-1] == '0') {
            end--;
        }
        d.part = (struct lf_slice){.ptr = point + 1, .len = (size_t)(end - point - 1)};
    }
    d.negative = d.negative && d.whole.len + d.part.len > 0;
    return d;
}

static int compare_decimals(struct lf_slice a, struct lf_slice b)
{
    struct decimal x = cut_decimal(a), y = cut_decimal(b);
    if (x.negative != y.negative) {
        return x.negative ? -1 : 1;
    }
    int diff = (x.whole.len > y.whole.len) - (x.whole.len < y.whole.len);
    if (diff == 0) {
        diff = compare_bytes(x.whole, y.whole);
    }
    if (diff == 0) {
        diff = compare_bytes(x.part, y.part);
    }
    return x.negative ? -diff : diff;
}

static int compare_cells(enum lf_type type, const struct lf_cell *a, const struct lf_cell *b)
{
    switch (type) {
    case LF_TYPE_BOOLEAN:
    case LF_TYPE_INT64:
        return (a->i > b->i) - (a->i < b->i);
    case LF_TYPE_DOUBLE:
        return (a->d > b->d) - (a->d < b->d);
    case LF_TYPE_DECIMAL:
        return compare_decimals(a->bytes, b->bytes);
    case LF_TYPE_GUID:
        return compare_guids(a->bytes, b->bytes);
    default:
        return compare_bytes(a->bytes, b->bytes);
    }
}

int example_compare_keys(const struct lf_schema *schema, const struct lf_cell *a, const struct lf_cell *b)
{
    for (uint32_t i = 0; i < schema->nkey; i++) {
        int diff = compare_cells(schema->columns[schema->key[i]].type, &a[i], &b[i]);
        if (diff != 0) {
            return diff < 0 ? -1 : 1;
        }
    }
    return 0;
}

bool example_cell_equal(enum lf_type type, const struct lf_cell *a, const struct lf_cell *b)
{
    if (a->state != b->state || a->state != LF_CELL_VALUE) {
        return a->state == b->state;
    }
    return example_is_bytes(type) ? compare_bytes(a->bytes, b->bytes) == 0 : compare_cells(type, a, b) == 0;
}

static struct lf_cell cell_of_text(struct example_arena *arena, const char *text)
{
    return (struct lf_cell){.state = LF_CELL_VALUE,
                            .bytes = {.ptr = example_copy_text(arena, text), .len = strlen(text)}};
}

#define SCALE_MAX 38
#define NUMBER_SIZE 64

/* A point and `scale` digits; nothing without a scale. */
static void append_fraction(char text[NUMBER_SIZE], unsigned scale, uint64_t n)
{
    size_t len = strlen(text);
    scale = scale < SCALE_MAX ? scale : SCALE_MAX;
    if (scale == 0) {
        return;
    }
    text[len] = '.';
    memset(text + len + 1, '0', scale);
    text[len + scale] = (char)('0' + n % 10);
    text[len + scale + 1] = '\0';
}

static void write_time(char ret_text[NUMBER_SIZE], const struct lf_column *column, uint64_t n)
{
    (void)snprintf(ret_text, NUMBER_SIZE, "%02u:%02u:%02u", (unsigned)(n / 3600 % 24), (unsigned)(n / 60 % 60),
                   (unsigned)(n % 60));
    append_fraction(ret_text, column->scale, n);
}

static void write_decimal(char ret_text[NUMBER_SIZE], const struct lf_column *column, uint64_t n)
{
    (void)snprintf(ret_text, NUMBER_SIZE, "%s%u", n % 5 == 4 ? "-" : "", (unsigned)(n % 1000 + 1));
    append_fraction(ret_text, column->scale, n);
}

struct lf_cell example_cell_from(struct example_arena *arena, const struct lf_column *column, uint64_t n)
{
    char text[2 * NUMBER_SIZE], time[NUMBER_SIZE];
    static const char *const oddities[] = {"", "\"", ",", "\n", " ", "\xC3\xA4", "\xE2\x82\xAC", "'"};
    unsigned month = (unsigned)(n / 28 % 12) + 1, day = (unsigned)(n % 28) + 1;
    write_time(time, column, n);
    switch (column->type) {
    case LF_TYPE_BOOLEAN:
        return (struct lf_cell){.state = LF_CELL_VALUE, .i = (int64_t)(n & 1)};
    case LF_TYPE_INT64:
        return (struct lf_cell){.state = LF_CELL_VALUE, .i = (int64_t)n};
    case LF_TYPE_DOUBLE:
        return (struct lf_cell){.state = LF_CELL_VALUE, .d = (double)n / 8};
    case LF_TYPE_DECIMAL:
        write_decimal(text, column, n);
        break;
    case LF_TYPE_GUID:
        (void)snprintf(text, sizeof text, "%08x-0000-4000-8000-%012" PRIx64, (unsigned)(n & 0xFFFF), n & 0xFFFFFF);
        break;
    case LF_TYPE_DATE:
        (void)snprintf(text, sizeof text, "2024-%02u-%02u", month, day);
        break;
    case LF_TYPE_TIME:
        return cell_of_text(arena, time);
    case LF_TYPE_DATETIME:
        (void)snprintf(text, sizeof text, "2024-%02u-%02uT%s", month, day, time);
        break;
    case LF_TYPE_DATETIMEOFFSET:
        (void)snprintf(text, sizeof text, "2024-%02u-%02uT%s%s", month, day, time, n % 3 == 0 ? "Z" : "+02:00");
        break;
    case LF_TYPE_JSON:
        (void)snprintf(text, sizeof text, "{\"n\":%" PRIu64 "}", n);
        break;
    case LF_TYPE_STRING:
    case LF_TYPE_BINARY:
        (void)snprintf(text, sizeof text, "t%" PRIu64 "%s", n, oddities[n % 8]);
        break;
    }
    return cell_of_text(arena, text);
}
