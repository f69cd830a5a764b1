/* SPDX-License-Identifier: Apache-2.0 */
#include "net/httpd_internal.h"

#include "base/json.h"
#include "base/macros.h"
#include "net/http_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ── life ── */

struct httpd_request *httpd_request_new(struct httpd *server, const char *method, const char *path)
{
    struct httpd_request *request = mem_new(1, sizeof *request);
    request->gate = server->gate;
    pthread_mutex_lock(&server->gate->mutex);
    server->gate->references++;
    pthread_mutex_unlock(&server->gate->mutex);
    request->server = server;
    request->method = text_copy(method);
    request->path = text_copy(path);
    buf_init(&request->body, server->options.max_body_bytes);
    request->next = server->requests;
    if (request->next != NULL) {
        request->next->previous = request;
    }
    server->requests = request;
    return request;
}

void httpd_request_orphan(struct httpd_request *request)
{
    if (request->server == NULL) {
        return;
    }
    if (request->next != NULL) {
        request->next->previous = request->previous;
    }
    if (request->previous != NULL) {
        request->previous->next = request->next;
    } else {
        request->server->requests = request->next;
    }
    request->server = NULL;
}

static void drop_reply(struct httpd_reply *reply)
{
    if (reply->response != NULL) {
        MHD_destroy_response(reply->response);
        reply->response = NULL;
    }
}

void httpd_request_free(struct httpd_request *request)
{
    httpd_request_orphan(request);
    for (size_t i = 0; i < request->nparameters; i++) {
        free(request->parameters[i].name);
        free(request->parameters[i].value);
    }
    free(request->parameters);
    free(request->method);
    free(request->path);
    buf_done(&request->body);
    drop_reply(&request->own);
    drop_reply(&request->given);
    httpd_gate_release(request->gate);
    free(request);
}

void httpd_gate_release(struct httpd_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    bool last = --gate->references == 0;
    pthread_mutex_unlock(&gate->mutex);
    if (last) {
        (void)pthread_mutex_destroy(&gate->mutex);
        free(gate);
    }
}

/* ── what was asked ── */

static bool decode(const char *text, char **ret_text)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf decoded = {0};
    if (!http_decode(&decoded, text, &err)) {
        return false;
    }
    *ret_text = text_copy(buf_text(&decoded));
    return true;
}

static enum MHD_Result add_parameter(void *context, enum MHD_ValueKind kind UNUSED, const char *name, const char *value)
{
    struct httpd_request *request = context;
    struct httpd_parameter parameter = {0};
    if (!decode(name, &parameter.name) || !decode(value != NULL ? value : "", &parameter.value)) {
        free(parameter.name);
        request->undecodable = true;
        return MHD_NO;
    }
    mem_grow(&request->parameters, &request->parameters_cap, request->nparameters + 1, sizeof parameter);
    request->parameters[request->nparameters++] = parameter;
    return MHD_YES;
}

void httpd_request_read_query(struct httpd_request *request)
{
    (void)MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, add_parameter, request);
}

const char *httpd_request_method(const struct httpd_request *request)
{
    return request->method;
}

const char *httpd_request_path(const struct httpd_request *request)
{
    return request->path;
}

const char *httpd_request_query(const struct httpd_request *request, const char *name)
{
    for (size_t i = 0; i < request->nparameters; i++) {
        if (strcmp(request->parameters[i].name, name) == 0) {
            return request->parameters[i].value;
        }
    }
    return NULL;
}

struct lf_slice httpd_request_body(const struct httpd_request *request)
{
    return buf_slice(&request->body);
}

/* ── what is answered ── */

static bool add_headers(struct MHD_Response *response, const struct httpd_header *headers, size_t nheaders)
{
    bool typed = false;
    for (size_t i = 0; i < nheaders; i++) {
        if (MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES) {
            return false;
        }
        typed = typed || strcasecmp(headers[i].name, MHD_HTTP_HEADER_CONTENT_TYPE) == 0;
    }
    return typed || MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json") == MHD_YES;
}

struct httpd_reply httpd_reply_make(unsigned status, const struct httpd_header *headers, size_t nheaders,
                                    const void *body, size_t len)
{
    void *copy = mem_new(len + 1, 1);
    if (len > 0) {
        memcpy(copy, body, len);
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(len, copy, MHD_RESPMEM_MUST_FREE);
    assert(response != NULL); /* no memory */
    if (!add_headers(response, headers, nheaders)) {
        MHD_destroy_response(response);
        return httpd_reply_problem(MHD_HTTP_INTERNAL_SERVER_ERROR, LF_INTERNAL,
                                   "the answer has a header that HTTP cannot carry");
    }
    return (struct httpd_reply){.response = response, .status = status};
}

struct httpd_reply httpd_reply_problem(unsigned status, enum lf_error_kind kind, const char *message)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&text, false);
    json_begin_object(writer);
    json_write_key(writer, "kind");
    json_write_text(writer, lf_error_kind_name(kind));
    json_write_key(writer, "message");
    json_write_text(writer, message);
    json_end_object(writer);
    bool ok = json_writer_finish(writer, &err);
    assert(ok);
    (void)ok;
    return httpd_reply_make(status, NULL, 0, text.ptr, text.len);
}

void httpd_answer(struct httpd_request *request, unsigned status, const struct httpd_header *headers, size_t nheaders,
                  const void *body, size_t len)
{
    assert(status >= 200 && status <= 599);
    struct httpd_reply reply = httpd_reply_make(status, headers, nheaders, body, len);
    struct httpd_gate *gate = request->gate;
    pthread_mutex_lock(&gate->mutex);
    assert(!request->answered);
    request->answered = true;
    request->given = reply;
    bool closed = gate->state == HTTPD_GATE_CLOSED;
    if (gate->state == HTTPD_GATE_OPEN) {
        loop_post(request->server->options.loop, httpd_take_answer, request);
    }
    pthread_mutex_unlock(&gate->mutex);
    if (closed) {
        httpd_request_free(request);
    }
}
