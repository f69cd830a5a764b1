/* SPDX-License-Identifier: Apache-2.0
 */
#include "net/unix_http.h"

#include "base/file.h"
#include "base/macros.h"
#include "net/http_curl.h"
#include "net/unix_connect.h"
#include "net/unix_path.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REPLY_BYTES_MAX ((size_t)64 << 20)

struct call {
    const struct unix_http_request *request;
    CURL *curl;
    struct curl_slist *headers;
    struct unix_http_reply reply;
};

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct call *call = context;
    buf_append(&call->reply.body, data, size * count);
    return call->reply.body.overflow ? 0 : size * count;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct call *call = context;
    size_t len = size * count;
    struct lf_slice name;
    struct lf_slice value;
    const char *want = call->request->want_header;
    if (!http_curl_split(data, len, &name, &value) || name.len != strlen(want) ||
        strncasecmp(name.ptr, want, name.len) != 0) {
        return len;
    }
    free(call->reply.header);
    call->reply.header = text_copy_len(value.ptr, value.len);
    return len;
}

static void call_done(struct call *call)
{
    curl_easy_cleanup(call->curl);
    http_curl_lines_free(&call->headers);
    unix_http_reply_done(&call->reply);
}

/* Options whose failure would change what is sent, and to whom, end the call. */
static bool set_route(struct call *call, const char *socket_path)
{
    const struct unix_http_request *request = call->request;
    CLEANUP(text_free) char *url = text_printf("http://localhost%s", request->target);
    CURL *curl = call->curl;
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK && /* "": whatever the environment says */
           curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) == CURLE_OK;
}

static bool set_content(struct call *call)
{
    const struct unix_http_request *request = call->request;
    CURL *curl = call->curl;
    http_curl_append(&call->headers, "Expect:");
    http_curl_append(&call->headers, "Content-Type: application/json");
    bool ok = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK;
    if (strcmp(request->method, "HEAD") == 0) {
        ok = ok && curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) == CURLE_OK;
    } else if (request->body != NULL || strcmp(request->method, "GET") != 0) {
        ok = ok && curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body != NULL ? request->body : "") == CURLE_OK;
    }
    ok = ok && curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK &&
         curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
         curl_easy_setopt(curl, CURLOPT_WRITEDATA, call) == CURLE_OK;
    if (request->want_header != NULL) {
        ok = ok && curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_HEADERDATA, call) == CURLE_OK;
    }
    return ok;
}

/* libcurl does not tell why: a second attempt of our own does. */
static bool explain_connect(const struct unix_http_request *request, struct lf_error *err)
{
    CLEANUP(fd_close) int fd = -1;
    TRY(unix_connect(request->socket_path, request->timeout_ms, &fd, err));
    return lf_error_set(err, LF_TRANSIENT, 0, "the socket %s could not be reached and now can; try again",
                        request->socket_path);
}

static bool explain(const struct call *call, CURLcode code, struct lf_error *err)
{
    const struct unix_http_request *request = call->request;
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return explain_connect(request, err);
    case CURLE_WRITE_ERROR:
        return lf_error_set(err, LF_LIMIT, 0, "the reply to %s %s is over %zu bytes; ask for less", request->method,
                            request->target, REPLY_BYTES_MAX);
    case CURLE_OPERATION_TIMEDOUT:
        return lf_error_set(err, LF_TRANSIENT, 0, "the daemon at the socket %s did not answer %s %s within %lld ms",
                            request->socket_path, request->method, request->target, (long long)request->timeout_ms);
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return lf_error_set(
            err, LF_TRANSIENT, 0,
            "the daemon at the socket %s ended the connection before it had answered %s %s; look at its "
            "log, then try again",
            request->socket_path, request->method, request->target);
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return lf_error_set(err, LF_CONFIG, 0, "what serves the socket %s does not speak HTTP; it is no daemon of ours",
                            request->socket_path);
    default:
        return lf_error_set(err, LF_INTERNAL, (int)code, "%s %s at the socket %s: %s", request->method, request->target,
                            request->socket_path, curl_easy_strerror(code));
    }
}

bool unix_http_call(const struct unix_http_request *request, struct unix_http_reply *ret_reply, struct lf_error *err)
{
    http_curl_prepare();
    CLEANUP(call_done) struct call call = {.request = request};
    buf_init(&call.reply.body, REPLY_BYTES_MAX);
    CLEANUP(fd_close) int folder_fd = -1;
    struct sockaddr_un address;
    TRY(unix_path_address(request->socket_path, &address, &folder_fd, err));
    call.curl = curl_easy_init();
    if (call.curl == NULL || !set_route(&call, address.sun_path) || !set_content(&call)) {
        return lf_error_set(err, LF_INTERNAL, 0, "%s %s at the socket %s: libcurl cannot be set up", request->method,
                            request->target, request->socket_path);
    }
    CURLcode code = curl_easy_perform(call.curl);
    if (code != CURLE_OK) {
        return explain(&call, code, err);
    }
    long status = 0;
    (void)curl_easy_getinfo(call.curl, CURLINFO_RESPONSE_CODE, &status);
    call.reply.status = (unsigned)status;
    *ret_reply = call.reply;
    call.reply = (struct unix_http_reply){0};
    return true;
}

void unix_http_reply_done(struct unix_http_reply *reply)
{
    buf_done(&reply->body);
    text_free(&reply->header);
}
