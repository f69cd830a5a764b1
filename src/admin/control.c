/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control.h"

#include "base/macros.h"
#include "net/httpd.h"

#include <assert.h>
#include <stdlib.h>

#define SOCKET_MODE 0660
#define CONNECTIONS_MAX 64
#define IDLE_TIMEOUT_S 30
#define BODY_MAX_BYTES ((size_t)64 << 10)

struct control {
    struct control_options options;
    struct httpd *httpd;
};

/* A reply is the request that it answers. */
static struct control_reply *reply_of(struct httpd_request *request)
{
    return (struct control_reply *)request;
}

void control_answer(struct control_reply *reply, const struct admin_answer *answer, const struct lf_error *err)
{
    struct httpd_request *request = (struct httpd_request *)reply;
    if (err != NULL) {
        CLEANUP(buf_done) struct buf json = {0};
        unsigned status = admin_error_print(err, &json);
        httpd_answer(request, status, NULL, 0, json.ptr, json.len);
        return;
    }
    assert(answer != NULL);
    char status[16];
    (void)snprintf(status, sizeof status, "%d", answer->status);
    const struct httpd_header header = {.name = ADMIN_STATUS_HEADER, .value = status};
    httpd_answer(request, 200, &header, 1, answer->json.ptr, answer->json.len);
}

static void handle(void *context, struct httpd_request *request)
{
    const struct control *control = context;
    CLEANUP(admin_call_done) struct admin_call call = {0};
    struct lf_error err;
    const struct admin_request received = {
        .method = httpd_request_method(request),
        .path = httpd_request_path(request),
        .entities = httpd_request_query(request, "entities"),
        .body = httpd_request_body(request),
    };
    if (!admin_call_parse(&received, &call, &err)) {
        control_answer(reply_of(request), NULL, &err);
        return;
    }
    control->options.handle(control->options.context, &call, reply_of(request));
}

bool control_open(const struct control_options *options, struct control **ret_control, struct lf_error *err)
{
    struct control *control = mem_new(1, sizeof *control);
    control->options = *options;
    const struct httpd_options httpd = {
        .loop = options->loop,
        .socket_path = options->socket_path,
        .mode = SOCKET_MODE,
        .max_connections = CONNECTIONS_MAX,
        .idle_timeout_s = IDLE_TIMEOUT_S,
        .max_body_bytes = BODY_MAX_BYTES,
        .handle = handle,
        .context = control,
    };
    if (!httpd_open(&httpd, &control->httpd, err)) {
        free(control);
        return false;
    }
    *ret_control = control;
    return true;
}

void control_close(struct control **control)
{
    if (*control == NULL) {
        return;
    }
    httpd_close(&(*control)->httpd);
    free(*control);
    *control = NULL;
}
