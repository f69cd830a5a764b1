/* SPDX-License-Identifier: Apache-2.0
 *
 * The same bytes sent by a loop of one curl easy handle, and by http_send and http_wait with four requests in flight, to a
 * server in a process of its own that forgets them. Prints seconds, CPU seconds, and the ratios.
 *
 *   bench_http [--mib N] [--block KIB] [--rounds N] [--in-flight N]
 */
#include "base/buf.h"
#include "base/macros.h"
#include "net/http.h"
#include "net/http_curl.h"
#include "sink.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define IN_FLIGHT_MAX 64

struct plan {
    size_t bytes, block, rounds, in_flight;
};

/* ── the server ── */

static void created(struct sink_call *call)
{
    call->status = 201;
}

static pid_t start_server(const char *ca_path, unsigned *ret_port)
{
    struct sink *sink = sink_new(&(struct sink_options){.ca_path = ca_path, .handle = created});
    int listener = sink_listen(ret_port);
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        sink_serve(sink, listener);
    }
    (void)close(listener);
    return child;
}

/* ── the two ways ── */

struct give {
    const char *ptr;
    size_t left;
};

static size_t give(char *to, size_t size, size_t count, void *context)
{
    struct give *from = context;
    size_t len = size * count < from->left ? size * count : from->left;
    memcpy(to, from->ptr, len);
    from->ptr += len;
    from->left -= len;
    return len;
}

static void send_raw(const struct plan *plan, const char *url, const char *ca_path, const char *block)
{
    CURL *curl = curl_easy_init();
    CLEANUP(http_curl_lines_free) struct curl_slist *lines = NULL;
    http_curl_append(&lines, "Expect:");
    struct give from = {0};
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, ca_path);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, &from);
    (void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)plan->block);
    for (size_t sent = 0; sent < plan->bytes; sent += plan->block) {
        from = (struct give){.ptr = block, .left = plan->block};
        sink_need(curl_easy_perform(curl) == CURLE_OK, "a raw PUT");
    }
    curl_easy_cleanup(curl);
}

static void end_one(struct http_ticket **ticket)
{
    struct lf_error err;
    struct http_reply reply;
    if (*ticket != NULL) {
        sink_need(http_wait(ticket, &reply, &err), "http_wait");
        sink_need(reply.status == 201, "a PUT");
        http_reply_done(&reply);
    }
}

static void send_ours(const struct plan *plan, struct http *http, const char *url, const char *block)
{
    struct lf_error err;
    struct http_ticket *tickets[IN_FLIGHT_MAX] = {NULL};
    const struct http_request request = {
        .method = HTTP_PUT, .url = url, .direct = true, .body = {.ptr = block, .bytes = plan->block}};
    size_t i = 0;
    for (size_t sent = 0; sent < plan->bytes; sent += plan->block) {
        end_one(&tickets[i]);
        sink_need(http_send(http, &request, &tickets[i], &err), "http_send");
        i = (i + 1) % plan->in_flight;
    }
    for (size_t k = 0; k < plan->in_flight; k++) {
        end_one(&tickets[(i + k) % plan->in_flight]);
    }
}

/* ── measuring ── */

static double seconds(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct cost {
    double wall, cpu;
};

static struct cost measure(const struct plan *plan, struct http *http, const char *url, const char *ca_path,
                           const char *block)
{
    double wall = seconds(CLOCK_MONOTONIC);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (http != NULL) {
        send_ours(plan, http, url, block);
    } else {
        send_raw(plan, url, ca_path, block);
    }
    return (struct cost){seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu};
}

static long anon_kib(void)
{
    long kib = 0;
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0) {
            kib = strtol(line + 8, NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kib;
}

static atomic_bool is_watching;

static void *watch_memory(void *context)
{
    long *most = context;
    while (atomic_load(&is_watching)) {
        long now = anon_kib();
        *most = now > *most ? now : *most;
        (void)usleep(500);
    }
    return NULL;
}

static struct cost least(struct cost a, struct cost b)
{
    return a.wall < b.wall ? a : b;
}

static void compare(const struct plan *plan, bool with_tls, const char *block)
{
    char ca_path[] = "/tmp/bench_http_XXXXXX";
    (void)close(mkstemp(ca_path));
    unsigned port = 0;
    pid_t server = start_server(with_tls ? ca_path : NULL, &port);
    CLEANUP(text_free) char *url = text_printf("http%s://127.0.0.1:%u/x", with_tls ? "s" : "", port);
    struct lf_error err;
    struct cost raw = {1e9, 0};
    struct cost ours = {1e9, 0};
    CLEANUP(http_free) struct http *http = NULL;
    sink_need(http_new(&(struct http_options){.ca_file = ca_path}, &http, &err), "http_new");
    long before = anon_kib();
    long most = before;
    pthread_t watcher;
    atomic_store(&is_watching, true);
    sink_need(pthread_create(&watcher, NULL, watch_memory, &most) == 0, "a thread");
    for (size_t i = 0; i < plan->rounds; i++) {
        ours = least(ours, measure(plan, http, url, ca_path, block));
    }
    atomic_store(&is_watching, false);
    (void)pthread_join(watcher, NULL);
    for (size_t i = 0; i < plan->rounds; i++) {
        raw = least(raw, measure(plan, NULL, url, ca_path, block));
        ours = least(ours, measure(plan, http, url, ca_path, block));
    }
    double mib = (double)plan->bytes / (1 << 20);
    (void)printf("%-5s raw %7.1f MiB/s cpu %.2f s   http %7.1f MiB/s cpu %.2f s   speed ratio %.2f   memory at most "
                 "%ld KiB\n",
                 with_tls ? "tls" : "plain", mib / raw.wall, raw.cpu, mib / ours.wall, ours.cpu, raw.wall / ours.wall,
                 most - before);
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    (void)unlink(ca_path);
}

int main(int argc, char **argv)
{
    struct plan plan = {.bytes = (size_t)256 << 20, .block = (size_t)4 << 20, .rounds = 3, .in_flight = 4};
    for (int i = 1; i + 1 < argc; i += 2) {
        size_t value = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--mib") == 0) {
            plan.bytes = value << 20;
        } else if (strcmp(argv[i], "--block") == 0) {
            plan.block = value << 10;
        } else if (strcmp(argv[i], "--rounds") == 0) {
            plan.rounds = value;
        } else if (strcmp(argv[i], "--in-flight") == 0) {
            plan.in_flight = value;
        }
    }
    sink_need(plan.in_flight > 0 && plan.in_flight <= IN_FLIGHT_MAX && plan.block > 0, "to understand the arguments");
    http_curl_prepare();
    char *block = mem_new(1, plan.block);
    memset(block, 'x', plan.block);
    compare(&plan, false, block);
    compare(&plan, true, block);
    free(block);
    return 0;
}
