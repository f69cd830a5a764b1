/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include "base/macros.h"
#include "cli/terminal.h"

#include <stdarg.h>
#include <string.h>

static void append_option(struct buf *out, const char *option, const char *value)
{
    if (value != NULL) {
        buf_printf(out, " %s ", option);
        text_append_quoted(out, value);
    }
}

void command_append(struct buf *out, const struct cli *cli, const char *verb)
{
    buf_printf(out, "lakefeed %s", verb);
    append_option(out, "-c", cli->config_path);
    append_option(out, "--link", cli->link);
    append_option(out, "--source", cli->source);
    append_option(out, "--lake", cli->lake);
    append_option(out, "--entities", cli->entities);
    append_option(out, "--name", cli->name);
    append_option(out, "--state-dir", cli->state_dir);
}

void command_print(FILE *out, const char *purpose, const char *command, size_t columns)
{
    text_print_wrapped(out, purpose, 0, 2, columns);
    (void)fprintf(out, "  %s\n", command);
}

/* The last ": lakefeed …" or ": mkdir …"; NULL: the message holds no command. */
static char *find_command(const char *message)
{
    static const char *const begins[] = {": lakefeed ", ": mkdir "};
    const char *found = NULL;
    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        for (const char *at = strstr(message, begins[i]); at != NULL; at = strstr(at + 1, begins[i])) {
            found = found == NULL || at > found ? at : found;
        }
    }
    return (char *)found;
}

void command_print_message(FILE *out, const char *message, size_t columns)
{
    static const char prefix[] = "lakefeed: ";
    if (columns == SIZE_MAX) {
        (void)fprintf(out, "%s%s\n", prefix, message);
        return;
    }
    CLEANUP(buf_done) struct buf clean = {0};
    text_append_clean(&clean, message);
    char *command = find_command(buf_text(&clean));
    if (command != NULL) {
        *(command + 1) = '\0'; /* behind the colon */
    }
    (void)fputs(prefix, out);
    text_print_wrapped(out, buf_text(&clean), sizeof prefix - 1, 2, columns);
    if (command != NULL) {
        (void)fprintf(out, "  %s\n", command + 2);
    }
}

void command_say(const char *format, ...)
{
    char message[2 * sizeof(((struct lf_error *)NULL)->msg)];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    command_print_message(stderr, message, terminal_message_columns());
}
