/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/type.h"

#include "base/macros.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define SECOND_DIGITS 6 /* of TIME and DATETIME columns */

/* The rules of "Determination Of Column Affinity", in their order. */
enum affinity affinity_of_declared(const char *declared)
{
    static const struct {
        const char *part;
        enum affinity affinity;
    } rules[] = {{"INT", AFFINITY_INTEGER}, {"CHAR", AFFINITY_TEXT}, {"CLOB", AFFINITY_TEXT}, {"TEXT", AFFINITY_TEXT},
                 {"BLOB", AFFINITY_BLOB},   {"REAL", AFFINITY_REAL}, {"FLOA", AFFINITY_REAL}, {"DOUB", AFFINITY_REAL}};
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (strcasestr(declared, rules[i].part) != NULL) {
            return rules[i].affinity;
        }
    }
    return declared[0] == '\0' ? AFFINITY_BLOB : AFFINITY_NUMERIC;
}

static bool first_word_is(const char *declared, const char *word)
{
    size_t len = strlen(word);
    return strncasecmp(declared, word, len) == 0 && !isalnum((unsigned char)declared[len]) && declared[len] != '_';
}

static int32_t declared_length(const char *declared)
{
    const char *open = strchr(declared, '(');
    if (strcasestr(declared, "CHAR") == NULL || open == NULL) {
        return -1;
    }
    char *end = NULL;
    long length = strtol(open + 1, &end, 10);
    return end != open + 1 && length > 0 && length <= INT32_MAX ? (int32_t)length : -1;
}

static bool type_of_word(const char *declared, enum lf_type *ret_type)
{
    static const struct {
        const char *word;
        enum lf_type type;
    } words[] = {{"BOOLEAN", LF_TYPE_BOOLEAN},   {"BOOL", LF_TYPE_BOOLEAN},       {"DATE", LF_TYPE_DATE},
                 {"DATETIME", LF_TYPE_DATETIME}, {"TIMESTAMP", LF_TYPE_DATETIME}, {"TIME", LF_TYPE_TIME},
                 {"DECIMAL", LF_TYPE_DOUBLE},    {"NUMERIC", LF_TYPE_DOUBLE},     {"JSON", LF_TYPE_JSON},
                 {"UUID", LF_TYPE_GUID},         {"GUID", LF_TYPE_GUID},          {"UNIQUEIDENTIFIER", LF_TYPE_GUID}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (first_word_is(declared, words[i].word)) {
            *ret_type = words[i].type;
            return true;
        }
    }
    return false;
}

static enum lf_type type_of_affinity(enum affinity affinity, const char *declared)
{
    switch (affinity) {
    case AFFINITY_INTEGER:
        return LF_TYPE_INT64;
    case AFFINITY_REAL:
        return LF_TYPE_DOUBLE;
    case AFFINITY_BLOB:
        return declared[0] == '\0' ? LF_TYPE_STRING : LF_TYPE_BINARY;
    default:
        return LF_TYPE_STRING;
    }
}

static uint8_t scale_of(enum lf_type type)
{
    return type == LF_TYPE_TIME || type == LF_TYPE_DATETIME ? SECOND_DIGITS : 0;
}

struct column_type type_of_declared(const char *declared)
{
    struct column_type type = {.affinity = affinity_of_declared(declared), .max_length = -1};
    if (!type_of_word(declared, &type.type)) {
        type.type = type_of_affinity(type.affinity, declared);
    }
    if (type.type == LF_TYPE_STRING) {
        type.max_length = declared_length(declared);
    }
    type.scale = scale_of(type.type);
    return type;
}

bool type_configure(struct column_type *type, const char *name, struct lf_error *err)
{
    static const struct {
        const char *name;
        enum lf_type type;
    } names[] = {{"string", LF_TYPE_STRING}, {"binary", LF_TYPE_BINARY},     {"int64", LF_TYPE_INT64},
                 {"double", LF_TYPE_DOUBLE}, {"boolean", LF_TYPE_BOOLEAN},   {"date", LF_TYPE_DATE},
                 {"time", LF_TYPE_TIME},     {"dateTime", LF_TYPE_DATETIME}, {"guid", LF_TYPE_GUID},
                 {"json", LF_TYPE_JSON}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i].name) == 0) {
            type->type = names[i].type;
            type->configured = true;
            type->max_length = -1;
            type->scale = scale_of(type->type);
            return true;
        }
    }
    return lf_error_set(
        err, LF_CONFIG, 0,
        "'%s' is no type; choose string, binary, int64, double, boolean, date, time, dateTime, guid or json", name);
}
