/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: verbs and their options are tables, from which parser and help are made. Results go to stdout, logs and
 * errors to stderr.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "app/app.h"

#include <stdio.h>

/* X(field, type, long name, argument, help); type FLAG or TEXT. docs and --help come from here. */
#define CLI_OPTIONS(X) \
    X(config_path, TEXT, "config", "FILE", \
      "configuration (default: $LAKEFEED_CONFIG, ./lakefeed.json, /etc/lakefeed/lakefeed.json)") \
    X(link, TEXT, "link", "NAME", "the link meant; not needed when there is one") \
    X(source, TEXT, "source", "URL", "source, such as sqlite:shop.db") \
    X(lake, TEXT, "lake", "URL", \
      "lake, such as file:./lake or abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/FOLDER") \
    X(entities, TEXT, "entities", "LIST", "tables, separated by commas (default: all that have a key)") \
    X(name, TEXT, "name", "NAME", "name of the link (default: the database's)") \
    X(interval, TEXT, "interval", "TIME", "time between snapshots, such as 5s, 15min, 1h (default: 1h)") \
    X(once, FLAG, "once", NULL, "bring the lake up to date and exit") \
    X(track, FLAG, "track", NULL, "install change tracking where it is missing") \
    X(takeover, FLAG, "takeover", NULL, \
      "take the lake over from another instance, and the source's consumer from another lake") \
    X(reason, TEXT, "reason", "TEXT", "why the link is disabled; status shows it") \
    X(purge, FLAG, "purge", NULL, "remove lakefeed's files from the lake too; without --yes only list them") \
    X(yes, FLAG, "yes", NULL, "do it without listing it first") \
    X(json, FLAG, "json", NULL, "print the result as JSON") \
    X(state_dir, TEXT, "state-dir", "FOLDER", \
      "locks and temporary files (default: $STATE_DIRECTORY, /var/lib/lakefeed, XDG)") \
    X(verbose, FLAG, "verbose", NULL, "log every event to a terminal, instead of lines of progress") \
    X(help, FLAG, "help", NULL, "show this help")

struct cli {
#define CLI_FIELD_TEXT const char *
#define CLI_FIELD_FLAG bool
#define CLI_FIELD(field, type, name, argument, text) CLI_FIELD_##type field;
    CLI_OPTIONS(CLI_FIELD)
#undef CLI_FIELD
#undef CLI_FIELD_TEXT
#undef CLI_FIELD_FLAG
    const char *const *words; /* entities and other words after the options */
    size_t nwords;
    char *state; /* the state directory, once app_state_dir has settled it */
    struct config *config;
    char *config_file; /* that config was read from; NULL: made from flags */
    struct log *log;
    struct catalog *catalog;
    struct app_client *client;
    bool terminal; /* messages go to a person */
    bool live;     /* and lines of progress are wanted */
};

struct cli_verb {
    const char *name;
    const char *words;   /* in the usage line; NULL: takes none */
    const char *options; /* names, separated by blanks */
    const char *summary;
    int (*run)(struct cli *cli); /* returns the exit status */
};
extern const struct cli_verb cli_verbs[]; /* ends with a NULL name */

/* Parses argv after the verb. USAGE texts go to stderr; *ret_status is the exit status when this returns false. */
bool cli_parse(const struct cli_verb *verb, int argc, char **argv, struct cli *ret_cli, int *ret_status);
void cli_done(struct cli *cli);
void cli_print_usage(FILE *out); /* the verbs and how to begin */
void cli_print_help(FILE *out);  /* that, exit statuses, environment, files */
void cli_print_verb_help(const struct cli_verb *verb, FILE *out);

/* Configuration and state directory from file or flags, log to stderr. `once`: a run that ends; on a terminal lines of progress say
 * what the log would. */
bool cli_prepare(struct cli *cli, bool once, struct lf_error *err) LF_MUST_CHECK;
/* read_only: a command that only looks makes no file, and puts no damaged one aside. */
void cli_open_catalog(struct cli *cli, bool read_only);
/* The link of --link, or the only one. */
bool cli_choose_link(const struct cli *cli, const struct config_link **ret_link, struct lf_error *err) LF_MUST_CHECK;
/* Prints "lakefeed: …" and returns the exit status. */
int cli_fail(const struct lf_error *err);
int cli_run(struct cli *cli);
int cli_init(struct cli *cli);
int cli_track(struct cli *cli);
int cli_untrack(struct cli *cli);
int cli_check(struct cli *cli);
int cli_status(struct cli *cli);
int cli_artifacts(struct cli *cli);
int cli_failures(struct cli *cli);
int cli_snapshot(struct cli *cli);
int cli_resync(struct cli *cli);
int cli_enable(struct cli *cli);
int cli_disable(struct cli *cli);
int cli_unlink(struct cli *cli);
int cli_verify(struct cli *cli);
int cli_config(struct cli *cli);
int cli_version(struct cli *cli);

#endif
