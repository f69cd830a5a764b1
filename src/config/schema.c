/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/macros.h"
#include "config/config.h"
#include "config/settings.h"
#include "config/url.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PARAMETER_NAME "[A-Za-z_][A-Za-z0-9_]*"
#define HAS_PARAMETER "\\$\\{"
#define OR_PARAMETER "|.*\\$\\{.*)$"

static void write_text(struct json_writer *writer, const char *key, const char *text)
{
    json_write_key(writer, key);
    json_write_text(writer, text);
}

static void write_number(struct json_writer *writer, const char *key, int64_t number)
{
    json_write_key(writer, key);
    json_write_int(writer, number);
}

static void write_texts(struct json_writer *writer, const char *key, const char *const *texts)
{
    json_write_key(writer, key);
    json_begin_array(writer);
    for (; *texts != NULL; texts++) {
        json_write_text(writer, *texts);
    }
    json_end_array(writer);
}

static void write_ref(struct json_writer *writer, const char *target)
{
    json_begin_object(writer);
    write_text(writer, "$ref", target);
    json_end_object(writer);
}

/* Text that holds a parameter, whatever it will be. */
static void write_parameter_text(struct json_writer *writer, const char *pattern)
{
    json_begin_object(writer);
    write_text(writer, "type", "string");
    write_text(writer, "pattern", pattern);
    json_end_object(writer);
}

static void write_type(struct json_writer *writer, const char *first, const char *second)
{
    write_texts(writer, "type", (const char *const[]){first, second, NULL});
}

static void write_choice(struct json_writer *writer, const struct setting *setting)
{
    json_write_key(writer, "anyOf");
    json_begin_array(writer);
    json_begin_object(writer);
    write_texts(writer, "enum", setting->choices);
    json_end_object(writer);
    write_parameter_text(writer, HAS_PARAMETER);
    json_end_array(writer);
}

static int64_t number_of(const struct setting *setting, const char *text)
{
    struct lf_error err;
    uint64_t bytes = 0;
    if (setting->type == SETTING_INT) {
        return strtoll(text, NULL, 10);
    }
    const bool good = config_parse_bytes(text, &bytes, &err);
    assert(good); /* the table's own text */
    return (int64_t)bytes;
}

/* Bounds of texts with a unit are told, not checked: a schema cannot. */
static void write_bounds(struct json_writer *writer, const struct setting *setting)
{
    if (setting->min != NULL) {
        write_number(writer, "minimum", number_of(setting, setting->min));
    }
    if (setting->max != NULL) {
        write_number(writer, "maximum", number_of(setting, setting->max));
    }
}

static void write_shape(struct json_writer *writer, const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_NAME:
        write_text(writer, "type", "string");
        write_text(writer, "pattern", "^([A-Za-z0-9_-]{1,32}" OR_PARAMETER);
        break;
    case SETTING_DURATION:
        write_text(writer, "type", "string");
        write_text(writer, "pattern", "^([0-9]+(ms|s|min|h|d)" OR_PARAMETER);
        break;
    case SETTING_BYTES:
        write_type(writer, "string", "integer");
        write_text(writer, "pattern", "^([0-9]+(B|KiB|MiB|GiB|TiB)?" OR_PARAMETER);
        write_bounds(writer, setting);
        break;
    case SETTING_INT:
        write_type(writer, "integer", "string");
        write_text(writer, "pattern", HAS_PARAMETER);
        write_bounds(writer, setting);
        break;
    case SETTING_BOOL:
        write_type(writer, "boolean", "string");
        write_text(writer, "pattern", HAS_PARAMETER);
        break;
    case SETTING_CHOICE:
    case SETTING_WORD:
        write_choice(writer, setting);
        break;
    default:
        write_text(writer, "type", "string");
        write_number(writer, "minLength", 1);
        write_number(writer, "maxLength", SETTINGS_TEXT_MAX);
        break;
    }
}

static void write_description(struct json_writer *writer, const struct setting *setting)
{
    CLEANUP(buf_done) struct buf text = {0};
    buf_append_text(&text, setting->help);
    if (setting->type == SETTING_DURATION || setting->type == SETTING_BYTES) {
        buf_printf(&text, setting->max != NULL ? " (%s … %s)" : " (from %s)", setting->min, setting->max);
    }
    write_text(writer, "description", buf_text(&text));
}

static void write_default(struct json_writer *writer, const struct setting *setting)
{
    if (setting->fallback == NULL || setting->fallback[0] == '\0') {
        return;
    }
    json_write_key(writer, "default");
    if (setting->type == SETTING_INT) {
        json_write_int(writer, number_of(setting, setting->fallback));
    } else if (setting->type == SETTING_BOOL) {
        json_write_bool(writer, strcmp(setting->fallback, "true") == 0);
    } else {
        json_write_text(writer, setting->fallback);
    }
}

static void write_members(struct json_writer *writer, enum setting_section section);

static void write_object(struct json_writer *writer, enum setting_section section)
{
    json_begin_object(writer);
    write_members(writer, section);
    json_end_object(writer);
}

static void write_list(struct json_writer *writer, const struct setting *setting)
{
    write_text(writer, "type", "array");
    if (setting->fallback == NULL || setting->children == SECTION_ENTITY) {
        write_number(writer, "minItems", 1);
    }
    json_write_key(writer, "items");
    if (setting->children == SECTION_LINK) {
        write_object(writer, setting->children);
        return;
    }
    json_begin_object(writer);
    if (setting->children == SECTION_ENTITY) { /* a name, or an object */
        json_write_key(writer, "anyOf");
        json_begin_array(writer);
        write_ref(writer, "#/$defs/name");
        write_object(writer, setting->children);
        json_end_array(writer);
    } else {
        write_text(writer, "$ref", "#/$defs/name");
    }
    json_end_object(writer);
    if (setting->children == SECTION_ROOT) {
        json_write_key(writer, "uniqueItems");
        json_write_bool(writer, true);
    }
}

static void write_either(struct json_writer *writer, const char *const *types, bool any_text)
{
    json_write_key(writer, "anyOf");
    json_begin_array(writer);
    if (any_text) {
        json_begin_object(writer);
        write_texts(writer, "type", types);
        json_end_object(writer);
    } else {
        write_parameter_text(writer, "^\\$\\{" PARAMETER_NAME "\\}$");
    }
    write_ref(writer, "#/$defs/secret");
    json_end_array(writer);
}

static void write_alternatives(struct json_writer *writer, const char *const *types, bool any_text)
{
    json_begin_object(writer);
    write_either(writer, types, any_text);
    json_end_object(writer);
}

static const char *const plain_types[] = {"string", "integer", "boolean", NULL};

static void write_map(struct json_writer *writer, const struct setting *setting)
{
    write_text(writer, "type", "object");
    json_write_key(writer, setting->children == SECTION_ROOT ? "patternProperties" : "additionalProperties");
    if (setting->children != SECTION_ROOT) {
        write_object(writer, setting->children);
        return;
    }
    json_begin_object(writer);
    json_write_key(writer, "^" PARAMETER_NAME "$");
    write_alternatives(writer, plain_types, true);
    json_end_object(writer);
    json_write_key(writer, "additionalProperties");
    json_write_bool(writer, false);
}

/* Options of the connector; those that hold a secret are no plain text. */
static void write_options(struct json_writer *writer)
{
    CLEANUP(buf_done) struct buf names = {0};
    for (const char *const *name = url_password_names; *name != NULL; name++) {
        buf_printf(&names, "%s%s", names.len > 0 ? "|" : "^(", *name);
    }
    buf_append_text(&names, ")$");
    json_write_key(writer, "patternProperties");
    json_begin_object(writer);
    json_write_key(writer, buf_text(&names));
    write_alternatives(writer, NULL, false);
    json_write_key(writer, "^[a-z0-9_]+$");
    write_alternatives(writer, plain_types, true);
    json_end_object(writer);
}

static void write_setting(struct json_writer *writer, const struct setting *setting)
{
    json_write_key(writer, setting->name);
    json_begin_object(writer);
    write_description(writer, setting);
    if (setting->type == SETTING_OBJECT) {
        write_members(writer, setting->children);
    } else if (setting->type == SETTING_LIST) {
        write_list(writer, setting);
    } else if (setting->type == SETTING_MAP) {
        write_map(writer, setting);
    } else if (setting->type == SETTING_SECRET) {
        write_either(writer, NULL, false);
    } else {
        write_shape(writer, setting);
        write_default(writer, setting);
    }
    json_end_object(writer);
}

static void write_members(struct json_writer *writer, enum setting_section section)
{
    write_text(writer, "type", "object");
    json_write_key(writer, "properties");
    json_begin_object(writer);
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (setting->section == section) {
            write_setting(writer, setting);
        }
    }
    json_end_object(writer);
    json_write_key(writer, "required");
    json_begin_array(writer);
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (setting->section == section && setting->fallback == NULL) {
            json_write_text(writer, setting->name);
        }
    }
    json_end_array(writer);
    if (section == SECTION_SOURCE) {
        write_options(writer);
    }
    json_write_key(writer, "additionalProperties");
    json_write_bool(writer, false);
}

static void write_definitions(struct json_writer *writer)
{
    json_write_key(writer, "$defs");
    json_begin_object(writer);
    json_write_key(writer, "name");
    json_begin_object(writer);
    write_text(writer, "type", "string");
    write_number(writer, "minLength", 1);
    json_end_object(writer);
    json_write_key(writer, "secret");
    json_begin_object(writer);
    write_text(writer, "description", "Where a secret stands: a file that its owner alone can read, or a variable");
    write_text(writer, "type", "object");
    json_write_key(writer, "properties");
    json_begin_object(writer);
    json_write_key(writer, "file");
    write_ref(writer, "#/$defs/name");
    json_write_key(writer, "env");
    write_ref(writer, "#/$defs/name");
    json_end_object(writer);
    write_number(writer, "minProperties", 1);
    write_number(writer, "maxProperties", 1);
    json_write_key(writer, "additionalProperties");
    json_write_bool(writer, false);
    json_end_object(writer);
    json_end_object(writer);
}

void config_schema(struct buf *out)
{
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(out, /* indent= */ true);
    struct lf_error err;
    json_begin_object(writer);
    write_text(writer, "$schema", "https://json-schema.org/draft/2020-12/schema");
    write_text(writer, "title", "Configuration of lakefeed");
    write_members(writer, SECTION_ROOT);
    write_definitions(writer);
    json_end_object(writer);
    const bool good = json_writer_finish(writer, &err);
    assert(good); /* nothing comes from outside */
    if (out->len > 0 && out->ptr[out->len - 1] != '\n') {
        buf_append_char(out, '\n');
    }
}
