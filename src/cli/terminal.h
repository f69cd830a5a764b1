/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for people: how wide a terminal is, how wide a text is on it, lines that fit. Nothing here writes an escape sequence: a
 * carriage return and blanks are enough for a line that moves, and NO_COLOR and TERM=dumb need no case of their own.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Columns of the terminal behind fd, otherwise $COLUMNS, otherwise 80; from 20 to 1,000. */
size_t terminal_columns(int fd);
/* Of stdout and stderr, for text_print_wrapped: SIZE_MAX when it is no terminal, so that programs find lines unbroken. */
size_t terminal_result_columns(void);
size_t terminal_message_columns(void);
/* A terminal on which a line may be written over: none with TERM=dumb. */
bool terminal_can_rewrite(int fd);

/* Columns that a text takes: wide characters two, combining ones none; a byte that belongs to no character one. */
size_t text_columns(const char *text);
/* Bytes of the longest beginning that takes at most so many columns. */
size_t text_fit(const char *text, size_t columns);

/* One line of text from data: control characters, which a terminal would obey, and bytes that are no UTF-8 become '?'. */
void text_append_clean(struct buf *out, const char *text);
/* The same, cut to so many columns with an ellipsis. */
void text_append_cut(struct buf *out, const char *text, size_t columns);
/* As it can be pasted into a shell: quoted where it has to be. */
void text_append_quoted(struct buf *out, const char *text);

/* 1234567 as 1,234,567. Returns ret_text. */
const char *text_grouped(uint64_t value, char ret_text[32]);

/* Prints text broken at blanks into lines of at most `columns`, which goes on behind what stands in the line already: `used`
 * columns. Further lines are indented. A word that is too long stands alone and is not cut. */
void text_print_wrapped(FILE *out, const char *text, size_t used, size_t indent, size_t columns);

#endif
