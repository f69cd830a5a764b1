/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tables.h"

#include "base/nearest.h"

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

const char *cli_nearest_verb(const char *name)
{
    struct nearest nearest = nearest_to(name);
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        nearest_offer(&nearest, verb->name);
    }
    return nearest.name;
}

const char *cli_nearest_option(const struct cli_verb *verb, const char *name)
{
    struct nearest nearest = nearest_to(name);
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        if (cli_takes(verb, option)) {
            nearest_offer(&nearest, option->name);
        }
    }
    return nearest.name;
}
