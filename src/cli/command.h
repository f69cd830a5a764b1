/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that messages tell people to paste.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/cli.h"

/* "lakefeed VERB" on the links that this command line means, quoted for a shell. */
void command_append(struct buf *out, const struct cli *cli, const char *verb);
/* "lakefeed: …" to stderr, broken at blanks on a terminal. A command at the end, behind ": ", then stands on a line of its own,
 * whole, so that it can be pasted. */
void command_say(const char *format, ...) LF_PRINTF(1, 2);
void command_print_message(FILE *out, const char *message, size_t columns);
/* What for, on a line; the command on the next, alone and unbroken. */
void command_print(FILE *out, const char *purpose, const char *command, size_t columns);

#endif
