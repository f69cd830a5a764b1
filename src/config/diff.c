/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/macros.h"
#include "base/secret.h"
#include "config/config.h"
#include "config/option.h"
#include "config/print.h"
#include "config/secret.h"
#include "config/settings.h"

#include <stdlib.h>
#include <string.h>

struct comparison {
    const struct config *old, *new;
    struct config_differences *found;
    bool by_reference; /* one of the two knows no secrets */
};

/* One side of a value. */
struct side {
    const struct config *config;
    const void *target;
};

/* Takes all texts; NULL: not given. */
static struct config_difference *add(const struct comparison *comparison, char *path, char *old_text, char *new_text,
                                     enum config_change change)
{
    struct config_differences *found = comparison->found;
    found->items = mem_resize(found->items, found->n + 1, sizeof *found->items);
    found->items[found->n] = (struct config_difference){path, old_text, new_text, false, change, NULL};
    return &found->items[found->n++];
}

static char *value_of(const struct setting *setting, const void *target)
{
    CLEANUP(buf_done) struct buf text = {0};
    return settings_get_text(setting, target, &text) ? text_copy(buf_text(&text)) : NULL;
}

static bool same(const char *left, const char *right)
{
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

/* As it may be shown; the caller's. */
static char *shown_value(const struct config *config, const struct setting *setting, const void *target)
{
    const struct config_hidden *hidden = print_find_hidden(config, setting, target);
    if (hidden == NULL) {
        return value_of(setting, target);
    }
    return hidden->origin == CONFIG_TEMPLATE
               ? text_copy(hidden->text)
               : text_printf("{\"%s\": \"%s\"}", secret_member(hidden->origin), hidden->text);
}

static void compare_value(const struct comparison *comparison, const struct setting *setting, const void *old,
                          const void *new, const char *prefix)
{
    CLEANUP(secret_text_free) char *old_text = value_of(setting, old);
    CLEANUP(secret_text_free) char *new_text = value_of(setting, new);
    CLEANUP(secret_text_free) char *old_shown = shown_value(comparison->old, setting, old);
    CLEANUP(secret_text_free) char *new_shown = shown_value(comparison->new, setting, new);
    const bool equal = comparison->by_reference ? same(old_shown, new_shown) : same(old_text, new_text);
    if (equal) {
        return;
    }
    struct config_difference *difference =
        add(comparison, text_printf("%s%s", prefix, setting->name), old_shown, new_shown, setting->change);
    difference->way = setting->way;
    difference->secret =
        print_hidden(comparison->old, setting, old) != NULL || print_hidden(comparison->new, setting, new) != NULL;
    old_shown = NULL;
    new_shown = NULL;
}

static void compare_section(const struct comparison *comparison, enum setting_section section, const void *old,
                            const void *new, const char *prefix)
{
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (setting->section != section) {
            continue;
        }
        if (setting->type == SETTING_OBJECT) {
            CLEANUP(text_free) char *inner = text_printf("%s%s.", prefix, setting->name);
            compare_section(comparison, setting->children, old, new, inner);
        } else if (setting->width > 0) {
            compare_value(comparison, setting, old, new, prefix);
        }
    }
}

/* ---- options of the connector ---- */

static size_t find_option(const struct config_link *link, const char *name)
{
    size_t i = 0;
    while (i < link->nconnector_options && strcmp(link->connector_options[i].name, name) != 0) {
        i++;
    }
    return i;
}

static char *shown_option(const struct config_link *link, size_t i)
{
    const struct config_reference *reference = &link->references[i];
    if (reference->origin == CONFIG_PLAIN || reference->origin == CONFIG_TEMPLATE) {
        return text_copy(reference->origin == CONFIG_PLAIN ? link->connector_options[i].text : reference->text);
    }
    return text_printf("{\"%s\": \"%s\"}", secret_member(reference->origin), reference->text);
}

static void compare_option(const struct comparison *comparison, const struct config_link *old,
                           const struct config_link *new, const char *name, const char *prefix)
{
    const size_t i = find_option(old, name);
    const size_t j = find_option(new, name);
    const bool was = i < old->nconnector_options;
    const bool is = j < new->nconnector_options;
    CLEANUP(text_free) char *old_shown = was ? shown_option(old, i) : NULL;
    CLEANUP(text_free) char *new_shown = is ? shown_option(new, j) : NULL;
    if (was && is &&
        (comparison->by_reference ? same(old_shown, new_shown)
                                  : same(old->connector_options[i].text, new->connector_options[j].text))) {
        return;
    }
    struct config_difference *difference =
        add(comparison, text_printf("%ssource.%s", prefix, name), old_shown, new_shown, CONFIG_RESTART_LINK);
    difference->secret =
        (was && old->references[i].origin != CONFIG_PLAIN) || (is && new->references[j].origin != CONFIG_PLAIN);
    old_shown = NULL;
    new_shown = NULL;
}

static void compare_options(const struct comparison *comparison, const struct config_link *old,
                            const struct config_link *new, const char *prefix)
{
    for (size_t i = 0; i < old->nconnector_options; i++) {
        if (!option_is_of_column(old->connector_options[i].name)) {
            compare_option(comparison, old, new, old->connector_options[i].name, prefix);
        }
    }
    for (size_t i = 0; i < new->nconnector_options; i++) {
        const char *name = new->connector_options[i].name;
        if (!option_is_of_column(name) && find_option(old, name) == old->nconnector_options) {
            compare_option(comparison, old, new, name, prefix);
        }
    }
}

/* ---- entities ---- */

static bool excludes(const struct config_entity *entity, const char *column)
{
    for (size_t i = 0; i < entity->nexclude; i++) {
        if (strcmp(entity->exclude[i], column) == 0) {
            return true;
        }
    }
    return false;
}

/* The columns that one side alone leaves out; was: it is the old one. */
static void compare_exclude(const struct comparison *comparison, const struct config_entity *one,
                            const struct config_entity *other, bool was, const char *prefix)
{
    for (size_t i = 0; i < one->nexclude; i++) {
        if (!excludes(other, one->exclude[i])) {
            char *text = text_copy(one->exclude[i]);
            (void)add(comparison, text_printf("%sexclude", prefix), was ? text : NULL, was ? NULL : text,
                      settings_find(SECTION_ENTITY, "exclude")->change);
        }
    }
}

static const struct config_column *find_column(const struct config_entity *entity, const char *name)
{
    for (size_t i = 0; i < entity->ncolumns; i++) {
        if (strcmp(entity->columns[i].name, name) == 0) {
            return &entity->columns[i];
        }
    }
    return NULL;
}

static void compare_columns(const struct comparison *comparison, const struct config_entity *old,
                            const struct config_entity *new, const char *prefix)
{
    static const struct config_column none = {0};
    for (size_t i = 0; i < old->ncolumns; i++) {
        const struct config_column *other = find_column(new, old->columns[i].name);
        CLEANUP(text_free) char *inner = text_printf("%scolumns.%s.", prefix, old->columns[i].name);
        compare_section(comparison, SECTION_COLUMN, &old->columns[i], other != NULL ? other : &none, inner);
    }
    for (size_t i = 0; i < new->ncolumns; i++) {
        CLEANUP(text_free) char *inner = text_printf("%scolumns.%s.", prefix, new->columns[i].name);
        if (find_column(old, new->columns[i].name) == NULL) {
            compare_section(comparison, SECTION_COLUMN, &none, &new->columns[i], inner);
        }
    }
}

static void compare_entity(const struct comparison *comparison, const struct config_entity *old,
                           const struct config_entity *new, const char *link_prefix)
{
    CLEANUP(text_free) char *prefix = text_printf("%sentities[%s].", link_prefix, old->table);
    compare_section(comparison, SECTION_ENTITY, old, new, prefix);
    compare_exclude(comparison, old, new, true, prefix);
    compare_exclude(comparison, new, old, false, prefix);
    compare_columns(comparison, old, new, prefix);
}

/* The table as it may be shown. */
static char *shown_table(struct side side)
{
    const struct setting *setting = settings_find(SECTION_ENTITY, "table");
    const char *hidden = print_hidden(side.config, setting, side.target);
    return hidden != NULL ? text_copy(hidden) : value_of(setting, side.target);
}

static char *entities_in_words(const struct config_link *link)
{
    return link->nentities == 0 ? text_copy("all tables that have a key") : text_printf("%zu listed", link->nentities);
}

static void compare_entities(const struct comparison *comparison, const struct config_link *old,
                             const struct config_link *new, const char *prefix)
{
    const enum config_change change = settings_find(SECTION_LINK, "entities")->change;
    if ((old->nentities == 0) != (new->nentities == 0)) {
        (void)add(comparison, text_printf("%sentities", prefix), entities_in_words(old), entities_in_words(new),
                  change);
        return;
    }
    for (size_t i = 0; i < old->nentities; i++) {
        const struct config_entity *other = config_find_entity(new, old->entities[i].table);
        if (other != NULL) {
            compare_entity(comparison, &old->entities[i], other, prefix);
        } else {
            char *table = shown_table((struct side){comparison->old, &old->entities[i]});
            (void)add(comparison, text_printf("%sentities[%s]", prefix, table), table, NULL, change);
        }
    }
    for (size_t i = 0; i < new->nentities; i++) {
        if (config_find_entity(old, new->entities[i].table) == NULL) {
            char *table = shown_table((struct side){comparison->new, &new->entities[i]});
            (void)add(comparison, text_printf("%sentities[%s]", prefix, table), NULL, table, change);
        }
    }
}

/* ---- links ---- */

static char *link_in_words(const struct config *config, const struct config_link *link)
{
    const char *source = print_hidden(config, settings_find(SECTION_SOURCE, "url"), link);
    const char *lake = print_hidden(config, settings_find(SECTION_LAKE, "url"), link);
    return text_printf("%s to %s", source != NULL ? source : link->source_url, lake != NULL ? lake : link->lake_url);
}

static void compare_link(const struct comparison *comparison, const struct config_link *old,
                         const struct config_link *new)
{
    CLEANUP(text_free) char *prefix = text_printf("links[%s].", old->name);
    compare_section(comparison, SECTION_LINK, old, new, prefix);
    compare_options(comparison, old, new, prefix);
    compare_entities(comparison, old, new, prefix);
}

static void compare_links(const struct comparison *comparison)
{
    const struct config *old = comparison->old;
    const struct config *new = comparison->new;
    for (size_t i = 0; i < old->nlinks; i++) {
        const struct config_link *other = config_find_link(new, old->links[i].name);
        if (other != NULL) {
            compare_link(comparison, &old->links[i], other);
        } else {
            (void)add(comparison, text_printf("links[%s]", old->links[i].name), link_in_words(old, &old->links[i]),
                      NULL, settings_find(SECTION_ROOT, "links")->change);
        }
    }
    for (size_t i = 0; i < new->nlinks; i++) {
        if (config_find_link(old, new->links[i].name) == NULL) {
            (void)add(comparison, text_printf("links[%s]", new->links[i].name), NULL,
                      link_in_words(new, &new->links[i]), settings_find(SECTION_ROOT, "links")->change);
        }
    }
}

void config_diff(const struct config *old, const struct config *new, struct config_differences *ret)
{
    const struct comparison comparison = {old, new, ret, old->without_secrets || new->without_secrets};
    *ret = (struct config_differences){0};
    compare_section(&comparison, SECTION_ROOT, old, new, "");
    compare_links(&comparison);
}

void config_differences_done(struct config_differences *differences)
{
    for (size_t i = 0; i < differences->n; i++) {
        text_free(&differences->items[i].path);
        text_free(&differences->items[i].old_text);
        text_free(&differences->items[i].new_text);
    }
    free(differences->items);
    *differences = (struct config_differences){0};
}
