/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"

#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)

static void entity_done(struct config_entity *entity)
{
    text_free(&entity->table);
    text_free(&entity->name);
}

static void link_done(struct config_link *link)
{
    for (size_t i = 0; i < link->nentities; i++) {
        entity_done(&link->entities[i]);
    }
    for (size_t i = 0; i < link->nconnector_options; i++) {
        free((char *)link->connector_options[i].name);
        free((char *)link->connector_options[i].text);
    }
    free(link->entities);
    free(link->connector_options);
    text_free(&link->name);
    text_free(&link->connector);
    text_free(&link->source_url);
    text_free(&link->lake_url);
    text_free(&link->public_location);
}

void config_free(struct config **config)
{
    if (*config == NULL) {
        return;
    }
    for (size_t i = 0; i < (*config)->nlinks; i++) {
        link_done(&(*config)->links[i]);
    }
    free((*config)->links);
    free(*config);
    *config = NULL;
}

bool config_load(const char *path, struct config **ret_config, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    if (!file_read_all(path, FILE_MAX_BYTES, &text, err)) {
        if (err->kind == LF_NOT_FOUND || err->kind == LF_LIMIT) {
            err->kind = LF_CONFIG; /* of the command line: it named the file */
        }
        return lf_error_wrap(err, "the configuration");
    }
    return config_parse(path, buf_text(&text), text.len, ret_config, err);
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
