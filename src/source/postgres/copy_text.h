/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of COPY in text format.
 */
#ifndef SOURCE_POSTGRES_COPY_TEXT_H
#define SOURCE_POSTGRES_COPY_TEXT_H

#include "source/postgres/layout.h"

/* Splits a line (with or without its line feed) and takes its escapes back, in place. False when it has not exactly `count` fields. */
bool pg_copy_split(char *line, size_t len, struct pg_field *ret_fields, uint32_t count) LF_MUST_CHECK;

#endif
