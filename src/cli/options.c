/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/macros.h"

#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum option_type { OPTION_TEXT, OPTION_FLAG };

struct option_row {
    const char *name, *argument, *help;
    enum option_type type;
    size_t offset;
};

static const struct option_row rows[] = {
#define OPTION_ROW(field, kind, long_name, word, text) \
    {long_name, word, text, OPTION_##kind, offsetof(struct cli, field)},
    CLI_OPTIONS(OPTION_ROW)
#undef OPTION_ROW
};

/* Whether `name` is one of the blank-separated names of the list. */
static bool takes(const struct cli_verb *verb, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = strstr(verb->options, name); at != NULL; at = strstr(at + 1, name)) {
        bool begins = at == verb->options || at[-1] == ' ';
        if (begins && (at[len] == ' ' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

void cli_print_help(FILE *out)
{
    (void)fputs("lakefeed keeps a complete, consistent copy of a database's tables as CSV in a lake, described by "
                "model.json.\n\n"
                "usage: lakefeed VERB [options]\n\n",
                out);
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        (void)fprintf(out, "  %-10s %s\n", verb->name, verb->summary);
    }
    (void)fputs("\nlakefeed VERB --help tells more. To begin:\n\n"
                "  lakefeed run --track --source sqlite:my.db --lake file:./lake --once\n",
                out);
}

void cli_print_verb_help(const struct cli_verb *verb, FILE *out)
{
    (void)fprintf(out, "usage: lakefeed %s [options]%s%s\n\n%s\n\n", verb->name, verb->words == NULL ? "" : " ",
                  verb->words == NULL ? "" : verb->words, verb->summary);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (takes(verb, rows[i].name)) {
            char left[64];
            (void)snprintf(left, sizeof left, "--%s%s%s", rows[i].name, rows[i].argument == NULL ? "" : " ",
                           rows[i].argument == NULL ? "" : rows[i].argument);
            (void)fprintf(out, "  %-20s %s\n", left, rows[i].help);
        }
    }
    (void)fputs("\nexit status:", out);
#define STATUS_TEXT(name, status, meaning) (void)fprintf(out, " %d %s;", status, meaning);
    APP_STATUSES(STATUS_TEXT)
#undef STATUS_TEXT
    (void)fputs("\n", out);
}

static void store(struct cli *cli, const struct option_row *row, const char *value)
{
    char *field = (char *)cli + row->offset;
    if (row->type == OPTION_FLAG) {
        *(bool *)field = true;
    } else {
        memcpy(field, &value, sizeof value);
    }
}

static size_t fill_long_options(const struct cli_verb *verb, struct option *ret_options)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (takes(verb, rows[i].name)) {
            ret_options[n++] = (struct option){.name = rows[i].name,
                                               .has_arg = rows[i].type == OPTION_TEXT ? required_argument : no_argument,
                                               .val = (int)(256 + i)};
        }
    }
    ret_options[n] = (struct option){0};
    return n;
}

static bool bad_usage(const struct cli_verb *verb, int *ret_status)
{
    (void)fprintf(stderr, "lakefeed: see lakefeed %s --help\n", verb->name);
    *ret_status = APP_USAGE;
    return false;
}

bool cli_parse(const struct cli_verb *verb, int argc, char **argv, struct cli *ret_cli, int *ret_status)
{
    struct option options[ARRAY_LEN(rows) + 1];
    *ret_cli = (struct cli){0};
    (void)fill_long_options(verb, options);
    char program[] = "lakefeed"; /* getopt puts it in front of its messages */
    argv[0] = program;
    for (;;) {
        int got = getopt_long(argc, argv, "c:h", options, NULL);
        if (got == -1) {
            break;
        }
        if (got == '?') {
            return bad_usage(verb, ret_status);
        }
        if (got == 'c') {
            ret_cli->config_path = optarg;
        } else if (got == 'h') {
            ret_cli->help = true;
        } else {
            store(ret_cli, &rows[got - 256], optarg);
        }
    }
    ret_cli->words = (const char *const *)(argv + optind);
    ret_cli->nwords = (size_t)(argc - optind);
    if (ret_cli->help) {
        cli_print_verb_help(verb, stdout);
        *ret_status = APP_DONE;
        return false;
    }
    if (ret_cli->nwords > 0 && verb->words == NULL) {
        (void)fprintf(stderr, "lakefeed: %s takes no word %s\n", verb->name, ret_cli->words[0]);
        return bad_usage(verb, ret_status);
    }
    return true;
}

void cli_done(struct cli *cli)
{
    config_free(&cli->config);
    log_free(&cli->log);
    text_free(&cli->state);
}

static bool load_config(struct cli *cli, struct lf_error *err)
{
    const struct config_flags flags = {.source_url = cli->source,
                                       .lake_url = cli->lake,
                                       .name = cli->name,
                                       .entities = cli->entities,
                                       .interval = cli->interval};
    if (cli->source != NULL || cli->lake != NULL) {
        if (cli->config_path != NULL) {
            return lf_error_set(err, LF_CONFIG, 0, "give either -c FILE or --source and --lake, not both");
        }
        return config_from_flags(&flags, &cli->config, err);
    }
    CLEANUP(text_free) char *path = NULL;
    TRY(config_find(cli->config_path, &path, err));
    return config_load(path, &cli->config, err);
}

bool cli_prepare(struct cli *cli, struct lf_error *err)
{
    struct clock clock = clock_system();
    TRY(load_config(cli, err));
    TRY(app_state_dir(cli->state_dir, &cli->state, err));
    bool terminal = isatty(STDERR_FILENO) && !cli->config->log_json;
    bool quiet = terminal && cli->once && !cli->verbose; /* lines of progress say it instead */
    cli->log = log_new(STDERR_FILENO, terminal ? LOG_HUMAN : LOG_JSON, quiet ? LOG_ERROR : LOG_INFO, &clock);
    return true;
}

bool cli_choose_link(const struct cli *cli, const struct config_link **ret_link, struct lf_error *err)
{
    const struct config *config = cli->config;
    for (size_t i = 0; i < config->nlinks; i++) {
        if (cli->link == NULL ? config->nlinks == 1 : strcmp(config->links[i].name, cli->link) == 0) {
            *ret_link = &config->links[i];
            return true;
        }
    }
    return lf_error_set(err, LF_CONFIG, 0,
                        cli->link == NULL ? "the configuration has several links: give --link NAME%s"
                                          : "the configuration has no link %s",
                        cli->link == NULL ? "" : cli->link);
}

int cli_fail(const struct lf_error *err)
{
    (void)fprintf(stderr, "lakefeed: %s\n", err->msg);
    return (int)app_status_of(err);
}

int cli_version(UNUSED struct cli *cli)
{
    (void)printf("lakefeed %s\n", LAKEFEED_VERSION);
    return APP_DONE;
}
