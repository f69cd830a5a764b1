/* SPDX-License-Identifier: Apache-2.0
 *
 * What SQLSTATE means to the host.
 */
#ifndef SOURCE_POSTGRES_ERROR_H
#define SOURCE_POSTGRES_ERROR_H

#include "lakefeed/error.h"

#include <stddef.h>

enum lf_error_kind pg_kind_of_sqlstate(const char *sqlstate); /* "" or NULL: the connection broke, TRANSIENT */
/* Fills err: "<where>: <what>: <text> (SQLSTATE x); <cure>". Returns false. The code is the number of the SQLSTATE in base 36. */
bool pg_error_set(struct lf_error *err, const char *where, const char *what, const char *sqlstate, const char *text);
/* Whether err came from that SQLSTATE. */
bool pg_error_is(const struct lf_error *err, const char *sqlstate);
/* Splits what libpq says of a failed connect, verbose: finds its SQLSTATE ("" when there is none) and leaves the first
 * sentence. Works in place. */
const char *pg_split_connect_message(char *text, char ret_sqlstate[6]);

#endif
