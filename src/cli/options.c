/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tables.h"

#include "base/macros.h"
#include "cli/command.h"
#include "config/value.h"

#include <assert.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#define OPTION_BASE 256 /* above all letters: what getopt returns for a long option */
#define OPTIONS_MAX 64

static void store(struct cli *cli, const struct cli_option *option, const char *value)
{
    char *field = (char *)cli + option->offset;
    if (option->type == CLI_OPTION_FLAG) {
        *(bool *)field = true;
    } else {
        memcpy(field, &value, sizeof value);
    }
}

static void fill_long_options(const struct cli_verb *verb, struct option ret_options[OPTIONS_MAX + 1])
{
    size_t n = 0;
    for (size_t i = 0; cli_options[i].name != NULL; i++) {
        if (cli_takes(verb, &cli_options[i])) {
            assert(n < OPTIONS_MAX);
            ret_options[n++] =
                (struct option){.name = cli_options[i].name,
                                .has_arg = cli_options[i].type == CLI_OPTION_TEXT ? required_argument : no_argument,
                                .val = (int)(OPTION_BASE + i)};
        }
    }
    ret_options[n] = (struct option){0};
}

static bool bad_usage(const struct cli_verb *verb, int *ret_status)
{
    command_say("see lakefeed help %s", verb->name);
    *ret_status = APP_USAGE;
    return false;
}

/* Behind the dashes, without "=value". */
static char *name_of(const char *given)
{
    const char *name = given + strspn(given, "-");
    return text_copy_len(name, strcspn(name, "="));
}

static void append_takers(struct buf *out, const struct cli_option *option)
{
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        if (cli_takes(verb, option)) {
            buf_printf(out, "%s%s", out->len > 0 ? ", " : "", verb->name);
        }
    }
}

/* The options of the verb that begin like this; getopt completes a beginning when there is one alone. */
static size_t append_beginnings(struct buf *out, const struct cli_verb *verb, const char *name)
{
    size_t n = 0;
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        if (cli_takes(verb, option) && strncmp(option->name, name, strlen(name)) == 0) {
            buf_printf(out, "%s--%s", n++ > 0 ? ", " : "", option->name);
        }
    }
    return n;
}

static void say_unknown_option(const struct cli_verb *verb, const char *given)
{
    char shown[VALUE_SHOWN_SIZE];
    CLEANUP(buf_done) struct buf names = {0};
    CLEANUP(text_free) char *name = name_of(given);
    const struct cli_option *elsewhere = cli_find_option(name);
    const char *nearest = cli_nearest_option(verb, name);
    value_shown(name, shown);
    if (append_beginnings(&names, verb, name) > 1) {
        command_say("--%s could be any of %s", shown, buf_text(&names));
        return;
    }
    buf_reset(&names);
    if (elsewhere != NULL) {
        append_takers(&names, elsewhere);
        command_say("%s takes no option --%s; these verbs do: %s", verb->name, name, buf_text(&names));
    } else if (nearest != NULL) {
        command_say("%s has no option --%s; did you mean --%s?", verb->name, shown, nearest);
    } else {
        command_say("%s has no option --%s", verb->name, shown);
    }
}

/* What getopt returned: a letter, or a long option. NULL: neither. */
static const struct cli_option *option_of(int value)
{
    if (value >= OPTION_BASE) {
        return &cli_options[value - OPTION_BASE];
    }
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        if (value != '\0' && cli_letter(option) == value) {
            return option;
        }
    }
    return NULL;
}

/* Speaks in place of getopt. `got` is ':' for an argument that is missing, otherwise '?'; `value` is optopt: 0 for a long
 * option that does not exist, a letter, or the value of a known one that was misused. */
static bool fail_option(const struct cli_verb *verb, int got, int value, const char *given, int *ret_status)
{
    const struct cli_option *option = option_of(value);
    if (option != NULL && !cli_takes(verb, option)) {
        say_unknown_option(verb, option->name);
    } else if (option != NULL && got == ':') {
        command_say("%s needs a value: --%s %s, %s", given, option->name, option->argument, option->help);
    } else if (option != NULL) {
        command_say("--%s takes no value; write it alone", option->name);
    } else if (value != 0) {
        command_say("%s has no option -%c", verb->name, value);
    } else {
        say_unknown_option(verb, given);
    }
    return bad_usage(verb, ret_status);
}

static bool parse_options(const struct cli_verb *verb, int argc, char **argv, struct cli *ret_cli, int *ret_status)
{
    struct option options[OPTIONS_MAX + 1];
    const char *letters = cli_takes(verb, cli_find_option("config")) ? ":c:h" : ":h"; /* ':' first: getopt is silent */
    fill_long_options(verb, options);
    optind = 0; /* begins afresh, also when it has parsed before */
    for (int got = 0; (got = getopt_long(argc, argv, letters, options, NULL)) != -1;) {
        if (got == '?' || got == ':') {
            return fail_option(verb, got, optopt, argv[optind - 1], ret_status);
        }
        store(ret_cli, option_of(got), optarg);
    }
    return true;
}

bool cli_parse(const struct cli_verb *verb, int argc, char **argv, struct cli *ret_cli, int *ret_status)
{
    *ret_cli = (struct cli){0};
    TRY(parse_options(verb, argc, argv, ret_cli, ret_status));
    ret_cli->words = (const char *const *)(argv + optind);
    ret_cli->nwords = (size_t)(argc - optind);
    if (ret_cli->help) {
        cli_print_verb_help(verb, stdout);
        *ret_status = APP_DONE;
        return false;
    }
    if (ret_cli->nwords > 0 && verb->words == NULL) {
        char shown[VALUE_SHOWN_SIZE];
        command_say("%s takes options alone, no word such as %s", verb->name, value_shown(ret_cli->words[0], shown));
        return bad_usage(verb, ret_status);
    }
    return true;
}

void cli_done(struct cli *cli)
{
    config_free(&cli->config);
    catalog_close(&cli->catalog);
    app_client_free(&cli->client);
    log_free(&cli->log);
    text_free(&cli->state);
    text_free(&cli->config_file);
}

/* Always false. */
static bool add_cure(struct lf_error *err, const char *cure)
{
    size_t len = strlen(err->msg);
    (void)snprintf(err->msg + len, sizeof err->msg - len, "; %s", cure);
    return false;
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
    if (!config_find(cli->config_path, &path, err)) {
        return add_cure(err, "make one: lakefeed init --source URL --lake URL > lakefeed.json");
    }
    TRY(config_load(path, &cli->config, err));
    cli->config_file = path;
    path = NULL;
    return true;
}

bool cli_prepare(struct cli *cli, bool once, struct lf_error *err)
{
    struct clock clock = clock_system();
    TRY(load_config(cli, err));
    TRY(app_state_dir(cli->state_dir, &cli->state, err));
    cli->terminal = isatty(STDERR_FILENO) && !cli->config->log_json;
    cli->live = cli->terminal && once && !cli->verbose;
    cli->log = log_new(STDERR_FILENO, cli->terminal ? LOG_HUMAN : LOG_JSON, cli->live ? LOG_ERROR : LOG_INFO, &clock);
    cli->client = app_client_new(cli->config, cli->state, cli->log);
    return true;
}

void cli_open_catalog(struct cli *cli, bool read_only)
{
    CLEANUP(text_free) char *path = text_printf("%s/" CATALOG_FILE, cli->state);
    cli->catalog = catalog_open(
        &(struct catalog_options){.path = path, .clock = clock_system(), .log = cli->log, .read_only = read_only});
}

bool cli_choose_link(const struct cli *cli, const struct config_link **ret_link, struct lf_error *err)
{
    const struct config *config = cli->config;
    if (cli->link == NULL) {
        *ret_link = &config->links[0];
        return config->nlinks == 1 ||
               lf_error_set(err, LF_CONFIG, 0, "the configuration has several links: give --link NAME");
    }
    *ret_link = config_find_link(config, cli->link);
    return *ret_link != NULL || lf_error_set(err, LF_CONFIG, 0, "the configuration has no link %s", cli->link);
}

int cli_fail(const struct lf_error *err)
{
    command_say("%s", err->msg);
    return (int)app_status_of(err);
}

int cli_version(UNUSED struct cli *cli)
{
    (void)printf("lakefeed %s\n", LAKEFEED_VERSION);
    return APP_DONE;
}
