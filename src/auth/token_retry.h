/* SPDX-License-Identifier: Apache-2.0
 *
 * When a service of tokens is asked again: pure.
 *
 * | answer                | Microsoft Entra                          | the machine's own endpoints            |
 * |-----------------------|------------------------------------------|----------------------------------------|
 * | none, 408, 429, 5xx   | after 1, 2, 4 … 16 s until patience ends | after 1, 2, 6, 14, 30 s (none: 1, 2 s) |
 * | 404                   | final                                    | as 5xx: the endpoint is starting       |
 * | 410                   | final                                    | each 10 s for 70 s: it is upgraded     |
 * | any other 4xx         | final                                    | final                                  |
 *
 * A Retry-After counts when it is longer, and ends the tries when patience would end before it.
 */
#ifndef AUTH_TOKEN_RETRY_H
#define AUTH_TOKEN_RETRY_H

#include <stdbool.h>
#include <stdint.h>

enum token_service { TOKEN_SERVICE_ENTRA, TOKEN_SERVICE_MACHINE };

struct token_outcome {
    unsigned status; /* 0: no answer */
    unsigned tries;  /* made so far, from 1 */
    int64_t elapsed_ms, patience_ms;
    int64_t retry_after_ms; /* 0: the service did not ask */
};

/* Whether another try may succeed at all. */
bool token_retry_may_pass(enum token_service service, unsigned status);
/* Whether there is another one, and after which wait. */
bool token_retry_next(enum token_service service, const struct token_outcome *outcome, int64_t *ret_wait_ms);

#endif
