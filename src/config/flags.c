/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/macros.h"
#include "config/config.h"
#include "config/repetition.h"
#include "config/settings.h"

#include <stdlib.h>
#include <string.h>

static bool set_flag(enum setting_section section, const char *name, const char *text, void *target, const char *flag,
                     struct lf_error *err)
{
    return settings_set_text(settings_find(section, name), text, target, err) || lf_error_wrap(err, "--%s", flag);
}

/* sqlite:/a/b/shop.db and postgresql://host/shop?x=y give shop. */
static bool set_default_name(const char *url, struct config_link *link, struct lf_error *err)
{
    char name[SETTINGS_NAME_MAX + 1];
    const char *authority = strstr(url, "://");
    const char *colon = strchr(url, ':');
    const char *path = authority != NULL ? authority + 3 : colon != NULL ? colon + 1 : url;
    const size_t path_len = strcspn(path, "?#");
    const char *slash = memrchr(path, '/', path_len);
    const char *base = slash != NULL ? slash + 1 : path;
    size_t len = path_len - (size_t)(base - path);
    const char *dot = len > 0 ? memrchr(base + 1, '.', len - 1) : NULL;
    len = dot != NULL ? (size_t)(dot - base) : len;
    len = len > SETTINGS_NAME_MAX ? SETTINGS_NAME_MAX : len;
    if (len == 0 || (authority != NULL && slash == NULL)) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "no name for the link can be made from the URL of the source; give --name");
    }
    for (size_t i = 0; i < len; i++) {
        name[i] = '_';
        if (settings_is_name_char(base[i])) {
            name[i] = base[i];
        }
    }
    name[len] = '\0';
    return set_flag(SECTION_LINK, "name", name, link, "name", err);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool add_entity(const char *at, size_t len, struct config_link *link, struct lf_error *err)
{
    while (len > 0 && is_blank(*at)) {
        at++;
        len--;
    }
    while (len > 0 && is_blank(at[len - 1])) {
        len--;
    }
    if (len == 0) {
        return lf_error_set(err, LF_CONFIG, 0, "--entities: a name is empty; write tables as in orders,customers");
    }
    CLEANUP(text_free) char *table = text_copy_len(at, len);
    struct config_entity *entity = &link->entities[link->nentities++];
    settings_apply_defaults(SECTION_ENTITY, entity);
    return set_flag(SECTION_ENTITY, "table", table, entity, "entities", err);
}

static bool check_entities(const struct config_link *link, struct lf_error *err)
{
    const char **tables = mem_new(link->nentities, sizeof *tables);
    struct repetition twice;
    for (size_t i = 0; i < link->nentities; i++) {
        tables[i] = link->entities[i].table;
    }
    const bool good = !repetition_find(tables, link->nentities, false, &twice);
    free(tables);
    return good || lf_error_set(err, LF_CONFIG, 0, "--entities: the table \"%.200s\" is named twice",
                                link->entities[twice.second].table);
}

static bool split_entities(const char *list, struct config_link *link, struct lf_error *err)
{
    size_t n = 1;
    for (const char *at = list; *at != '\0'; at++) {
        n += *at == ',';
    }
    link->entities = mem_new(n, sizeof *link->entities);
    const char *at = list;
    for (size_t i = 0; i < n; i++) {
        const size_t len = strcspn(at, ",");
        TRY(add_entity(at, len, link, err));
        at += len + 1;
    }
    return check_entities(link, err);
}

static bool fill_link(const struct config_flags *flags, struct config_link *link, struct lf_error *err)
{
    settings_apply_defaults(SECTION_LINK, link);
    if (flags->source_url == NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "--source is missing; give a URL such as --source sqlite:shop.db");
    }
    if (flags->lake_url == NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "--lake is missing; give a URL such as --lake file:./lake");
    }
    TRY(set_flag(SECTION_SOURCE, "url", flags->source_url, link, "source", err));
    TRY(set_flag(SECTION_LAKE, "url", flags->lake_url, link, "lake", err));
    link->source_shown = link->source_url;
    link->lake_shown = link->lake_url;
    TRY(flags->name != NULL ? set_flag(SECTION_LINK, "name", flags->name, link, "name", err)
                            : set_default_name(flags->source_url, link, err));
    TRY(flags->interval == NULL || set_flag(SECTION_SNAPSHOT, "interval", flags->interval, link, "interval", err));
    return flags->entities == NULL || split_entities(flags->entities, link, err);
}

bool config_from_flags(const struct config_flags *flags, struct config **ret_config, struct lf_error *err)
{
    CLEANUP(config_free) struct config *config = mem_new(1, sizeof *config);
    settings_apply_defaults(SECTION_ROOT, config);
    config->links = mem_new(1, sizeof *config->links);
    config->nlinks = 1;
    TRY(fill_link(flags, &config->links[0], err));
    *ret_config = config;
    config = NULL;
    return true;
}
