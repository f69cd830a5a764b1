/* SPDX-License-Identifier: Apache-2.0
 *
 * What every user of libcurl in the process shares.
 */
#ifndef NET_HTTP_CURL_H
#define NET_HTTP_CURL_H

#include "lakefeed/schema.h"

#include <curl/curl.h>
#include <stdbool.h>

/* Sets libcurl up, once for the process, before any other use of it; from any thread. */
void http_curl_prepare(void);
/* Takes a line of a header apart, the value without blanks around it. False for a line without a colon: the status line
 * and the empty one at the end. Texts stay where they are. */
bool http_curl_split(const char *line, size_t len, struct lf_slice *ret_name, struct lf_slice *ret_value);
/* Appends a line to the list; no memory aborts. */
void http_curl_append(struct curl_slist **lines, const char *line);
void http_curl_lines_free(struct curl_slist **lines); /* for CLEANUP; wipes them, there may be tokens among them */

#endif
