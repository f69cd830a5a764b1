/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates as HTTP writes them, whatever the locale.
 */
#ifndef BASE_HTTP_DATE_H
#define BASE_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#define HTTP_DATE_SIZE 30
/* "Sun, 06 Nov 1994 08:49:37 GMT"; parts of a second are left out. */
void http_date_format(int64_t ms, char ret_text[HTTP_DATE_SIZE]);
/* Of that form alone; false for anything else. */
bool http_date_parse(const char *text, int64_t *ret_ms);

#endif
