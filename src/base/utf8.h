/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed character at ptr, 1 to 4; 0 when there is none within len bytes. */
size_t utf8_char_len(const char *ptr, size_t len);
/* Where there is none (len > 0): bytes of the longest piece that begins one and breaks off, at least 1. */
size_t utf8_broken_len(const char *ptr, size_t len);
bool utf8_valid(const char *ptr, size_t len);
/* A copy in which each byte that belongs to no character has become U+FFFD: for messages that carry text of data, or that were
 * cut. The caller's to free(); NULL gives NULL. */
char *utf8_copy(const char *text);

#endif
