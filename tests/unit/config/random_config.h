/* SPDX-License-Identifier: Apache-2.0
 *
 * Random documents that are right, made from the table of settings: each optional setting is there or not, each value is one of
 * its kind, plain or through a parameter, and some are made with secrets.
 */
#ifndef UNIT_CONFIG_RANDOM_CONFIG_H
#define UNIT_CONFIG_RANDOM_CONFIG_H

#include "config_text.h"

#include "base/random.h"
#include "config/settings.h"

#include <stdlib.h>

#define RANDOM_CONFIG_SECRET "hush-3141592653589"
#define RANDOM_CONFIG_PARAMETERS \
    "\"parameters\":{\"P\":\"plain\",\"Q\":\"$${x ${y} \\\" \\\\ ä\",\"TRUE\":true,\"TWO\":2,\"S\":{\"env\":\"" \
    "LAKEFEED_TEST_SECRET\"},\"N\":{\"env\":\"LAKEFEED_TEST_NUMBER\"}}"

struct random_config {
    struct random_seeded random;
    struct buf text;
    unsigned serial; /* makes names unlike each other */
};

static inline uint64_t random_config_below(struct random_config *maker, uint64_t n)
{
    return random_seeded_below(&maker->random, n);
}

static inline void random_config_begin(struct random_config *maker, const char *name, bool *first)
{
    buf_printf(&maker->text, "%s\"%s\":", *first ? "" : ",", name);
    *first = false;
}

/* Without the quotes. */
static inline const char *random_config_words(struct random_config *maker)
{
    static const char *const texts[] = {"a b",   "$",           "$${P}",       "${P}", "${Q}",
                                        "x${S}", "${S}${P}$${", "ä\\n\\u0001", "\\\"", "$$"};
    return texts[random_config_below(maker, ARRAY_LEN(texts))];
}

static inline void random_config_scalar(struct random_config *maker, const struct setting *setting)
{
    static const char *const durations[] = {"\"1s\"",  "\"90min\"",   "\"86400000ms\"",
                                            "\"24h\"", "\"${TWO}h\"", "\"${N}s\""};
    static const char *const sizes[] = {"\"16MiB\"", "16777217", "\"1GiB\"", "\"1048576KiB\""};
    static const char *const numbers[] = {"1", "7", "1000", "\"${TWO}\"", "\"${N}\""};
    static const char *const truths[] = {"true", "false", "\"${TRUE}\""};
    struct buf *out = &maker->text;
    size_t n = 0;
    switch (setting->type) {
    case SETTING_NAME:
        buf_printf(out, "\"n%u\"", maker->serial++);
        break;
    case SETTING_URL:
        buf_printf(out, "\"x:%u/%s\"", maker->serial++, random_config_words(maker));
        break;
    case SETTING_DURATION:
        buf_append_text(out, durations[random_config_below(maker, ARRAY_LEN(durations))]);
        break;
    case SETTING_BYTES:
        buf_append_text(out, sizes[random_config_below(maker, ARRAY_LEN(sizes))]);
        break;
    case SETTING_INT:
        buf_append_text(out, setting->width == 0 ? "1" : numbers[random_config_below(maker, ARRAY_LEN(numbers))]);
        break;
    case SETTING_BOOL:
        buf_append_text(out, truths[random_config_below(maker, ARRAY_LEN(truths))]);
        break;
    case SETTING_SECRET:
        buf_append_text(out, random_config_below(maker, 2) == 0 ? "\"${S}\"" : "{\"env\":\"LAKEFEED_TEST_SECRET\"}");
        break;
    case SETTING_CHOICE:
    case SETTING_WORD:
        while (setting->choices[n] != NULL) {
            n++;
        }
        buf_printf(out, "\"%s\"", setting->choices[random_config_below(maker, n)]);
        break;
    default:
        buf_printf(out, "\"t%u%s\"", maker->serial++, random_config_words(maker));
        break;
    }
}

static inline void random_config_section(struct random_config *maker, enum setting_section section);

static inline void random_config_elements(struct random_config *maker, const struct setting *setting)
{
    const bool map = setting->type == SETTING_MAP;
    const uint64_t n = 1 + random_config_below(maker, 3);
    buf_append_char(&maker->text, map ? '{' : '[');
    for (uint64_t i = 0; i < n; i++) {
        buf_append_text(&maker->text, i > 0 ? "," : "");
        if (map) {
            buf_printf(&maker->text, "\"c%u.${P}\":", maker->serial++);
        }
        if (setting->children != SECTION_ROOT &&
            (map || setting->children == SECTION_LINK || random_config_below(maker, 2) == 0)) {
            random_config_section(maker, setting->children);
        } else {
            buf_printf(&maker->text, "\"e%u%s\"", maker->serial++,
                       setting->children == SECTION_ROOT ? "${P}$${" : random_config_words(maker));
        }
    }
    buf_append_char(&maker->text, map ? '}' : ']');
}

static inline void random_config_options(struct random_config *maker)
{
    static const char *const options[] = {",\"password\":{\"env\":\"LAKEFEED_TEST_SECRET\"}", ",\"pwd\":\"${S}\"",
                                          ",\"batch\":-7", ",\"fast\":true", ",\"label\":\"$${ ${P} ${S}\""};
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        buf_append_text(&maker->text, random_config_below(maker, 2) == 0 ? options[i] : "");
    }
}

/* What belongs together. */
static inline bool random_config_is_wanted(struct random_config *maker, const struct setting *setting)
{
    const bool key = setting->section == SECTION_LINK && strcmp(setting->name, "mask_key") == 0;
    return setting->fallback == NULL || key || random_config_below(maker, 2) == 0;
}

static inline void random_config_column(struct random_config *maker)
{
    static const char *const forms[] = {"{\"type\":\"json\"}",
                                        "{\"mask\":\"null\"}",
                                        "{\"mask\":\"fixed\"}",
                                        "{\"mask\":\"fixed\",\"mask_text\":\"a ${S}\"}",
                                        "{\"type\":\"date\",\"mask\":\"hash\"}",
                                        "{\"mask\":\"none\"}"};
    buf_append_text(&maker->text, forms[random_config_below(maker, ARRAY_LEN(forms))]);
}

static inline void random_config_section(struct random_config *maker, enum setting_section section)
{
    bool first = true;
    if (section == SECTION_COLUMN) {
        random_config_column(maker);
        return;
    }
    buf_append_char(&maker->text, '{');
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (setting->section != section || strcmp(setting->name, "parameters") == 0 ||
            !random_config_is_wanted(maker, setting)) {
            continue;
        }
        random_config_begin(maker, setting->name, &first);
        if (setting->type == SETTING_OBJECT) {
            random_config_section(maker, setting->children);
        } else if (setting->type == SETTING_LIST || setting->type == SETTING_MAP) {
            random_config_elements(maker, setting);
        } else {
            random_config_scalar(maker, setting);
        }
    }
    if (section == SECTION_SOURCE) {
        random_config_options(maker);
    }
    buf_append_text(&maker->text, section == SECTION_ROOT ? "," RANDOM_CONFIG_PARAMETERS "}" : "}");
}

static inline uint64_t random_config_seed(void)
{
    const char *given = getenv("LAKEFEED_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 1;
    print_message("LAKEFEED_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* With the variables that the documents name. */
static inline void random_config_init(struct random_config *maker)
{
    *maker = (struct random_config){0};
    random_seeded_init(&maker->random, random_config_seed());
    assert_int_equal(setenv("LAKEFEED_TEST_SECRET", RANDOM_CONFIG_SECRET, 1), 0);
    assert_int_equal(setenv("LAKEFEED_TEST_NUMBER", "613", 1), 0);
}

static inline void random_config_done(struct random_config *maker)
{
    buf_done(&maker->text);
}

/* Until the next call. */
static inline const char *random_config_next(struct random_config *maker)
{
    buf_reset(&maker->text);
    random_config_section(maker, SECTION_ROOT);
    return buf_text(&maker->text);
}

#endif
