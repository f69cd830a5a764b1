/* SPDX-License-Identifier: Apache-2.0
 *
 * From a declared type (or the configured one) to the type that crosses. Pure.
 */
#ifndef SOURCE_SQLITE_TYPE_H
#define SOURCE_SQLITE_TYPE_H

#include "lakefeed/error.h"
#include "lakefeed/schema.h"

enum affinity { AFFINITY_BLOB, AFFINITY_TEXT, AFFINITY_NUMERIC, AFFINITY_INTEGER, AFFINITY_REAL };

struct column_type {
    enum lf_type type;
    enum affinity affinity; /* what SQLite itself makes of the declared type */
    bool configured;        /* the type was set in the configuration */
    int32_t max_length;
    uint8_t scale;
};

enum affinity affinity_of_declared(const char *declared);
struct column_type type_of_declared(const char *declared);
/* Replaces the type by a configured one ("string", "int64", …). CONFIG for a name that is none. */
bool type_configure(struct column_type *type, const char *name, struct lf_error *err) LF_MUST_CHECK;

#endif
