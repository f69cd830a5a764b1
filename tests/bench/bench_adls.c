/* SPDX-License-Identifier: Apache-2.0
 *
 * What the driver for Azure is measured against.
 *
 *   bench_adls sink [--tls CA_FILE] [--keep] [--delay MS]   prints a port and serves as much of the protocol as uploads, and with
 *                                                 --keep merges, need, each answer after so long; conditions it does not look at
 *   bench_adls raw URL CA_FILE MIB IN_FLIGHT      sends so much to a file at URL in appends of 4 MiB, by loops of one curl easy
 *                                                 handle each, and prints seconds and seconds of processor time
 */
#include "base/buf.h"
#include "base/macros.h"
#include "net/http_curl.h"
#include "sink.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BLOCK ((size_t)4 << 20)
#define PIECE ((size_t)256 << 10)
#define IN_FLIGHT_MAX 64
#define OBJECTS_MAX 20000

/* ── the sink ── */

struct object {
    char *path; /* with the account and the filesystem; NULL: removed */
    int fd;     /* -1: the bytes were forgotten */
    uint64_t bytes, version;
};

struct store {
    pthread_mutex_t mutex;
    bool keeps;
    unsigned delay_ms; /* before each answer, as a network has it */
    uint64_t versions;
    size_t count;
    struct object objects[OBJECTS_MAX];
};

static struct object *find(struct store *store, const char *path, size_t len)
{
    for (size_t i = store->count; i-- > 0;) {
        const char *name = store->objects[i].path;
        if (name != NULL && strncmp(name, path, len) == 0 && name[len] == '\0') {
            return &store->objects[i];
        }
    }
    return NULL;
}

/* The object, made if it is missing; keeps: with room for its bytes. */
static struct object *make(struct store *store, const char *path, size_t len, bool keeps)
{
    (void)pthread_mutex_lock(&store->mutex);
    struct object *object = find(store, path, len);
    if (object == NULL) {
        sink_need(store->count < OBJECTS_MAX, "room for one more object");
        object = &store->objects[store->count++];
        *object = (struct object){.path = text_copy_len(path, len), .fd = -1};
    }
    if (keeps && object->fd < 0) {
        object->fd = memfd_create("object", MFD_CLOEXEC);
        sink_need(object->fd >= 0, "memory for an object");
    }
    object->version = ++store->versions;
    (void)pthread_mutex_unlock(&store->mutex);
    return object;
}

static uint64_t take_body(struct sink_call *call, int fd, uint64_t position)
{
    char *piece = mem_new(1, PIECE);
    uint64_t at = position;
    for (size_t got = sink_read(call, piece, PIECE); got > 0; got = sink_read(call, piece, PIECE)) {
        sink_need(fd < 0 || pwrite(fd, piece, got, (off_t)at) == (ssize_t)got, "to keep bytes");
        at += got;
    }
    free(piece);
    return at;
}

static void tell_version(struct sink_call *call, const struct object *object)
{
    buf_printf(&call->headers, "ETag: \"0x%" PRIX64 "\"\r\n", object->version);
}

static void not_found(struct sink_call *call)
{
    call->status = 404;
    buf_append_text(&call->headers, "x-ms-error-code: PathNotFound\r\n");
}

static void append(struct sink_call *call, struct store *store, const char *query, size_t len)
{
    const char *position = strstr(query, "position=");
    const uint64_t begin = position != NULL ? strtoull(position + 9, NULL, 10) : 0;
    struct object *object = make(store, call->target, len, store->keeps);
    const uint64_t end = take_body(call, object->fd, begin);
    (void)pthread_mutex_lock(&store->mutex);
    object->bytes = object->bytes > end ? object->bytes : end;
    (void)pthread_mutex_unlock(&store->mutex);
    call->status = 202;
    tell_version(call, object);
}

/* Put Blob, whose bytes are always kept, or a new file. */
static void put(struct sink_call *call, struct store *store, const char *query, size_t len)
{
    call->status = 201;
    if (strstr(query, "resource=filesystem") != NULL) {
        return;
    }
    const bool whole = sink_header(call, "\r\nx-ms-blob-type:") != NULL;
    struct object *object = make(store, call->target, len, whole || store->keeps);
    sink_need(object->fd < 0 || ftruncate(object->fd, 0) == 0, "to empty an object");
    object->bytes = take_body(call, object->fd, 0);
    tell_version(call, object);
}

static void get(struct sink_call *call, struct store *store, const char *query, size_t len)
{
    static const char nothing[] = "{\"paths\":[]}";
    const char *range = sink_header(call, "\r\nRange: bytes=");
    (void)pthread_mutex_lock(&store->mutex);
    const struct object *object = find(store, call->target, len);
    const struct object found = object != NULL ? *object : (struct object){.fd = -1};
    (void)pthread_mutex_unlock(&store->mutex);
    if (strstr(query, "resource=filesystem") != NULL) {
        call->body_fd = make(store, "listing", 7, true)->fd;
        call->body_length = sizeof nothing - 1;
        sink_need(pwrite(call->body_fd, nothing, sizeof nothing - 1, 0) == sizeof nothing - 1, "to list");
        return;
    }
    if (object == NULL) {
        not_found(call);
        return;
    }
    tell_version(call, &found);
    call->body_fd = found.fd;
    call->body_length = found.bytes;
    if (range == NULL) {
        return;
    }
    char *dash = NULL;
    const uint64_t first = strtoull(range, &dash, 10);
    const uint64_t asked = *dash == '-' ? strtoull(dash + 1, NULL, 10) : UINT64_MAX;
    if (first >= found.bytes) {
        call->status = 416;
        call->body_length = 0;
        return;
    }
    const uint64_t last = asked < found.bytes ? asked : found.bytes - 1;
    call->status = 206;
    call->body_offset = first;
    call->body_length = last - first + 1;
    buf_printf(&call->headers, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", first, last,
               found.bytes);
}

static void drop(struct store *store, const char *path, size_t len)
{
    (void)pthread_mutex_lock(&store->mutex);
    struct object *object = find(store, path, len);
    if (object != NULL) {
        text_free(&object->path);
        sink_need(object->fd < 0 || ftruncate(object->fd, 0) == 0, "to remove an object");
    }
    (void)pthread_mutex_unlock(&store->mutex);
}

static void handle(struct sink_call *call)
{
    struct store *store = call->context;
    const size_t len = strcspn(call->target, "?");
    const char *query = call->target + len;
    if (strcmp(call->method, "PATCH") == 0) {
        if (strstr(query, "action=append") != NULL) {
            append(call, store, query, len);
        }
    } else if (strcmp(call->method, "PUT") == 0) {
        put(call, store, query, len);
    } else if (strcmp(call->method, "DELETE") == 0) {
        drop(store, call->target, len);
    } else if (strcmp(call->method, "POST") == 0) {
        call->status = 201; /* a lease */
    } else {
        get(call, store, query, len);
    }
    (void)usleep(store->delay_ms * 1000);
}

static int sink_main(int argc, char **argv)
{
    struct store *store = mem_new(1, sizeof *store);
    struct sink_options options = {.handle = handle, .context = store};
    unsigned port = 0;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--keep") == 0) {
            store->keeps = true;
        } else if (strcmp(argv[i], "--delay") == 0 && i + 1 < argc) {
            store->delay_ms = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--tls") == 0 && i + 1 < argc) {
            options.ca_path = argv[++i];
        }
    }
    (void)pthread_mutex_init(&store->mutex, NULL);
    (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){65536, 65536});
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct sink *sink = sink_new(&options);
    const int listener = sink_listen(&port);
    (void)printf("%u\n", port);
    (void)fflush(stdout);
    sink_serve(sink, listener);
}

/* ── the raw loop ── */

struct raw {
    const char *url, *ca_path;
    const char *block;
    uint64_t bytes;
    atomic_ullong next; /* position of the next append */
};

struct give {
    const char *ptr;
    size_t left;
};

static size_t give(char *to, size_t size, size_t count, void *context)
{
    struct give *from = context;
    const size_t len = size * count < from->left ? size * count : from->left;
    memcpy(to, from->ptr, len);
    from->ptr += len;
    from->left -= len;
    return len;
}

static void send_one(CURL *curl, const char *url, const char *method, const char *ptr, size_t len)
{
    struct give from = {.ptr = ptr, .left = len};
    long status = 0;
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, &from);
    (void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)len);
    sink_need(curl_easy_perform(curl) == CURLE_OK, "a raw request");
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    sink_need(status / 100 == 2, "a raw request that is answered well");
}

static CURL *make_handle(const struct raw *raw, struct curl_slist *lines)
{
    CURL *curl = curl_easy_init();
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, raw->ca_path);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 64L << 10); /* as the client has it */
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    return curl;
}

static void *send_appends(void *context)
{
    struct raw *raw = context;
    CLEANUP(http_curl_lines_free) struct curl_slist *lines = NULL;
    http_curl_append(&lines, "Expect:");
    CURL *curl = make_handle(raw, lines);
    for (uint64_t at = atomic_fetch_add(&raw->next, BLOCK); at < raw->bytes; at = atomic_fetch_add(&raw->next, BLOCK)) {
        const uint64_t left = raw->bytes - at;
        CLEANUP(text_free) char *url = text_printf("%s?action=append&position=%" PRIu64, raw->url, at);
        send_one(curl, url, "PATCH", raw->block, left < BLOCK ? (size_t)left : BLOCK);
    }
    curl_easy_cleanup(curl);
    return NULL;
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int raw_main(char **argv)
{
    struct raw raw = {.url = argv[2], .ca_path = argv[3], .bytes = strtoull(argv[4], NULL, 10) << 20};
    const size_t in_flight = strtoul(argv[5], NULL, 10);
    sink_need(in_flight > 0 && in_flight <= IN_FLIGHT_MAX, "to understand the arguments");
    http_curl_prepare();
    char *block = mem_new(1, BLOCK);
    memset(block, 'x', BLOCK);
    raw.block = block;
    pthread_t threads[IN_FLIGHT_MAX];
    const double wall = seconds(CLOCK_MONOTONIC);
    for (size_t i = 0; i < in_flight; i++) {
        sink_need(pthread_create(&threads[i], NULL, send_appends, &raw) == 0, "a thread");
    }
    for (size_t i = 0; i < in_flight; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)printf("%.3f %.3f\n", seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID));
    free(block);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "sink") == 0) {
        return sink_main(argc, argv);
    }
    if (argc == 6 && strcmp(argv[1], "raw") == 0) {
        return raw_main(argv);
    }
    (void)fprintf(stderr,
                  "usage: bench_adls sink [--tls CA_FILE] [--keep] [--delay MS] | raw URL CA_FILE MIB IN_FLIGHT\n");
    return 2;
}
