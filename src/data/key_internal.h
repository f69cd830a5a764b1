/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside data only: the marks within a key, and decimals, whose encoding is the one that needs an explanation.
 *
 * A decimal is a sign (KEY_NEGATIVE, KEY_ZERO, KEY_POSITIVE), and unless it is zero: its exponent e + KEY_EXPONENT_BIAS, where
 * the value is 0.d1d2d3… * 10^e with d1 > 0; the digits two by two as 1 + 10*d1 + d2, without pairs of zeros at the end; 0.
 * Behind KEY_NEGATIVE every byte is inverted.
 */
#ifndef DATA_KEY_INTERNAL_H
#define DATA_KEY_INTERNAL_H

#include "base/buf.h"
#include "lakefeed/schema.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_SIGN_BIT (UINT64_C(1) << 63)
#define KEY_ESCAPED '\xFF' /* behind a zero byte: it belongs to the value */
#define KEY_END '\x01'     /* behind a zero byte: the value ends */
#define KEY_END_LEN ((size_t)2)

#define KEY_NEGATIVE 1
#define KEY_ZERO 2
#define KEY_POSITIVE 3
#define KEY_EXPONENT_BIAS 128

uint64_t key_double_order(double value); /* a number that compares as doubles do; one for both zeros, one for all NaN */

/* text is canonical. */
void key_append_decimal(struct buf *out, struct lf_slice text);
/* Reads one decimal of the column, moves *at behind it and appends its text, without zeros at the end. False when the bytes
 * are not of key_append_decimal, or do not fit the column. */
bool key_read_decimal(const struct lf_column *column, const char **at, const char *end, struct buf *out);

#endif
