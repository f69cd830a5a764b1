/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of all settings. The parser, the defaults, the messages and the table in docs/configuration.md are made from it.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "base/json.h"
#include "config/config.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stddef.h>

/* The objects of a configuration. X(name, path in the documentation) */
#define SETTING_SECTIONS(X) \
    X(ROOT, "") \
    X(LINK, "links[].") \
    X(SOURCE, "links[].source.") \
    X(LAKE, "links[].lake.") \
    X(AUTH, "links[].lake.auth.") \
    X(ENTITY, "links[].entities[].") \
    X(COLUMN, "links[].entities[].columns.NAME.") \
    X(SNAPSHOT, "links[].snapshot.") \
    X(SPOOL, "spool.") \
    X(HTTP, "http.") \
    X(LOG, "log.")

enum setting_section {
#define SETTING_SECTION_ENUM(name, path) SECTION_##name,
    SETTING_SECTIONS(SETTING_SECTION_ENUM)
#undef SETTING_SECTION_ENUM
};

/* X(name, in the documentation, what a value must be) */
#define SETTING_TYPES(X) \
    X(TEXT, "text", "text in quotes") \
    X(NAME, "text", "text in quotes") \
    X(URL, "URL", "a URL in quotes") \
    X(SECRET, "secret", "a secret: {\"file\": \"PATH\"} or {\"env\": \"NAME\"}") \
    X(BOOL, "boolean", "true or false, without quotes") \
    X(INT, "integer", "a whole number, without quotes") \
    X(BYTES, "size", "a size, such as \"64MiB\"") \
    X(DURATION, "duration", "a duration in quotes, such as \"15min\"") \
    X(CHOICE, "choice", "one of these, in quotes") \
    X(WORD, "choice", "one of these, in quotes") \
    X(OBJECT, "object", "an object { … }") \
    X(MAP, "object", "an object { … }") \
    X(LIST, "list", "a list [ … ]")

enum setting_type {
#define SETTING_TYPE_ENUM(name, word, must) SETTING_##name,
    SETTING_TYPES(SETTING_TYPE_ENUM)
#undef SETTING_TYPE_ENUM
};

/* Where a value goes: TEXT NAME URL SECRET WORD into a char *, DURATION BYTES INT into an integer, BOOL into a bool, CHOICE (the
 * place among the choices) into a bool. OBJECT, MAP and LIST are read by parse.c. */
struct setting {
    enum setting_section section;
    enum setting_type type;
    const char *name;
    const char *fallback;          /* text that stands for a value not given; "": none; NULL: required */
    const char *min, *max;         /* as texts, of INT, BYTES and DURATION; NULL: unbounded */
    const char *const *choices;    /* CHOICE WORD, ends with NULL */
    enum setting_section children; /* OBJECT: its settings, in the same struct; LIST, MAP: of an element; ROOT: none */
    size_t offset, width;          /* width 0: only checked */
    enum config_change change;
    const char *way;            /* REFUSED: what to do instead */
    enum config_lake_form lake; /* the lakes that have the setting */
    const char *help;           /* one line, no full stop */
};

extern const struct setting settings_table[]; /* ends with a NULL name */

const char *settings_section_path(enum setting_section section);
const char *settings_type_word(enum setting_type type);
const char *settings_change_word(enum config_change change);

/* NULL: the section has no such setting. */
const struct setting *settings_find(enum setting_section section, const char *name);
/* CONFIG naming the nearest setting of the section, or all of them. Always false. */
bool settings_fail_unknown(enum setting_section section, const char *name, struct lf_error *err);

/* Puts the defaults of a section and of the objects in it into the struct. */
void settings_apply_defaults(enum setting_section section, void *ret_target);
/* Checks a value and stores it. CONFIG says what is wrong and what would be right, not where. Not for MAP, LIST, OBJECT. */
bool settings_set_text(const struct setting *setting, const char *text, void *ret_target,
                       struct lf_error *err) LF_MUST_CHECK;
bool settings_set_json(const struct setting *setting, const struct json *value, void *ret_target,
                       struct lf_error *err) LF_MUST_CHECK;
/* The value as settings_set_text takes it: "1h", "64MiB", "true". false: a text that is not given. */
bool settings_get_text(const struct setting *setting, const void *target, struct buf *out);
/* TEXT, NAME, URL, SECRET and WORD: stores a text that cannot be checked yet. */
void settings_put_text(const struct setting *setting, const char *text, void *ret_target);
/* TEXT, NAME, URL, SECRET, WORD */
bool settings_is_text(const struct setting *setting);
/* CONFIG: "must be …". Always false. */
bool settings_fail_type(const struct setting *setting, struct lf_error *err);

/* [A-Za-z0-9_-]{1,32} */
#define SETTINGS_NAME_MAX 32
#define SETTINGS_TEXT_MAX 2000 /* bytes of any other text */
bool settings_is_name_char(char c);

#endif
