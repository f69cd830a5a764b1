/* SPDX-License-Identifier: Apache-2.0 */
#include "commit/control.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/macros.h"
#include "lake/path.h"

#define TEXT_MAX_BYTES ((size_t)64 << 10)

void lake_control_done(struct lake_control *control)
{
    text_free(&control->reason);
}

static bool parse(const struct buf *text, struct lake_control *ret, struct lf_error *err)
{
    CLEANUP(json_free) struct json *root = NULL;
    int64_t since_ms = 0;
    bool enabled = false;
    TRY(json_parse(LAKE_PATH_CONTROL, buf_text(text), text->len, &root, err));
    if (!json_bool(json_member(root, "enabled"), &enabled) || !json_int(json_member(root, "sinceMs"), &since_ms)) {
        return lf_error_set(err, LF_DATA, 0,
                            "%s does not say whether the link is enabled; remove it, or run lakefeed enable",
                            LAKE_PATH_CONTROL);
    }
    *ret = (struct lake_control){
        .enabled = enabled, .since_ms = since_ms, .reason = text_copy(json_text(json_member(root, "reason")))};
    return true;
}

static bool read_text(struct lake *lake, struct buf *text, char *ret_etag, bool *ret_found, struct lf_error *err)
{
    *ret_found = lake_read_all(lake, LAKE_PATH_CONTROL, TEXT_MAX_BYTES, text, ret_etag, err);
    return *ret_found || err->kind == LF_NOT_FOUND;
}

bool lake_control_read(struct lake *lake, struct lake_control *ret_control, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    bool found = false;
    TRY(read_text(lake, &text, NULL, &found, err));
    if (!found) {
        *ret_control = (struct lake_control){.enabled = true};
        return true;
    }
    return parse(&text, ret_control, err);
}

static bool print(const struct lake_control *control, struct buf *out, struct lf_error *err)
{
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(out, /* indent= */ true);
    char since[CLOCK_TEXT_SIZE];
    clock_format_iso(control->since_ms, since);
    json_begin_object(writer);
    json_write_key(writer, "enabled");
    json_write_bool(writer, control->enabled);
    if (control->reason != NULL) {
        json_write_key(writer, "reason");
        json_write_text(writer, control->reason);
    }
    json_write_key(writer, "since");
    json_write_text(writer, since);
    json_write_key(writer, "sinceMs");
    json_write_int(writer, control->since_ms);
    json_end_object(writer);
    return json_writer_finish(writer, err);
}

bool lake_control_write(struct lake *lake, const char *folder, const struct lake_control *control, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf old = {0};
    CLEANUP(buf_done) struct buf text = {0};
    struct lake_content content = {.fd = -1};
    char hex[65], etag[LAKE_ETAG_SIZE], new_etag[LAKE_ETAG_SIZE];
    bool found = false;
    TRY(print(control, &text, err));
    TRY(read_text(lake, &old, etag, &found, err));
    TRY(lake_content_from_buf(folder, &text, &content, hex, err));
    bool written = lake->ops->put_if_match(lake, LAKE_PATH_CONTROL, found ? etag : NULL, &content, new_etag, err);
    fd_close(&content.fd);
    return written;
}
