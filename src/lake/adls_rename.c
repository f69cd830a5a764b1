/* SPDX-License-Identifier: Apache-2.0
 *
 * Replacing by renaming, over the dfs endpoint alone. A rename keeps the ETag of what is renamed, so whoever finds that ETag at
 * the destination knows whose file it is.
 */
#include "base/macros.h"
#include "lake/adls_internal.h"

#include <string.h>

#define MOST_DELAY_MS 30000

struct rename {
    struct adls_lake *lake;
    const struct adls_put *put;
    char *temp;
    char temp_etag[LAKE_ETAG_SIZE];
    bool doubt; /* a try may have been carried out */
    bool parent_made;
};

static void rename_done(struct rename *rename)
{
    text_free(&rename->temp);
}

/* ---- the temporary file ---- */

static char *name_temp(struct adls_lake *lake, const struct adls_put *put)
{
    struct buf path = {0};
    char id[ADLS_ID_SIZE];
    random_hex(&lake->random, (ADLS_ID_SIZE - 1) / 2, id);
    lake_path_publish(put->content->id != NULL ? put->content->id : id, &path);
    return path.ptr;
}

/* Best effort: what is left is collected. */
static void remove_temp(struct rename *rename)
{
    struct lf_error ignored;
    (void)adls_remove(&rename->lake->base, rename->temp, &ignored);
}

/* *ret_exists: an earlier try for the same bytes has left one, finished or not; nobody else knows its name. */
static bool create_temp(struct rename *rename, bool *ret_exists, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    adls_call_init(&call, rename->lake, ADLS_DFS, "create", HTTP_PUT, rename->temp, "resource=file");
    adls_call_header(&call, "If-None-Match", "*");
    TRY(adls_call_run(&call, err));
    *ret_exists = adls_call_is(&call, "PathAlreadyExists") && !call.reply.was_repeated_blindly;
    const bool ours = adls_call_ok(&call) || adls_call_is(&call, "PathAlreadyExists");
    return ours || adls_call_fail(&call, err);
}

static bool read_temp(struct rename *rename, struct lf_error *err)
{
    struct lake_stat status;
    TRY(adls_stat(&rename->lake->base, rename->temp, &status, err) || adls_own_file_failed(err));
    memcpy(rename->temp_etag, status.etag, sizeof rename->temp_etag);
    return status.bytes == rename->put->content->bytes ||
           lf_error_set(err, LF_TRANSIENT, 0, "%s could not be written whole; it has to be written again",
                        rename->temp);
}

static bool fill_temp(struct rename *rename, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    const struct lake_content *content = rename->put->content;
    if (content->bytes == 0) {
        return read_temp(rename, err);
    }
    adls_call_init(&call, rename->lake, ADLS_DFS, "append to", HTTP_PATCH, rename->temp,
                   "action=append&position=0&flush=true&close=true");
    adls_call_header(&call, "Content-MD5", rename->put->md5_text);
    call.request.body = (struct http_body){.fd = content->fd, .bytes = content->bytes};
    TRY(adls_call_run(&call, err));
    if (adls_call_ok(&call) && adls_call_etag(&call, rename->temp_etag)) {
        return true;
    }
    /* After a lost answer the bytes may stand there, and the position is behind us. */
    const bool refused = !adls_call_ok(&call) && !call.reply.was_repeated_blindly;
    return refused ? adls_call_fail(&call, err) || adls_own_file_failed(err) : read_temp(rename, err);
}

static bool make_temp(struct rename *rename, struct lf_error *err)
{
    bool exists = false;
    TRY(create_temp(rename, &exists, err));
    if (exists) {
        TRY(adls_remove(&rename->lake->base, rename->temp, err));
        TRY(create_temp(rename, &exists, err));
    }
    return fill_temp(rename, err);
}

/* ---- the rename ---- */

enum step { STEP_DONE, STEP_AGAIN, STEP_FAILED };

/* What stands at the destination decides. */
static enum step look(struct rename *rename, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call head = {0};
    const char *expected = rename->put->etag;
    struct lf_error why = *err;
    char found[LAKE_ETAG_SIZE] = "";
    adls_call_init(&head, rename->lake, ADLS_DFS, "look at", HTTP_HEAD, rename->put->path, "action=getStatus");
    if (!adls_call_run(&head, err) || !(adls_call_ok(&head) || adls_call_is_missing(&head))) {
        *err = why;
        (void)adls_put_unknown(rename->put, err);
        return STEP_FAILED;
    }
    (void)adls_call_etag(&head, found);
    if (adls_call_ok(&head) && strcmp(found, rename->temp_etag) == 0) {
        return STEP_DONE;
    }
    *err = why;
    const bool untouched = adls_call_ok(&head) ? expected != NULL && strcmp(found, expected) == 0 : expected == NULL;
    if (!untouched) {
        (void)adls_put_unknown(rename->put, err);
    }
    return untouched ? STEP_AGAIN : STEP_FAILED;
}

static bool make_parent(struct rename *rename, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    CLEANUP(text_free) char *parent = text_copy(rename->put->path);
    char *slash = strrchr(parent, '/');
    *(slash != NULL ? slash : parent) = '\0';
    adls_call_init(&call, rename->lake, ADLS_DFS, "create the folder", HTTP_PUT, parent, "resource=directory");
    rename->parent_made = true;
    return adls_call_must(&call, err);
}

static void init_rename(struct adls_call *call, struct rename *rename)
{
    struct adls_lake *lake = rename->lake;
    CLEANUP(buf_done) struct buf source = {0};
    adls_place_path(&lake->place, rename->temp, &source);
    auth_append_source_query(lake->auth, &source);
    adls_call_init(call, lake, ADLS_DFS, "rename to", HTTP_PUT, rename->put->path, "mode=legacy");
    adls_call_header(call, "x-ms-rename-source", buf_text(&source));
    adls_call_header(call, "x-ms-source-if-match", rename->temp_etag);
    adls_put_condition(call, rename->put->etag);
    call->request.repeat = HTTP_ONCE;
    call->request.stall_ms = ADLS_RENAME_TOTAL_MS; /* a contended rename is silent for minutes */
    call->request.total_ms = ADLS_RENAME_TOTAL_MS;
}

static enum step take_success(struct rename *rename, const struct adls_call *call, struct lf_error *err)
{
    char etag[LAKE_ETAG_SIZE] = "";
    if (!adls_put_conditions_kept(call, err)) {
        return STEP_FAILED;
    }
    if (adls_call_etag(call, etag) && strcmp(etag, rename->temp_etag) == 0) {
        return STEP_DONE;
    }
    (void)lf_error_set(err, LF_TRANSIENT, 0, "the renamed file has another ETag than before");
    rename->doubt = true;
    return look(rename, err);
}

/* Nothing of ours was written, now or earlier. */
static enum step take_refusal(struct rename *rename, const struct adls_call *call, struct lf_error *err)
{
    const char *code = adls_call_header_of(call, "x-ms-error-code");
    (void)adls_call_fail(call, err);
    if (adls_call_is(call, "SourcePathNotFound") || adls_call_is(call, "SourceConditionNotMet")) {
        err->kind = LF_TRANSIENT; /* somebody took our temporary file; the destination is untouched */
    } else if (rename->put->etag != NULL && code != NULL && strcmp(code, "PathNotFound") == 0) {
        err->kind = LF_CONFLICT;
    }
    remove_temp(rename);
    return STEP_FAILED;
}

static enum step try_rename(struct rename *rename, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    init_rename(&call, rename);
    if (!adls_call_send(&call, err)) {
        return rename->doubt ? look(rename, err) : STEP_FAILED;
    }
    if (!adls_call_wait(&call, err)) {
        rename->doubt = rename->doubt || http_was_sent(err);
        return rename->doubt && err->kind != LF_CANCELLED ? look(rename, err) : STEP_FAILED;
    }
    if (adls_call_ok(&call)) {
        return take_success(rename, &call, err);
    }
    if (adls_call_is(&call, "RenameDestinationParentPathNotFound") && !rename->parent_made) {
        return make_parent(rename, err) ? STEP_AGAIN : STEP_FAILED;
    }
    rename->doubt = rename->doubt || call.reply.was_repeated_blindly || call.reply.status >= 500;
    if (!rename->doubt) {
        return take_refusal(rename, &call, err);
    }
    (void)adls_call_fail(&call, err);
    return look(rename, err);
}

static bool rename_until_known(struct rename *rename, struct lf_error *err)
{
    struct adls_lake *lake = rename->lake;
    const int64_t end_ms = adls_monotonic_ms(lake) + lake->patience_ms;
    int64_t delay_ms = lake->backoff_ms;
    enum step step = try_rename(rename, err);
    while (step == STEP_AGAIN) {
        if (rename->doubt && adls_monotonic_ms(lake) + delay_ms > end_ms) {
            return adls_put_unknown(rename->put, err);
        }
        if (rename->doubt && !adls_pause(lake, delay_ms)) {
            return lf_error_set(err, LF_CANCELLED, 0, "stopped while it was unknown whether %s was written",
                                rename->put->path);
        }
        delay_ms = delay_ms * 2 > MOST_DELAY_MS ? MOST_DELAY_MS : delay_ms * 2;
        step = try_rename(rename, err);
    }
    return step == STEP_DONE;
}

/* Without a hierarchical namespace a rename copies and deletes: readers could see half a file. */
static bool check_namespace(struct adls_lake *lake, struct lf_error *err)
{
    bool hierarchical = false;
    (void)pthread_mutex_lock(&lake->mutex);
    const bool checked = lake->namespace_checked;
    (void)pthread_mutex_unlock(&lake->mutex);
    if (checked) {
        return true;
    }
    TRY(adls_filesystem_look(lake, &hierarchical, err));
    if (!hierarchical) {
        return lf_error_set(
            err, LF_CONFIG, 0,
            "the account has no hierarchical namespace, so that renaming does not replace %s in one step; "
            "use publish = put_blob and let this machine reach the blob endpoint, or upgrade the account",
            LAKE_PATH_MODEL);
    }
    (void)pthread_mutex_lock(&lake->mutex);
    lake->namespace_checked = true;
    (void)pthread_mutex_unlock(&lake->mutex);
    return true;
}

bool adls_put_by_rename(struct adls_lake *lake, const struct adls_put *put, char ret_etag[LAKE_ETAG_SIZE],
                        struct lf_error *err)
{
    CLEANUP(rename_done) struct rename rename = {.lake = lake, .put = put};
    TRY(check_namespace(lake, err));
    rename.temp = name_temp(lake, put);
    TRY(make_temp(&rename, err));
    TRY(adls_may_write(lake, err));
    TRY(rename_until_known(&rename, err));
    memcpy(ret_etag, rename.temp_etag, LAKE_ETAG_SIZE);
    return true;
}
