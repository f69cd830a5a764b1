/* SPDX-License-Identifier: Apache-2.0
 *
 * One try as curl sees it: its options, and what comes in and goes out. The options are set on the caller's thread, the
 * callbacks run on the client's.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/macros.h"
#include "base/secret.h"
#include "net/http_curl.h"
#include "net/http_internal.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 10000
#define EXPECT_BYTES ((uint64_t)1 << 20)
#define EXPECT_MS 1000L
#define HEADER_BYTES_MAX ((size_t)64 << 10)
#define TEXT_READ_MAX ((size_t)1 << 20) /* of an error text; beyond it the connection is given up */
#define RECEIVE_BYTES (32L << 10)
#define SEND_BYTES (64L << 10)
#define DNS_S 30L
#define IDLE_S 60L
#define CA_CACHE_S 3600L
#define KEEPALIVE_S 30L

/* ── what goes out ── */

static size_t give_body(char *to, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    const struct http_body *body = &transfer->request->body;
    uint64_t left = body->bytes - transfer->read_bytes;
    size_t len = size * count < left ? size * count : (size_t)left;
    if (body->ptr != NULL) {
        memcpy(to, (const char *)body->ptr + transfer->read_bytes, len);
    } else if (len > 0) {
        size_t got = 0;
        if (!file_read_at(body->fd, body->offset + transfer->read_bytes, to, len, &got, "the body of a request",
                          &transfer->failure)) {
            return CURL_READFUNC_ABORT;
        }
        if (got < len) {
            (void)lf_error_set(&transfer->failure, LF_INTERNAL, 0,
                               "the file of a request's body is shorter than its %llu bytes",
                               (unsigned long long)body->bytes);
            return CURL_READFUNC_ABORT;
        }
    }
    transfer->read_bytes += len;
    return len;
}

static int seek_body(void *context, curl_off_t offset, int origin)
{
    struct http_transfer *transfer = context;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > transfer->request->body.bytes) {
        return CURL_SEEKFUNC_FAIL;
    }
    transfer->read_bytes = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* curl repeats a request by itself when a kept connection breaks, and after a 417. Both would be a repetition that was never
 * signed, logged or allowed: the second beginning ends the try. */
static int begin(void *context, UNUSED char *local_ip, UNUSED char *remote_ip, UNUSED int local_port, UNUSED int port)
{
    struct http_transfer *transfer = context;
    transfer->starts++;
    return transfer->starts == 1 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* ── what comes in ── */

static bool has_sink(const struct http_request *request)
{
    return request->sink != NULL || request->sink_buf != NULL;
}

static void add_header(struct http_transfer *transfer, const char *line, size_t len)
{
    struct lf_slice name;
    struct lf_slice value;
    if (http_curl_split(line, len, &name, &value)) {
        CLEANUP(text_free) char *name_text = text_copy_len(name.ptr, name.len);
        CLEANUP(text_free) char *value_text = text_copy_len(value.ptr, value.len);
        http_headers_add(transfer->headers, name_text, value_text);
    }
}

static size_t take_header(char *line, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    size_t len = size * count;
    transfer->header_bytes += len;
    if (transfer->header_bytes > HEADER_BYTES_MAX) {
        (void)lf_error_set(&transfer->failure, LF_LIMIT, 0, "the headers of the answer are over %zu bytes",
                           HEADER_BYTES_MAX);
        return 0;
    }
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* after a 100 comes the answer itself */
        http_headers_free(&transfer->headers);
        transfer->headers = http_headers_new();
    } else if (line[0] == '\r' || line[0] == '\n') {
        long status = 0;
        (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 200) {
            transfer->status = (unsigned)status;
            transfer->has_answer = true;
        }
    } else {
        add_header(transfer, line, len);
    }
    return len;
}

static size_t take_text(struct http_transfer *transfer, const char *data, size_t len)
{
    size_t room = HTTP_TEXT_MAX - transfer->text.len;
    buf_append(&transfer->text, data, len < room ? len : room);
    transfer->text_bytes += len;
    return transfer->text_bytes <= TEXT_READ_MAX ? len : 0; /* 0 ends the try; the status is an answer all the same */
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    const struct http_request *request = transfer->request;
    size_t len = size * count;
    if (transfer->status < 200 || transfer->status > 299) {
        return take_text(transfer, data, len);
    }
    if (!has_sink(request)) {
        return len;
    }
    bool fits = len <= request->sink_size - transfer->bytes;
    if (fits && request->sink_buf != NULL) {
        buf_append(request->sink_buf, data, len);
        fits = !request->sink_buf->overflow;
    } else if (fits) {
        memcpy((char *)request->sink + transfer->bytes, data, len);
    }
    if (!fits) {
        (void)lf_error_set(&transfer->failure, LF_LIMIT, 0, "the answer is over the %zu bytes that it may have",
                           request->sink_size);
        return 0;
    }
    transfer->bytes += len;
    return len;
}

/* ── the options: false when curl refuses one ── */

static bool set_route(CURL *curl, const struct http_ticket *ticket)
{
    const struct http_request *request = &ticket->request;
    const struct http *http = ticket->http;
    int64_t connect_ms = request->connect_ms > 0 ? request->connect_ms : CONNECT_MS;
    bool ok = curl_easy_setopt(curl, CURLOPT_URL, buf_text(&ticket->url)) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, ticket->fresh ? 1L : 0L) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, IDLE_S) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_DNS_CACHE_TIMEOUT, DNS_S) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->total_ms) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_MS) == CURLE_OK;
    if (request->direct) {
        return ok && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK;
    }
    return ok && (http->proxy == NULL || curl_easy_setopt(curl, CURLOPT_PROXY, http->proxy) == CURLE_OK);
}

/* With a folder of certificates curl would read all of them again for each connection, and keep them with it (a megabyte);
 * those of a file it reads once. */
static bool set_security(CURL *curl, const struct http *http)
{
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    const char *file = http->ca_file != NULL ? http->ca_file : version->cainfo;
    bool ok = curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    if (ok && file != NULL) {
        ok = curl_easy_setopt(curl, CURLOPT_CAINFO, file) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_S) == CURLE_OK;
    }
    return ok;
}

static bool set_process(CURL *curl, struct http_ticket *ticket)
{
    struct http_transfer *transfer = &ticket->transfer;
    return curl_easy_setopt(curl, CURLOPT_PRIVATE, ticket) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           /* without it the end of a try waits for a resolver that does not answer */
           curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, RECEIVE_BYTES) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BYTES) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->curl_text) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, begin) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PREREQDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer) == CURLE_OK;
}

static bool set_content(CURL *curl, struct http_transfer *transfer)
{
    const struct http_request *request = transfer->request;
    bool ok = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->lines) == CURLE_OK;
    if (request->method == HTTP_GET) {
        return ok;
    }
    if (request->method == HTTP_HEAD) {
        return ok && curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) == CURLE_OK;
    }
    return ok && curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, http_method_name(request->method)) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body.bytes) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_READDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, seek_body) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SEEKDATA, transfer) == CURLE_OK;
}

/* A line end in a value would begin another header. The value itself may be a secret. */
static bool append_header(struct curl_slist **lines, const char *name, const char *value, struct lf_error *err)
{
    if (name[0] == '\0' || strpbrk(name, "\r\n:; ") != NULL || strpbrk(value, "\r\n") != NULL) {
        return lf_error_set(
            err, LF_CONFIG, HTTP_CODE_NOT_SENT,
            "the header %.100s of a request cannot be sent: it holds a line end, or its name is no name",
            name[0] == '\0' ? "\"\"" : name);
    }
    CLEANUP(secret_text_free)
    char *line = value[0] == '\0' ? text_printf("%s;", name) : text_printf("%s: %s", name, value);
    http_curl_append(lines, line);
    return true;
}

/* Names without a value keep curl from adding what the request does not say. */
static bool make_lines(struct http_ticket *ticket, struct lf_error *err)
{
    static const char *const curls_own[] = {"Accept", "Content-Type"};
    struct http_transfer *transfer = &ticket->transfer;
    http_headers_remove(ticket->headers, "Content-Length");
    http_headers_remove(ticket->headers, "Transfer-Encoding");
    http_headers_remove(ticket->headers, "Expect");
    for (size_t i = 0; i < http_headers_count(ticket->headers); i++) {
        const char *name = NULL;
        const char *value = NULL;
        http_headers_at(ticket->headers, i, &name, &value);
        TRY(append_header(&transfer->lines, name, value, err));
    }
    for (size_t i = 0; i < ARRAY_LEN(curls_own); i++) {
        if (http_headers_get(ticket->headers, curls_own[i]) == NULL) {
            CLEANUP(text_free) char *line = text_printf("%s:", curls_own[i]);
            http_curl_append(&transfer->lines, line);
        }
    }
    transfer->expects_continue = ticket->request.body.bytes > EXPECT_BYTES && !ticket->retry.is_plain;
    http_curl_append(&transfer->lines, transfer->expects_continue ? "Expect: 100-continue" : "Expect:");
    return true;
}

bool http_transfer_prepare(struct http_ticket *ticket, struct lf_error *err)
{
    struct http_transfer *transfer = &ticket->transfer;
    http_transfer_done(transfer);
    *transfer = (struct http_transfer){.request = &ticket->request, .headers = http_headers_new()};
    buf_init(&transfer->text, HTTP_TEXT_MAX);
    if (ticket->request.sink_buf != NULL) {
        buf_reset(ticket->request.sink_buf);
    }
    TRY(make_lines(ticket, err));
    transfer->curl = curl_easy_init();
    if (transfer->curl == NULL || !set_route(transfer->curl, ticket) || !set_security(transfer->curl, ticket->http) ||
        !set_process(transfer->curl, ticket) || !set_content(transfer->curl, transfer)) {
        return lf_error_set(err, LF_INTERNAL, HTTP_CODE_NOT_SENT, "libcurl refuses the settings of a request");
    }
    return true;
}

/* ── the end of a try ── */

/* All of it has left: the server can have carried it out. */
static bool went_out(const struct http_transfer *transfer)
{
    curl_off_t sent = 0;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_SIZE_UPLOAD_T, &sent);
    return transfer->starts > 1 || (transfer->starts == 1 && (uint64_t)sent >= transfer->request->body.bytes);
}

static bool broke_when_kept(const struct http_transfer *transfer)
{
    long connections = 0;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_NUM_CONNECTS, &connections);
    bool broke =
        transfer->code == CURLE_SEND_ERROR || transfer->code == CURLE_RECV_ERROR || transfer->code == CURLE_GOT_NOTHING;
    return transfer->starts > 1 || (transfer->starts == 1 && connections == 0 && broke && transfer->header_bytes == 0);
}

/* Status and headers count although the rest broke off, when nobody wants the rest. */
static bool is_answered(const struct http_transfer *transfer)
{
    if (!transfer->has_answer || transfer->failure.kind != LF_NONE) {
        return false;
    }
    bool wanted = transfer->status < 300 && has_sink(transfer->request);
    return transfer->code == CURLE_OK || !wanted;
}

void http_transfer_end(struct http_ticket *ticket, CURLcode code)
{
    struct http_transfer *transfer = &ticket->transfer;
    transfer->code = code;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_HTTP_CONNECTCODE, &transfer->proxy_status);
    bool answered = is_answered(transfer);
    struct http_outcome *outcome = &transfer->outcome;
    outcome->status = answered ? transfer->status : 0;
    outcome->was_sent = went_out(transfer);
    outcome->expectation_failed = answered && transfer->status == 417 && transfer->expects_continue;
    outcome->was_stale = !answered && broke_when_kept(transfer);
    outcome->is_hopeless = !answered && http_is_hopeless(transfer);
    if (answered) {
        struct clock clock = clock_system();
        outcome->retry_after_ms =
            http_retry_after(http_headers_get(transfer->headers, "Retry-After"), clock_now_ms(&clock));
    }
}

void http_transfer_done(struct http_transfer *transfer)
{
    curl_easy_cleanup(transfer->curl);
    transfer->curl = NULL;
    http_curl_lines_free(&transfer->lines);
    http_headers_free(&transfer->headers);
    buf_done(&transfer->text);
}
