/* SPDX-License-Identifier: Apache-2.0 */
#include "cdm/quarantine.h"

#include "base/macros.h"
#include "cdm/field.h"
#include "data/bad_row.h"

#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

bool quarantine_list_add(struct quarantine_list *list, struct lf_slice key, struct lf_slice note, uint64_t since,
                         struct lf_error *err)
{
    if (list->count >= BAD_ROWS_MAX || list->bytes + key.len + note.len > BAD_ROWS_BYTES_MAX) {
        return lf_error_set(
            err, LF_LIMIT, 0,
            "more rows than quarantine may hold cannot be taken (%zu rows, %zu MiB of notes); correct the "
            "values, give the column another type, or choose another on_bad_text or on_bad_row",
            BAD_ROWS_MAX, BAD_ROWS_BYTES_MAX >> 20);
    }
    mem_grow(&list->rows, &list->size, list->count + 1, sizeof *list->rows);
    list->rows[list->count++] = (struct quarantine_row){
        .key = model_bytes_copy(key.ptr, key.len), .note = model_bytes_copy(note.ptr, note.len), .since = since};
    list->bytes += key.len + note.len;
    return true;
}

void quarantine_list_done(struct quarantine_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        model_bytes_done(&list->rows[i].key);
        model_bytes_done(&list->rows[i].note);
    }
    free(list->rows);
    *list = (struct quarantine_list){0};
}

size_t quarantine_list_seek(const struct quarantine_list *list, struct lf_slice key)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slice_compare(model_bytes_slice(&list->rows[middle].key), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct quarantine *quarantine_new(struct quarantine_list *settled, struct quarantine_list *loading)
{
    struct quarantine *quarantine = NULL;
    if (settled->count > 0 || loading->count > 0) {
        quarantine = mem_new(1, sizeof *quarantine);
        *quarantine = (struct quarantine){.users = 1, .settled = *settled, .loading = *loading};
        *settled = *loading = (struct quarantine_list){0};
    }
    return quarantine;
}

struct quarantine *quarantine_share(struct quarantine *quarantine)
{
    if (quarantine != NULL) {
        quarantine->users++;
    }
    return quarantine;
}

void quarantine_free(struct quarantine **quarantine)
{
    struct quarantine *old = *quarantine;
    *quarantine = NULL;
    if (old == NULL || --old->users > 0) {
        return;
    }
    quarantine_list_done(&old->settled);
    quarantine_list_done(&old->loading);
    free(old);
}

uint64_t quarantine_rows(const struct quarantine *quarantine)
{
    return quarantine == NULL ? 0 : quarantine->settled.count + quarantine->loading.count;
}

/* ---- printing ---- */

static void write_slice(struct json_writer *writer, const char *key, struct lf_slice text)
{
    json_write_key(writer, key);
    json_write_text_len(writer, text.ptr, text.len);
}

static void write_key_cells(struct json_writer *writer, struct lf_slice list)
{
    struct lf_slice cell;
    json_write_key(writer, "key");
    json_begin_array(writer);
    while (bad_row_next_key(&list, &cell)) {
        json_write_text_len(writer, cell.len > 0 ? cell.ptr : "", cell.len);
    }
    json_end_array(writer);
}

static bool print_row(const struct quarantine_row *row, const char *load_id, struct buf *out, struct lf_error *err)
{
    struct bad_row bad;
    char start[2 * BAD_ROW_START_MAX + 1] = "";
    if (!bad_row_read(model_bytes_slice(&row->note), &bad) || load_id == NULL || row->since == 0) {
        return lf_error_set(err, LF_INTERNAL, 0, "a quarantined row has no note, load or commit");
    }
    for (size_t i = 0; i < bad.start.len; i++) {
        (void)snprintf(start + 2 * i, 3, "%02x", ((const unsigned char *)bad.start.ptr)[i]);
    }
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(out, false);
    json_begin_object(writer);
    write_text(writer, "load", load_id);
    write_bytes(writer, "keyBytes", &row->key);
    write_key_cells(writer, bad.key);
    write_slice(writer, "column", bad.column);
    write_u64(writer, "columnId", bad.column_id);
    write_text(writer, "kind", lf_error_kind_name(bad.kind));
    write_slice(writer, "reason", bad.reason);
    write_u64(writer, "since", row->since);
    write_text(writer, "valueStart", start);
    json_end_object(writer);
    TRY(json_writer_finish(writer, err));
    buf_append_char(out, '\n');
    return buf_check(out, "quarantine", err);
}

static bool print_list(const struct quarantine_list *list, const char *load_id, struct buf *out, struct lf_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        TRY(print_row(&list->rows[i], load_id, out, err));
    }
    return true;
}

bool quarantine_print(const struct quarantine *quarantine, const char *load_id, const char *loading_id, struct buf *out,
                      struct lf_error *err)
{
    return print_list(&quarantine->settled, load_id, out, err) &&
           print_list(&quarantine->loading, loading_id, out, err);
}

/* ---- parsing ---- */

enum member {
    MEMBER_LOAD,
    MEMBER_KEY_BYTES,
    MEMBER_KEY,
    MEMBER_COLUMN,
    MEMBER_COLUMN_ID,
    MEMBER_KIND,
    MEMBER_REASON,
    MEMBER_SINCE,
    MEMBER_START,
    MEMBERS
};

static const char *const member_names[] = {"load", "keyBytes", "key",   "column",    "columnId",
                                           "kind", "reason",   "since", "valueStart"};

struct parts {
    struct model_bytes key;
    struct buf list, note;
};

static void parts_done(struct parts *parts)
{
    model_bytes_done(&parts->key);
    buf_done(&parts->list);
    buf_done(&parts->note);
}

static bool parse_key_cells(const struct json *list, struct buf *out, struct lf_error *err)
{
    TRY(field_is_list(list, member_names[MEMBER_KEY], err));
    for (const struct json *cell = json_first(list); cell != NULL; cell = json_next(cell)) {
        const char *text = json_text(cell);
        if (text == NULL) {
            return lf_error_set(err, LF_DATA, 0, "a key cell is not text");
        }
        bad_row_append_key(out, slice_of_text(text));
    }
    return true;
}

static bool parse_start(const char *hex, unsigned char ret_start[BAD_ROW_START_MAX], size_t *ret_len,
                        struct lf_error *err)
{
    size_t len = hex == NULL ? 1 : strlen(hex);
    if (len % 2 != 0 || len / 2 > BAD_ROW_START_MAX || strspn(hex, "0123456789abcdef") != len) {
        return lf_error_set(err, LF_DATA, 0, "valueStart is not the hex of at most %zu bytes", BAD_ROW_START_MAX);
    }
    for (size_t i = 0; i < len / 2; i++) {
        const char digits[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        ret_start[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    *ret_len = len / 2;
    return true;
}

static bool parse_note(const struct json *const *members, struct parts *parts, struct lf_error *err)
{
    unsigned char start[BAD_ROW_START_MAX];
    struct bad_row bad = {.start.ptr = start};
    const char *column = json_text(members[MEMBER_COLUMN]);
    const char *kind = json_text(members[MEMBER_KIND]);
    const char *reason = json_text(members[MEMBER_REASON]);
    TRY(parse_key_cells(members[MEMBER_KEY], &parts->list, err));
    TRY(parse_start(json_text(members[MEMBER_START]), start, &bad.start.len, err));
    TRY(field_u32(json_text(members[MEMBER_COLUMN_ID]), member_names[MEMBER_COLUMN_ID], &bad.column_id, err));
    bool limit = kind != NULL && strcmp(kind, lf_error_kind_name(LF_LIMIT)) == 0;
    if (column == NULL || reason == NULL || kind == NULL ||
        (!limit && strcmp(kind, lf_error_kind_name(LF_DATA)) != 0)) {
        return lf_error_set(err, LF_DATA, 0, "column, kind or reason is missing or not valid");
    }
    bad.kind = limit ? LF_LIMIT : LF_DATA;
    bad.column = slice_of_text(column);
    bad.reason = slice_of_text(reason);
    bad.key = buf_slice(&parts->list);
    bad_row_append(&parts->note, &bad);
    return buf_check(&parts->note, "note", err);
}

static bool add_parsed(struct quarantine_list *list, const struct parts *parts, uint64_t since, struct lf_error *err)
{
    struct lf_slice key = model_bytes_slice(&parts->key);
    if (since == 0 ||
        (list->count > 0 && slice_compare(model_bytes_slice(&list->rows[list->count - 1].key), key) >= 0)) {
        return lf_error_set(err, LF_DATA, 0, "the key is not above the one before, or since is 0");
    }
    return quarantine_list_add(list, key, buf_slice(&parts->note), since, err);
}

static bool parse_row(const char *line, size_t len, const char *load_id, const char *loading_id,
                      struct quarantine *quarantine, struct lf_error *err)
{
    CLEANUP(json_free) struct json *root = NULL;
    CLEANUP(parts_done) struct parts parts = {0};
    const struct json *members[MEMBERS];
    uint64_t since = 0;
    TRY(json_parse("quarantine", line, len, &root, err));
    TRY(field_members(root, member_names, MEMBERS, members, err));
    TRY(field_bytes(json_text(members[MEMBER_KEY_BYTES]), member_names[MEMBER_KEY_BYTES], &parts.key, err));
    TRY(field_u64(json_text(members[MEMBER_SINCE]), member_names[MEMBER_SINCE], &since, err));
    TRY(parse_note(members, &parts, err));
    const char *load = json_text(members[MEMBER_LOAD]);
    if (load != NULL && load_id != NULL && strcmp(load, load_id) == 0 && quarantine->loading.count == 0) {
        return add_parsed(&quarantine->settled, &parts, since, err);
    }
    if (load != NULL && loading_id != NULL && strcmp(load, loading_id) == 0) {
        return add_parsed(&quarantine->loading, &parts, since, err);
    }
    return lf_error_set(err, LF_DATA, 0, "load is not that of the entity, or not in order");
}

bool quarantine_parse(const char *text, size_t len, const char *load_id, const char *loading_id,
                      struct quarantine **ret_quarantine, struct lf_error *err)
{
    CLEANUP(quarantine_free) struct quarantine *quarantine = mem_new(1, sizeof *quarantine);
    quarantine->users = 1;
    size_t number = 1;
    for (const char *at = text, *end = text + len; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) {
            return lf_error_set(err, LF_DATA, 0, "line %zu has no end", number);
        }
        if (!parse_row(at, (size_t)(stop - at), load_id, loading_id, quarantine, err)) {
            return lf_error_wrap(err, "line %zu", number);
        }
        at = stop + 1;
    }
    *ret_quarantine = quarantine;
    quarantine = NULL;
    return true;
}
