/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tables.h"

#include "config/value.h"

#include <stddef.h>
#include <string.h>

const struct cli_option cli_options[] = {
#define OPTION_ROW(field, kind, long_name, word, text) \
    {.name = (long_name), \
     .argument = (word), \
     .help = (text), \
     .type = CLI_OPTION_##kind, \
     .offset = offsetof(struct cli, field)},
    CLI_OPTIONS(OPTION_ROW)
#undef OPTION_ROW
        {0},
};

const struct cli_option *cli_find_option(const char *name)
{
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        if (strcmp(option->name, name) == 0) {
            return option;
        }
    }
    return NULL;
}

char cli_letter(const struct cli_option *option)
{
    if (strcmp(option->name, "config") == 0) {
        return 'c';
    }
    return (char)(strcmp(option->name, "help") == 0 ? 'h' : '\0');
}

bool cli_takes(const struct cli_verb *verb, const struct cli_option *option)
{
    size_t len = strlen(option->name);
    for (const char *at = strstr(verb->options, option->name); at != NULL; at = strstr(at + 1, option->name)) {
        bool begins = at == verb->options || at[-1] == ' ';
        if (begins && (at[len] == ' ' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

const struct cli_verb *cli_find_verb(const char *name)
{
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
    }
    return NULL;
}

const struct cli_verb *cli_nearest_verb(const char *name)
{
    const struct cli_verb *nearest = NULL;
    size_t best = strlen(name) / 3 + 2; /* one edit in three characters is a slip, more is another word */
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        size_t distance = value_distance(verb->name, name);
        if (distance < best) {
            best = distance;
            nearest = verb;
        }
    }
    return nearest;
}

const struct cli_option *cli_nearest_option(const struct cli_verb *verb, const char *name)
{
    const struct cli_option *nearest = NULL;
    size_t best = strlen(name) / 3 + 2;
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        size_t distance = cli_takes(verb, option) ? value_distance(option->name, name) : SIZE_MAX;
        if (distance < best) {
            best = distance;
            nearest = option;
        }
    }
    return nearest;
}
