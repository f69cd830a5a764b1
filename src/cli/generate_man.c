/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/generate.h"

#include "base/macros.h"
#include "base/utf8.h"

#include <string.h>

#define MAN_DATE "2026-11-21" /* of the last change to what the tables say */
#define LINE_BYTES 72         /* before escapes */

static void append_char(struct buf *out, const char *at, size_t len)
{
    static const char ellipsis[] = "…";
    if (len == sizeof ellipsis - 1 && memcmp(at, ellipsis, len) == 0) {
        buf_append_text(out, "\\|.\\|.\\|.");
    } else if (*at == '\\') {
        buf_append_text(out, "\\e");
    } else if (*at == '-' || *at == '\'' || *at == '~' || *at == '`') {
        buf_append_text(out, *at == '-' ? "\\-" : *at == '\'' ? "\\(aq" : *at == '~' ? "\\(ti" : "\\(ga");
    } else {
        buf_append(out, at, len);
    }
}

/* One line that holds no request, whatever it begins with. */
static void append_text_len(struct buf *out, const char *text, size_t left)
{
    if (left > 0 && *text == '.') {
        buf_append_text(out, "\\&");
    }
    while (left > 0) {
        size_t len = utf8_char_len(text, left);
        len = len > 0 ? len : 1;
        append_char(out, text, len);
        text += len;
        left -= len;
    }
}

static void append_text(struct buf *out, const char *text)
{
    append_text_len(out, text, strlen(text));
}

/* Lines of the source, broken at blanks; man fills them again. */
static void append_paragraph(struct buf *out, const char *text, const char *end)
{
    size_t used = 0;
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        size_t len = strcspn(text, " ");
        if (used > 0) {
            bool fits = used + 1 + len <= LINE_BYTES;
            buf_append_char(out, fits ? ' ' : '\n');
            used = fits ? used + 1 : 0;
        }
        append_text_len(out, text, len);
        used += len;
        text += len;
    }
    buf_append_text(out, end);
    buf_append_char(out, '\n');
}

static void append_item(struct buf *out, const char *term, const char *text)
{
    buf_append_text(out, ".TP\n.B ");
    append_text(out, term);
    buf_append_char(out, '\n');
    append_paragraph(out, text, "");
}

static void append_verb(struct buf *out, const struct cli_verb *verb)
{
    bool first = true;
    buf_append_text(out, ".TP\n.B lakefeed ");
    append_text(out, verb->name);
    buf_append_text(out, " \\fR[options]");
    if (verb->words != NULL) {
        buf_append_char(out, ' ');
        append_text(out, verb->words);
    }
    buf_append_text(out, "\\fP\n");
    append_paragraph(out, verb->summary, ".");
    buf_append_text(out, "Options:\n");
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        if (cli_takes(verb, option)) {
            buf_append_text(out, first ? "\\fB\\-\\-" : ",\n\\fB\\-\\-");
            append_text(out, option->name);
            buf_append_text(out, "\\fP");
            first = false;
        }
    }
    buf_append_text(out, ".\n");
}

static void append_option(struct buf *out, const struct cli_option *option)
{
    char letter = cli_letter(option);
    buf_append_text(out, ".TP\n");
    if (letter != '\0') {
        buf_printf(out, "\\fB\\-%c\\fP, ", letter);
    }
    buf_append_text(out, "\\fB\\-\\-");
    append_text(out, option->name);
    buf_append_text(out, "\\fP");
    if (option->argument != NULL) {
        buf_append_text(out, " \\fI");
        append_text(out, option->argument);
        buf_append_text(out, "\\fP");
    }
    buf_append_char(out, '\n');
    append_paragraph(out, option->help, ".");
}

static void append_head(struct buf *out)
{
    buf_append_text(out, ".\\\" SPDX-License-Identifier: Apache-2.0\n.\\\" Made by lakefeed_generate from the tables "
                         "in src/cli; do not edit.\n");
    buf_append_text(out,
                    ".TH LAKEFEED 1 " MAN_DATE " \"lakefeed " LAKEFEED_VERSION "\" \"User Commands\"\n"
                    ".nh\n.ad l\n.SH NAME\nlakefeed \\- follow the changes of a database and keep a copy in a lake\n"
                    ".SH SYNOPSIS\n.B lakefeed\n.I VERB\n[options]\n.SH DESCRIPTION\n");
    append_paragraph(out, CLI_PURPOSE, "");
    buf_append_text(out, ".PP\n");
    append_paragraph(out, CLI_DESCRIPTION, "");
    buf_append_text(out, ".PP\n");
    append_paragraph(out, CLI_SOURCES, "");
}

void generate_man(struct buf *out)
{
    append_head(out);
    buf_append_text(out, ".SH VERBS\n");
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        append_verb(out, verb);
    }
    buf_append_text(out, ".SH OPTIONS\n");
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        append_option(out, option);
    }
#define STATUS_ITEM(name, status, meaning) append_item(out, #status, meaning ".");
#define ITEM(name, meaning) append_item(out, name, meaning);
    buf_append_text(out, ".SH EXIT STATUS\n");
    APP_STATUSES(STATUS_ITEM)
    buf_append_text(out, ".SH ENVIRONMENT\n");
    CLI_ENVIRONMENT(ITEM)
    buf_append_text(out, ".SH FILES\n");
    CLI_FILES(ITEM)
    buf_append_text(out, ".SH EXAMPLES\n");
    CLI_EXAMPLES(ITEM)
#undef STATUS_ITEM
#undef ITEM
    buf_append_text(out, ".SH SEE ALSO\n.BR sqlite3 (1),\n.BR systemd.service (5)\n.PP\n");
    append_paragraph(out, CLI_SEE_ALSO, "");
}
