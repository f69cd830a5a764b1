/* SPDX-License-Identifier: Apache-2.0
 *
 * Column types, and the one way from PostgreSQL's text (of COPY and of the stream alike) to a cell. docs/formats/types.md
 * is the table for people.
 */
#ifndef SOURCE_POSTGRES_TYPE_H
#define SOURCE_POSTGRES_TYPE_H

#include "base/arena.h"
#include "lakefeed/batch.h"

#define PG_OID_BOOL 16u
#define PG_OID_BYTEA 17u
#define PG_OID_NAME 19u
#define PG_OID_INT8 20u
#define PG_OID_INT2 21u
#define PG_OID_INT2VECTOR 22u
#define PG_OID_INT4 23u
#define PG_OID_TEXT 25u
#define PG_OID_OID 26u
#define PG_OID_XID 28u
#define PG_OID_CID 29u
#define PG_OID_OIDVECTOR 30u
#define PG_OID_JSON 114u
#define PG_OID_FLOAT4 700u
#define PG_OID_FLOAT8 701u
#define PG_OID_BPCHAR 1042u
#define PG_OID_VARCHAR 1043u
#define PG_OID_DATE 1082u
#define PG_OID_TIME 1083u
#define PG_OID_TIMESTAMP 1114u
#define PG_OID_TIMESTAMPTZ 1184u
#define PG_OID_NUMERIC 1700u
#define PG_OID_UUID 2950u
#define PG_OID_JSONB 3802u
#define PG_OID_XID8 5069u

/* How the text of a value is to be read. */
enum pg_form {
    PG_FORM_TEXT,      /* as it is */
    PG_FORM_BYTEA,     /* \x and hexadecimal digits */
    PG_FORM_ARRAY,     /* {…}: becomes a JSON array */
    PG_FORM_TIMESTAMP, /* date, blank, time */
    PG_FORM_TIMESTAMPTZ
};

struct pg_type {
    enum lf_type type;
    int32_t max_length;
    uint8_t precision, scale;
    enum pg_form form;
    uint32_t element; /* ARRAY: base type of the elements */
    char delimiter;   /* ARRAY: between elements */
};

/* What the catalog says of a column's type; domains are resolved to what they are over. */
struct pg_type_row {
    uint32_t oid;
    int32_t typmod;
    uint32_t element; /* 0: no array */
    char delimiter;   /* of the elements */
};

struct pg_type pg_type_of(const struct pg_type_row *row);
/* The type that the configuration names instead ("string", "json", …). CONFIG for an unknown one. */
bool pg_type_configure(struct pg_type *type, const char *name, struct lf_error *err) LF_MUST_CHECK;

/* Reads the text (not NULL) of a value. The cell borrows the text where it needs no change, else lives in the arena. Returns why it
 * does not fit the column ("is no date …"), NULL when it does. */
const char *pg_cell_from_text(const struct pg_type *type, const char *text, size_t len, struct arena *arena,
                              struct lf_cell *ret_cell);
/* A cell as text that PostgreSQL reads back, for bounds in a WHERE. Only of types that can be key. */
const char *pg_cell_to_text(const struct pg_type *type, const struct lf_cell *cell, struct arena *arena);

#endif
