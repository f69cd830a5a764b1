/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tables.h"

#include "base/process.h"
#include "cli/command.h"
#include "config/value.h"

#include <string.h>

static bool is_any(const char *text, const char *a, const char *b, const char *c)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

/* What stands where a verb is expected. */
static int fail_verb(const char *given)
{
    char shown[VALUE_SHOWN_SIZE];
    const char *nearest = cli_nearest_verb(given);
    value_shown(given, shown);
    if (given[0] == '-') {
        command_say("%s stands before the verb; write lakefeed VERB [options], such as lakefeed run %s", shown, shown);
    } else if (nearest != NULL) {
        command_say("there is no verb %s; did you mean lakefeed %s?", shown, nearest);
    } else {
        command_say("there is no verb %s; lakefeed help lists them", shown);
    }
    return APP_USAGE;
}

/* lakefeed help [VERB] */
static int help(const char *name)
{
    if (name == NULL || is_any(name, "help", "--help", "-h")) {
        cli_print_help(stdout);
        return APP_DONE;
    }
    const struct cli_verb *verb = cli_find_verb(name);
    if (verb == NULL) {
        return fail_verb(name);
    }
    cli_print_verb_help(verb, stdout);
    return APP_DONE;
}

static int run_verb(int argc, char **argv)
{
    struct cli cli;
    int status = APP_USAGE;
    if (argc < 2) {
        cli_print_usage(stderr);
        return APP_USAGE;
    }
    if (is_any(argv[1], "help", "--help", "-h")) {
        return help(argc > 2 ? argv[2] : NULL);
    }
    const struct cli_verb *verb = cli_find_verb(is_any(argv[1], "--version", "-V", "-v") ? "version" : argv[1]);
    if (verb == NULL) {
        return fail_verb(argv[1]);
    }
    if (!cli_parse(verb, argc - 1, argv + 1, &cli, &status)) {
        return status;
    }
    status = verb->run(&cli);
    cli_done(&cli);
    return status;
}

int main(int argc, char **argv)
{
    process_prepare();
    int status = run_verb(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fputs("lakefeed: the result could not be written to stdout\n", stderr);
        return status == APP_DONE ? APP_FAILED : status;
    }
    return status;
}
