/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/generate.h"

#include "base/macros.h"

#include <string.h>

#define SPDX "# SPDX-License-Identifier: Apache-2.0\n"
#define MADE "made by lakefeed_generate from the tables in src/cli; do not edit."

/* What a shell can offer in place of an option's value or a word. */
enum value_kind { VALUE_FILE, VALUE_FOLDER, VALUE_OTHER };

static enum value_kind value_kind(const struct cli_option *option)
{
    return strcmp(option->argument, "FILE") == 0     ? VALUE_FILE
           : strcmp(option->argument, "FOLDER") == 0 ? VALUE_FOLDER
                                                     : VALUE_OTHER;
}

/* "check|show [FILE…]": the words to choose from, separated by blanks; "" when the first is a name. */
static void append_choices(struct buf *out, const struct cli_verb *verb)
{
    const char *words = verb->words == NULL ? "" : verb->words;
    size_t len = strcspn(words, " ");
    if (memchr(words, '|', len) == NULL) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (words[i] == '|') {
            buf_append_char(out, ' ');
        } else if (strchr("[]", words[i]) == NULL) {
            buf_append_char(out, words[i]);
        }
    }
}

static bool takes_files(const struct cli_verb *verb)
{
    return verb->words != NULL && strstr(verb->words, "FILE") != NULL;
}

static void append_verb_names(struct buf *out)
{
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        buf_printf(out, "%s ", verb->name);
    }
}

/* ---- bash ---- */

static void append_bash_values(struct buf *out, enum value_kind kind, const char *action)
{
    bool first = true;
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        if (option->argument == NULL || value_kind(option) != kind) {
            continue;
        }
        buf_append_text(out, first ? "        " : " | ");
        if (cli_letter(option) != '\0') {
            buf_printf(out, "-%c | ", cli_letter(option));
        }
        buf_printf(out, "--%s", option->name);
        first = false;
    }
    buf_append_text(out, first ? "" : action);
}

static void append_bash_verb(struct buf *out, const struct cli_verb *verb)
{
    CLEANUP(buf_done) struct buf choices = {0};
    append_choices(&choices, verb);
    buf_printf(out, "        %s)\n            options=\"", verb->name);
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        if (cli_takes(verb, option)) {
            buf_printf(out, "--%s ", option->name);
        }
    }
    out->len--;
    buf_append_text(out, "\"\n");
    if (choices.len > 0) {
        buf_printf(out, "            [ \"$COMP_CWORD\" -gt 2 ] || words=\"%s\"\n", buf_text(&choices));
    }
    buf_append_text(out, takes_files(verb) ? "            files=yes\n            ;;\n" : "            ;;\n");
}

static const char bash_begin[] = SPDX "# shellcheck shell=bash\n"
                                      "# Completion of lakefeed for bash; " MADE "\n"
                                      "_lakefeed() {\n"
                                      "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
                                      "    local verb=${COMP_WORDS[1]} options='' words='' files=''\n"
                                      "    COMPREPLY=()\n"
                                      "    if [ \"$cur\" = = ]; then # --option=\n"
                                      "        cur=''\n"
                                      "    elif [ \"$prev\" = = ]; then # --option=value\n"
                                      "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
                                      "    fi\n";
static const char bash_end[] = "    esac\n"
                               "    case $cur in\n"
                               "        -*) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\") ;;\n"
                               "        *)\n"
                               "            if [ -n \"$words\" ]; then\n"
                               "                mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                               "            elif [ -n \"$files\" ]; then\n"
                               "                compopt -o filenames 2>/dev/null\n"
                               "                mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
                               "            elif [ -z \"$cur\" ]; then\n"
                               "                mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
                               "            fi\n"
                               "            ;;\n"
                               "    esac\n"
                               "}\n"
                               "complete -F _lakefeed lakefeed\n";

void generate_bash(struct buf *out)
{
    buf_append_text(out, bash_begin);
    buf_append_text(out, "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        mapfile -t COMPREPLY < <(compgen -W \"");
    append_verb_names(out);
    buf_append_text(out, "help --help --version\" -- \"$cur\")\n        return\n    fi\n    case $prev in\n");
    append_bash_values(
        out, VALUE_FILE,
        ")\n            compopt -o filenames 2>/dev/null\n"
        "            mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n            return\n            ;;\n");
    append_bash_values(
        out, VALUE_FOLDER,
        ")\n            compopt -o filenames 2>/dev/null\n"
        "            mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n            return\n            ;;\n");
    append_bash_values(out, VALUE_OTHER, ")\n            return\n            ;;\n");
    buf_append_text(out, "    esac\n    case $verb in\n");
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        append_bash_verb(out, verb);
    }
    buf_append_text(out, "        help)\n            words=\"");
    append_verb_names(out);
    out->len--;
    buf_append_text(out, "\"\n            ;;\n");
    buf_append_text(out, bash_end);
}

/* ---- zsh ---- */

/* Inside '…'; `special` are the characters that mean something to _arguments there. */
static void append_escaped(struct buf *out, const char *text, const char *special)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            buf_append_text(out, "'\\''");
            continue;
        }
        if (strchr(special, *text) != NULL) {
            buf_append_char(out, '\\');
        }
        buf_append_char(out, *text);
    }
}

static void append_zsh_option(struct buf *out, const struct cli_option *option)
{
    char letter = cli_letter(option);
    buf_append_text(out, " \\\n                ");
    if (letter != '\0') {
        buf_printf(out, "'(-%c --%s)'{-%c,--%s", letter, option->name, letter, option->name);
        buf_append_text(out, option->argument == NULL ? "}'[" : "=}'[");
    } else {
        buf_printf(out, "'--%s%s[", option->name, option->argument == NULL ? "" : "=");
    }
    append_escaped(out, option->help, "[]:\\");
    buf_append_char(out, ']');
    if (option->argument != NULL) {
        static const char *const actions[] = {
            [VALUE_FILE] = "_files", [VALUE_FOLDER] = "_files -/", [VALUE_OTHER] = " "};
        buf_printf(out, ":%s:%s", option->argument, actions[value_kind(option)]);
    }
    buf_append_char(out, '\'');
}

static void append_zsh_verb(struct buf *out, const struct cli_verb *verb)
{
    CLEANUP(buf_done) struct buf choices = {0};
    append_choices(&choices, verb);
    buf_printf(out, "        %s)\n            _arguments", verb->name);
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        if (cli_takes(verb, option)) {
            append_zsh_option(out, option);
        }
    }
    if (choices.len > 0) {
        buf_printf(out, " \\\n                '1:word:(%s)'", buf_text(&choices));
    }
    if (verb->words != NULL) {
        buf_append_text(out,
                        takes_files(verb) ? " \\\n                '*:file:_files'" : " \\\n                '*:name: '");
    }
    buf_append_text(out, "\n            ;;\n");
}

void generate_zsh(struct buf *out)
{
    buf_append_text(out, "#compdef lakefeed\n" SPDX "# Completion of lakefeed for zsh; " MADE "\n"
                         "_lakefeed() {\n    local -a verbs\n    verbs=(\n");
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        buf_printf(out, "        '%s:", verb->name);
        append_escaped(out, verb->summary, "\\");
        buf_append_text(out, "'\n");
    }
    buf_append_text(out,
                    "        'help:show what a verb does'\n    )\n"
                    "    if ((CURRENT == 2)); then\n        _describe -t verbs verb verbs\n        return\n    fi\n"
                    "    local verb=$words[2]\n    shift words\n    ((CURRENT--))\n    case $verb in\n");
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        append_zsh_verb(out, verb);
    }
    buf_append_text(out, "        help)\n            _describe -t verbs verb verbs\n            ;;\n    esac\n}\n\n"
                         "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n    _lakefeed \"$@\"\nelse\n"
                         "    compdef _lakefeed lakefeed\nfi\n");
}

/* ---- fish ---- */

static void append_fish_option(struct buf *out, const struct cli_option *option)
{
    buf_append_text(out, "complete -c lakefeed -n '__fish_seen_subcommand_from");
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        if (cli_takes(verb, option)) {
            buf_printf(out, " %s", verb->name);
        }
    }
    buf_printf(out, "' -l %s", option->name);
    if (cli_letter(option) != '\0') {
        buf_printf(out, " -s %c", cli_letter(option));
    }
    if (option->argument != NULL) {
        static const char *const values[] = {
            [VALUE_FILE] = " -r -F", [VALUE_FOLDER] = " -x -a '(__fish_complete_directories)'", [VALUE_OTHER] = " -x"};
        buf_append_text(out, values[value_kind(option)]);
    }
    buf_append_text(out, " -d '");
    append_escaped(out, option->help, "\\");
    buf_append_text(out, "'\n");
}

static void append_fish_words(struct buf *out, const struct cli_verb *verb)
{
    CLEANUP(buf_done) struct buf choices = {0};
    append_choices(&choices, verb);
    if (choices.len > 0) {
        buf_printf(out, "complete -c lakefeed -n '__fish_seen_subcommand_from %s' -a '%s'\n", verb->name,
                   buf_text(&choices));
    }
    if (takes_files(verb)) {
        buf_printf(out, "complete -c lakefeed -n '__fish_seen_subcommand_from %s' -F\n", verb->name);
    }
}

void generate_fish(struct buf *out)
{
    buf_append_text(out, SPDX "# Completion of lakefeed for fish; " MADE "\ncomplete -c lakefeed -f\n");
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        buf_printf(out, "complete -c lakefeed -n __fish_use_subcommand -a %s -d '", verb->name);
        append_escaped(out, verb->summary, "\\");
        buf_append_text(out, "'\n");
    }
    buf_append_text(out, "complete -c lakefeed -n __fish_use_subcommand -a help -d 'show what a verb does'\n"
                         "complete -c lakefeed -n '__fish_seen_subcommand_from help' -a '");
    append_verb_names(out);
    out->len--;
    buf_append_text(out, "'\n");
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        append_fish_option(out, option);
    }
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        append_fish_words(out, verb);
    }
}
