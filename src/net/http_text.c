/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_text.h"

#include <assert.h>
#include <curl/curl.h>
#include <string.h>

void http_encode(struct buf *out, const char *text)
{
    char *encoded = curl_easy_escape(NULL, text, 0);
    assert(encoded != NULL); /* no memory */
    buf_append_text(out, encoded);
    curl_free(encoded);
}

bool http_decode(struct buf *out, const char *text, struct lf_error *err)
{
    int len = 0;
    char *decoded = curl_easy_unescape(NULL, text, 0, &len);
    assert(decoded != NULL); /* no memory */
    bool ok = strlen(decoded) == (size_t)len;
    if (ok) {
        buf_append(out, decoded, (size_t)len);
    }
    curl_free(decoded);
    return ok || lf_error_set(err, LF_DATA, 0, "\"%.100s\" holds an encoded NUL", text);
}
