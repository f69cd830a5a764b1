/* SPDX-License-Identifier: Apache-2.0
 *
 * What the command line consists of, as tables: options (CLI_OPTIONS in cli.h), verbs (cli_verbs), environment, files, examples.
 * Parser, help, man page, completions and docs/commands.md are made from them.
 */
#ifndef CLI_TABLES_H
#define CLI_TABLES_H

#include "cli/cli.h"

enum cli_option_type { CLI_OPTION_TEXT, CLI_OPTION_FLAG };

struct cli_option {
    const char *name;
    const char *argument; /* what stands for it in help: FILE, URL …; NULL: a flag */
    const char *help;
    enum cli_option_type type;
    size_t offset; /* in struct cli */
};
extern const struct cli_option cli_options[]; /* ends with a NULL name */

const struct cli_option *cli_find_option(const char *name); /* NULL: there is none */
char cli_letter(const struct cli_option *option);           /* of its short form; '\0': it has none */
bool cli_takes(const struct cli_verb *verb, const struct cli_option *option);
const struct cli_verb *cli_find_verb(const char *name); /* NULL: there is none */
/* What was probably meant; NULL: nothing is near. */
const char *cli_nearest_verb(const char *name);
const char *cli_nearest_option(const struct cli_verb *verb, const char *name);

#define CLI_PURPOSE \
    "lakefeed keeps a complete, consistent copy of a database's tables as CSV in a lake, described by model.json."

#define CLI_DESCRIPTION \
    "Whoever opens model.json sees all tables at one position of the source. A link is one source and one lake; " \
    "links come " \
    "from a configuration file, or from --source and --lake. Results go to stdout, logs and errors to stderr."
#define CLI_SOURCES \
    "A source is sqlite:FILE, a lake is file:FOLDER. A password inside a URL is refused: lists of processes show it."
#define CLI_SEE_ALSO "The documentation comes with lakefeed, in its folder of documents: README.md leads to all pages."

/* X(name, meaning). scripts/generate_docs compares the names with what src reads. */
#define CLI_ENVIRONMENT(X) \
    X("LAKEFEED_CONFIG", "Path of the configuration when neither -c nor --source and --lake are given.") \
    X("STATE_DIRECTORY", "State directory when --state-dir is not given; systemd sets it.") \
    X("XDG_STATE_HOME", "Holds the state directory of an ordinary user: lakefeed in it.") \
    X("HOME", "Without XDG_STATE_HOME, the state directory of an ordinary user is .local/state/lakefeed in it.") \
    X("COLUMNS", "Width of the terminal where the terminal itself does not tell.") \
    X("TERM", "With dumb or without a value, no line on the terminal is written over.")

#define CLI_FILES(X) \
    X("./lakefeed.json", "Configuration, when no other is given.") \
    X("/etc/lakefeed/lakefeed.json", "Configuration, when there is no ./lakefeed.json.") \
    X("/var/lib/lakefeed", \
      "State directory of root: locks and temporary files. It may be deleted while nothing runs.") \
    X("~/.local/state/lakefeed", "State directory of an ordinary user.") \
    X("LAKE/model.json", "What readers open: it names all files of the lake and the position in the source.")

/* X(command, what it does) */
#define CLI_EXAMPLES(X) \
    X("lakefeed init --source sqlite:shop.db --lake file:./lake > lakefeed.json", \
      "Write a configuration to begin with; it lists the tables found.") \
    X("lakefeed run --track --source sqlite:shop.db --lake file:./lake --once", \
      "Install change tracking in SQLite, load all tables that have a key, and exit.") \
    X("lakefeed run -c /etc/lakefeed/lakefeed.json", "Keep every link of a configuration up to date until SIGTERM.") \
    X("lakefeed verify -c lakefeed.json orders", "Compare one entity with the source, row by row.")

#endif
