/* SPDX-License-Identifier: Apache-2.0 */
#include "config/settings.h"

#include "base/buf.h"
#include "base/macros.h"
#include "base/nearest.h"
#include "config/config.h"
#include "config/value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *settings_section_path(enum setting_section section)
{
    static const char *const paths[] = {
#define SECTION_PATH(name, path) path,
        SETTING_SECTIONS(SECTION_PATH)
#undef SECTION_PATH
    };
    return paths[section];
}

const char *settings_type_word(enum setting_type type)
{
    static const char *const words[] = {
#define TYPE_WORD(name, word, must) word,
        SETTING_TYPES(TYPE_WORD)
#undef TYPE_WORD
    };
    return words[type];
}

const char *settings_change_word(enum config_change change)
{
    static const char *const words[] = {
#define CHANGE_WORD(name, word) word,
        CONFIG_CHANGES(CHANGE_WORD)
#undef CHANGE_WORD
    };
    return words[change];
}

static const char *type_must(enum setting_type type)
{
    static const char *const texts[] = {
#define TYPE_MUST(name, word, must) must,
        SETTING_TYPES(TYPE_MUST)
#undef TYPE_MUST
    };
    return texts[type];
}

const struct setting *settings_find(enum setting_section section, const char *name)
{
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (setting->section == section && strcmp(setting->name, name) == 0) {
            return setting;
        }
    }
    return NULL;
}

static const char *find_nearest(enum setting_section section, const char *name)
{
    struct nearest nearest = nearest_to(name);
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (setting->section == section) {
            nearest_offer(&nearest, setting->name);
        }
    }
    return nearest.name;
}

static void print_names(enum setting_section section, struct buf *out)
{
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (setting->section == section) {
            buf_printf(out, "%s%s", out->len > 0 ? ", " : "", setting->name);
        }
    }
}

bool settings_fail_unknown(enum setting_section section, const char *name, struct lf_error *err)
{
    char shown[VALUE_SHOWN_SIZE];
    const char *nearest = find_nearest(section, name);
    if (nearest != NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "there is no setting \"%s\"; did you mean \"%s\"?",
                            value_shown(name, shown), nearest);
    }
    CLEANUP(buf_done) struct buf names = {0};
    print_names(section, &names);
    return lf_error_set(err, LF_CONFIG, 0, "there is no setting \"%s\"; there are: %s", value_shown(name, shown),
                        buf_text(&names));
}

static void print_choices(const struct setting *setting, struct buf *out)
{
    for (const char *const *choice = setting->choices; *choice != NULL; choice++) {
        buf_printf(out, "%s\"%s\"", out->len > 0 ? ", " : "", *choice);
    }
}

bool settings_fail_type(const struct setting *setting, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf choices = {0};
    if (setting->choices != NULL) {
        print_choices(setting, &choices);
    }
    return lf_error_set(err, LF_CONFIG, 0, "must be %s%s%s", type_must(setting->type), choices.len > 0 ? ": " : "",
                        buf_text(&choices));
}

bool settings_is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool check_name(const char *text, struct lf_error *err)
{
    char shown[VALUE_SHOWN_SIZE];
    size_t len = 0;
    while (len <= SETTINGS_NAME_MAX && settings_is_name_char(text[len])) {
        len++;
    }
    return (len > 0 && text[len] == '\0' && len <= SETTINGS_NAME_MAX) ||
           lf_error_set(err, LF_CONFIG, 0, "\"%s\" is no name of a link; write 1 to %d of A-Z a-z 0-9 _ -",
                        value_shown(text, shown), SETTINGS_NAME_MAX);
}

static bool check_text(const struct setting *setting, const char *text, struct lf_error *err)
{
    if (setting->type == SETTING_NAME) {
        return check_name(text, err);
    }
    if (text[0] == '\0') {
        return lf_error_set(err, LF_CONFIG, 0, "is empty; %s",
                            setting->fallback == NULL ? "write a value" : "leave it out");
    }
    if (strlen(text) > SETTINGS_TEXT_MAX) {
        return lf_error_set(err, LF_CONFIG, 0, "is longer than %d bytes", SETTINGS_TEXT_MAX);
    }
    return setting->type != SETTING_URL || config_check_url(text, err);
}

bool settings_is_text(const struct setting *setting)
{
    return setting->type == SETTING_TEXT || setting->type == SETTING_NAME || setting->type == SETTING_URL ||
           setting->type == SETTING_SECRET || setting->type == SETTING_WORD;
}

void settings_put_text(const struct setting *setting, const char *text, void *ret_target)
{
    char **field = (char **)(void *)((char *)ret_target + setting->offset);
    if (setting->width == 0) {
        return;
    }
    free(*field);
    *field = text_copy(text);
}

static void store_number(const struct setting *setting, uint64_t number, void *ret_target)
{
    char *field = (char *)ret_target + setting->offset;
    const bool truth = number != 0;
    const uint32_t narrow = (uint32_t)number;
    switch (setting->width) {
    case 0:
        break;
    case sizeof truth:
        memcpy(field, &truth, sizeof truth);
        break;
    case sizeof narrow:
        assert(number <= UINT32_MAX);
        memcpy(field, &narrow, sizeof narrow);
        break;
    default:
        assert(setting->width == sizeof number);
        memcpy(field, &number, sizeof number);
        break;
    }
}

static bool parse_int(const char *text, uint64_t *ret, struct lf_error *err)
{
    char shown[VALUE_SHOWN_SIZE];
    char *end = NULL;
    *ret = strtoull(text, &end, 10);
    return (text[0] >= '0' && text[0] <= '9' && *end == '\0') ||
           lf_error_set(err, LF_CONFIG, 0, "\"%s\" is not a whole number", value_shown(text, shown));
}

static bool parse_amount(enum setting_type type, const char *text, uint64_t *ret, struct lf_error *err)
{
    int64_t ms = 0;
    if (type == SETTING_INT) {
        return parse_int(text, ret, err);
    }
    if (type == SETTING_BYTES) {
        return config_parse_bytes(text, ret, err);
    }
    TRY(config_parse_duration(text, &ms, err));
    *ret = (uint64_t)ms;
    return true;
}

static bool fail_range(const struct setting *setting, const char *text, struct lf_error *err)
{
    const bool quoted = setting->type == SETTING_DURATION;
    const char *quote = quoted ? "\"" : "";
    char shown[VALUE_SHOWN_SIZE];
    value_shown(text, shown);
    if (setting->max == NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "%s%s%s is out of range; the least is %s", quote, shown, quote,
                            setting->min);
    }
    if (strcmp(setting->min, setting->max) == 0) {
        return lf_error_set(err, LF_CONFIG, 0, "%s is out of range; this lakefeed takes only %s", shown, setting->min);
    }
    return lf_error_set(err, LF_CONFIG, 0, "%s%s%s is out of range; write one from %s to %s", quote, shown, quote,
                        setting->min, setting->max);
}

static uint64_t bound(const struct setting *setting, const char *text, uint64_t unbounded)
{
    struct lf_error err;
    uint64_t value = unbounded;
    const bool good = text == NULL || parse_amount(setting->type, text, &value, &err);
    assert(good); /* the table's own text */
    return value;
}

static bool set_amount(const struct setting *setting, const char *text, void *ret_target, struct lf_error *err)
{
    uint64_t number = 0;
    TRY(parse_amount(setting->type, text, &number, err));
    if (number < bound(setting, setting->min, 0) || number > bound(setting, setting->max, UINT64_MAX)) {
        return fail_range(setting, text, err);
    }
    store_number(setting, number, ret_target);
    return true;
}

static bool set_choice(const struct setting *setting, const char *text, void *ret_target, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf choices = {0};
    char shown[VALUE_SHOWN_SIZE];
    for (uint64_t i = 0; setting->choices[i] != NULL; i++) {
        if (strcmp(setting->choices[i], text) != 0) {
            continue;
        }
        if (setting->type == SETTING_WORD) {
            settings_put_text(setting, text, ret_target);
        } else {
            store_number(setting, i, ret_target);
        }
        return true;
    }
    print_choices(setting, &choices);
    return lf_error_set(err, LF_CONFIG, 0, "\"%s\" is not possible; choose one of %s", value_shown(text, shown),
                        buf_text(&choices));
}

static bool set_bool(const struct setting *setting, const char *text, void *ret_target, struct lf_error *err)
{
    const bool truth = strcmp(text, "true") == 0;
    char shown[VALUE_SHOWN_SIZE];
    if (!truth && strcmp(text, "false") != 0) {
        return lf_error_set(err, LF_CONFIG, 0, "\"%s\" is neither true nor false", value_shown(text, shown));
    }
    store_number(setting, truth, ret_target);
    return true;
}

bool settings_set_text(const struct setting *setting, const char *text, void *ret_target, struct lf_error *err)
{
    switch (setting->type) {
    case SETTING_TEXT:
    case SETTING_NAME:
    case SETTING_URL:
        TRY(check_text(setting, text, err));
        settings_put_text(setting, text, ret_target);
        return true;
    case SETTING_CHOICE:
    case SETTING_WORD:
        return set_choice(setting, text, ret_target, err);
    case SETTING_BOOL:
        return set_bool(setting, text, ret_target, err);
    default:
        return set_amount(setting, text, ret_target, err);
    }
}

static bool set_integer(const struct setting *setting, int64_t number, void *ret_target, struct lf_error *err)
{
    char digits[32];
    (void)snprintf(digits, sizeof digits, "%" PRId64, number);
    return number < 0 ? fail_range(setting, digits, err) : settings_set_text(setting, digits, ret_target, err);
}

bool settings_set_json(const struct setting *setting, const struct json *value, void *ret_target, struct lf_error *err)
{
    const char *text = json_text(value);
    bool truth = false;
    int64_t number = 0;
    const bool counts = setting->type == SETTING_INT || setting->type == SETTING_BYTES;
    if (counts && json_int(value, &number)) {
        return set_integer(setting, number, ret_target, err);
    }
    if (setting->type == SETTING_BOOL && json_bool(value, &truth)) {
        return settings_set_text(setting, truth ? "true" : "false", ret_target, err);
    }
    if (text == NULL || setting->type == SETTING_INT || setting->type == SETTING_BOOL) {
        return settings_fail_type(setting, err);
    }
    return settings_set_text(setting, text, ret_target, err);
}

static uint64_t load_number(const struct setting *setting, const void *target)
{
    const char *field = (const char *)target + setting->offset;
    bool truth = false;
    uint32_t narrow = 0;
    uint64_t number = 0;
    switch (setting->width) {
    case sizeof truth:
        memcpy(&truth, field, sizeof truth);
        return truth;
    case sizeof narrow:
        memcpy(&narrow, field, sizeof narrow);
        return narrow;
    default:
        memcpy(&number, field, sizeof number);
        return number;
    }
}

/* The largest unit that leaves no rest; the default keeps the form that the table gives it. */
static void print_amount(const struct setting *setting, uint64_t number, struct buf *out)
{
    if (setting->fallback != NULL && setting->fallback[0] != '\0' && bound(setting, setting->fallback, 0) == number) {
        buf_append_text(out, setting->fallback);
    } else if (setting->type == SETTING_BYTES) {
        value_print_bytes(number, out);
    } else if (setting->type == SETTING_DURATION) {
        value_print_duration(number, out);
    } else {
        buf_printf(out, "%" PRIu64, number);
    }
}

bool settings_get_text(const struct setting *setting, const void *target, struct buf *out)
{
    const char *text = NULL;
    if (setting->width == 0) { /* of one value alone */
        text = setting->min;
    } else if (setting->type == SETTING_BOOL) {
        text = load_number(setting, target) != 0 ? "true" : "false";
    } else if (setting->type == SETTING_CHOICE) {
        text = setting->choices[load_number(setting, target)];
    } else if (setting->type == SETTING_INT || setting->type == SETTING_BYTES || setting->type == SETTING_DURATION) {
        print_amount(setting, load_number(setting, target), out);
        return true;
    } else {
        memcpy(&text, (const char *)target + setting->offset, sizeof text);
    }
    buf_append_text(out, text != NULL ? text : "");
    return text != NULL;
}

void settings_apply_defaults(enum setting_section section, void *ret_target)
{
    struct lf_error err;
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (setting->section != section) {
            continue;
        }
        if (setting->type == SETTING_OBJECT) {
            settings_apply_defaults(setting->children, ret_target);
        } else if (setting->fallback != NULL && setting->fallback[0] != '\0') {
            const bool good = settings_set_text(setting, setting->fallback, ret_target, &err);
            assert(good); /* the table's own text */
        }
    }
}
