/* SPDX-License-Identifier: Apache-2.0
 *
 * Percent-encoding of one path segment or one query value, as bytes.
 */
#ifndef NET_HTTP_TEXT_H
#define NET_HTTP_TEXT_H

#include "base/buf.h"

/* Appends; everything but letters, digits and "-._~" is encoded. */
void http_encode(struct buf *out, const char *text);
/* Appends. A "%" without two digits and "+" stay as they are. DATA for an encoded NUL. */
bool http_decode(struct buf *out, const char *text, struct lf_error *err) LF_MUST_CHECK;

#endif
