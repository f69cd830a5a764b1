/* SPDX-License-Identifier: Apache-2.0 */
#include "commit/committer.h"

#include "base/file.h"
#include "base/macros.h"

#include <string.h>

#define DOCUMENT_MAX BUF_MAX_DEFAULT /* of a load list or history file */
#define BLOCK_BYTES 16384
#define READ_TRIES 10
#define PUT_TRIES 6

static bool next_bytes(void *context, char *ret_bytes, size_t size, size_t *ret_len, struct lf_error *err)
{
    return lake_input_read(context, ret_bytes, size, ret_len, err);
}

static bool parse_model_at(struct committer *committer, const char *path, struct model **ret_model,
                           struct lf_error *err)
{
    CLEANUP(lake_input_done) struct lake_input input = {.lake = committer->lake, .path = path};
    return model_parse(next_bytes, &input, ret_model, err) || lf_error_wrap(err, "%s", path);
}

/* Whoever reads this at night must know which lake, that nothing was harmed, and how to go on. Always false. */
static bool explain_head(struct lake *lake, struct lf_error *err)
{
    static const char prefix[] = LAKE_PATH_MODEL ": ";
    CLEANUP(buf_done) struct buf where = {0};
    struct lf_error ignored;
    const char *why = strncmp(err->msg, prefix, sizeof prefix - 1) == 0 ? err->msg + sizeof prefix - 1 : err->msg;
    CLEANUP(text_free) char *text = text_copy(why);
    if (!lake->ops->url(lake, LAKE_PATH_MODEL, &where, &ignored)) {
        return false;
    }
    if (err->kind != LF_DATA) {
        return lf_error_set(err, err->kind, err->code, "%s: %s", buf_text(&where), text);
    }
    return lf_error_set(
        err, LF_DATA, err->code,
        "%s is damaged (%.400s); it is never overwritten. Put a good copy in its place (the newest file "
        "of _lakefeed/commits is one), or choose another folder or prefix for the lake",
        buf_text(&where), text);
}

/* model.json may be replaced while it is read. A driver with readers gives the bytes of one version; what was parsed otherwise
 * counts only if the ETag is the same before and after. *ret_changed: it was replaced meanwhile, read it again. */
static bool read_head(struct lake *lake, struct model **ret_model, char ret_etag[LAKE_ETAG_SIZE], bool *ret_changed,
                      struct lf_error *err)
{
    const bool pinned = lake->ops->reader_open != NULL;
    struct lake_stat before = {0};
    struct lake_stat after;
    struct lf_error failure;
    CLEANUP(model_free) struct model *model = NULL;
    CLEANUP(lake_input_done) struct lake_input input = {.lake = lake, .path = LAKE_PATH_MODEL};
    TRY(pinned || lake->ops->stat(lake, LAKE_PATH_MODEL, &before, err));
    const bool parsed = model_parse(next_bytes, &input, &model, err);
    const char *etag = pinned ? input.etag : before.etag;
    const bool certain = pinned && (parsed || err->kind != LF_TRANSIENT || etag[0] == '\0');
    if (!certain && !lake->ops->stat(lake, LAKE_PATH_MODEL, &after, &failure)) {
        *err = failure;
        return false;
    }
    *ret_changed = !certain && strcmp(etag, after.etag) != 0;
    if (*ret_changed) {
        return true;
    }
    if (!parsed) {
        return err->kind != LF_NOT_FOUND && explain_head(lake, err);
    }
    memcpy(ret_etag, etag, LAKE_ETAG_SIZE);
    *ret_model = model;
    model = NULL;
    return true;
}

bool commit_read_head(struct lake *lake, struct model **ret_model, char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err)
{
    for (int i = 0; i < READ_TRIES; i++) {
        bool changed = false;
        TRY(read_head(lake, ret_model, ret_etag, &changed, err));
        if (!changed) {
            return true;
        }
    }
    return lf_error_set(err, LF_TRANSIENT, 0, "%s changed each of the %d times that it was read", LAKE_PATH_MODEL,
                        READ_TRIES);
}

bool document_read_record(struct committer *committer, uint64_t commit, const char *commit_id, struct model **ret_model,
                          struct lf_error *err)
{
    CLEANUP(buf_done) struct buf path = {0};
    CLEANUP(model_free) struct model *model = NULL;
    lake_path_commit(commit, commit_id, &path);
    TRY(parse_model_at(committer, buf_text(&path), &model, err));
    if (model->commit != commit || strcmp(model->commit_id, commit_id) != 0) {
        return lf_error_set(err, LF_DATA, 0, "%s holds another commit than its name says", buf_text(&path));
    }
    *ret_model = model;
    model = NULL;
    return true;
}

static bool read_checked(struct committer *committer, const char *path, const char *sha256, struct buf *out,
                         struct lf_error *err)
{
    char hex[SHA256_HEX_SIZE];
    TRY(lake_read_all(committer->lake, path, DOCUMENT_MAX - 1, out, NULL, err));
    sha256_of(buf_text(out), out->len, hex);
    return strcmp(hex, sha256) == 0 ||
           lf_error_set(err, LF_DATA, 0, "%s: the content does not have the hash that was committed", path);
}

bool document_read_load(struct committer *committer, const char *path, const char *sha256, struct model_load **ret_load,
                        struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    TRY(read_checked(committer, path, sha256, &text, err));
    return model_load_parse(text.ptr, text.len, ret_load, err) || lf_error_wrap(err, "%s", path);
}

bool document_read_quarantine(struct committer *committer, const struct model_entity *entity,
                              struct quarantine **ret_quarantine, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(quarantine_free) struct quarantine *quarantine = NULL;
    const char *path = entity->quarantine_path;
    TRY(read_checked(committer, path, entity->quarantine_sha256, &text, err));
    if (!quarantine_parse(buf_text(&text), text.len, entity->load_id,
                          entity->load != NULL ? entity->load->load_id : NULL, &quarantine, err)) {
        return lf_error_wrap(err, "%s", path);
    }
    if (quarantine_rows(quarantine) != entity->quarantine_rows) {
        return lf_error_set(err, LF_DATA, 0, "%s does not have as many lines as were committed", path);
    }
    *ret_quarantine = quarantine;
    quarantine = NULL;
    return true;
}

bool document_read_history(struct committer *committer, const char *path, const char *sha256,
                           struct history **ret_history, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    TRY(read_checked(committer, path, sha256, &text, err));
    return history_parse(text.ptr, text.len, ret_history, err) || lf_error_wrap(err, "%s", path);
}

bool document_is_lost(const struct lf_error *err)
{
    return err->kind == LF_NOT_FOUND || err->kind == LF_DATA || err->kind == LF_CONFIG || err->kind == LF_LIMIT ||
           err->kind == LF_UNSUPPORTED;
}

/* --- writing --- */

void document_close(struct lake_content *content)
{
    fd_close(&content->fd);
}

struct model_sink {
    int fd;
    uint64_t bytes;
    struct sha256 *hash;
    const char *name;
};

static bool drain_model(void *context, struct buf *text, struct lf_error *err)
{
    struct model_sink *sink = context;
    TRY(file_write_all(sink->fd, text->ptr, text->len, sink->name, err));
    sha256_update(sink->hash, text->ptr, text->len);
    sink->bytes += text->len;
    buf_reset(text);
    return true;
}

bool document_from_model(struct committer *committer, const struct model *model, struct lake_content *ret_content,
                         char ret_hex[SHA256_HEX_SIZE], struct lf_error *err)
{
    CLEANUP(fd_close) int fd = -1;
    CLEANUP(sha256_free) struct sha256 *hash = sha256_new();
    TRY(file_open_temp(committer->scratch_folder, &fd, err));
    struct model_sink sink = {.fd = fd, .hash = hash, .name = committer->scratch_folder};
    TRY(model_print(model, drain_model, &sink, err));
    sha256_finish(hash, ret_hex);
    *ret_content = (struct lake_content){.fd = fd, .bytes = sink.bytes, .sha256 = ret_hex, .id = model->commit_id};
    fd = -1;
    return true;
}

static bool hash_object(struct committer *committer, const char *path, char ret_hex[SHA256_HEX_SIZE],
                        struct lf_error *err)
{
    CLEANUP(sha256_free) struct sha256 *hash = sha256_new();
    CLEANUP(lake_input_done) struct lake_input input = {.lake = committer->lake, .path = path};
    char block[BLOCK_BYTES];
    size_t len = sizeof block;
    while (len == sizeof block) {
        TRY(lake_input_read(&input, block, sizeof block, &len, err));
        sha256_update(hash, block, len);
    }
    sha256_finish(hash, ret_hex);
    return true;
}

bool document_put(struct committer *committer, const char *path, const struct lake_content *content,
                  struct lf_error *err)
{
    struct lake *lake = committer->lake;
    int64_t delay_ms = 0;
    for (int i = 0; i < PUT_TRIES; i++) {
        if (lake->ops->put_if_absent(lake, path, content, err)) {
            return true;
        }
        if (err->kind != LF_CONFLICT && err->kind != LF_TRANSIENT && err->kind != LF_THROTTLED) {
            return false;
        }
        char hex[SHA256_HEX_SIZE];
        struct lf_error failure;
        if (hash_object(committer, path, hex, &failure) && strcmp(hex, content->sha256) == 0) {
            return true;
        }
        if (!committer_wait(committer, &delay_ms, err->retry_after_ms)) {
            return lf_error_set(err, LF_CANCELLED, 0, "stopped while writing %s", path);
        }
    }
    return false;
}

bool document_put_text(struct committer *committer, const char *path, const struct buf *text,
                       char ret_hex[SHA256_HEX_SIZE], struct lf_error *err)
{
    CLEANUP(document_close) struct lake_content content = {.fd = -1};
    TRY(lake_content_from_buf(committer->scratch_folder, text, &content, ret_hex, err));
    return document_put(committer, path, &content, err);
}
