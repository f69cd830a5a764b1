/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/credential.h"
#include "auth/endpoint.h"
#include "auth/expiry.h"
#include "auth/sas.h"
#include "base/macros.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shared_access {
    struct sas sas;
    char *place;
    struct auth_host host;
    pthread_mutex_t mutex; /* of watch */
    struct expiry_watch watch;
};

static void warn(struct shared_access *access, int64_t now_ms)
{
    (void)pthread_mutex_lock(&access->mutex);
    const bool due = expiry_is_due(&access->watch, access->sas.expires_ms, now_ms);
    (void)pthread_mutex_unlock(&access->mutex);
    if (due) {
        char expires[CLOCK_TEXT_SIZE];
        clock_format_iso(access->sas.expires_ms, expires);
        log_write(access->host.log, &access->host.where, EVENT_sas_expires,
                  (struct log_field[]){LOG_TEXT("expires", expires),
                                       LOG_NUM("hours_left", (access->sas.expires_ms - now_ms) / 3600000),
                                       LOG_TEXT("place", access->place),
                                       {0}});
    }
}

static bool prepare(void *self, struct http_try *attempt, struct lf_error *err)
{
    struct shared_access *access = self;
    const int64_t now_ms = clock_now_ms(&access->host.clock);
    TRY(endpoint_check_private(buf_text(attempt->url), "a SAS", err));
    TRY(sas_check(&access->sas, now_ms, access->place, err));
    warn(access, now_ms);
    buf_append_char(attempt->url, strchr(buf_text(attempt->url), '?') != NULL ? '&' : '?');
    buf_append_text(attempt->url, access->sas.query);
    return buf_check(attempt->url, "the URL", err);
}

static void append_source_query(void *self, struct buf *out)
{
    const struct shared_access *access = self;
    buf_append_char(out, '?');
    buf_append_text(out, access->sas.query);
}

static bool describe(void *self, char *ret_text, size_t size, struct lf_error *err UNUSED)
{
    const struct shared_access *access = self;
    char expires[CLOCK_TEXT_SIZE];
    clock_format_iso(access->sas.expires_ms, expires);
    (void)snprintf(ret_text, size, "a SAS %s%s", access->sas.expires_ms != 0 ? "until " : "without an end of its own",
                   access->sas.expires_ms != 0 ? expires : "");
    return true;
}

static int64_t expires_ms(void *self)
{
    const struct shared_access *access = self;
    return access->sas.expires_ms;
}

static void shared_access_free(void *self)
{
    struct shared_access *access = self;
    sas_done(&access->sas);
    text_free(&access->place);
    (void)pthread_mutex_destroy(&access->mutex);
    free(access);
}

static const struct credential_ops ops = {
    .prepare = prepare,
    .append_source_query = append_source_query,
    .describe = describe,
    .expires_ms = expires_ms,
    .free = shared_access_free,
};

bool credential_sas_new(const struct auth_options *options, const struct auth_host *host,
                        struct credential *ret_credential, struct lf_error *err)
{
    struct sas sas;
    if (options->sas == NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "there is no SAS: set auth.sas");
    }
    TRY(sas_parse(options->sas, options->place, &sas, err));
    struct shared_access *access = mem_new(1, sizeof *access);
    access->sas = sas;
    access->place = text_copy(options->place != NULL ? options->place : "the configuration");
    access->host = *host;
    (void)pthread_mutex_init(&access->mutex, NULL);
    *ret_credential = (struct credential){.ops = &ops, .self = access};
    return true;
}
