/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking a service of tokens, with tries after failures that may pass (token_retry.h), and reading what it answers. Neither
 * URL, headers nor bodies get into a message, but for the error text of the service, cut to one line.
 */
#ifndef AUTH_TOKEN_CALL_H
#define AUTH_TOKEN_CALL_H

#include "auth/token.h"
#include "auth/token_retry.h"

struct token_call {
    const char *name; /* of the service, for messages: "Microsoft Entra (login.microsoftonline.com)" */
    enum token_service service;
    enum http_method method;
    const char *url;
    const struct http_headers *headers;
    const struct buf *body; /* NULL: none */
    bool patient;
};

/* One answer of the service; wiped by token_answer_done. */
struct token_answer {
    unsigned status;
    struct buf body;  /* of 2xx */
    struct buf text;  /* of any other */
    char *challenge;  /* WWW-Authenticate; NULL: none */
    int64_t asked_ms; /* when the try that it answers began */
    int64_t retry_after_ms;
};
void token_answer_done(struct token_answer *answer); /* for CLEANUP */

/* An answer of any status is a success. TRANSIENT: none; CANCELLED; CONFIG: the endpoint cannot be used. */
bool token_call(const struct auth_host *host, const struct token_call *call, struct token_answer *ret_answer,
                struct lf_error *err) LF_MUST_CHECK;
/* Of an answer that may pass but did not: THROTTLED or TRANSIENT. Always false. */
bool token_call_unavailable(const struct token_call *call, const struct token_answer *answer, struct lf_error *err);
/* Reads access_token, expires_in or expires_on, refresh_in; numbers may be texts. TRANSIENT: it is no token. */
bool token_call_read(const struct token_call *call, const struct token_answer *answer, struct token_grant *grant,
                     struct lf_error *err) LF_MUST_CHECK;
/* A text member of a JSON body into ret, of which control characters become blanks; "" when there is none. */
void token_call_find_text(const struct buf *body, const char *member, char *ret_text, size_t size);

#endif
