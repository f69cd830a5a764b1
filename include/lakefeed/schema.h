/* SPDX-License-Identifier: Apache-2.0
 *
 * The shape of a table as a connector reports it. Everything here is borrowed: it lives as long as the call or
 * the batch that handed it over.
 */
#ifndef LAKEFEED_SCHEMA_H
#define LAKEFEED_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lf_slice {
    const void *ptr; /* may be NULL when len is 0 */
    size_t len;
};

/* X(name, CDM dataType). How a cell of each type crosses: see struct lf_cell in batch.h. */
#define LF_TYPES(X) \
    X(BOOLEAN, "boolean") \
    X(INT64, "int64") \
    X(DOUBLE, "double") \
    X(DECIMAL, "decimal") \
    X(STRING, "string") \
    X(BINARY, "string") \
    X(GUID, "guid") \
    X(DATE, "date") \
    X(TIME, "time") \
    X(DATETIME, "dateTime") \
    X(DATETIMEOFFSET, "dateTimeOffset") \
    X(JSON, "json")

enum lf_type {
#define LF_TYPE_ENUM(name, cdm) LF_TYPE_##name,
    LF_TYPES(LF_TYPE_ENUM)
#undef LF_TYPE_ENUM
};

struct lf_column {
    uint32_t id;             /* stable while the column lives, never given to another column of the table; from 1 */
    const char *name;        /* the source's text, UTF-8 */
    const char *source_type; /* as the source declares it; "" where it declares none */
    enum lf_type type;
    int32_t max_length; /* characters of STRING, -1: unbounded or another type */
    uint8_t precision;  /* DECIMAL: 1..38; else 0 */
    uint8_t scale;      /* DECIMAL: digits after the point; TIME and DATETIME*: fraction digits, 0..7 */
    bool dropped;       /* no longer in the source: its cells are NULL. Only in schemas that the host hands in */
};

struct lf_schema {
    const struct lf_column *columns;
    uint32_t ncolumns;
    const uint32_t *key; /* indexes into columns, in key order */
    uint32_t nkey;       /* 0: the table has no usable key */
};

#endif
