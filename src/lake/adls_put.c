/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole objects under a condition. Either way of writing them ends in one of three: it is ours; a condition failed and nothing
 * of ours was written (CONFLICT); or nobody knows (TRANSIENT). A refusal after a try whose answer was lost is the third, too:
 * that try may have been carried out.
 */
#include "base/file.h"
#include "base/macros.h"
#include "lake/adls_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COPY_BLOCK ((size_t)64 << 10)
#define UNDECIDED_SHARE 8 /* of the patience, for an endpoint that may never answer */
#define ONE_TRY (-1)

void adls_md5_text(const unsigned char digest[MD5_BYTES], char ret_text[ADLS_MD5_SIZE])
{
    CLEANUP(buf_done) struct buf text = {0};
    base64_append(&text, digest, MD5_BYTES);
    (void)snprintf(ret_text, ADLS_MD5_SIZE, "%s", buf_text(&text));
}

/* The content must be what its description says, or a torn copy would be sealed with a name. One pass gives the checksum that
 * the service compares, too. */
static bool check_content(struct adls_put *put, struct lf_error *err)
{
    const struct lake_content *content = put->content;
    CLEANUP(sha256_free) struct sha256 *sha256 = sha256_new();
    CLEANUP(md5_free) struct md5 *md5 = md5_new();
    CLEANUP(text_free) char *block = mem_new(COPY_BLOCK, 1);
    char hex[SHA256_HEX_SIZE];
    uint64_t done = 0;
    for (size_t got = 1; done < content->bytes && got > 0; done += got) {
        const uint64_t left = content->bytes - done;
        TRY(file_read_at(content->fd, done, block, left < COPY_BLOCK ? (size_t)left : COPY_BLOCK, &got, put->path,
                         err));
        sha256_update(sha256, block, got);
        md5_update(md5, block, got);
    }
    sha256_finish(sha256, hex);
    md5_finish(md5, put->md5);
    adls_md5_text(put->md5, put->md5_text);
    return (done == content->bytes && strcmp(hex, content->sha256) == 0) ||
           lf_error_set(err, LF_INTERNAL, 0, "the bytes handed over for %s are not those that were described",
                        put->path);
}

void adls_put_condition(struct adls_call *call, const char *etag)
{
    adls_call_header(call, etag != NULL ? "If-Match" : "If-None-Match", etag != NULL ? etag : "*");
}

static bool is_ours(const struct adls_put *put, const struct adls_call *head, char ret_etag[LAKE_ETAG_SIZE])
{
    uint64_t bytes = 0;
    const char *md5 = adls_call_header_of(head, "Content-MD5");
    return adls_call_ok(head) && md5 != NULL && strcmp(md5, put->md5_text) == 0 && adls_call_length(head, &bytes) &&
           bytes == put->content->bytes && adls_call_etag(head, ret_etag);
}

bool adls_put_unknown(const struct adls_put *put, struct lf_error *err)
{
    CLEANUP(text_free) char *text = text_copy(err->msg);
    const int64_t retry_after_ms = err->retry_after_ms;
    (void)lf_error_set(err, LF_TRANSIENT, err->code, "whether %s was written is not known: %.700s", put->path, text);
    err->retry_after_ms = retry_after_ms;
    return false;
}

/* A condition that OneLake or another service has ignored was no condition. */
bool adls_put_conditions_kept(const struct adls_call *call, struct lf_error *err)
{
    static const char *const needed[] = {"if-match", "if-none-match", "x-ms-source-if-match"};
    const char *rejected = adls_call_header_of(call, "x-ms-rejected-headers");
    for (size_t i = 0; rejected != NULL && i < ARRAY_LEN(needed); i++) {
        if (strcasestr(rejected, needed[i]) != NULL) {
            return lf_error_set(
                err, LF_UNSUPPORTED, 0,
                "%s: the service ignores conditions of writes (x-ms-rejected-headers: %.100s), so a lake "
                "there is not safe against a second writer; use another account, or another way to publish",
                buf_text(&call->url), rejected);
        }
    }
    return true;
}

/* What stands there after an answer that says nothing certain. */
static bool look_back(struct adls_lake *lake, const struct adls_put *put, char ret_etag[LAKE_ETAG_SIZE],
                      struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call head = {0};
    struct lf_error why = *err;
    adls_call_init(&head, lake, ADLS_BLOB, "look at", HTTP_HEAD, put->path, NULL);
    if (adls_call_run(&head, err) && is_ours(put, &head, ret_etag)) {
        return true;
    }
    *err = why;
    return adls_put_unknown(put, err);
}

/* A condition on a version of what is gone. */
static bool is_gone(const struct adls_put *put, const struct adls_call *call)
{
    return put->etag != NULL && (adls_call_is(call, "BlobNotFound") || adls_call_is(call, "PathNotFound"));
}

static bool take_answer(struct adls_call *call, const struct adls_put *put, char ret_etag[LAKE_ETAG_SIZE],
                        struct lf_error *err)
{
    if (adls_call_ok(call)) {
        TRY(adls_put_conditions_kept(call, err));
        return adls_call_etag(call, ret_etag) || look_back(call->lake, put, ret_etag, err);
    }
    (void)adls_call_fail(call, err);
    if (is_gone(put, call)) {
        err->kind = LF_CONFLICT;
    }
    const bool unknown = call->reply.was_repeated_blindly || call->reply.status >= 500;
    return unknown && look_back(call->lake, put, ret_etag, err);
}

/* Where only dfs has a private endpoint, the public one of blob still answers, from behind the firewall. */
static bool is_walled_off(const struct adls_call *call)
{
    return adls_call_is(call, "AuthorizationFailure") && !call->reply.was_repeated_blindly;
}

/* *ret_unreachable: the blob endpoint cannot be connected to, or answers from behind a firewall, and nothing was written. */
static bool put_blob(struct adls_lake *lake, const struct adls_put *put, int64_t patience_ms, bool *ret_unreachable,
                     char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    adls_call_init(&call, lake, ADLS_BLOB, "write", HTTP_PUT, put->path, NULL);
    adls_call_header(&call, "x-ms-blob-type", "BlockBlob");
    adls_call_header(&call, "Content-MD5", put->md5_text);
    adls_put_condition(&call, put->etag);
    call.request.body = (struct http_body){.fd = put->content->fd, .bytes = put->content->bytes};
    call.request.patience_ms = patience_ms;
    *ret_unreachable = false;
    TRY(adls_call_send(&call, err));
    if (adls_call_wait(&call, err)) {
        *ret_unreachable = is_walled_off(&call);
        if (!*ret_unreachable) {
            atomic_store(&lake->way, ADLS_PUT_BLOB);
        }
        return take_answer(&call, put, ret_etag, err);
    }
    const bool one_host = strcmp(lake->place.dfs, lake->place.blob) == 0;
    *ret_unreachable = !http_was_sent(err) && err->kind == LF_TRANSIENT && !one_host;
    return http_was_sent(err) && err->kind != LF_CANCELLED && look_back(lake, put, ret_etag, err);
}

static bool dfs_is_reachable(struct adls_lake *lake)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    struct lf_error ignored;
    adls_call_init(&call, lake, ADLS_DFS, "reach", HTTP_HEAD, LAKE_PATH_MODEL, "action=getStatus");
    call.request.patience_ms = -1;
    return adls_call_run(&call, &ignored) && call.reply.status != 403;
}

/* By Put Blob, unless its endpoint cannot be reached while the other one can: that is decided once. After the dfs endpoint has
 * answered, the blob endpoint is tried again, since the network may have come back in between. */
static bool put_auto(struct adls_lake *lake, const struct adls_put *put, char ret_etag[LAKE_ETAG_SIZE],
                     struct lf_error *err)
{
    bool unreachable = false;
    if (put_blob(lake, put, lake->patience_ms / UNDECIDED_SHARE, &unreachable, ret_etag, err)) {
        return true;
    }
    if (!unreachable) {
        return false;
    }
    if (lake->place.onelake || !dfs_is_reachable(lake)) {
        return false;
    }
    if (put_blob(lake, put, ONE_TRY, &unreachable, ret_etag, err)) {
        return true;
    }
    if (!unreachable) {
        return false;
    }
    log_failure(lake->log, &lake->where, EVENT_publish_by_rename, err);
    atomic_store(&lake->way, ADLS_RENAME);
    return adls_put_by_rename(lake, put, ret_etag, err);
}

static bool put_object(struct adls_lake *lake, struct adls_put *put, char ret_etag[LAKE_ETAG_SIZE],
                       struct lf_error *err)
{
    bool unreachable = false;
    TRY(adls_check_path(put->path, err));
    if (put->content->bytes > ADLS_SINGLE_PUT_MAX) {
        return lf_error_set(err, LF_LIMIT, 0, "%s has %" PRIu64 " MiB; one request writes at most %" PRIu64, put->path,
                            put->content->bytes >> 20, ADLS_SINGLE_PUT_MAX >> 20);
    }
    TRY(check_content(put, err));
    TRY(adls_may_write(lake, err));
    switch ((enum adls_publish)atomic_load(&lake->way)) {
    case ADLS_RENAME:
        return adls_put_by_rename(lake, put, ret_etag, err);
    case ADLS_PUT_BLOB:
        return put_blob(lake, put, lake->patience_ms, &unreachable, ret_etag, err);
    case ADLS_AUTO:
        break;
    }
    return put_auto(lake, put, ret_etag, err);
}

bool adls_put_if_match(struct lake *lake, const char *path, const char *etag, const struct lake_content *content,
                       char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err)
{
    struct adls_put put = {.path = path, .etag = etag, .content = content};
    return put_object(adls_of(lake), &put, ret_etag, err);
}

bool adls_put_if_absent(struct lake *lake, const char *path, const struct lake_content *content, struct lf_error *err)
{
    char etag[LAKE_ETAG_SIZE];
    struct adls_put put = {.path = path, .content = content};
    return put_object(adls_of(lake), &put, etag, err);
}
