/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "config/settings.h"
#include "config/url.h"
#include "config/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SECRET_MAX_BYTES ((size_t)64 << 10)

/* Takes both texts. */
static void add(struct config_link *link, char *name, char *text)
{
    link->connector_options =
        mem_resize(link->connector_options, link->nconnector_options + 1, sizeof *link->connector_options);
    link->connector_options[link->nconnector_options++] = (struct lf_option_value){name, text};
}

void option_add_column(struct config_link *link, const char *kind, const char *table, const char *column,
                       const char *text)
{
    add(link, text_printf("%s.%s.%s", kind, table, column), text_copy(text));
}

/* The last line end is the editor's. */
static bool read_secret_file(const char *path, char **ret_text, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct stat status;
    if (stat(path, &status) != 0) {
        return lf_error_set(err, LF_CONFIG, errno, "the file %s cannot be read: %s", path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return lf_error_set(err, LF_CONFIG, 0, "%s is no file", path);
    }
    if (!file_read_all(path, SECRET_MAX_BYTES, &text, err)) {
        err->kind = LF_CONFIG;
        return false;
    }
    size_t len = text.len;
    len -= len > 0 && text.ptr[len - 1] == '\n';
    len -= len > 0 && text.ptr[len - 1] == '\r';
    if (len == 0 || memchr(text.ptr, '\0', len) != NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "the file %s must hold the secret as one line of text", path);
    }
    *ret_text = text_copy_len(text.ptr, len);
    return true;
}

static bool read_secret_variable(const char *name, char **ret_text, struct lf_error *err)
{
    const char *text = getenv(name);
    if (text == NULL || text[0] == '\0') {
        char shown[VALUE_SHOWN_SIZE];
        return lf_error_set(err, LF_CONFIG, 0, "the environment variable %s is not set", value_shown(name, shown));
    }
    *ret_text = text_copy(text);
    return true;
}

static bool read_secret(const struct json *object, char **ret_text, struct lf_error *err)
{
    const struct json *only = json_first(object);
    const char *text = json_text(only);
    if (text != NULL && json_next(only) == NULL) {
        if (strcmp(json_name(only), "file") == 0) {
            return read_secret_file(text, ret_text, err);
        }
        if (strcmp(json_name(only), "env") == 0) {
            return read_secret_variable(text, ret_text, err);
        }
    }
    return lf_error_set(err, LF_CONFIG, 0, "a secret is {\"file\": \"PATH\"} or {\"env\": \"NAME\"}");
}

static bool text_of_json(const struct json *value, char **ret_text, struct lf_error *err)
{
    int64_t number = 0;
    bool truth = false;
    if (json_is_object(value)) {
        return read_secret(value, ret_text, err);
    }
    if (json_text(value) != NULL) {
        *ret_text = text_copy(json_text(value));
    } else if (json_int(value, &number)) {
        *ret_text = text_printf("%" PRId64, number);
    } else if (json_bool(value, &truth)) {
        *ret_text = text_copy(truth ? "true" : "false");
    } else {
        return lf_error_set(err, LF_CONFIG, 0, "must be text, a whole number, true or false");
    }
    return true;
}

static bool is_option_name(const char *name)
{
    const size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return len > 0 && len <= VALUE_SHOWN_MAX && name[len] == '\0';
}

bool option_add_json(struct config_link *link, const char *name, const struct json *value, struct lf_error *err)
{
    char *text = NULL;
    if (!is_option_name(name)) {
        return settings_fail_unknown(SECTION_SOURCE, name, err);
    }
    if (url_is_password_name((struct lf_slice){name, strlen(name)}) && !json_is_object(value)) {
        return lf_error_set(
            err, LF_CONFIG, 0,
            "a secret does not belong into the configuration; write {\"file\": \"PATH\"} or {\"env\": \"NAME\"}");
    }
    TRY(text_of_json(value, &text, err));
    add(link, text_copy(name), text);
    return true;
}

static bool is_own_option(const char *name)
{
    return strncmp(name, "type.", 5) == 0 || strncmp(name, "exclude.", 8) == 0;
}

static const struct lf_option *find_option(const struct lf_option *table, const char *name)
{
    for (; table->name != NULL; table++) {
        if (strcmp(table->name, name) == 0) {
            return table;
        }
    }
    return NULL;
}

static bool fail_unknown_option(const struct lf_option *table, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf names = {0};
    for (; table->name != NULL; table++) {
        buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", table->name);
    }
    return lf_error_set(err, LF_CONFIG, 0, "the connector has no such option%s%s", names.len > 0 ? "; it has: " : "",
                        buf_text(&names));
}

static bool parse_amount(enum lf_option_type type, const char *text, int64_t *ret, struct lf_error *err)
{
    uint64_t bytes = 0;
    char *end = NULL;
    if (type == LF_OPT_DURATION) {
        return config_parse_duration(text, ret, err);
    }
    if (type == LF_OPT_BYTES) {
        TRY(config_parse_bytes(text, &bytes, err));
        *ret = (int64_t)bytes; /* at most INT64_MAX */
        return true;
    }
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return (end != text && *end == '\0' && errno == 0) || lf_error_set(err, LF_CONFIG, 0, "must be a whole number");
}

static bool check_option(const struct lf_option *option, const char *text, struct lf_error *err)
{
    int64_t amount = 0;
    if (option->type == LF_OPT_STRING || option->type == LF_OPT_SECRET) {
        return true;
    }
    if (option->type == LF_OPT_BOOL) {
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ||
               lf_error_set(err, LF_CONFIG, 0, "must be true or false");
    }
    TRY(parse_amount(option->type, text, &amount, err));
    if ((option->min == 0 && option->max == 0) || (amount >= option->min && amount <= option->max)) {
        return true;
    }
    const char *unit = option->type == LF_OPT_DURATION ? "ms" : option->type == LF_OPT_BYTES ? "B" : "";
    return lf_error_set(err, LF_CONFIG, 0, "is out of range; write one from %" PRId64 "%s to %" PRId64 "%s",
                        option->min, unit, option->max, unit);
}

bool config_check_connector_options(const struct config_link *link, const struct lf_option *table, struct lf_error *err)
{
    for (size_t i = 0; i < link->nconnector_options; i++) {
        const struct lf_option_value *value = &link->connector_options[i];
        const struct lf_option *option = find_option(table, value->name);
        if (is_own_option(value->name)) {
            continue;
        }
        if (!(option != NULL ? check_option(option, value->text, err) : fail_unknown_option(table, err))) {
            return lf_error_wrap(err, "link %s: source.%s", link->name, value->name);
        }
    }
    return true;
}
