/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/type.h"

#include "base/macros.h"

#define SECOND_DIGITS 6
#define PRECISION_MAX 38
#define TYPMOD_HEADER 4 /* what typmods of text and numeric are larger by */

static int32_t max32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* numeric(p, s): since 15 the scale may be negative, or larger than the precision. Without p, or with more digits than a reader's
 * decimal has, it is text. */
static struct pg_type numeric_of(int32_t typmod)
{
    struct pg_type type = {.type = LF_TYPE_STRING, .max_length = -1};
    if (typmod < TYPMOD_HEADER) {
        return type;
    }
    int32_t precision = ((typmod - TYPMOD_HEADER) >> 16) & 0xffff;
    int32_t scale = (typmod - TYPMOD_HEADER) & 0x7ff;
    scale = (scale ^ 1024) - 1024;
    precision = scale < 0 ? precision - scale : max32(precision, scale);
    if (precision <= PRECISION_MAX) {
        type.type = LF_TYPE_DECIMAL;
        type.precision = (uint8_t)precision;
        type.scale = (uint8_t)max32(scale, 0);
    }
    return type;
}

static struct pg_type simple_type(enum lf_type type, enum pg_form form)
{
    return (struct pg_type){.type = type, .max_length = -1, .form = form};
}

static struct pg_type moment_of(enum lf_type lf, enum pg_form form, int32_t typmod)
{
    struct pg_type type = simple_type(lf, form);
    type.scale = typmod >= 0 && typmod < SECOND_DIGITS ? (uint8_t)typmod : SECOND_DIGITS;
    return type;
}

static struct pg_type array_of(const struct pg_type_row *row)
{
    struct pg_type type = simple_type(LF_TYPE_JSON, PG_FORM_ARRAY);
    type.element = row->element;
    type.delimiter = row->delimiter;
    return type;
}

static struct pg_type text_of(int32_t max_length)
{
    struct pg_type type = simple_type(LF_TYPE_STRING, PG_FORM_TEXT);
    type.max_length = max_length;
    return type;
}

struct pg_type pg_type_of(const struct pg_type_row *row)
{
    switch (row->oid) {
    case PG_OID_BOOL:
        return simple_type(LF_TYPE_BOOLEAN, PG_FORM_TEXT);
    case PG_OID_INT2:
    case PG_OID_INT4:
    case PG_OID_INT8:
    case PG_OID_OID:
    case PG_OID_XID:
    case PG_OID_CID:
        return simple_type(LF_TYPE_INT64, PG_FORM_TEXT);
    case PG_OID_XID8:
        return (struct pg_type){.type = LF_TYPE_DECIMAL, .max_length = -1, .precision = 20};
    case PG_OID_FLOAT4:
    case PG_OID_FLOAT8:
        return simple_type(LF_TYPE_DOUBLE, PG_FORM_TEXT);
    case PG_OID_NUMERIC:
        return numeric_of(row->typmod);
    case PG_OID_BYTEA:
        return simple_type(LF_TYPE_BINARY, PG_FORM_BYTEA);
    case PG_OID_UUID:
        return simple_type(LF_TYPE_GUID, PG_FORM_TEXT);
    case PG_OID_JSON:
    case PG_OID_JSONB:
        return simple_type(LF_TYPE_JSON, PG_FORM_TEXT);
    case PG_OID_DATE:
        return simple_type(LF_TYPE_DATE, PG_FORM_TEXT);
    case PG_OID_TIME:
        return moment_of(LF_TYPE_TIME, PG_FORM_TEXT, row->typmod);
    case PG_OID_TIMESTAMP:
        return moment_of(LF_TYPE_DATETIME, PG_FORM_TIMESTAMP, row->typmod);
    case PG_OID_TIMESTAMPTZ:
        return moment_of(LF_TYPE_DATETIMEOFFSET, PG_FORM_TIMESTAMPTZ, row->typmod);
    case PG_OID_VARCHAR:
    case PG_OID_BPCHAR:
        return text_of(row->typmod > TYPMOD_HEADER ? row->typmod - TYPMOD_HEADER : -1);
    case PG_OID_INT2VECTOR:
    case PG_OID_OIDVECTOR:
        return text_of(-1); /* arrays to the catalog, but printed as numbers with blanks */
    default:
        return row->element != 0 ? array_of(row) : text_of(-1);
    }
}

bool pg_type_configure(struct pg_type *type, const char *name, struct lf_error *err)
{
    static const struct {
        const char *name;
        enum lf_type type;
    } names[] = {{"string", LF_TYPE_STRING},
                 {"binary", LF_TYPE_BINARY},
                 {"int64", LF_TYPE_INT64},
                 {"double", LF_TYPE_DOUBLE},
                 {"boolean", LF_TYPE_BOOLEAN},
                 {"date", LF_TYPE_DATE},
                 {"time", LF_TYPE_TIME},
                 {"dateTime", LF_TYPE_DATETIME},
                 {"guid", LF_TYPE_GUID},
                 {"json", LF_TYPE_JSON},
                 {"dateTimeOffset", LF_TYPE_DATETIMEOFFSET}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i].name) != 0) {
            continue;
        }
        if (names[i].type == type->type) {
            return true;
        }
        bool moment = names[i].type == LF_TYPE_TIME || names[i].type == LF_TYPE_DATETIME ||
                      names[i].type == LF_TYPE_DATETIMEOFFSET;
        *type = simple_type(names[i].type, names[i].type == LF_TYPE_DATETIME         ? PG_FORM_TIMESTAMP
                                           : names[i].type == LF_TYPE_DATETIMEOFFSET ? PG_FORM_TIMESTAMPTZ
                                                                                     : PG_FORM_TEXT);
        type->scale = moment ? SECOND_DIGITS : 0;
        return true;
    }
    return lf_error_set(err, LF_CONFIG, 0,
                        "'%.60s' is no type; choose string, binary, int64, double, boolean, date, time, dateTime,"
                        " dateTimeOffset, guid or json",
                        name);
}
