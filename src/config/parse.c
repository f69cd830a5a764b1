/* SPDX-License-Identifier: Apache-2.0
 *
 * From the JSON tree to struct config. Each reader gets the place of its value, and fails with it.
 */
#include "base/buf.h"
#include "base/macros.h"
#include "config/config.h"
#include "config/document.h"
#include "config/option.h"
#include "config/repetition.h"
#include "config/settings.h"

#include <stdlib.h>

/* A value, where it stands, and the document that both belong to. */
struct node {
    const struct document *document;
    const struct json *value; /* NULL: not given */
    struct place place;
};

static struct node first_child(const struct node *node)
{
    const struct json *value = json_first(node->value);
    return (struct node){node->document, value, {&node->place, value != NULL ? json_name(value) : NULL, 0}};
}

static void next_child(struct node *child)
{
    child->value = json_next(child->value);
    child->place.name = child->value != NULL ? json_name(child->value) : NULL;
    child->place.index++;
}

static struct node member(const struct node *node, const char *name)
{
    const struct json *wanted = json_member(node->value, name);
    struct node child = first_child(node);
    while (child.value != NULL && child.value != wanted) {
        next_child(&child);
    }
    return child;
}

static struct node element(const struct node *list, size_t index)
{
    struct node child = first_child(list);
    while (child.place.index < index) {
        next_child(&child);
    }
    return child;
}

static size_t count_children(const struct node *node)
{
    size_t n = 0;
    for (const struct json *child = json_first(node->value); child != NULL; child = json_next(child)) {
        n++;
    }
    return n;
}

static bool fail(const struct node *node, struct lf_error *err)
{
    return document_fail(node->document, &node->place, err);
}

static bool check_required(const struct node *node, enum setting_section section, struct lf_error *err)
{
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (setting->section == section && setting->fallback == NULL &&
            json_member(node->value, setting->name) == NULL) {
            (void)lf_error_set(err, LF_CONFIG, 0, "\"%s\" is missing (%s)", setting->name, setting->help);
            return fail(node, err);
        }
    }
    return true;
}

static bool read_section(const struct node *node, enum setting_section section, void *target, struct lf_error *err);

/* Maps and lists are only checked for their shape: who knows the struct reads them afterwards. */
static bool read_setting(const struct node *node, const struct setting *setting, void *target, struct lf_error *err)
{
    switch (setting->type) {
    case SETTING_OBJECT:
        return json_is_object(node->value) ? read_section(node, setting->children, target, err)
                                           : settings_fail_type(setting, err) || fail(node, err);
    case SETTING_MAP:
        return json_is_object(node->value) || settings_fail_type(setting, err) || fail(node, err);
    case SETTING_LIST:
        return json_is_array(node->value) || settings_fail_type(setting, err) || fail(node, err);
    default:
        return settings_set_json(setting, node->value, target, err) || fail(node, err);
    }
}

static bool read_section(const struct node *node, enum setting_section section, void *target, struct lf_error *err)
{
    for (struct node child = first_child(node); child.value != NULL; next_child(&child)) {
        const struct setting *setting = settings_find(section, child.place.name);
        if (setting != NULL) {
            TRY(read_setting(&child, setting, target, err));
        } else if (section != SECTION_SOURCE) { /* what is no setting there is an option of the connector */
            (void)settings_fail_unknown(section, child.place.name, err);
            return fail(&child, err);
        }
    }
    return check_required(node, section, err);
}

static bool read_options(const struct node *source, struct config_link *link, struct lf_error *err)
{
    for (struct node child = first_child(source); child.value != NULL; next_child(&child)) {
        if (settings_find(SECTION_SOURCE, child.place.name) == NULL &&
            !option_add_json(link, child.place.name, child.value, err)) {
            return fail(&child, err);
        }
    }
    return true;
}

static bool read_exclude(const struct node *list, struct config_link *link, const char *table, struct lf_error *err)
{
    for (struct node child = first_child(list); child.value != NULL; next_child(&child)) {
        const char *column = json_text(child.value);
        if (column == NULL || column[0] == '\0') {
            (void)lf_error_set(err, LF_CONFIG, 0, "must be the name of a column, in quotes");
            return fail(&child, err);
        }
        option_add_column(link, "exclude", table, column, "true");
    }
    return true;
}

static void column_done(struct setting_column *column)
{
    text_free(&column->type);
}

static bool read_columns(const struct node *map, struct config_link *link, const char *table, struct lf_error *err)
{
    for (struct node child = first_child(map); child.value != NULL; next_child(&child)) {
        CLEANUP(column_done) struct setting_column column = {0};
        if (!json_is_object(child.value)) {
            (void)lf_error_set(err, LF_CONFIG, 0, "must be an object, such as {\"type\": \"string\"}");
            return fail(&child, err);
        }
        TRY(read_section(&child, SECTION_COLUMN, &column, err));
        option_add_column(link, "type", table, child.place.name, column.type);
    }
    return true;
}

static bool read_entity(const struct node *node, struct config_link *link, struct config_entity *entity,
                        struct lf_error *err)
{
    const char *table = json_text(node->value);
    if (table != NULL) {
        return settings_set_text(settings_find(SECTION_ENTITY, "table"), table, entity, err) || fail(node, err);
    }
    if (!json_is_object(node->value)) {
        (void)lf_error_set(err, LF_CONFIG, 0, "must be the name of a table in quotes, or an object with \"table\"");
        return fail(node, err);
    }
    TRY(read_section(node, SECTION_ENTITY, entity, err));
    const struct node exclude = member(node, "exclude");
    const struct node columns = member(node, "columns");
    TRY(read_exclude(&exclude, link, entity->table, err));
    return read_columns(&columns, link, entity->table, err);
}

/* At the member of an element; an element that is a text is its own table. */
static bool fail_repetition(const struct node *list, size_t index, const char *name, struct lf_error *err)
{
    const struct node child = element(list, index);
    const struct node value = member(&child, name);
    return fail(json_is_object(child.value) ? &value : &child, err);
}

static bool check_entities(const struct node *list, const struct config_link *link, struct lf_error *err)
{
    const char **texts = mem_new(link->nentities, sizeof *texts);
    struct repetition twice;
    bool good = true;
    for (size_t i = 0; i < link->nentities; i++) {
        texts[i] = link->entities[i].table;
    }
    if (repetition_find(texts, link->nentities, false, &twice)) {
        (void)lf_error_set(err, LF_CONFIG, 0, "this table is already entities[%zu]; remove one of them", twice.first);
        good = fail_repetition(list, twice.second, "table", err);
    }
    for (size_t i = 0; i < link->nentities; i++) {
        texts[i] = link->entities[i].name;
    }
    if (good && repetition_find(texts, link->nentities, true, &twice)) {
        (void)lf_error_set(err, LF_CONFIG, 0,
                           "entities[%zu] has this name already (upper and lower case are one); choose another",
                           twice.first);
        good = fail_repetition(list, twice.second, "name", err);
    }
    free(texts);
    return good;
}

static bool read_entities(const struct node *list, struct config_link *link, struct lf_error *err)
{
    if (list->value == NULL) {
        return true;
    }
    const size_t n = count_children(list);
    if (n == 0) {
        (void)lf_error_set(err, LF_CONFIG, 0,
                           "is empty; name at least one table, or leave it out to copy all that have a key");
        return fail(list, err);
    }
    link->entities = mem_new(n, sizeof *link->entities);
    link->nentities = n;
    for (struct node child = first_child(list); child.value != NULL; next_child(&child)) {
        TRY(read_entity(&child, link, &link->entities[child.place.index], err));
    }
    return check_entities(list, link, err);
}

static bool read_link(const struct node *node, struct config_link *link, struct lf_error *err)
{
    settings_apply_defaults(SECTION_LINK, link);
    if (!json_is_object(node->value)) {
        (void)lf_error_set(err, LF_CONFIG, 0, "must be an object { … } with \"name\", \"source\" and \"lake\"");
        return fail(node, err);
    }
    TRY(read_section(node, SECTION_LINK, link, err));
    const struct node source = member(node, "source");
    const struct node entities = member(node, "entities");
    TRY(read_options(&source, link, err));
    return read_entities(&entities, link, err);
}

static bool check_links(const struct node *list, const struct config *config, struct lf_error *err)
{
    const char **texts = mem_new(config->nlinks, sizeof *texts);
    struct repetition twice;
    bool good = true;
    for (size_t i = 0; i < config->nlinks; i++) {
        texts[i] = config->links[i].name;
    }
    if (repetition_find(texts, config->nlinks, false, &twice)) {
        (void)lf_error_set(err, LF_CONFIG, 0, "links[%zu] has this name already; choose another", twice.first);
        good = fail_repetition(list, twice.second, "name", err);
    }
    for (size_t i = 0; i < config->nlinks; i++) {
        texts[i] = config->links[i].lake_url;
    }
    if (good && repetition_find(texts, config->nlinks, false, &twice)) {
        (void)lf_error_set(err, LF_CONFIG, 0, "links[%zu] writes to this lake already; each link needs one of its own",
                           twice.first);
        good = fail_repetition(list, twice.second, "lake", err);
    }
    free(texts);
    return good;
}

static bool read_links(const struct node *list, struct config *config, struct lf_error *err)
{
    const size_t n = count_children(list);
    if (n == 0) {
        (void)lf_error_set(err, LF_CONFIG, 0,
                           "is empty; a link is {\"name\": …, \"source\": {\"url\": …}, \"lake\": {\"url\": …}}");
        return fail(list, err);
    }
    config->links = mem_new(n, sizeof *config->links);
    config->nlinks = n;
    for (struct node child = first_child(list); child.value != NULL; next_child(&child)) {
        TRY(read_link(&child, &config->links[child.place.index], err));
    }
    return check_links(list, config, err);
}

bool config_parse(const char *name, const char *text, size_t len, struct config **ret_config, struct lf_error *err)
{
    CLEANUP(document_done) struct document document = {0};
    CLEANUP(config_free) struct config *config = mem_new(1, sizeof *config);
    TRY(document_open(&document, name, text, len, err));
    const struct node root = {&document, document.root, {NULL, NULL, 0}};
    settings_apply_defaults(SECTION_ROOT, config);
    if (!json_is_object(root.value)) {
        (void)lf_error_set(err, LF_CONFIG, 0, "must be an object { … } with \"version\" and \"links\"");
        return fail(&root, err);
    }
    TRY(read_section(&root, SECTION_ROOT, config, err));
    const struct node links = member(&root, "links");
    TRY(read_links(&links, config, err));
    *ret_config = config;
    config = NULL;
    return true;
}
