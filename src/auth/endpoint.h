/* SPDX-License-Identifier: Apache-2.0
 *
 * To whom a token may be told. Over plain http whoever is in between reads it; so it goes there only where nobody is. Pure.
 */
#ifndef AUTH_ENDPOINT_H
#define AUTH_ENDPOINT_H

#include "lakefeed/error.h"

#include <stdbool.h>

/* https anywhere; http only to this machine (127.0.0.0/8, [::1], localhost): emulators and tests. CONFIG otherwise; `what` is
 * what would be sent: "a token". */
bool endpoint_check_private(const char *url, const char *what, struct lf_error *err) LF_MUST_CHECK;
/* The same, and http to link-local and private addresses given as numbers: where a platform has its endpoints for identities. */
bool endpoint_check_platform(const char *url, const char *what, struct lf_error *err) LF_MUST_CHECK;

#endif
