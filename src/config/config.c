/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void entity_done(struct config_entity *entity)
{
    for (size_t i = 0; i < entity->nexclude; i++) {
        text_free(&entity->exclude[i]);
    }
    for (size_t i = 0; i < entity->ncolumns; i++) {
        text_free(&entity->columns[i].name);
        text_free(&entity->columns[i].type);
        text_free(&entity->columns[i].mask);
        text_free(&entity->columns[i].mask_text);
    }
    free(entity->exclude);
    free(entity->columns);
    text_free(&entity->table);
    text_free(&entity->name);
    text_free(&entity->filter);
    text_free(&entity->on_bad_text);
    text_free(&entity->on_bad_row);
    text_free(&entity->on_lost_file);
}

static void options_done(struct config_link *link)
{
    for (size_t i = 0; i < link->nconnector_options; i++) {
        char *text = (char *)link->connector_options[i].text;
        secret_text_free(&text);
        free((char *)link->connector_options[i].name);
        text_free(&link->references[i].text);
    }
    free(link->connector_options);
    free(link->references);
}

static void auth_done(struct config_auth *auth)
{
    secret_text_free(&auth->account_key);
    secret_text_free(&auth->sas);
    secret_text_free(&auth->client_secret);
    secret_text_free(&auth->certificate_password);
    text_free(&auth->kind);
    text_free(&auth->tenant_id);
    text_free(&auth->client_id);
    text_free(&auth->object_id);
    text_free(&auth->resource_id);
    text_free(&auth->certificate);
    text_free(&auth->token_file);
    text_free(&auth->assertion);
    text_free(&auth->authority);
    text_free(&auth->audience);
    text_free(&auth->place);
}

static void link_done(struct config_link *link)
{
    for (size_t i = 0; i < link->nentities; i++) {
        entity_done(&link->entities[i]);
    }
    free(link->entities);
    options_done(link);
    text_free(&link->name);
    text_free(&link->connector);
    secret_text_free(&link->source_url);
    secret_text_free(&link->lake_url);
    text_free(&link->public_location);
    auth_done(&link->auth);
    text_free(&link->endpoint);
    text_free(&link->filesystem);
    text_free(&link->publish);
    text_free(&link->on_bad_text);
    text_free(&link->on_bad_row);
    text_free(&link->on_lost_file);
    secret_text_free(&link->mask_key);
}

static void parameters_done(struct config *config)
{
    for (size_t i = 0; i < config->nparameters; i++) {
        text_free(&config->parameters[i].name);
        text_free(&config->parameters[i].text);
    }
    for (size_t i = 0; i < config->nhidden; i++) {
        text_free(&config->hidden[i].text);
    }
    free(config->parameters);
    free(config->hidden);
}

struct config *config_ref(struct config *config)
{
    (void)atomic_fetch_add(&config->more_owners, 1);
    return config;
}

void config_free(struct config **ref)
{
    struct config *config = *ref;
    *ref = NULL;
    if (config == NULL || atomic_fetch_sub(&config->more_owners, 1) > 0) {
        return;
    }
    for (size_t i = 0; i < config->nlinks; i++) {
        link_done(&config->links[i]);
    }
    free(config->links);
    parameters_done(config);
    text_free(&config->ca_file);
    secret_text_free(&config->proxy);
    text_free(&config->name);
    text_free(&config->text);
    free(config);
}

const struct config_link *config_find_link(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->nlinks; i++) {
        if (strcmp(config->links[i].name, name) == 0) {
            return &config->links[i];
        }
    }
    return NULL;
}

const struct config_entity *config_find_entity(const struct config_link *link, const char *table)
{
    for (size_t i = 0; i < link->nentities; i++) {
        if (strcmp(link->entities[i].table, table) == 0) {
            return &link->entities[i];
        }
    }
    return NULL;
}

bool config_load_with(const char *path, const struct config_reading *how, struct config **ret_config,
                      struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    if (!file_read_all(path, CONFIG_FILE_MAX_BYTES, &text, err)) {
        if (err->kind == LF_NOT_FOUND || err->kind == LF_LIMIT) {
            err->kind = LF_CONFIG; /* of the command line: it named the file */
        }
        return lf_error_wrap(err, "the configuration");
    }
    return config_parse_with(path, buf_text(&text), text.len, how, ret_config, err);
}

bool config_load(const char *path, struct config **ret_config, struct lf_error *err)
{
    return config_load_with(path, &(struct config_reading){0}, ret_config, err);
}

bool config_parse(const char *name, const char *text, size_t len, struct config **ret_config, struct lf_error *err)
{
    return config_parse_with(name, text, len, &(struct config_reading){0}, ret_config, err);
}

bool config_reload_secrets(struct config *config, const char *link, struct config **ret_config, struct lf_error *err)
{
    const struct config_reading how = {.only_link = link};
    if (config->text == NULL) { /* flags hold no secrets */
        *ret_config = config_ref(config);
        return true;
    }
    return config_parse_with(config->name, config->text, config->text_len, &how, ret_config, err);
}

bool config_find(const char *given, char **ret_path, struct lf_error *err)
{
    static const char *const places[] = {"./lakefeed.json", "/etc/lakefeed/lakefeed.json"};
    const char *variable = getenv("LAKEFEED_CONFIG");
    const char *wanted = given == NULL && variable != NULL && variable[0] != '\0' ? variable : given;
    if (wanted != NULL) {
        *ret_path = text_copy(wanted);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (access(places[i], F_OK) == 0) {
            *ret_path = text_copy(places[i]);
            return true;
        }
    }
    return lf_error_set(
        err, LF_CONFIG, 0,
        "there is no configuration: give -c FILE or --source and --lake, set LAKEFEED_CONFIG, or write %s or %s",
        places[0], places[1]);
}
