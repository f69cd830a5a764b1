/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tables.h"
#include "cli/terminal.h"

#include "base/macros.h"

#include <string.h>
#include <unistd.h>

#define COLUMNS_READABLE 120

static size_t columns_of(FILE *out)
{
    size_t columns = terminal_columns(fileno(out));
    return columns > COLUMNS_READABLE ? COLUMNS_READABLE : columns;
}

/* Two columns; where the terminal is narrow the right one begins on a line of its own. */
static void print_row(FILE *out, const char *left, size_t left_columns, const char *right)
{
    size_t columns = columns_of(out);
    size_t at = left_columns + 4;
    if (at + 24 > columns) {
        (void)fprintf(out, "  %s\n      ", left);
        text_print_wrapped(out, right, 6, 6, columns);
        return;
    }
    (void)fprintf(out, "  %s%*s", left, (int)(at - 2 - text_columns(left)), "");
    text_print_wrapped(out, right, at, at, columns);
}

static void print_section(FILE *out, const char *title, const char *const (*rows)[2], size_t nrows)
{
    size_t widest = 0;
    for (size_t i = 0; i < nrows; i++) {
        size_t columns = text_columns(rows[i][0]);
        widest = columns > widest ? columns : widest;
    }
    (void)fprintf(out, "\n%s:\n", title);
    for (size_t i = 0; i < nrows; i++) {
        print_row(out, rows[i][0], widest, rows[i][1]);
    }
}

#define PAIR(name, meaning) {name, meaning},
#define STATUS_PAIR(name, status, meaning) {#status, meaning},

static void print_statuses(FILE *out)
{
    static const char *const rows[][2] = {APP_STATUSES(STATUS_PAIR)};
    print_section(out, "exit status", rows, ARRAY_LEN(rows));
}

static void print_verbs(FILE *out)
{
    size_t widest = 0;
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        widest = strlen(verb->name) > widest ? strlen(verb->name) : widest;
    }
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        print_row(out, verb->name, widest, verb->summary);
    }
}

void cli_print_usage(FILE *out)
{
    size_t columns = columns_of(out);
    text_print_wrapped(out, CLI_PURPOSE, 0, 0, columns);
    (void)fputs("\nusage: lakefeed VERB [options]\n\n", out);
    print_verbs(out);
    (void)fputc('\n', out);
    text_print_wrapped(out, "lakefeed help VERB tells more. To begin:", 0, 0, columns);
    (void)fputs("\n  lakefeed run --track --source sqlite:my.db --lake file:./lake --once\n", out);
}

void cli_print_help(FILE *out)
{
    static const char *const environment[][2] = {CLI_ENVIRONMENT(PAIR)};
    static const char *const files[][2] = {CLI_FILES(PAIR)};
    cli_print_usage(out);
    print_statuses(out);
    print_section(out, "environment", environment, ARRAY_LEN(environment));
    print_section(out, "files", files, ARRAY_LEN(files));
}

static void append_left(struct buf *out, const struct cli_option *option)
{
    char letter = cli_letter(option);
    if (letter != '\0') {
        buf_printf(out, "-%c, ", letter);
    }
    buf_printf(out, "--%s%s%s", option->name, option->argument == NULL ? "" : " ",
               option->argument == NULL ? "" : option->argument);
}

static void print_options(const struct cli_verb *verb, FILE *out)
{
    size_t widest = 0;
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        CLEANUP(buf_done) struct buf left = {0};
        append_left(&left, option);
        widest = cli_takes(verb, option) && left.len > widest ? left.len : widest;
    }
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        CLEANUP(buf_done) struct buf left = {0};
        append_left(&left, option);
        if (cli_takes(verb, option)) {
            print_row(out, buf_text(&left), widest, option->help);
        }
    }
}

void cli_print_verb_help(const struct cli_verb *verb, FILE *out)
{
    (void)fprintf(out, "usage: lakefeed %s [options]%s%s\n\n", verb->name, verb->words == NULL ? "" : " ",
                  verb->words == NULL ? "" : verb->words);
    text_print_wrapped(out, verb->summary, 0, 0, columns_of(out));
    (void)fputs("\noptions:\n", out);
    print_options(verb, out);
    print_statuses(out);
}
