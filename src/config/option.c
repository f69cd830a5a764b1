/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"

#include "base/buf.h"
#include "base/macros.h"
#include "config/parameter.h"
#include "config/secret.h"
#include "config/settings.h"
#include "config/url.h"
#include "config/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NO_SECRET_HERE \
    "a secret does not belong into the configuration; write {\"file\": \"PATH\"} or {\"env\": \"NAME\"}"

/* Takes all texts. */
static void add(struct config_link *link, char *name, char *text, struct config_reference reference)
{
    const size_t n = link->nconnector_options++;
    link->connector_options = mem_resize(link->connector_options, n + 1, sizeof *link->connector_options);
    link->references = mem_resize(link->references, n + 1, sizeof *link->references);
    link->connector_options[n] = (struct lf_option_value){name, text};
    link->references[n] = reference;
}

void option_add_column(struct config_link *link, const char *kind, const char *table, const char *column,
                       const char *text)
{
    add(link, text_printf("%s.%s.%s", kind, table, column), text_copy(text), (struct config_reference){0});
}

void option_add_filter(struct config_link *link, const char *table, const char *text)
{
    add(link, text_printf("filter.%s", table), text_copy(text), (struct config_reference){0});
}

static bool read_reference(const struct node *node, char **ret_text, struct config_reference *ret, struct lf_error *err)
{
    CLEANUP(resolved_done) struct resolved where = {0};
    const struct json *only = json_first(node->value);
    const enum config_origin origin = only != NULL ? secret_origin(json_name(only)) : CONFIG_PLAIN;
    if (origin == CONFIG_PLAIN || json_text(only) == NULL || json_next(only) != NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "a secret is {\"file\": \"PATH\"} or {\"env\": \"NAME\"}");
    }
    TRY(parameters_resolve(node->reading, json_text(only), &where, err));
    if (node->reading->how->without_secrets) {
        *ret_text = text_copy("");
    } else {
        TRY(secret_read(origin, where.text, ret_text, err));
    }
    *ret = (struct config_reference){origin, text_copy(where.written)};
    return true;
}

static bool is_secret_name(const char *name)
{
    return url_is_password_name((struct lf_slice){name, strlen(name)});
}

/* Where a secret belongs, one parameter may stand alone, when it is a secret itself. */
static bool read_text(const struct node *node, bool secret, char **ret_text, struct config_reference *ret,
                      struct lf_error *err)
{
    CLEANUP(resolved_done) struct resolved resolved = {0};
    TRY(parameters_resolve(node->reading, json_text(node->value), &resolved, err));
    if (secret && !(resolved.secret && resolved.whole)) {
        return lf_error_set(err, LF_CONFIG, 0, NO_SECRET_HERE);
    }
    *ret_text = text_copy(resolved.text != NULL ? resolved.text : "");
    if (resolved.secret) {
        *ret = (struct config_reference){CONFIG_TEMPLATE, text_copy(resolved.written)};
    }
    return true;
}

bool option_read_secret(const struct node *node, char **ret_text, struct config_reference *ret, struct lf_error *err)
{
    if (json_text(node->value) != NULL) {
        return read_text(node, /* secret= */ true, ret_text, ret, err);
    }
    return json_is_object(node->value) ? read_reference(node, ret_text, ret, err)
                                       : lf_error_set(err, LF_CONFIG, 0, NO_SECRET_HERE);
}

static bool read_value(const struct node *node, char **ret_text, struct config_reference *ret, struct lf_error *err)
{
    int64_t number = 0;
    bool truth = false;
    if (json_is_object(node->value)) {
        return read_reference(node, ret_text, ret, err);
    }
    if (json_text(node->value) != NULL) {
        return read_text(node, is_secret_name(node->place.name), ret_text, ret, err);
    }
    if (is_secret_name(node->place.name)) {
        return lf_error_set(err, LF_CONFIG, 0, NO_SECRET_HERE);
    }
    if (json_int(node->value, &number)) {
        *ret_text = text_printf("%" PRId64, number);
    } else if (json_bool(node->value, &truth)) {
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

bool option_add(const struct node *node, struct config_link *link, struct lf_error *err)
{
    struct config_reference reference = {0};
    char *text = NULL;
    if (!is_option_name(node->place.name)) {
        return settings_fail_unknown(SECTION_SOURCE, node->place.name, err);
    }
    TRY(read_value(node, &text, &reference, err));
    add(link, text_copy(node->place.name), text, reference);
    return true;
}

bool option_is_of_column(const char *name)
{
    return strncmp(name, "type.", 5) == 0 || strncmp(name, "exclude.", 8) == 0 || strncmp(name, "filter.", 7) == 0;
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

static bool check_option(const struct lf_option *option, const char *text, bool plain, struct lf_error *err)
{
    int64_t amount = 0;
    if (option->type == LF_OPT_SECRET) {
        return !plain || lf_error_set(err, LF_CONFIG, 0, NO_SECRET_HERE);
    }
    if (option->type == LF_OPT_STRING) {
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

static bool check_value(const struct config_link *link, size_t i, const struct lf_option *option, struct lf_error *err)
{
    const char *text = link->connector_options[i].text;
    const bool plain = link->references[i].origin == CONFIG_PLAIN;
    if (!plain && text[0] == '\0') { /* a reading without secrets */
        return true;
    }
    if (check_option(option, text, plain, err)) {
        return true;
    }
    return !plain && lf_error_set(err, LF_CONFIG, 0,
                                  "is no value for this option (it is not shown, since it came from a secret)");
}

bool config_check_connector_options(const struct config_link *link, const struct lf_option *table, struct lf_error *err)
{
    for (size_t i = 0; i < link->nconnector_options; i++) {
        const char *name = link->connector_options[i].name;
        const struct lf_option *option = find_option(table, name);
        if (option_is_of_column(name)) {
            continue;
        }
        if (!(option != NULL ? check_value(link, i, option, err) : fail_unknown_option(table, err))) {
            return lf_error_wrap(err, "link %s: source.%s", link->name, name);
        }
    }
    return true;
}
