/* SPDX-License-Identifier: Apache-2.0 */
#include "config/parameter.h"

#include "base/macros.h"
#include "base/nearest.h"
#include "base/secret.h"
#include "config/secret.h"
#include "config/settings.h"
#include "config/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAME_FIRST "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
#define NAME_CHARS NAME_FIRST "0123456789"
#define RESOLVED_MAX_BYTES ((size_t)64 << 10)

static bool is_name(const char *name)
{
    const size_t len = strspn(name, NAME_CHARS);
    return len > 0 && len <= VALUE_SHOWN_MAX && name[len] == '\0' && strchr(NAME_FIRST, name[0]) != NULL;
}

void resolved_done(struct resolved *resolved)
{
    secret_text_free(&resolved->text);
    text_free(&resolved->written);
}

static const struct config_parameter *find_parameter(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->nparameters; i++) {
        if (strcmp(config->parameters[i].name, name) == 0) {
            return &config->parameters[i];
        }
    }
    return NULL;
}

static bool text_of_scalar(const struct json *value, char **ret_text)
{
    int64_t number = 0;
    bool truth = false;
    if (json_text(value) != NULL) {
        *ret_text = text_copy(json_text(value));
    } else if (json_int(value, &number)) {
        *ret_text = text_printf("%" PRId64, number);
    } else if (json_bool(value, &truth)) {
        *ret_text = text_copy(truth ? "true" : "false");
    }
    return *ret_text != NULL;
}

static bool read_value(const struct json *value, struct config_parameter *parameter, struct lf_error *err)
{
    const struct json *only = json_first(value);
    if (!json_is_object(value)) {
        return text_of_scalar(value, &parameter->text) ||
               lf_error_set(err, LF_CONFIG, 0,
                            "must be text, a whole number, true or false, or {\"file\": \"PATH\"} or {\"env\": "
                            "\"NAME\"}");
    }
    parameter->origin = only != NULL ? secret_origin(json_name(only)) : CONFIG_PLAIN;
    if (parameter->origin == CONFIG_PLAIN || json_text(only) == NULL || json_next(only) != NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "a secret is {\"file\": \"PATH\"} or {\"env\": \"NAME\"}");
    }
    parameter->text = text_copy(json_text(only));
    return true;
}

static void override(struct config_parameter *parameter)
{
    const char *value = getenv(parameter->name);
    if (value != NULL && parameter->origin == CONFIG_PLAIN) {
        text_free(&parameter->text);
        parameter->text = text_copy(value);
    }
}

bool parameters_read(const struct node *map, struct lf_error *err)
{
    struct config *config = map->reading->config;
    if (map->value == NULL || !json_is_object(map->value)) {
        return map->value == NULL || settings_fail_type(settings_find(SECTION_ROOT, "parameters"), err) ||
               node_fail(map, err);
    }
    config->parameters = mem_new(node_count(map), sizeof *config->parameters);
    for (struct node child = node_first(map); child.value != NULL; node_next(&child)) {
        struct config_parameter *parameter = &config->parameters[config->nparameters++];
        parameter->name = text_copy(child.place.name);
        if (!is_name(parameter->name)) {
            char shown[VALUE_SHOWN_SIZE];
            (void)lf_error_set(err, LF_CONFIG, 0,
                               "\"%s\" is no name of a parameter; write 1 to %d of A-Z a-z 0-9 _, no digit first",
                               value_shown(parameter->name, shown), VALUE_SHOWN_MAX);
            return node_fail(&child, err);
        }
        if (!read_value(child.value, parameter, err)) {
            return node_fail(&child, err);
        }
        override(parameter);
    }
    return true;
}

static bool fail_unknown(const struct config *config, const char *name, struct lf_error *err)
{
    struct nearest nearest = nearest_to(name);
    for (size_t i = 0; i < config->nparameters; i++) {
        nearest_offer(&nearest, config->parameters[i].name);
    }
    const bool known = nearest.name != NULL;
    return lf_error_set(err, LF_CONFIG, 0,
                        "the parameter ${%s} stands neither in \"parameters\" nor in the environment%s%s%s", name,
                        known ? "; did you mean ${" : "; set it in one of them, or write $${ for a plain ${",
                        known ? nearest.name : "", known ? "}?" : "");
}

/* A text under way. */
struct filling {
    const struct reading *reading;
    struct buf text;
    struct resolved *resolved;
    bool unknown; /* a secret was left alone */
};

static bool add_secret(struct filling *filling, enum config_origin origin, const char *where, struct lf_error *err)
{
    CLEANUP(secret_text_free) char *text = NULL;
    filling->resolved->secret = true;
    if (filling->reading->how->without_secrets) {
        filling->unknown = true;
        return true;
    }
    TRY(secret_read(origin, where, &text, err));
    buf_append_text(&filling->text, text);
    return true;
}

static bool add_parameter(struct filling *filling, const char *name, struct lf_error *err)
{
    const struct config *config = filling->reading->config;
    const struct config_parameter *parameter = find_parameter(config, name);
    filling->resolved->used = true;
    if (parameter == NULL) {
        const bool known = getenv(name) != NULL || filling->reading->how->without_secrets;
        return known ? add_secret(filling, CONFIG_ENV, name, err) : fail_unknown(config, name, err);
    }
    if (parameter->origin == CONFIG_PLAIN) {
        buf_append_text(&filling->text, parameter->text);
        return true;
    }
    return add_secret(filling, parameter->origin, parameter->text, err) ||
           lf_error_wrap(err, "the parameter ${%s}", name);
}

const char *parameters_next(const char *at, struct lf_slice *ret_name)
{
    for (;; at++) {
        at = strchrnul(at, '$');
        if (strncmp(at, "$${", 3) == 0) {
            at += 2;
        } else if (strncmp(at, "${", 2) == 0) {
            *ret_name = (struct lf_slice){at + 2, strcspn(at + 2, "}")};
            return at;
        } else if (*at == '\0') {
            return NULL;
        }
    }
}

/* What stands between two parameters. */
static void add_plain(struct buf *out, const char *from, const char *to)
{
    while (from < to) {
        from += strncmp(from, "$${", 3) == 0; /* without its first dollar */
        buf_append_char(out, *from++);
    }
}

static bool fill(struct filling *filling, const char *text, struct lf_error *err)
{
    struct lf_slice slice;
    const char *at = text;
    for (const char *next = parameters_next(at, &slice); next != NULL; next = parameters_next(at, &slice)) {
        CLEANUP(text_free) char *name = text_copy_len(slice.ptr, slice.len);
        const char *behind = next + 2 + slice.len;
        char shown[VALUE_SHOWN_SIZE];
        add_plain(&filling->text, at, next);
        if (*behind == '\0' || !is_name(name)) {
            return lf_error_set(err, LF_CONFIG, 0,
                                "${%s is no parameter; write ${NAME} of A-Z a-z 0-9 _, or $${ for a plain ${",
                                value_shown(name, shown));
        }
        TRY(add_parameter(filling, name, err));
        at = behind + 1;
        filling->resolved->whole = next == text && *at == '\0';
    }
    add_plain(&filling->text, at, at + strlen(at));
    return buf_check(&filling->text, "a text with its parameters", err);
}

static void filling_done(struct filling *filling)
{
    secret_buf_done(&filling->text);
}

bool parameters_resolve(const struct reading *reading, const char *text, struct resolved *ret, struct lf_error *err)
{
    CLEANUP(filling_done) struct filling filling = {.reading = reading, .resolved = ret};
    buf_init(&filling.text, RESOLVED_MAX_BYTES + strlen(text));
    *ret = (struct resolved){0};
    if (!fill(&filling, text, err)) {
        err->kind = LF_CONFIG;
        return false;
    }
    struct buf written = {0};
    if (ret->secret) {
        buf_append_text(&written, text);
    } else {
        parameters_escape(buf_text(&filling.text), &written);
    }
    ret->written = text_copy(buf_text(&written));
    ret->text = filling.unknown ? NULL : text_copy(buf_text(&filling.text));
    buf_done(&written);
    return true;
}

void parameters_escape(const char *text, struct buf *out)
{
    for (; *text != '\0'; text++) {
        if (text[0] == '$' && text[1] == '{') {
            buf_append_char(out, '$');
        }
        buf_append_char(out, *text);
    }
}
