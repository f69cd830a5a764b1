/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"

#include "base/macros.h"
#include "commit/commit.h"
#include "lake/local.h"
#include "source/builtin.h"

#include <string.h>

const struct lf_connector *app_find_connector(const struct config_link *settings, struct lf_error *err)
{
    const char *url = settings->source_url;
    CLEANUP(text_free)
    char *scheme = settings->connector != NULL ? text_copy(settings->connector) : text_copy_len(url, strcspn(url, ":"));
    const struct lf_connector *connector = source_builtin_find(scheme);
    if (connector == NULL) {
        lf_error_set(err, LF_CONFIG, 0, "no connector for source %s; a source is given as sqlite:FILE",
                     settings->source_shown);
        return NULL;
    }
    return config_check_connector_options(settings, connector->options, err) ? connector : NULL;
}

static const char *skip_prefix(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

bool app_open_lake(const struct config_link *settings, struct lake **ret_lake, struct lf_error *err)
{
    const char *path = skip_prefix(settings->lake_url, "file:");
    if (path == NULL || path[0] == '\0') {
        return lf_error_set(err, LF_CONFIG, 0, "no driver for lake %s; a lake is given as file:FOLDER",
                            settings->lake_shown);
    }
    if (strncmp(path, "//", 2) == 0) {
        path = path[2] == '/' ? path + 2 : NULL;
    }
    if (path == NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "lake %s names a host; a folder is file:FOLDER or file:///FOLDER",
                            settings->lake_shown);
    }
    const struct lake_local_options options = {
        .path = path, .public_location = settings->public_location, .allow_network = settings->allow_network};
    return lake_local_open(&options, ret_lake, err);
}

bool app_read_model(struct lake *lake, struct model **ret_model, struct lf_error *err)
{
    char etag[LAKE_ETAG_SIZE];
    *ret_model = NULL;
    return commit_read_head(lake, ret_model, etag, err) || err->kind == LF_NOT_FOUND;
}
