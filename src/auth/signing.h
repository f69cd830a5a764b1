/* SPDX-License-Identifier: Apache-2.0
 *
 * The Shared Key scheme of Azure Storage, one for dfs and blob endpoints: pure.
 *
 * What is signed names the account and then the path as it is sent; so the path style of emulators, which begins with the
 * account, has it twice. Names of headers are sorted by their bytes, which is the order of the service for all of its own
 * headers; of user metadata only for names of letters and digits.
 */
#ifndef AUTH_SIGNING_H
#define AUTH_SIGNING_H

#include "base/buf.h"
#include "net/http.h"

struct signing_request {
    enum http_method method;
    const char *url;                    /* encoded */
    const struct http_headers *headers; /* all that go out, x-ms-date among them */
    uint64_t body_bytes;
};

/* Appends the text to be signed. DATA: the query holds an encoded NUL. */
bool signing_append_text(const struct signing_request *request, const char *account, struct buf *out,
                         struct lf_error *err) LF_MUST_CHECK;
/* Appends the value of the Authorization header. */
void signing_append_authorization(const char *account, const void *key, size_t key_len, struct lf_slice text,
                                  struct buf *out);

#endif
