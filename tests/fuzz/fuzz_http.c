/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte says how the client behaves, the rest is what it sends to a server that goes on from input to input.
 * Every request that is handed over must keep the limits, and every connection must end.
 */
#include "base/macros.h"
#include "fakes/temp_folder.h"
#include "net/httpd_internal.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX 512
#define TURNS_MAX 200000
#define HELD_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bed {
    struct loop *loop;
    struct httpd *httpd;
    struct httpd_request *held[HELD_MAX];
    size_t nheld;
    int client;
    const uint8_t *data;
    size_t len, piece;
    bool leaves; /* does not wait for its answers */
    unsigned turns;
};

static void answer(struct httpd_request *request)
{
    const char *text = httpd_request_query(request, "text");
    struct lf_slice body = httpd_request_body(request);
    const struct httpd_header header = {"ETag", text != NULL ? text : "none"};
    httpd_answer(request, 200, &header, 1, body.ptr, body.len);
}

/* Paths with an even length are answered at once, others when the client has sent all. */
static void handle(void *context, struct httpd_request *request)
{
    struct bed *bed = context;
    assert(httpd_request_body(request).len <= BODY_MAX);
    assert(strlen(httpd_request_method(request)) > 0);
    if (strlen(httpd_request_path(request)) % 2 == 0 || bed->nheld == HELD_MAX) {
        answer(request);
    } else {
        bed->held[bed->nheld++] = request;
    }
}

static void answer_held(struct bed *bed)
{
    while (bed->nheld > 0) {
        answer(bed->held[--bed->nheld]);
    }
}

static void send_piece(struct bed *bed)
{
    size_t len = bed->len < bed->piece ? bed->len : bed->piece;
    ssize_t n = send(bed->client, bed->data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
        bed->len = 0;
        return;
    }
    bed->data += n;
    bed->len -= (size_t)n;
}

static void receive(struct bed *bed)
{
    char text[4096];
    ssize_t n = 0;
    do {
        n = recv(bed->client, text, sizeof text, MSG_DONTWAIT);
    } while (n > 0);
}

static void close_client(struct bed *bed)
{
    if (bed->client >= 0) {
        (void)close(bed->client);
        bed->client = -1;
    }
}

static void turn(void *context)
{
    struct bed *bed = context;
    assert(bed->turns++ < TURNS_MAX);
    if (bed->len > 0) {
        send_piece(bed);
    } else if (bed->client >= 0) {
        (void)shutdown(bed->client, SHUT_WR);
    }
    if (bed->client >= 0 && !bed->leaves) {
        receive(bed);
    }
    if (bed->len == 0 && bed->leaves) {
        close_client(bed);
    }
    if (bed->len == 0) {
        answer_held(bed);
    }
    if (httpd_count_connections(bed->httpd) > 0) {
        loop_post(bed->loop, turn, bed);
    } else {
        loop_stop(bed->loop);
    }
}

static struct bed *make_bed(void)
{
    struct lf_error err;
    struct bed *bed = mem_new(1, sizeof *bed);
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *path = text_printf("%s/s", folder);
    bool ok = loop_new(&bed->loop, &err);
    assert(ok);
    const struct httpd_options options = {.loop = bed->loop,
                                          .socket_path = path,
                                          .mode = 0600,
                                          .max_body_bytes = BODY_MAX,
                                          .handle = handle,
                                          .context = bed};
    ok = httpd_open(&options, &bed->httpd, &err);
    assert(ok);
    return bed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bed *bed;
    if (size < 1) {
        return 0;
    }
    bed = bed != NULL ? bed : make_bed();
    int ends[2];
    int status = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    assert(status == 0);
    bed->client = ends[0];
    bed->data = data + 1;
    bed->len = size - 1;
    bed->leaves = data[0] % 2 == 1;
    bed->piece = (size_t)1 << (data[0] >> 4);
    bed->turns = 0;
    bool ok = httpd_adopt(bed->httpd, ends[1]);
    assert(ok);
    loop_post(bed->loop, turn, bed);
    loop_run(bed->loop);
    answer_held(bed);
    close_client(bed);
    return 0;
}
