/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays: PostgreSQL's {1,"a b",NULL} as JSON [1,"a b",null].
 */
#ifndef SOURCE_POSTGRES_ARRAY_H
#define SOURCE_POSTGRES_ARRAY_H

#include "source/postgres/type.h"

/* Numbers and booleans stand bare, JSON elements as they are, everything else is text. Lower bounds are left out. False when the text
 * is no array. */
bool pg_array_to_json(const struct pg_type *type, const char *text, size_t len, struct arena *arena,
                      struct lf_slice *ret_json) LF_MUST_CHECK;

#endif
