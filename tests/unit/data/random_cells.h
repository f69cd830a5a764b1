/* SPDX-License-Identifier: Apache-2.0
 *
 * Random columns and values of every type, for the tests of csv and key. Values may be spelt in any way that a connector may
 * use. Small domains, so that equal values and near misses are common.
 */
#ifndef TESTS_RANDOM_CELLS_H
#define TESTS_RANDOM_CELLS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/random.h"
#include "lakefeed/batch.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_COUNT (LF_TYPE_JSON + 1)

/* The seed of LAKEFEED_SEED, or a fresh one; printed, so that a failure can be repeated. */
static inline void random_cells_init(struct random_seeded *random)
{
    const char *text = getenv("LAKEFEED_SEED");
    uint64_t seed = 0;
    if (text != NULL) {
        seed = strtoull(text, NULL, 10);
    } else {
        struct random_source system = random_system();
        system.fill(system.context, &seed, sizeof seed);
    }
    (void)printf("LAKEFEED_SEED=%llu\n", (unsigned long long)seed);
    random_seeded_init(random, seed);
}

static inline int random_int(struct random_seeded *random, int limit)
{
    return (int)random_seeded_below(random, (uint64_t)limit);
}

static inline struct lf_column random_column(struct random_seeded *random, enum lf_type type)
{
    struct lf_column column = {.id = 1, .name = "c", .source_type = "", .type = type, .max_length = -1};
    if (type == LF_TYPE_DECIMAL) {
        column.precision = (uint8_t)(1 + random_int(random, random_int(random, 2) ? 38 : 6));
        column.scale = (uint8_t)random_int(random, column.precision + 1);
    } else if (type == LF_TYPE_TIME || type == LF_TYPE_DATETIME || type == LF_TYPE_DATETIMEOFFSET) {
        column.scale = (uint8_t)random_int(random, 8);
    }
    return column;
}

static inline int64_t random_integer(struct random_seeded *random)
{
    static const int64_t edges[] = {0, 1, -1, 9, 10, 99, 100, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
    switch (random_int(random, 3)) {
    case 0:
        return edges[random_int(random, (int)(sizeof edges / sizeof edges[0]))];
    case 1:
        return random_int(random, 200) - 100;
    default:
        return (int64_t)(random_seeded_next(random) >> random_int(random, 64));
    }
}

static inline double random_double(struct random_seeded *random)
{
    static const double edges[] = {
        0.0, -0.0, 1.0, -1.0, 0.1, 1e15, 1e-5, 1e23, 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308};
    double value = 0;
    uint64_t bits = random_seeded_next(random);
    switch (random_int(random, 4)) {
    case 0:
        return edges[random_int(random, (int)(sizeof edges / sizeof edges[0]))];
    case 1:
        return (double)(random_int(random, 4000) - 2000) / 100;
    default:
        memcpy(&value, &bits, sizeof value); /* NaN and infinities too, if rarely */
        return random_int(random, 50) == 0 ? value / 0.0 : value;
    }
}

static inline struct lf_slice random_slice(struct arena *arena, const char *text)
{
    return arena_slice(arena, (struct lf_slice){text, strlen(text)});
}

/* Within precision and scale, sometimes with more zeros than needed. */
static inline struct lf_slice random_decimal(struct random_seeded *random, const struct lf_column *column,
                                             struct arena *arena)
{
    char text[128];
    size_t at = 0;
    int whole = random_int(random, column->precision - column->scale + 1);
    int fraction = random_int(random, column->scale + 1);
    int span = random_int(random, 3) == 0 ? 2 : 10;
    if (random_int(random, 2)) {
        text[at++] = '-';
    }
    if (whole == 0 || random_int(random, 4) == 0) {
        text[at++] = '0';
    }
    for (int i = 0; i < whole; i++) {
        text[at++] = (char)('0' + random_int(random, span));
    }
    if (fraction > 0) {
        text[at++] = '.';
    }
    for (int i = 0; i < fraction; i++) {
        text[at++] = (char)('0' + random_int(random, span));
    }
    for (int i = random_int(random, 3); fraction > 0 && i > 0; i--) {
        text[at++] = '0';
    }
    text[at] = '\0';
    return random_slice(arena, text);
}

static inline struct lf_slice random_text(struct random_seeded *random, struct arena *arena)
{
    static const char *const pieces[] = {
        "a", "b", "\"", ",", "\n", "\r", "\x01", "\xC3\xBC", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", " ", "longer text"};
    CLEANUP(buf_done) struct buf text = {0};
    for (int i = random_int(random, random_int(random, 2) ? 4 : 20); i > 0; i--) {
        buf_append_text(&text, pieces[random_int(random, (int)(sizeof pieces / sizeof pieces[0]))]);
    }
    return arena_slice(arena, buf_slice(&text));
}

static inline struct lf_slice random_binary(struct random_seeded *random, struct arena *arena)
{
    static const char bytes[] = {0, 1, 2, 'a', '\xFE', '\xFF'};
    char text[16];
    size_t len = (size_t)random_int(random, (int)sizeof text);
    for (size_t i = 0; i < len; i++) {
        text[i] = bytes[random_int(random, (int)sizeof bytes)];
    }
    return arena_slice(arena, (struct lf_slice){text, len});
}

static inline struct lf_slice random_guid_text(struct random_seeded *random, struct arena *arena)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    char text[] = "00000000-0000-0000-0000-000000000000";
    for (int i = 0; i < 36; i += random_int(random, 2) ? 1 : 35) {
        if (text[i] != '-') {
            text[i] = digits[random_int(random, (int)sizeof digits - 1)];
        }
    }
    return random_slice(arena, text);
}

static inline size_t print_random_date(struct random_seeded *random, char *out, size_t size)
{
    static const int years[] = {2, 1999, 2000, 2024, 2100, 9998};
    int year = years[random_int(random, 6)];
    int month = 1 + random_int(random, 12);
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int day = random_int(random, 2) ? 1 : lengths[month - 1];
    day += month == 2 && day == 28 && (year == 2000 || year == 2024);
    return (size_t)snprintf(out, size, "%04d-%02d-%02d", year, month, day);
}

/* A fraction within the scale, sometimes with zeros beyond it. */
static inline size_t print_random_time(struct random_seeded *random, unsigned scale, char *out, size_t size)
{
    size_t len = (size_t)snprintf(out, size, "%02d:%02d:%02d", random_int(random, 24), random_int(random, 60),
                                  random_int(random, 60));
    int ndigits = random_int(random, 8);
    if (ndigits > 0) {
        out[len++] = '.';
    }
    for (int i = 0; i < ndigits; i++) {
        out[len++] = (char)('0' + (i < (int)scale ? random_int(random, 10) : 0));
    }
    out[len] = '\0';
    return len;
}

static inline struct lf_slice random_moment(struct random_seeded *random, const struct lf_column *column,
                                            struct arena *arena)
{
    char text[64];
    size_t len = 0;
    if (column->type != LF_TYPE_TIME) {
        len = print_random_date(random, text, sizeof text);
    }
    if (column->type == LF_TYPE_DATETIME || column->type == LF_TYPE_DATETIMEOFFSET) {
        text[len++] = 'T';
    }
    if (column->type != LF_TYPE_DATE) {
        len += print_random_time(random, column->scale, text + len, sizeof text - len);
    }
    if (column->type == LF_TYPE_DATETIMEOFFSET && random_int(random, 3) == 0) {
        text[len++] = 'Z';
    } else if (column->type == LF_TYPE_DATETIMEOFFSET) {
        char sign = random_int(random, 2) ? '+' : '-';
        len += (size_t)snprintf(text + len, sizeof text - len, "%c%02d:%02d", sign, random_int(random, 24),
                                random_int(random, 60));
    }
    return arena_slice(arena, (struct lf_slice){text, len});
}

static inline struct lf_cell random_value(struct random_seeded *random, const struct lf_column *column,
                                          struct arena *arena)
{
    struct lf_cell cell = {.state = LF_CELL_VALUE};
    switch (column->type) {
    case LF_TYPE_BOOLEAN:
        cell.i = random_int(random, 2);
        break;
    case LF_TYPE_INT64:
        cell.i = random_integer(random);
        break;
    case LF_TYPE_DOUBLE:
        cell.d = random_double(random);
        break;
    case LF_TYPE_DECIMAL:
        cell.bytes = random_decimal(random, column, arena);
        break;
    case LF_TYPE_STRING:
    case LF_TYPE_JSON:
        cell.bytes = random_text(random, arena);
        break;
    case LF_TYPE_BINARY:
        cell.bytes = random_binary(random, arena);
        break;
    case LF_TYPE_GUID:
        cell.bytes = random_guid_text(random, arena);
        break;
    default:
        cell.bytes = random_moment(random, column, arena);
        break;
    }
    return cell;
}

#endif
