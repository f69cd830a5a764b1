/* SPDX-License-Identifier: Apache-2.0
 *
 * From the JSON tree to struct config. Each reader gets the place of its value, and fails with it.
 */
#include "base/buf.h"
#include "base/macros.h"
#include "base/secret.h"
#include "config/node.h"
#include "config/option.h"
#include "config/parameter.h"
#include "config/print.h"
#include "config/rules.h"
#include "config/settings.h"

#include <stdlib.h>
#include <string.h>

static bool check_required(const struct node *node, enum setting_section section, struct lf_error *err)
{
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (setting->section == section && setting->fallback == NULL &&
            json_member(node->value, setting->name) == NULL) {
            (void)lf_error_set(err, LF_CONFIG, 0, "\"%s\" is missing (%s)", setting->name, setting->help);
            return node_fail(node, err);
        }
    }
    return true;
}

static bool read_section(const struct node *node, enum setting_section section, void *target, struct lf_error *err);

/* Nobody may see the value in a message or in what is printed. */
static void hide(struct config *config, const struct setting *setting, const void *target, enum config_origin origin,
                 const char *written)
{
    const void *value = (const char *)target + setting->offset;
    if (setting->width == 0) {
        return;
    }
    if (settings_is_text(setting)) {
        memcpy(&value, (const char *)target + setting->offset, sizeof value);
    }
    config->hidden = mem_resize(config->hidden, config->nhidden + 1, sizeof *config->hidden);
    config->hidden[config->nhidden++] = (struct config_hidden){value, origin, text_copy(written)};
}

static bool set_resolved(const struct setting *setting, const struct resolved *resolved, void *target,
                         struct lf_error *err)
{
    const bool quoted = setting->type != SETTING_INT && setting->type != SETTING_BOOL;
    if (!quoted && !resolved->used) {
        return settings_fail_type(setting, err);
    }
    if (resolved->text == NULL) { /* not known in this reading */
        if (settings_is_text(setting)) {
            settings_put_text(setting, resolved->written, target);
        }
        return true;
    }
    if (settings_set_text(setting, resolved->text, target, err)) {
        return true;
    }
    if (resolved->secret) {
        (void)settings_fail_type(setting, err);
        return lf_error_wrap(err, "is wrong once its secret parameters are put in (not shown here)");
    }
    return false;
}

/* Without the place. */
static bool set_text(const struct node *node, const struct setting *setting, void *target, struct lf_error *err)
{
    CLEANUP(resolved_done) struct resolved resolved = {0};
    TRY(parameters_resolve(node->reading, json_text(node->value), &resolved, err));
    TRY(set_resolved(setting, &resolved, target, err));
    if (resolved.secret) {
        hide(node->reading->config, setting, target, CONFIG_TEMPLATE, resolved.written);
    }
    return true;
}

/* Without the place. */
static bool set_secret(const struct node *node, const struct setting *setting, void *target, struct lf_error *err)
{
    CLEANUP(secret_text_free) char *text = NULL;
    struct config_reference reference = {0};
    TRY(option_read_secret(node, &text, &reference, err));
    settings_put_text(setting, text, target);
    hide(node->reading->config, setting, target, reference.origin, reference.text);
    text_free(&reference.text);
    return true;
}

/* Maps and lists are only checked for their shape: who knows the struct reads them afterwards. */
static bool read_setting(const struct node *node, const struct setting *setting, void *target, struct lf_error *err)
{
    switch (setting->type) {
    case SETTING_OBJECT:
        return json_is_object(node->value) ? read_section(node, setting->children, target, err)
                                           : settings_fail_type(setting, err) || node_fail(node, err);
    case SETTING_MAP:
        return json_is_object(node->value) || settings_fail_type(setting, err) || node_fail(node, err);
    case SETTING_SECRET:
        return set_secret(node, setting, target, err) || node_fail(node, err);
    case SETTING_LIST:
        return json_is_array(node->value) || settings_fail_type(setting, err) || node_fail(node, err);
    default:
        return (json_text(node->value) != NULL ? set_text(node, setting, target, err)
                                               : settings_set_json(setting, node->value, target, err)) ||
               node_fail(node, err);
    }
}

static bool read_section(const struct node *node, enum setting_section section, void *target, struct lf_error *err)
{
    for (struct node child = node_first(node); child.value != NULL; node_next(&child)) {
        const struct setting *setting = settings_find(section, child.place.name);
        if (setting != NULL) {
            TRY(read_setting(&child, setting, target, err));
        } else if (section != SECTION_SOURCE) { /* what is no setting there is an option of the connector */
            (void)settings_fail_unknown(section, child.place.name, err);
            return node_fail(&child, err);
        }
    }
    return check_required(node, section, err);
}

static bool read_options(const struct node *source, struct config_link *link, struct lf_error *err)
{
    for (struct node child = node_first(source); child.value != NULL; node_next(&child)) {
        if (settings_find(SECTION_SOURCE, child.place.name) == NULL && !option_add(&child, link, err)) {
            return node_fail(&child, err);
        }
    }
    return true;
}

/* *ret_column is the caller's. */
static bool read_column_name(const struct node *node, char **ret_column, struct lf_error *err)
{
    CLEANUP(resolved_done) struct resolved column = {0};
    const char *text = json_text(node->value);
    if (text == NULL || text[0] == '\0') {
        return lf_error_set(err, LF_CONFIG, 0, "must be the name of a column, in quotes");
    }
    TRY(parameters_resolve(node->reading, text, &column, err));
    if (column.secret) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the name of a column is no secret; set the parameter in \"parameters\"");
    }
    *ret_column = text_copy(column.text);
    return column.text[0] != '\0' || lf_error_set(err, LF_CONFIG, 0, "is empty once its parameters are put in");
}

static bool read_exclude(const struct node *list, struct config_link *link, struct config_entity *entity,
                         struct lf_error *err)
{
    entity->exclude = mem_new(node_count(list), sizeof *entity->exclude);
    for (struct node child = node_first(list); child.value != NULL; node_next(&child)) {
        char **column = &entity->exclude[entity->nexclude++];
        if (!read_column_name(&child, column, err)) {
            return node_fail(&child, err);
        }
        option_add_column(link, "exclude", entity->table, *column, "true");
    }
    return true;
}

static bool read_columns(const struct node *map, struct config_link *link, struct config_entity *entity,
                         struct lf_error *err)
{
    entity->columns = mem_new(node_count(map), sizeof *entity->columns);
    for (struct node child = node_first(map); child.value != NULL; node_next(&child)) {
        struct config_column *column = &entity->columns[entity->ncolumns++];
        column->name = text_copy(child.place.name);
        if (!json_is_object(child.value)) {
            (void)lf_error_set(err, LF_CONFIG, 0,
                               "must be an object, such as {\"type\": \"string\"} or {\"mask\": \"hash\"}");
            return node_fail(&child, err);
        }
        TRY(read_section(&child, SECTION_COLUMN, column, err));
        if (column->type != NULL) {
            option_add_column(link, "type", entity->table, column->name, column->type);
        }
        TRY(rules_check_column(&child, entity, column, err));
    }
    return true;
}

static bool read_entity(const struct node *node, struct config_link *link, struct config_entity *entity,
                        struct lf_error *err)
{
    settings_apply_defaults(SECTION_ENTITY, entity);
    if (json_text(node->value) != NULL) {
        return set_text(node, settings_find(SECTION_ENTITY, "table"), entity, err) || node_fail(node, err);
    }
    if (!json_is_object(node->value)) {
        (void)lf_error_set(err, LF_CONFIG, 0, "must be the name of a table in quotes, or an object with \"table\"");
        return node_fail(node, err);
    }
    TRY(read_section(node, SECTION_ENTITY, entity, err));
    const struct node exclude = node_member(node, "exclude");
    const struct node columns = node_member(node, "columns");
    TRY(read_exclude(&exclude, link, entity, err));
    TRY(read_columns(&columns, link, entity, err));
    if (entity->filter != NULL) {
        option_add_filter(link, entity->table, entity->filter);
    }
    return rules_check_entity(node, entity, err);
}

static bool read_entities(const struct node *list, struct config_link *link, struct lf_error *err)
{
    if (list->value == NULL) {
        return true;
    }
    const size_t n = node_count(list);
    if (n == 0) {
        (void)lf_error_set(err, LF_CONFIG, 0,
                           "is empty; name at least one table, or leave it out to copy all that have a key");
        return node_fail(list, err);
    }
    link->entities = mem_new(n, sizeof *link->entities);
    link->nentities = n;
    for (struct node child = node_first(list); child.value != NULL; node_next(&child)) {
        TRY(read_entity(&child, link, &link->entities[child.place.index], err));
    }
    return rules_check_entities(list, link, err);
}

static bool read_link(const struct node *node, struct config_link *link, struct lf_error *err)
{
    settings_apply_defaults(SECTION_LINK, link);
    if (!json_is_object(node->value)) {
        (void)lf_error_set(err, LF_CONFIG, 0, "must be an object { … } with \"name\", \"source\" and \"lake\"");
        return node_fail(node, err);
    }
    TRY(read_section(node, SECTION_LINK, link, err));
    const struct node source = node_member(node, "source");
    const struct node entities = node_member(node, "entities");
    TRY(read_options(&source, link, err));
    return read_entities(&entities, link, err) && rules_check_mask_key(node, link, err);
}

/* Whether the reading is about this link. Its name alone is looked at. */
static bool is_meant(const struct node *node)
{
    CLEANUP(resolved_done) struct resolved name = {0};
    struct lf_error ignored;
    const char *only = node->reading->how->only_link;
    const char *written = json_text(json_member(node->value, "name"));
    return only == NULL || (written != NULL && parameters_resolve(node->reading, written, &name, &ignored) &&
                            name.text != NULL && strcmp(name.text, only) == 0);
}

static bool report(const struct reading *reading, const struct lf_error *err)
{
    if (reading->how->report != NULL) {
        reading->how->report(reading->how->context, err);
    }
    return reading->how->report != NULL;
}

/* Goes on behind a link that is wrong when somebody listens; `err` is the first one's. */
static bool read_each_link(const struct node *list, struct config *config, struct lf_error *err)
{
    bool good = true;
    for (struct node child = node_first(list); child.value != NULL; node_next(&child)) {
        struct lf_error another;
        if (!is_meant(&child) || read_link(&child, &config->links[config->nlinks++], good ? err : &another)) {
            continue;
        }
        const bool go_on = report(list->reading, good ? err : &another);
        good = false;
        if (!go_on) {
            break;
        }
    }
    return good;
}

static bool read_links(const struct node *list, struct config *config, struct lf_error *err)
{
    const size_t n = node_count(list);
    if (n == 0) {
        (void)lf_error_set(err, LF_CONFIG, 0,
                           "is empty; a link is {\"name\": …, \"source\": {\"url\": …}, \"lake\": {\"url\": …}}");
        (void)node_fail(list, err);
        (void)report(list->reading, err);
        return false;
    }
    config->links = mem_new(n, sizeof *config->links);
    TRY(read_each_link(list, config, err));
    const char *only = list->reading->how->only_link;
    if (only != NULL) {
        return config->nlinks > 0 ||
               lf_error_set(err, LF_CONFIG, 0, "%s has no link %s", list->reading->document->name, only);
    }
    return rules_check_links(list, config, err) || (report(list->reading, err) && false);
}

/* Everything but the links. */
static bool read_root(const struct node *root, struct config *config, struct lf_error *err)
{
    settings_apply_defaults(SECTION_ROOT, config);
    if (!json_is_object(root->value)) {
        (void)lf_error_set(err, LF_CONFIG, 0, "must be an object { … } with \"version\" and \"links\"");
        return node_fail(root, err);
    }
    const struct node parameters = node_member(root, "parameters");
    return parameters_read(&parameters, err) && read_section(root, SECTION_ROOT, config, err);
}

/* Of the secret of an identity; where there are two, they are of different kinds, and one is for nothing. */
static void note_place(const struct config *config, struct config_link *link)
{
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        const struct config_hidden *hidden = setting->section == SECTION_AUTH && setting->type == SETTING_SECRET
                                                 ? print_find_hidden(config, setting, link)
                                                 : NULL;
        if (hidden != NULL && hidden->origin != CONFIG_TEMPLATE) {
            text_free(&link->auth.place);
            link->auth.place =
                text_printf("the %s %s", hidden->origin == CONFIG_FILE ? "file" : "environment variable", hidden->text);
        }
    }
}

static void note_shown(struct config *config)
{
    for (size_t i = 0; i < config->nlinks; i++) {
        struct config_link *link = &config->links[i];
        const char *source = print_hidden(config, settings_find(SECTION_SOURCE, "url"), link);
        const char *lake = print_hidden(config, settings_find(SECTION_LAKE, "url"), link);
        link->source_shown = source != NULL ? source : link->source_url;
        link->lake_shown = lake != NULL ? lake : link->lake_url;
        note_place(config, link);
    }
}

bool config_parse_with(const char *name, const char *text, size_t len, const struct config_reading *how,
                       struct config **ret_config, struct lf_error *err)
{
    CLEANUP(document_done) struct document document = {0};
    CLEANUP(config_free) struct config *config = mem_new(1, sizeof *config);
    const struct reading reading = {&document, how, config};
    bool good = document_open(&document, name, text, len, err);
    const struct node root = {&reading, document.root, {NULL, NULL, 0}};
    good = good && read_root(&root, config, err);
    if (!good) {
        (void)report(&reading, err);
        return false;
    }
    const struct node links = node_member(&root, "links");
    TRY(read_links(&links, config, err));
    note_shown(config);
    config->name = text_copy(name);
    config->text = text_copy_len(text, len);
    config->text_len = len;
    config->without_secrets = how->without_secrets;
    *ret_config = config;
    config = NULL;
    return true;
}
