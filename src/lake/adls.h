/* SPDX-License-Identifier: Apache-2.0
 *
 * Azure Data Lake Storage Gen2 as lake, over its REST API (docs/adls.md says which calls, when, and what they cost).
 *
 * Data files: create with If-None-Match:*, appends at positions, one flush with close. Small objects and model.json: one
 * conditional Put Blob on the blob endpoint, or, where only the dfs endpoint can be reached, a file in _lakefeed/publish that
 * is renamed with conditions. One writer: a lease on _lakefeed/owner, kept by a thread of its own from lock to unlock; while
 * it is lost nothing is written.
 *
 * Beside the kinds of lake.h: FENCED when another holds the lease.
 */
#ifndef LAKE_ADLS_H
#define LAKE_ADLS_H

#include "auth/auth.h"
#include "base/budget.h"
#include "base/clock.h"
#include "lake/lake.h"
#include "net/http.h"

/* X(name, word in the configuration, what it means) */
#define ADLS_PUBLISH_WAYS(X) \
    X(AUTO, "auto", "by Put Blob, or by rename where the blob endpoint cannot be reached") \
    X(PUT_BLOB, "put_blob", "one conditional Put Blob on the blob endpoint") \
    X(RENAME, "rename", "a temporary file, renamed with a condition; the dfs endpoint alone")

enum adls_publish {
#define ADLS_PUBLISH_ENUM(name, word, text) ADLS_##name,
    ADLS_PUBLISH_WAYS(ADLS_PUBLISH_ENUM)
#undef ADLS_PUBLISH_ENUM
};

/* Where a lake is: the parts of its URL. abfss://fs@account.dfs.SUFFIX/prefix, https://account.dfs.SUFFIX/fs/prefix (.blob.
 * too), OneLake's https://onelake.dfs.fabric.microsoft.com/workspace/item.Lakehouse/Files/prefix, and, with an endpoint of its
 * own (emulators, private ones), http://HOST:PORT/account/fs/prefix. Texts are the place's; freed by adls_place_done. */
struct adls_place {
    char *dfs, *blob; /* endpoints without a slash at the end; of path style with the account */
    char *account;
    char *filesystem; /* "": the URL names none; lake_adls_open needs one (config_lake_url) */
    char *prefix;     /* "" or without a slash at either end */
    bool onelake, path_style;
};

/* CONFIG: what is wrong with it, and a form that would be right. */
bool adls_place_parse(const char *url, const char *endpoint, struct adls_place *ret_place,
                      struct lf_error *err) LF_MUST_CHECK;
void adls_place_done(struct adls_place *place); /* for CLEANUP */

struct adls_options {
    struct adls_place place; /* copied */
    struct http *http;       /* borrowed until close, as auth, budget, log and clock */
    struct auth *auth;
    struct budget *budget; /* NULL: blocks of the least size, one in flight */
    struct log *log;
    const char *link;         /* for log lines */
    const char *scratch;      /* folder for temporary files */
    const char *lease_id;     /* GUID made from instance and link; the same after a restart */
    bool takeover;            /* lock: break the lease of another holder */
    int64_t lock_patience_ms; /* how long lock waits for a lease of another holder to run out */
    const char *public_location;
    enum adls_publish publish;
    bool create_filesystem;
    bool (*cancelled)(void *context); /* NULL: never; ends what waits, from any thread */
    void *cancel_context;
    const struct clock *clock; /* NULL: the system's, which goes on while the machine sleeps */
    int64_t renew_ms;          /* between renewals of the lease; 0: 20 s */
    int64_t backoff_ms;        /* before a request is tried again the first time; 0: 500 */
    int64_t patience_ms;       /* of each request, and of writes for a lost lease; 0: 120 s */
};

/* No request is made. CONFIG. */
bool lake_adls_open(const struct adls_options *options, struct lake **ret_lake, struct lf_error *err) LF_MUST_CHECK;

#endif
