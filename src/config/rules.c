/* SPDX-License-Identifier: Apache-2.0 */
#include "config/rules.h"

#include "base/buf.h"
#include "base/macros.h"
#include "config/lake_place.h"
#include "config/print.h"
#include "config/repetition.h"
#include "config/value.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MASK_KEY_BYTES_MIN 16

/* Of a member of an element; of the element itself where it is a text. */
static size_t line_of_element(const struct node *list, size_t index, const char *member)
{
    const struct node child = node_element(list, index);
    const struct node value = node_member(&child, member);
    return node_line(value.value != NULL ? &value : &child);
}

static bool fail_at_element(const struct node *list, size_t index, const char *member, struct lf_error *err)
{
    const struct node child = node_element(list, index);
    const struct node value = node_member(&child, member);
    return node_fail(value.value != NULL ? &value : &child, err);
}

static bool is_reserved(const char *name)
{
    return name[0] == '_' || strcasecmp(name, "model.json") == 0 || strcasecmp(name, "default.manifest.cdm.json") == 0;
}

static bool check_name(const struct node *node, const struct config_entity *entity, struct lf_error *err)
{
    char shown[VALUE_SHOWN_SIZE];
    if (entity->name == NULL || !is_reserved(entity->name)) {
        return true;
    }
    const struct node name = node_member(node, "name");
    const char *hidden = print_hidden(node->reading->config, settings_find(SECTION_ENTITY, "name"), entity);
    (void)lf_error_set(err, LF_CONFIG, 0,
                       "\"%s\" is reserved: model.json, default.manifest.cdm.json and all that begins with _ have "
                       "another meaning in a lake; choose another name",
                       value_shown(hidden != NULL ? hidden : entity->name, shown));
    return node_fail(&name, err);
}

static bool check_exclude(const struct node *node, const struct config_entity *entity, struct lf_error *err)
{
    struct repetition twice;
    if (!repetition_find((const char *const *)entity->exclude, entity->nexclude, false, &twice)) {
        return true;
    }
    const struct node list = node_member(node, "exclude");
    const struct node first = node_element(&list, twice.first);
    const struct node second = node_element(&list, twice.second);
    (void)lf_error_set(err, LF_CONFIG, 0, "this column is already exclude[%zu] (line %zu); remove one of them",
                       twice.first, node_line(&first));
    return node_fail(&second, err);
}

static bool fail_member(const struct node *node, const char *member, struct lf_error *err)
{
    const struct node value = node_member(node, member);
    return node_fail(value.value != NULL ? &value : node, err);
}

bool rules_check_column(const struct node *node, const struct config_entity *entity, const struct config_column *column,
                        struct lf_error *err)
{
    if (column->type == NULL && column->mask == NULL) {
        (void)lf_error_set(err, LF_CONFIG, 0, "sets nothing; write \"type\" or \"mask\", or leave it out");
        return node_fail(node, err);
    }
    if (column->mask_text != NULL && (column->mask == NULL || strcmp(column->mask, "fixed") != 0)) {
        (void)lf_error_set(err, LF_CONFIG, 0, "is the text of {\"mask\": \"fixed\"} alone; take one of them out");
        return fail_member(node, "mask_text", err);
    }
    for (size_t i = 0; column->mask != NULL && i < entity->nexclude; i++) {
        if (strcmp(entity->exclude[i], column->name) == 0) {
            (void)lf_error_set(err, LF_CONFIG, 0, "the column is left out (exclude), so there is nothing to mask");
            return fail_member(node, "mask", err);
        }
    }
    return true;
}

static const struct config_column *find_hash(const struct config_link *link, const struct config_entity **ret_entity)
{
    for (size_t i = 0; i < link->nentities; i++) {
        *ret_entity = &link->entities[i];
        for (size_t k = 0; k < (*ret_entity)->ncolumns; k++) {
            const struct config_column *column = &(*ret_entity)->columns[k];
            if (column->mask != NULL && strcmp(column->mask, "hash") == 0) {
                return column;
            }
        }
    }
    return NULL;
}

bool rules_check_mask_key(const struct node *link_node, const struct config_link *link, struct lf_error *err)
{
    const struct config_entity *entity = NULL;
    const struct config_column *column = find_hash(link, &entity);
    const bool without_secrets = link_node->reading->how->without_secrets;
    if (column != NULL && link->mask_key == NULL) {
        (void)lf_error_set(
            err, LF_CONFIG, 0,
            "\"mask_key\" is missing, with which the column %.100s of table %.100s is to be hashed; make a "
            "key with openssl rand -hex 32 and give it as {\"file\": …}",
            column->name, entity->table);
        return node_fail(link_node, err);
    }
    if (link->mask_key != NULL && !without_secrets && strlen(link->mask_key) < MASK_KEY_BYTES_MIN) {
        (void)lf_error_set(err, LF_CONFIG, 0,
                           "the key is shorter than %d bytes, so that it could be guessed; make one with openssl rand "
                           "-hex 32",
                           MASK_KEY_BYTES_MIN);
        return fail_member(link_node, "mask_key", err);
    }
    return true;
}

bool rules_check_entity(const struct node *node, const struct config_entity *entity, struct lf_error *err)
{
    return check_name(node, entity, err) && check_exclude(node, entity, err);
}

bool rules_check_entities(const struct node *list, const struct config_link *link, struct lf_error *err)
{
    const char **texts = mem_new(link->nentities, sizeof *texts);
    struct repetition twice;
    bool good = true;
    for (size_t i = 0; i < link->nentities; i++) {
        texts[i] = link->entities[i].table;
    }
    if (repetition_find(texts, link->nentities, false, &twice)) {
        (void)lf_error_set(err, LF_CONFIG, 0, "this table is already entities[%zu] (line %zu); remove one of them",
                           twice.first, line_of_element(list, twice.first, "table"));
        good = fail_at_element(list, twice.second, "table", err);
    }
    for (size_t i = 0; i < link->nentities; i++) {
        texts[i] = link->entities[i].name;
    }
    if (good && repetition_find(texts, link->nentities, true, &twice)) {
        (void)lf_error_set(err, LF_CONFIG, 0,
                           "entities[%zu] (line %zu) has this name already (upper and lower case are one); choose "
                           "another",
                           twice.first, line_of_element(list, twice.first, "name"));
        good = fail_at_element(list, twice.second, "name", err);
    }
    free(texts);
    return good;
}

static bool check_names(const struct node *list, const struct config *config, struct lf_error *err)
{
    const char **names = mem_new(config->nlinks, sizeof *names);
    struct repetition twice;
    for (size_t i = 0; i < config->nlinks; i++) {
        names[i] = config->links[i].name;
    }
    const bool found = repetition_find(names, config->nlinks, false, &twice);
    free(names);
    if (!found) {
        return true;
    }
    (void)lf_error_set(err, LF_CONFIG, 0, "links[%zu] (line %zu) has this name already; choose another", twice.first,
                       line_of_element(list, twice.first, "name"));
    return fail_at_element(list, twice.second, "name", err);
}

static size_t line_of_lake(const struct node *list, size_t index)
{
    const struct node child = node_element(list, index);
    const struct node lake = node_member(&child, "lake");
    const struct node url = node_member(&lake, "url");
    return node_line(&url);
}

static bool fail_overlap(const struct node *list, const char *const *places, const struct lake_overlap *overlap,
                         struct lf_error *err)
{
    const size_t later = overlap->outer > overlap->inner ? overlap->outer : overlap->inner;
    const size_t earlier = overlap->outer + overlap->inner - later;
    const size_t line = line_of_lake(list, earlier);
    const struct node child = node_element(list, later);
    const struct node lake = node_member(&child, "lake");
    const struct node url = node_member(&lake, "url");
    if (strcmp(places[earlier], places[later]) == 0) {
        (void)lf_error_set(err, LF_CONFIG, 0,
                           "links[%zu] (line %zu) writes to this lake already; each link needs one of its own", earlier,
                           line);
    } else {
        (void)lf_error_set(err, LF_CONFIG, 0,
                           "this lake %s that of links[%zu] (line %zu), so that one link would take the other's files "
                           "for its own; put them beside each other",
                           later == overlap->inner ? "lies in" : "contains", earlier, line);
    }
    return node_fail(&url, err);
}

static bool check_lakes(const struct node *list, const struct config *config, struct lf_error *err)
{
    char **places = mem_new(config->nlinks, sizeof *places);
    const struct setting *url = settings_find(SECTION_LAKE, "url");
    struct lake_overlap overlap;
    for (size_t i = 0; i < config->nlinks; i++) {
        const struct config_link *link = &config->links[i];
        const bool known = !list->reading->how->without_secrets || print_hidden(config, url, link) == NULL;
        places[i] = known ? lake_place_of(link) : text_printf("?%zu/", i); /* beside all others */
    }
    const char *const *shown = (const char *const *)places;
    const bool good =
        !lake_place_find_overlap(shown, config->nlinks, &overlap) || fail_overlap(list, shown, &overlap, err);
    for (size_t i = 0; i < config->nlinks; i++) {
        text_free(&places[i]);
    }
    free(places);
    return good;
}

bool rules_check_links(const struct node *list, const struct config *config, struct lf_error *err)
{
    return check_names(list, config, err) && (config->nlinks < 2 || check_lakes(list, config, err));
}
