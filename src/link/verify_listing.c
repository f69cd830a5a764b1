/* SPDX-License-Identifier: Apache-2.0 */
#include "link/verify_internal.h"

#include "base/crypto.h"
#include "base/macros.h"

#include <string.h>

static bool read_file(const struct verify_range *range, struct quarantine **ret_listing, struct lf_error *err)
{
    const struct model_entity *entity = range->entity;
    CLEANUP(buf_done) struct buf text = {0};
    char hex[SHA256_HEX_SIZE];
    TRY(lake_read_all(range->verify->options->lake, entity->quarantine_path, BUF_MAX_DEFAULT - 1, &text, NULL, err));
    sha256_of(buf_text(&text), text.len, hex);
    if (strcmp(hex, entity->quarantine_sha256) != 0) {
        return lf_error_set(err, LF_DATA, 0, "%s is not what the commit says; the file was altered",
                            entity->quarantine_path);
    }
    return quarantine_parse(buf_text(&text), text.len, entity->load_id, NULL, ret_listing, err);
}

static bool report_damage(struct verify_range *range, bool *ret_stale, struct lf_error *err)
{
    struct lf_error damage = *err;
    if (damage.kind != LF_DATA && damage.kind != LF_LIMIT && damage.kind != LF_NOT_FOUND) {
        return false;
    }
    TRY(damage.kind != LF_NOT_FOUND || verify_model_moved(range->verify, ret_stale, err));
    if (!*ret_stale) {
        verify_add_file(range->verify, range->job->result, range->entity->quarantine_path, damage.msg);
    }
    return true;
}

bool verify_listing_read(struct verify_range *range, bool *ret_stale, struct lf_error *err)
{
    struct verify *verify = range->verify;
    const char *path = range->entity->quarantine_path;
    *ret_stale = false;
    if (path != NULL && verify->listing_path != NULL && strcmp(path, verify->listing_path) == 0) {
        return true;
    }
    quarantine_free(&verify->listing);
    text_free(&verify->listing_path);
    if (path == NULL) {
        return true;
    }
    verify->listing_path = text_copy(path);
    if (read_file(range, &verify->listing, err)) {
        return true;
    }
    text_free(&verify->listing_path);
    return report_damage(range, ret_stale, err);
}

bool verify_listing_has(const struct verify *verify, struct lf_slice key)
{
    const struct quarantine_list *list = verify->listing != NULL ? &verify->listing->settled : NULL;
    size_t at = list != NULL ? quarantine_list_seek(list, key) : 0;
    return list != NULL && at < list->count && slice_equal(model_bytes_slice(&list->rows[at].key), key);
}
