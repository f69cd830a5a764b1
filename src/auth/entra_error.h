/* SPDX-License-Identifier: Apache-2.0
 *
 * What Microsoft Entra means by an error, and what to do: pure.
 */
#ifndef AUTH_ENTRA_ERROR_H
#define AUTH_ENTRA_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* The number behind "AADSTS"; 0: there is none. */
unsigned entra_error_code(const char *description);
/* Those that are known, for the table of docs/adls-identities.md; 0: no more. */
unsigned entra_error_at(size_t i);
/* What to do about it; a general hint for numbers that are not known. */
const char *entra_error_cure(unsigned code);
/* Whether it may pass by itself, although it came with a final status. */
bool entra_error_may_pass(unsigned code, const char *error);
/* The first sentence of a description, without the ids behind it that are of use to Microsoft alone; the trace id at its end. */
void entra_error_shorten(const char *description, char *ret_text, size_t size);

#endif
