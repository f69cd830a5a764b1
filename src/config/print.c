/* SPDX-License-Identifier: Apache-2.0 */
#include "config/print.h"

#include "base/macros.h"
#include "config/option.h"
#include "config/parameter.h"
#include "config/secret.h"

#include <stdlib.h>
#include <string.h>

struct printer {
    const struct config *config;
    struct json_writer *writer;
    bool brief;
};

struct config_hidden *print_find_hidden(const struct config *config, const struct setting *setting, const void *target)
{
    const void *value = (const char *)target + setting->offset;
    if (setting->width > 0 && settings_is_text(setting)) {
        memcpy(&value, (const char *)target + setting->offset, sizeof value);
    }
    for (size_t i = 0; i < config->nhidden && setting->width > 0; i++) {
        if (config->hidden[i].value == value) {
            return &config->hidden[i];
        }
    }
    return NULL;
}

const char *print_hidden(const struct config *config, const struct setting *setting, const void *target)
{
    const struct config_hidden *hidden = print_find_hidden(config, setting, target);
    return hidden != NULL ? hidden->text : NULL;
}

static void print_text(const struct printer *printer, const char *text)
{
    CLEANUP(buf_done) struct buf written = {0};
    parameters_escape(text, &written);
    json_write_text_len(printer->writer, buf_text(&written), written.len);
}

static void print_scalar(const struct printer *printer, const struct setting *setting, const char *text)
{
    if (setting->type == SETTING_BOOL) {
        json_write_bool(printer->writer, strcmp(text, "true") == 0);
    } else if (setting->type == SETTING_INT) {
        json_write_int(printer->writer, strtoll(text, NULL, 10));
    } else {
        print_text(printer, text);
    }
}

static void print_reference(const struct printer *printer, enum config_origin origin, const char *text)
{
    json_begin_object(printer->writer);
    json_write_key(printer->writer, secret_member(origin));
    json_write_text(printer->writer, text);
    json_end_object(printer->writer);
}

static void print_value(const struct printer *printer, const struct setting *setting, const void *target)
{
    CLEANUP(buf_done) struct buf text = {0};
    const struct config_hidden *hidden = print_find_hidden(printer->config, setting, target);
    const bool given = settings_get_text(setting, target, &text);
    const bool usual = setting->fallback != NULL && strcmp(buf_text(&text), setting->fallback) == 0;
    if (!given || (printer->brief && usual && hidden == NULL)) {
        return;
    }
    json_write_key(printer->writer, setting->name);
    if (hidden != NULL && hidden->origin != CONFIG_TEMPLATE) {
        print_reference(printer, hidden->origin, hidden->text);
    } else if (hidden != NULL) {
        json_write_text(printer->writer, hidden->text);
    } else {
        print_scalar(printer, setting, buf_text(&text));
    }
}

static void print_section(const struct printer *printer, enum setting_section section, const void *target);

static void print_object(const struct printer *printer, enum setting_section section, const void *target)
{
    json_begin_object(printer->writer);
    print_section(printer, section, target);
    json_end_object(printer->writer);
}

static void print_options(const struct printer *printer, const struct config_link *link)
{
    for (size_t i = 0; i < link->nconnector_options; i++) {
        const struct config_reference *reference = &link->references[i];
        if (option_is_of_column(link->connector_options[i].name)) {
            continue;
        }
        json_write_key(printer->writer, link->connector_options[i].name);
        if (reference->origin == CONFIG_PLAIN) {
            print_text(printer, link->connector_options[i].text);
        } else if (reference->origin == CONFIG_TEMPLATE) {
            json_write_text(printer->writer, reference->text);
        } else {
            print_reference(printer, reference->origin, reference->text);
        }
    }
}

static void print_parameters(const struct printer *printer, UNUSED const void *target)
{
    const struct config *config = printer->config;
    json_begin_object(printer->writer);
    for (size_t i = 0; i < config->nparameters; i++) {
        const struct config_parameter *parameter = &config->parameters[i];
        json_write_key(printer->writer, parameter->name);
        if (parameter->origin == CONFIG_PLAIN) {
            json_write_text(printer->writer, parameter->text);
        } else {
            print_reference(printer, parameter->origin, parameter->text);
        }
    }
    json_end_object(printer->writer);
}

static void print_links(const struct printer *printer, const void *target)
{
    const struct config *config = target;
    json_begin_array(printer->writer);
    for (size_t i = 0; i < config->nlinks; i++) {
        print_object(printer, SECTION_LINK, &config->links[i]);
    }
    json_end_array(printer->writer);
}

static void print_entities(const struct printer *printer, const void *target)
{
    const struct config_link *link = target;
    json_begin_array(printer->writer);
    for (size_t i = 0; i < link->nentities; i++) {
        print_object(printer, SECTION_ENTITY, &link->entities[i]);
    }
    json_end_array(printer->writer);
}

static void print_exclude(const struct printer *printer, const void *target)
{
    const struct config_entity *entity = target;
    json_begin_array(printer->writer);
    for (size_t i = 0; i < entity->nexclude; i++) {
        print_text(printer, entity->exclude[i]);
    }
    json_end_array(printer->writer);
}

static void print_columns(const struct printer *printer, const void *target)
{
    const struct config_entity *entity = target;
    json_begin_object(printer->writer);
    for (size_t i = 0; i < entity->ncolumns; i++) {
        json_write_key(printer->writer, entity->columns[i].name);
        print_object(printer, SECTION_COLUMN, &entity->columns[i]);
    }
    json_end_object(printer->writer);
}

static size_t count_parameters(const void *target)
{
    return ((const struct config *)target)->nparameters;
}

static size_t count_links(const void *target)
{
    return ((const struct config *)target)->nlinks;
}

static size_t count_entities(const void *target)
{
    return ((const struct config_link *)target)->nentities;
}

static size_t count_exclude(const void *target)
{
    return ((const struct config_entity *)target)->nexclude;
}

static size_t count_columns(const void *target)
{
    return ((const struct config_entity *)target)->ncolumns;
}

/* The lists and maps of the table. */
static const struct collection {
    const char *name;
    size_t (*count)(const void *target);
    void (*print)(const struct printer *printer, const void *target);
} collections[] = {
    {"parameters", count_parameters, print_parameters}, {"links", count_links, print_links},
    {"entities", count_entities, print_entities},       {"exclude", count_exclude, print_exclude},
    {"columns", count_columns, print_columns},
};

static void print_collection(const struct printer *printer, const struct setting *setting, const void *target)
{
    for (size_t i = 0; i < ARRAY_LEN(collections); i++) {
        if (strcmp(collections[i].name, setting->name) == 0 && collections[i].count(target) > 0) {
            json_write_key(printer->writer, setting->name);
            collections[i].print(printer, target);
        }
    }
}

static bool has_default(const struct printer *printer, const struct setting *setting, const void *target)
{
    CLEANUP(buf_done) struct buf text = {0};
    return print_hidden(printer->config, setting, target) == NULL && setting->fallback != NULL &&
           (!settings_get_text(setting, target, &text) || strcmp(buf_text(&text), setting->fallback) == 0);
}

static bool has_defaults(const struct printer *printer, enum setting_section section, const void *target)
{
    bool usual = true;
    for (const struct setting *child = settings_table; usual && child->name != NULL; child++) {
        usual = child->section != section || has_default(printer, child, target);
    }
    return usual;
}

/* Whether a setting is for lakes of another kind, and not given. */
static bool is_foreign(const struct printer *printer, const struct setting *setting, const void *target)
{
    if (setting->lake == CONFIG_LAKE_ANY) {
        return false;
    }
    const enum config_lake_form form = config_lake_form(((const struct config_link *)target)->lake_url);
    return form != CONFIG_LAKE_ANY && form != setting->lake &&
           (setting->type == SETTING_OBJECT ? has_defaults(printer, setting->children, target)
                                            : has_default(printer, setting, target));
}

/* The process's own settings do not travel with a link, and a link that changes none of a group does not name it. */
static bool is_left_out(const struct printer *printer, const struct setting *setting, const void *target)
{
    if (!printer->brief || setting->type == SETTING_LIST || setting->type == SETTING_MAP || setting->fallback == NULL) {
        return is_foreign(printer, setting, target);
    }
    if (setting->section == SECTION_ROOT) {
        return true;
    }
    return setting->type == SETTING_OBJECT && has_defaults(printer, setting->children, target);
}

static void print_section(const struct printer *printer, enum setting_section section, const void *target)
{
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (setting->section != section || is_left_out(printer, setting, target)) {
            continue;
        }
        if (setting->type == SETTING_OBJECT) {
            json_write_key(printer->writer, setting->name);
            print_object(printer, setting->children, target);
        } else if (setting->type == SETTING_LIST || setting->type == SETTING_MAP) {
            print_collection(printer, setting, target);
        } else {
            print_value(printer, setting, target);
        }
    }
    if (section == SECTION_SOURCE) {
        print_options(printer, target);
    }
}

bool print_config(const struct config *config, bool brief, struct buf *out, struct lf_error *err)
{
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(out, /* indent= */ true);
    const struct printer printer = {config, writer, brief};
    print_object(&printer, SECTION_ROOT, config);
    return json_writer_finish(writer, err) && buf_check(out, "the configuration", err);
}

bool config_print(const struct config *config, struct buf *out, struct lf_error *err)
{
    return print_config(config, /* brief= */ false, out, err);
}
