/* SPDX-License-Identifier: Apache-2.0
 *
 * From the settings of a link to its lake. Which driver a URL means stands in one table; nobody above asks for a name.
 *
 *   lake_check_settings                                 what can be said without the lake
 *   lake_open → (lake_renew)… → lake_opened_close       any thread, one at a time
 *
 * What a driver needs of the process it asks for when it needs it: a link to a folder makes no HTTP client.
 */
#ifndef LAKE_OPEN_H
#define LAKE_OPEN_H

#include "auth/auth.h"
#include "base/budget.h"
#include "config/config.h"
#include "lake/lake.h"
#include "net/http.h"

#include <stdbool.h>
#include <stdint.h>

/* Of the process; each may be called more than once. */
struct lake_services {
    bool (*http)(void *context, struct http **ret_http, struct lf_error *err);
    bool (*instance)(void *context, char **ret_text, struct lf_error *err); /* text_free; the same after a restart */
    void *context;
};

struct lake_open_options {
    const struct config_link *settings; /* copied from; need not stay */
    /* All that follows is borrowed until the lake is closed. */
    const struct lake_services *services;
    struct budget *budget; /* NULL: the least of memory */
    struct log *log;
    const char *scratch;              /* folder for temporary files */
    bool takeover;                    /* lock: take it from another holder */
    int64_t lock_patience_ms;         /* how long lock waits for a holder that may be gone */
    int64_t patience_ms;              /* of a call to a lake that does not answer; 0: the driver's */
    bool (*cancelled)(void *context); /* NULL: never */
    void *cancel_context;
};

struct lake_opened {
    struct lake *lake;
    struct auth *auth; /* NULL: the driver knows no identities */
};

/* CONFIG: no driver for the URL; what its driver says. */
bool lake_open(const struct lake_open_options *options, struct lake_opened *ret_opened,
               struct lf_error *err) LF_MUST_CHECK;
void lake_opened_close(struct lake_opened *opened); /* for CLEANUP; all zero is allowed */
/* With secrets that were read again. */
bool lake_renew(struct lake_opened *opened, const struct lake_open_options *options,
                struct lf_error *err) LF_MUST_CHECK;

/* Who the link is towards the lake, on one line; "": the driver knows no identities. A token may be fetched. As auth_describe. */
bool lake_describe_identity(struct lake_opened *opened, char *ret_text, size_t size,
                            struct lf_error *err) LF_MUST_CHECK;

/* Settings that contradict each other or the URL: CONFIG, with the name of the link. Secrets may be unread. */
bool lake_check_settings(const struct config_link *settings, struct lf_error *err) LF_MUST_CHECK;

/* "FOLDER or file:…", all forms of a URL, for messages. */
void lake_append_examples(struct buf *out);

#endif
