/* SPDX-License-Identifier: Apache-2.0 */
#include "cdm/history.h"

#include "base/macros.h"
#include "cdm/check.h"
#include "cdm/field.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const root_members[] = {"format", "records", "files"};
static const char *const record_members[] = {"commit", "commitId", "replaced", "dropped"};
static const char *const file_members[] = {"path", "since", "until", "replaced", "expired"};

void history_free(struct history **history)
{
    struct history *old = *history;
    if (old == NULL) {
        return;
    }
    for (size_t i = 0; i < old->nrecords; i++) {
        text_free(&old->records[i].commit_id);
    }
    for (size_t i = 0; i < old->nfiles; i++) {
        text_free(&old->files[i].path);
    }
    free(old->records);
    free(old->files);
    free(old);
    *history = NULL;
}

struct history *history_copy(const struct history *history)
{
    struct history *copy = mem_new(1, sizeof *copy);
    *copy = *history;
    copy->records = history->nrecords > 0 ? mem_new(history->nrecords, sizeof *copy->records) : NULL;
    copy->files = history->nfiles > 0 ? mem_new(history->nfiles, sizeof *copy->files) : NULL;
    for (size_t i = 0; i < history->nrecords; i++) {
        copy->records[i] = history->records[i];
        copy->records[i].commit_id = text_copy(history->records[i].commit_id);
    }
    for (size_t i = 0; i < history->nfiles; i++) {
        copy->files[i] = history->files[i];
        copy->files[i].path = text_copy(history->files[i].path);
    }
    return copy;
}

void history_add_record(struct history *history, uint64_t commit, const char *commit_id)
{
    assert(history->nrecords == 0 || history->records[history->nrecords - 1].commit < commit);
    history->records = mem_resize(history->records, history->nrecords + 1, sizeof *history->records);
    history->records[history->nrecords++] =
        (struct history_record){.commit = commit, .commit_id = text_copy(commit_id)};
}

void history_add_file(struct history *history, const char *path, uint64_t since, uint64_t until, int64_t replaced_ms)
{
    history->files = mem_resize(history->files, history->nfiles + 1, sizeof *history->files);
    history->files[history->nfiles++] =
        (struct history_file){.path = text_copy(path), .since = since, .until = until, .replaced_ms = replaced_ms};
}

/* --- what always holds --- */

static bool check_records(const struct history *history, enum lf_error_kind kind, struct lf_error *err)
{
    uint64_t last = 0;
    for (size_t i = 0; i < history->nrecords; i++) {
        const struct history_record *record = &history->records[i];
        const unsigned long long number = record->commit;
        if (record->commit <= last || !check_id(record->commit_id)) {
            return lf_error_set(
                err, kind, 0, "record %zu: commit %llu is not above the one before, or its id is not valid", i, number);
        }
        if (record->replaced_ms == 0 && (i + 1 < history->nrecords || record->dropped)) {
            return lf_error_set(err, kind, 0, "record %zu: commit %llu has no time of its replacement", i, number);
        }
        last = record->commit;
    }
    return true;
}

static bool check_history(const struct history *history, enum lf_error_kind kind, struct lf_error *err)
{
    TRY(check_records(history, kind, err));
    for (size_t i = 0; i < history->nfiles; i++) {
        const struct history_file *file = &history->files[i];
        if (!check_path(file->path)) {
            return lf_error_set(err, kind, 0, "file %zu: the path is not a relative one without \"..\"", i);
        }
        if (file->since == 0 || file->since > file->until) {
            return lf_error_set(err, kind, 0, "file %.200s: since is 0 or above until", file->path);
        }
    }
    return true;
}

/* --- text --- */

static void write_flag(struct json_writer *writer, const char *key, bool value)
{
    if (value) {
        json_write_key(writer, key);
        json_write_bool(writer, true);
    }
}

static void print_record(struct json_writer *writer, const struct history_record *record)
{
    json_begin_object(writer);
    write_u64(writer, record_members[0], record->commit);
    write_text(writer, record_members[1], record->commit_id);
    if (record->replaced_ms != 0) {
        write_time_ms(writer, record_members[2], record->replaced_ms);
    }
    write_flag(writer, record_members[3], record->dropped);
    json_end_object(writer);
}

static void print_file(struct json_writer *writer, const struct history_file *file)
{
    json_begin_object(writer);
    write_text(writer, file_members[0], file->path);
    write_u64(writer, file_members[1], file->since);
    write_u64(writer, file_members[2], file->until);
    write_time_ms(writer, file_members[3], file->replaced_ms);
    write_flag(writer, file_members[4], file->expired);
    json_end_object(writer);
}

bool history_print(const struct history *history, struct buf *out, struct lf_error *err)
{
    if (!check_history(history, LF_INTERNAL, err)) {
        return lf_error_wrap(err, "history");
    }
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(out, false);
    json_begin_object(writer);
    json_write_key(writer, root_members[0]);
    json_write_int(writer, MODEL_FORMAT);
    json_write_key(writer, root_members[1]);
    json_begin_array(writer);
    for (size_t i = 0; i < history->nrecords; i++) {
        print_record(writer, &history->records[i]);
    }
    json_end_array(writer);
    json_write_key(writer, root_members[2]);
    json_begin_array(writer);
    for (size_t i = 0; i < history->nfiles; i++) {
        print_file(writer, &history->files[i]);
    }
    json_end_array(writer);
    json_end_object(writer);
    TRY(json_writer_finish(writer, err));
    return buf_check(out, "history", err);
}

/* An absent flag is false. */
static bool parse_flag(const struct json *value, const char *what, bool *ret_flag, struct lf_error *err)
{
    return value == NULL || json_bool(value, ret_flag) || lf_error_set(err, LF_DATA, 0, "%s is not a boolean", what);
}

static bool parse_record(const struct json *object, struct history_record *record, struct lf_error *err)
{
    const struct json *members[ARRAY_LEN(record_members)];
    TRY(field_members(object, record_members, ARRAY_LEN(record_members), members, err));
    TRY(field_u64(json_text(members[0]), record_members[0], &record->commit, err));
    TRY(field_text(json_text(members[1]), record_members[1], &record->commit_id, err));
    if (members[2] != NULL) {
        TRY(field_time_ms(json_text(members[2]), record_members[2], &record->replaced_ms, err));
    }
    return parse_flag(members[3], record_members[3], &record->dropped, err);
}

static bool parse_file(const struct json *object, struct history_file *file, struct lf_error *err)
{
    const struct json *members[ARRAY_LEN(file_members)];
    TRY(field_members(object, file_members, ARRAY_LEN(file_members), members, err));
    TRY(field_text(json_text(members[0]), file_members[0], &file->path, err));
    TRY(field_u64(json_text(members[1]), file_members[1], &file->since, err));
    TRY(field_u64(json_text(members[2]), file_members[2], &file->until, err));
    TRY(field_time_ms(json_text(members[3]), file_members[3], &file->replaced_ms, err));
    return parse_flag(members[4], file_members[4], &file->expired, err);
}

static bool parse_records(const struct json *list, struct history *history, struct lf_error *err)
{
    TRY(field_is_list(list, root_members[1], err));
    const size_t count = field_count(list);
    if (count == 0) {
        return true;
    }
    history->records = mem_new(count, sizeof *history->records);
    for (const struct json *object = json_first(list); object != NULL; object = json_next(object)) {
        if (!parse_record(object, &history->records[history->nrecords++], err)) {
            return lf_error_wrap(err, "record %zu", history->nrecords - 1);
        }
    }
    return true;
}

static bool parse_files(const struct json *list, struct history *history, struct lf_error *err)
{
    TRY(field_is_list(list, root_members[2], err));
    const size_t count = field_count(list);
    if (count == 0) {
        return true;
    }
    history->files = mem_new(count, sizeof *history->files);
    for (const struct json *object = json_first(list); object != NULL; object = json_next(object)) {
        if (!parse_file(object, &history->files[history->nfiles++], err)) {
            return lf_error_wrap(err, "file %zu", history->nfiles - 1);
        }
    }
    return true;
}

static bool parse_history(const struct json *root, struct history *history, struct lf_error *err)
{
    const struct json *members[ARRAY_LEN(root_members)];
    TRY(field_format(json_member(root, root_members[0]), err));
    TRY(field_members(root, root_members, ARRAY_LEN(root_members), members, err));
    TRY(parse_records(members[1], history, err));
    TRY(parse_files(members[2], history, err));
    return check_history(history, LF_DATA, err);
}

bool history_parse(const char *text, size_t len, struct history **ret_history, struct lf_error *err)
{
    CLEANUP(json_free) struct json *root = NULL;
    TRY(json_parse("history", text, len, &root, err));
    CLEANUP(history_free) struct history *history = mem_new(1, sizeof *history);
    if (!parse_history(root, history, err)) {
        return lf_error_wrap(err, "history");
    }
    *ret_history = history;
    history = NULL;
    return true;
}
