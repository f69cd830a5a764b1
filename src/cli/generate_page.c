/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/generate.h"

#include "base/macros.h"

#include <string.h>

/* A cell of a table. */
static void append_cell(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|') {
            buf_append_char(out, '\\');
        }
        buf_append_char(out, *text);
    }
}

static void append_row(struct buf *out, const char *code, const char *text)
{
    buf_append_text(out, "| `");
    append_cell(out, code);
    buf_append_text(out, "` | ");
    append_cell(out, text);
    buf_append_text(out, " |\n");
}

static void append_option(struct buf *out, const struct cli_option *option)
{
    CLEANUP(buf_done) struct buf form = {0};
    if (cli_letter(option) != '\0') {
        buf_printf(&form, "-%c, ", cli_letter(option));
    }
    buf_printf(&form, "--%s", option->name);
    if (option->argument != NULL) {
        buf_printf(&form, " %s", option->argument);
    }
    append_row(out, buf_text(&form), option->help);
}

static void append_verb(struct buf *out, const struct cli_verb *verb)
{
    buf_printf(out, "\n## %s\n\n`lakefeed %s [options]%s%s`: %s.\n\n| option | meaning |\n|---|---|\n", verb->name,
               verb->name, verb->words == NULL ? "" : " ", verb->words == NULL ? "" : verb->words, verb->summary);
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        if (cli_takes(verb, option)) {
            append_option(out, option);
        }
    }
}

void generate_page(struct buf *out)
{
    buf_append_text(out,
                    "<!-- Made by lakefeed_generate from the tables in src/cli; do not edit. -->\n"
                    "# Commands\n\n`lakefeed VERB [options]`: " CLI_DESCRIPTION " " CLI_SOURCES "\n\n"
                    "`lakefeed help VERB` shows the same as this page. With `--json` the result is for programs.\n\n"
                    "| verb | what it does |\n|---|---|\n");
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        buf_printf(out, "| [%s](#%s) | %s |\n", verb->name, verb->name, verb->summary);
    }
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        append_verb(out, verb);
    }
#define STATUS_ROW(name, status, meaning) append_row(out, #status, meaning);
#define ROW(name, meaning) append_row(out, name, meaning);
#define EXAMPLE(command, text) buf_append_text(out, "\n" text "\n\n```\n" command "\n```\n");
    buf_append_text(out, "\n## Exit status\n\n| status | meaning |\n|---|---|\n");
    APP_STATUSES(STATUS_ROW)
    buf_append_text(out, "\n## Environment\n\n| variable | meaning |\n|---|---|\n");
    CLI_ENVIRONMENT(ROW)
    buf_append_text(out, "\n## Files\n\n| file | meaning |\n|---|---|\n");
    CLI_FILES(ROW)
    buf_append_text(out, "\n## Examples\n");
    CLI_EXAMPLES(EXAMPLE)
#undef STATUS_ROW
#undef ROW
#undef EXAMPLE
}
