/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <string.h>

static const struct cli_verb *find_verb(const char *name)
{
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct cli cli;
    int status = APP_USAGE;
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        cli_print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? APP_USAGE : APP_DONE;
    }
    const struct cli_verb *verb = find_verb(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (verb == NULL) {
        (void)fprintf(stderr, "lakefeed: there is no verb %s; lakefeed --help lists them\n", argv[1]);
        return APP_USAGE;
    }
    if (!cli_parse(verb, argc - 1, argv + 1, &cli, &status)) {
        return status;
    }
    status = verb->run(&cli);
    cli_done(&cli);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fputs("lakefeed: the result could not be written to stdout\n", stderr);
        return status == APP_DONE ? APP_FAILED : status;
    }
    return status;
}
