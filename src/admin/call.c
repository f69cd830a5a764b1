/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/call.h"

#include "base/json.h"
#include "base/macros.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "/v1/"
#define LINKS "links/"

struct operation_row {
    const char *name, *method;
    bool of_link;
};

static const struct operation_row rows[ADMIN_OPERATION_COUNT] = {
#define OPERATION_ROW(name, method, of_link, meaning) {#name, #method, of_link},
    ADMIN_OPERATIONS(OPERATION_ROW)
#undef OPERATION_ROW
};

const char *admin_operation_name(enum admin_operation operation)
{
    return rows[operation].name;
}

bool admin_operation_is_of_link(enum admin_operation operation)
{
    return rows[operation].of_link;
}

bool admin_operation_is_change(enum admin_operation operation)
{
    return strcmp(rows[operation].method, "POST") == 0;
}

void admin_call_done(struct admin_call *call)
{
    for (size_t i = 0; i < call->nentities; i++) {
        free(call->entities[i]);
    }
    free(call->entities);
    text_free(&call->link);
    text_free(&call->reason);
    *call = (struct admin_call){0};
}

void admin_answer_done(struct admin_answer *answer)
{
    buf_done(&answer->json);
}

void admin_call_add_entity(struct admin_call *call, const char *entity)
{
    call->entities = mem_resize(call->entities, call->nentities + 1, sizeof *call->entities);
    call->entities[call->nentities++] = text_copy(entity);
}

/* ---- reading ---- */

static bool find_operation(const char *name, bool of_link, enum admin_operation *ret)
{
    for (size_t i = 0; i < ADMIN_OPERATION_COUNT; i++) {
        if (rows[i].of_link == of_link && strcmp(rows[i].name, name) == 0) {
            *ret = (enum admin_operation)i;
            return true;
        }
    }
    return false;
}

/* Names of links need no percent-encoding: they are made of letters, digits, '_' and '-'. */
static bool parse_path(const char *path, struct admin_call *call, struct lf_error *err)
{
    const char *at = path + sizeof PREFIX - 1;
    if (strncmp(path, PREFIX, sizeof PREFIX - 1) != 0) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "there is nothing at %s; paths begin with %s", path, PREFIX);
    }
    const char *link = strncmp(at, LINKS, sizeof LINKS - 1) == 0 ? at + sizeof LINKS - 1 : NULL;
    if (link != NULL) {
        size_t len = strcspn(link, "/");
        call->link = text_copy_len(link, len);
        at = link[len] == '/' ? link + len + 1 : "";
    }
    return find_operation(at, link != NULL, &call->operation) ||
           lf_error_set(err, LF_NOT_FOUND, 0, "there is no operation at %s", path);
}

static void split_entities(const char *list, struct admin_call *call)
{
    while (list != NULL && *list != '\0') {
        size_t len = strcspn(list, ",");
        CLEANUP(text_free) char *entity = text_copy_len(list, len);
        admin_call_add_entity(call, entity);
        list += len + (list[len] == ',' ? 1 : 0);
    }
}

static bool read_entities(const struct json *list, struct admin_call *call, struct lf_error *err)
{
    if (!json_is_array(list)) {
        return lf_error_set(err, LF_CONFIG, 0, "\"entities\" must be a list of names");
    }
    for (const struct json *item = json_first(list); item != NULL; item = json_next(item)) {
        if (json_text(item) == NULL) {
            return lf_error_set(err, LF_CONFIG, 0, "\"entities\" must be a list of names");
        }
        admin_call_add_entity(call, json_text(item));
    }
    return true;
}

static bool read_flag(const struct json *value, bool *ret, struct lf_error *err)
{
    return json_bool(value, ret) || lf_error_set(err, LF_CONFIG, 0, "\"%s\" must be true or false", json_name(value));
}

static bool read_member(const struct json *member, struct admin_call *call, struct lf_error *err)
{
    const char *name = json_name(member);
    if (strcmp(name, "entities") == 0) {
        return read_entities(member, call, err);
    }
    if (strcmp(name, "reason") == 0) {
        text_free(&call->reason);
        call->reason = text_copy(json_text(member));
        return call->reason != NULL || lf_error_set(err, LF_CONFIG, 0, "\"reason\" must be text");
    }
    if (strcmp(name, "purge") == 0) {
        return read_flag(member, &call->purge, err);
    }
    if (strcmp(name, "preview") == 0) {
        return read_flag(member, &call->preview, err);
    }
    if (strcmp(name, "takeover") == 0) {
        return read_flag(member, &call->takeover, err);
    }
    return lf_error_set(err, LF_CONFIG, 0,
                        "there is no member \"%.64s\"; there are entities, reason, purge, preview, takeover", name);
}

static bool parse_body(struct lf_slice body, struct admin_call *call, struct lf_error *err)
{
    CLEANUP(json_free) struct json *root = NULL;
    if (body.len == 0) {
        return true;
    }
    if (!json_parse("the body", body.ptr, body.len, &root, err)) {
        err->kind = LF_CONFIG;
        return false;
    }
    if (!json_is_object(root)) {
        return lf_error_set(err, LF_CONFIG, 0, "the body must be a JSON object");
    }
    for (const struct json *member = json_first(root); member != NULL; member = json_next(member)) {
        TRY(read_member(member, call, err));
    }
    return true;
}

static bool parse(const struct admin_request *request, struct admin_call *call, struct lf_error *err)
{
    TRY(parse_path(request->path, call, err));
    const struct operation_row *row = &rows[call->operation];
    if (strcmp(row->method, request->method) != 0) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "%s takes %s, not %.16s", row->name, row->method, request->method);
    }
    split_entities(request->entities, call);
    return parse_body(request->body, call, err);
}

bool admin_call_parse(const struct admin_request *request, struct admin_call *ret_call, struct lf_error *err)
{
    CLEANUP(admin_call_done) struct admin_call call = {0};
    TRY(parse(request, &call, err));
    *ret_call = call;
    call = (struct admin_call){0};
    return true;
}

/* ---- writing ---- */

static void print_encoded(const char *text, struct buf *out)
{
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
        if (plain) {
            buf_append_char(out, *text);
        } else {
            buf_printf(out, "%%%02X", (unsigned)c);
        }
    }
}

static void write_flag(struct json_writer *writer, const char *name, bool value)
{
    if (value) {
        json_write_key(writer, name);
        json_write_bool(writer, true);
    }
}

static void print_body(const struct admin_call *call, struct buf *out)
{
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(out, /* indent= */ false);
    json_begin_object(writer);
    if (call->nentities > 0) {
        json_write_key(writer, "entities");
        json_begin_array(writer);
        for (size_t i = 0; i < call->nentities; i++) {
            json_write_text(writer, call->entities[i]);
        }
        json_end_array(writer);
    }
    if (call->reason != NULL) {
        json_write_key(writer, "reason");
        json_write_text(writer, call->reason);
    }
    write_flag(writer, "purge", call->purge);
    write_flag(writer, "preview", call->preview);
    write_flag(writer, "takeover", call->takeover);
    json_end_object(writer);
}

static void print_query(const struct admin_call *call, struct buf *target)
{
    for (size_t i = 0; i < call->nentities; i++) {
        buf_append_text(target, i == 0 ? "?entities=" : "%2C");
        print_encoded(call->entities[i], target);
    }
}

const char *admin_call_print(const struct admin_call *call, struct buf *target, struct buf *body)
{
    const struct operation_row *row = &rows[call->operation];
    buf_append_text(target, PREFIX);
    if (row->of_link) {
        buf_append_text(target, LINKS);
        print_encoded(call->link, target);
        buf_append_char(target, '/');
    }
    buf_append_text(target, row->name);
    if (strcmp(row->method, "GET") == 0) {
        print_query(call, target);
    } else {
        print_body(call, body);
    }
    return row->method;
}

/* ---- errors ---- */

static unsigned http_status(enum lf_error_kind kind)
{
    static const unsigned short statuses[] = {
        [LF_CONFIG] = 400,    [LF_AUTH] = 403,        [LF_NOT_FOUND] = 404, [LF_CONFLICT] = 409,
        [LF_FENCED] = 409,    [LF_THROTTLED] = 429,   [LF_TRANSIENT] = 503, [LF_LOST] = 409,
        [LF_CANCELLED] = 503, [LF_UNSUPPORTED] = 405, [LF_INTERNAL] = 500,
    };
    unsigned status = (size_t)kind < ARRAY_LEN(statuses) ? statuses[kind] : 0;
    return status != 0 ? status : 500;
}

unsigned admin_error_print(const struct lf_error *err, struct buf *json)
{
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(json, /* indent= */ false);
    json_begin_object(writer);
    json_write_key(writer, "error");
    json_begin_object(writer);
    json_write_key(writer, "kind");
    json_write_text(writer, lf_error_kind_name(err->kind));
    json_write_key(writer, "code");
    json_write_int(writer, err->code);
    json_write_key(writer, "message");
    json_write_text(writer, err->msg);
    json_end_object(writer);
    json_end_object(writer);
    return http_status(err->kind);
}

bool admin_error_parse(const char *json, size_t len, struct lf_error *err)
{
    CLEANUP(json_free) struct json *root = NULL;
    int64_t code = 0;
    TRY(json_parse("the answer of the daemon", json, len, &root, err));
    const struct json *error = json_member(root, "error");
    const char *message = json_text(json_member(error, "message"));
    if (message == NULL) {
        return lf_error_set(err, LF_INTERNAL, 0, "the daemon failed without a message");
    }
    (void)json_int(json_member(error, "code"), &code);
    return lf_error_set(err, lf_error_kind_find(json_text(json_member(error, "kind"))), (int)code, "%s", message);
}
