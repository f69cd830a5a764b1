/* SPDX-License-Identifier: Apache-2.0
 *
 * An export is the brief print of a copy in which URLs are hidden behind parameters, as if they were secrets.
 */
#include "base/macros.h"
#include "config/parameter.h"
#include "config/print.h"
#include "config/value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct copy {
    struct config config; /* its arrays are the copy's own, the texts in them are not */
    char **owned;         /* texts made for the copy */
    size_t nowned;
};

static void copy_done(struct copy *copy)
{
    for (size_t i = 0; i < copy->nowned; i++) {
        text_free(&copy->owned[i]);
    }
    for (size_t i = 0; i < copy->config.nlinks; i++) {
        free(copy->config.links[i].references);
    }
    free(copy->owned);
    free(copy->config.links);
    free(copy->config.hidden);
    free(copy->config.parameters);
}

static char *own(struct copy *copy, char *text)
{
    copy->owned = mem_resize(copy->owned, copy->nowned + 1, sizeof *copy->owned);
    copy->owned[copy->nowned++] = text;
    return text;
}

static void add_hidden(struct copy *copy, const void *value, enum config_origin origin, char *text)
{
    struct config *config = &copy->config;
    config->hidden = mem_resize(config->hidden, config->nhidden + 1, sizeof *config->hidden);
    config->hidden[config->nhidden++] = (struct config_hidden){value, origin, text};
}

static void add_parameter(struct copy *copy, struct config_parameter parameter)
{
    struct config *config = &copy->config;
    config->parameters = mem_resize(config->parameters, config->nparameters + 1, sizeof *config->parameters);
    config->parameters[config->nparameters++] = parameter;
}

static bool is_taken(const struct copy *copy, const char *name)
{
    for (size_t i = 0; i < copy->config.nparameters; i++) {
        if (strcmp(copy->config.parameters[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* "my-shop" and "source_url" give MY_SHOP_SOURCE_URL. */
static char *make_name(struct copy *copy, const char *link, const char *what)
{
    char *name = text_printf("%s%s_%s", isdigit((unsigned char)link[0]) ? "_" : "", link, what);
    for (char *at = name; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
        if (*at == '-') {
            *at = '_';
        }
    }
    const size_t len = strlen(name);
    for (unsigned i = 2; is_taken(copy, name); i++) {
        char *next = text_printf("%.*s_%u", (int)len, name, i);
        text_free(&name);
        name = next;
    }
    return own(copy, name);
}

static void hide_url(struct copy *copy, const struct config_link *link, enum setting_section section, const char *what,
                     char *url)
{
    if (print_hidden(&copy->config, settings_find(section, "url"), link) != NULL) {
        return; /* made with a secret: it stays as it is written */
    }
    char *name = make_name(copy, link->name, what);
    add_parameter(copy, (struct config_parameter){name, CONFIG_PLAIN, url});
    add_hidden(copy, url, CONFIG_TEMPLATE, own(copy, text_printf("${%s}", name)));
}

static void copy_references(struct copy *copy, struct config_link *link)
{
    struct config_reference *references = mem_new(link->nconnector_options, sizeof *references);
    for (size_t i = 0; i < link->nconnector_options; i++) {
        references[i] = link->references[i];
        if (references[i].origin == CONFIG_FILE) {
            char *name = make_name(copy, link->name, link->connector_options[i].name);
            references[i] = (struct config_reference){CONFIG_ENV, name};
        }
    }
    link->references = references;
}

/* A secret of a setting that is in a file here is in a variable there. */
static void move_secrets(struct copy *copy, const struct config_link *link)
{
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        struct config_hidden *hidden =
            setting->type == SETTING_SECRET ? print_find_hidden(&copy->config, setting, link) : NULL;
        if (hidden != NULL && hidden->origin == CONFIG_FILE) {
            hidden->origin = CONFIG_ENV;
            hidden->text = make_name(copy, link->name, setting->name);
        }
    }
}

/* Numbers made with secrets are known by their address, which is another one in the copy. */
static void copy_hidden_numbers(struct copy *copy, const struct config *config, const struct config_link *from,
                                const struct config_link *to)
{
    for (size_t i = 0; i < config->nhidden; i++) {
        const char *value = config->hidden[i].value;
        if (value >= (const char *)from && value < (const char *)(from + 1)) {
            add_hidden(copy, (const char *)to + (value - (const char *)from), config->hidden[i].origin,
                       config->hidden[i].text);
        }
    }
}

static void copy_link(struct copy *copy, const struct config *config, const struct config_link *link)
{
    struct config_link *to = &copy->config.links[copy->config.nlinks++];
    *to = *link;
    copy_references(copy, to);
    move_secrets(copy, to);
    copy_hidden_numbers(copy, config, link, to);
    hide_url(copy, to, SECTION_SOURCE, "source_url", to->source_url);
    hide_url(copy, to, SECTION_LAKE, "lake_url", to->lake_url);
}

/* A file is the other machine's: its secret comes from the environment there. */
static void copy_parameters(struct copy *copy, const struct config *config)
{
    for (size_t i = 0; i < config->nparameters; i++) {
        struct config_parameter parameter = config->parameters[i];
        if (parameter.origin == CONFIG_FILE) {
            parameter = (struct config_parameter){parameter.name, CONFIG_ENV, parameter.name};
        }
        add_parameter(copy, parameter);
    }
}

static bool is_used(const char *text, const char *name)
{
    struct lf_slice slice;
    for (const char *at = parameters_next(text, &slice); at != NULL; at = parameters_next(at + 2, &slice)) {
        if (slice.len == strlen(name) && memcmp(slice.ptr, name, slice.len) == 0) {
            return true;
        }
    }
    return false;
}

/* Asks the text that is printed without them. */
static bool drop_unused_parameters(struct config *config, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    const size_t n = config->nparameters;
    config->nparameters = 0;
    TRY(print_config(config, /* brief= */ true, &text, err));
    for (size_t i = 0; i < n; i++) {
        if (is_used(buf_text(&text), config->parameters[i].name)) {
            config->parameters[config->nparameters++] = config->parameters[i];
        }
    }
    return true;
}

static bool fail_no_link(const struct config *config, const char *name, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf names = {0};
    char shown[VALUE_SHOWN_SIZE];
    for (size_t i = 0; i < config->nlinks; i++) {
        buf_printf(&names, "%s%s", i > 0 ? ", " : "", config->links[i].name);
    }
    return lf_error_set(err, LF_CONFIG, 0, "the configuration has no link %s; it has: %s", value_shown(name, shown),
                        buf_text(&names));
}

static bool is_chosen(const struct config_link *link, const char *const *links, size_t n)
{
    bool chosen = n == 0;
    for (size_t i = 0; i < n && !chosen; i++) {
        chosen = strcmp(links[i], link->name) == 0;
    }
    return chosen;
}

bool config_export(const struct config *config, const char *const *links, size_t n, struct buf *out,
                   struct lf_error *err)
{
    CLEANUP(copy_done) struct copy copy = {0};
    for (size_t i = 0; i < n; i++) {
        if (config_find_link(config, links[i]) == NULL) {
            return fail_no_link(config, links[i], err);
        }
    }
    copy.config.links = mem_new(config->nlinks, sizeof *copy.config.links);
    copy_parameters(&copy, config);
    for (size_t i = 0; i < config->nhidden; i++) {
        add_hidden(&copy, config->hidden[i].value, config->hidden[i].origin, config->hidden[i].text);
    }
    for (size_t i = 0; i < config->nlinks; i++) {
        if (is_chosen(&config->links[i], links, n)) {
            copy_link(&copy, config, &config->links[i]);
        }
    }
    TRY(drop_unused_parameters(&copy.config, err));
    return print_config(&copy.config, /* brief= */ true, out, err);
}
