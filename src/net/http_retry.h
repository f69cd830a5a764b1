/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a request is tried again, and when: pure, without clock, thread or network.
 *
 * | outcome of a try                               | HTTP_REPEAT            | HTTP_ONCE                         |
 * |------------------------------------------------|------------------------|-----------------------------------|
 * | no answer, the request did not go out whole    | again                  | again                             |
 * | no answer, it may have been carried out        | again, blindly         | ends                              |
 * | the same on a connection that had been kept    | at once, blindly       | ends                              |
 * | 408, 500, 502, 504                             | again, blindly         | ends                              |
 * | 503                                            | again, blindly if sent | again if it did not go out whole  |
 * | 429                                            | again                  | again                             |
 * | 401                                            | once, at once, with `unauthorized`, if there is a prepare  |
 * | 417 to an Expect                               | once, at once, without Expect                              |
 * | further_statuses of the request                | again                  | ends                              |
 * | all others, and failures that would only repeat | ends                  | ends                              |
 *
 * The wait is backoff_ms, doubled for each wait before it, times 0.8 to 1.2, at most 30 s; what the server asks by Retry-After
 * counts when it is longer. When patience would end before the wait does, the request ends at once.
 */
#ifndef NET_HTTP_RETRY_H
#define NET_HTTP_RETRY_H

#include "base/random.h"
#include "net/http.h"

#define HTTP_BACKOFF_MAX_MS 30000

/* What one try came to. */
struct http_outcome {
    unsigned status;         /* 0: no answer */
    bool is_hopeless;        /* no answer, and trying again would change nothing */
    bool was_sent;           /* the server can have got all of it */
    bool was_stale;          /* it broke on a connection that had been kept */
    bool expectation_failed; /* 417, while the body was held back */
    int64_t retry_after_ms;  /* 0: the server did not ask */
};

/* One request over its tries; zeroed but for these at the beginning. */
struct http_retry {
    enum http_repeat repeat;
    const unsigned *further_statuses; /* as of the request */
    int64_t deadline_ms, backoff_ms;
    bool is_single;  /* no second try but those at once: a 401 or 417 has cost nothing */
    bool can_renew;  /* there is a prepare */
    bool is_blind;   /* set: a try that may have been carried out was or will be repeated */
    unsigned waits;  /* own state */
    bool is_renewed; /* own state */
    bool is_plain;   /* own state: sent without Expect */
};

struct http_next {
    bool again;
    bool unauthorized; /* what prepare used is no longer valid */
    bool fresh;        /* not on a connection that was kept */
    int64_t delay_ms;
};

struct http_next http_retry_next(struct http_retry *retry, const struct http_outcome *outcome, int64_t now_ms,
                                 const struct random_source *random);
/* Whether the server may have carried out what it was asked for in this try. */
bool http_retry_in_doubt(const struct http_outcome *outcome);
/* The value of a Retry-After: seconds or a date; in milliseconds from now_ms (UTC), 0 for NULL and for what is neither. */
int64_t http_retry_after(const char *value, int64_t now_ms);

#endif
