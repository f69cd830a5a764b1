/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities against a real server, for tests/integration/test_identities.py:
 *
 *   auth_probe URL [NAME=VALUE…]       NAME: kind, ca, or a text of struct auth_options
 *
 * Each line of stdin is a command, each answered with one line of JSON:
 *
 *   ask N              N threads ask at once (HEAD URL); statuses, and errors where there was no answer
 *   pass SECONDS       moves the clock of auth
 *   renew [NAME=VALUE] auth_renew with that option replaced
 *   describe
 */
#include "auth/auth.h"
#include "base/json.h"
#include "base/macros.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MOST 64

struct probe {
    struct http *http;
    struct auth *auth;
    const char *url;
    struct auth_options options;
    struct clock clock, system;
    atomic_llong passed_us;
};

struct asker {
    struct probe *probe;
    pthread_t thread;
    pthread_barrier_t *barrier;
    bool ok;
    unsigned status, tries;
    struct lf_error err;
};

static int64_t now_us(void *context)
{
    struct probe *probe = context;
    return probe->system.now_us(probe->system.context) + atomic_load(&probe->passed_us);
}

static int64_t monotonic_us(void *context)
{
    struct probe *probe = context;
    return probe->system.monotonic_us(probe->system.context);
}

static void sleep_ms(void *context, int64_t ms)
{
    struct probe *probe = context;
    probe->system.sleep_ms(probe->system.context, ms);
}

static void *ask(void *context)
{
    struct asker *asker = context;
    CLEANUP(http_reply_done) struct http_reply reply = {0};
    CLEANUP(http_headers_free) struct http_headers *headers = http_headers_new();
    http_headers_set(headers, "x-ms-version", "2024-11-04");
    const struct http_request request = {
        .method = HTTP_HEAD,
        .url = asker->probe->url,
        .headers = headers,
        .request_id_header = "x-ms-client-request-id",
        .repeat = HTTP_REPEAT,
        .patience_ms = 20000,
        .prepare = auth_prepare,
        .prepare_context = asker->probe->auth,
    };
    (void)pthread_barrier_wait(asker->barrier);
    asker->ok = http_call(asker->probe->http, &request, &reply, &asker->err);
    asker->status = asker->ok ? reply.status : 0;
    asker->tries = asker->ok ? reply.tries : 0;
    return NULL;
}

static void put_asker(struct json_writer *json, const struct asker *asker)
{
    json_begin_object(json);
    json_put_int(json, "status", asker->status);
    json_put_int(json, "tries", asker->tries);
    if (!asker->ok) {
        json_put_text(json, "kind", lf_error_kind_name(asker->err.kind));
        json_put_text(json, "message", asker->err.msg);
    }
    json_end_object(json);
}

static void ask_all(struct probe *probe, unsigned count, struct json_writer *json)
{
    struct asker askers[THREADS_MOST];
    pthread_barrier_t barrier;
    (void)pthread_barrier_init(&barrier, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        askers[i] = (struct asker){.probe = probe, .barrier = &barrier};
        if (pthread_create(&askers[i].thread, NULL, ask, &askers[i]) != 0) {
            abort();
        }
    }
    json_write_key(json, "answers");
    json_begin_array(json);
    for (unsigned i = 0; i < count; i++) {
        (void)pthread_join(askers[i].thread, NULL);
        put_asker(json, &askers[i]);
    }
    json_end_array(json);
    (void)pthread_barrier_destroy(&barrier);
}

static bool is_name(const char *text, size_t len, const char *name)
{
    return strlen(name) == len && strncmp(text, name, len) == 0;
}

static bool set_option(struct auth_options *options, const char *text)
{
    static const struct {
        const char *name;
        size_t offset;
    } texts[] = {
        {"account", offsetof(struct auth_options, account)},
        {"key", offsetof(struct auth_options, key)},
        {"sas", offsetof(struct auth_options, sas)},
        {"tenant_id", offsetof(struct auth_options, tenant_id)},
        {"client_id", offsetof(struct auth_options, client_id)},
        {"client_secret", offsetof(struct auth_options, client_secret)},
        {"certificate_file", offsetof(struct auth_options, certificate_file)},
        {"certificate_password", offsetof(struct auth_options, certificate_password)},
        {"object_id", offsetof(struct auth_options, object_id)},
        {"resource_id", offsetof(struct auth_options, resource_id)},
        {"token_file", offsetof(struct auth_options, token_file)},
        {"authority", offsetof(struct auth_options, authority)},
        {"audience", offsetof(struct auth_options, audience)},
    };
    const char *value = strchr(text, '=');
    if (value == NULL) {
        return false;
    }
    const size_t len = (size_t)(value++ - text);
    if (is_name(text, len, "kind")) {
        return auth_kind_find(value, &options->kind);
    }
    if (is_name(text, len, "assertion")) {
        return auth_assertion_find(value, &options->assertion);
    }
    if (is_name(text, len, "patience_s")) {
        options->patience_ms = strtoll(value, NULL, 10) * 1000;
        return true;
    }
    if (is_name(text, len, "certificate_chain")) {
        options->certificate_chain = true;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (is_name(text, len, texts[i].name)) {
            *(const char **)(void *)((char *)options + texts[i].offset) = value;
            return true;
        }
    }
    return false;
}

static void put_result(struct json_writer *json, bool ok, const struct lf_error *err)
{
    if (!ok) {
        json_put_text(json, "kind", lf_error_kind_name(err->kind));
        json_put_text(json, "message", err->msg);
    }
}

static void renew(struct probe *probe, const char *change, struct json_writer *json)
{
    struct lf_error err = {0};
    struct auth_options options = probe->options;
    const bool ok = set_option(&options, change) && auth_renew(probe->auth, &options, &err);
    put_result(json, ok, &err);
}

static void describe(struct probe *probe, struct json_writer *json)
{
    struct lf_error err;
    char text[512];
    const bool ok = auth_describe(probe->auth, text, sizeof text, &err);
    put_result(json, ok, &err);
    if (ok) {
        json_put_text(json, "identity", text);
    }
}

static bool obey(struct probe *probe, char *line, struct json_writer *json)
{
    line[strcspn(line, "\n")] = '\0';
    char *rest = strchr(line, ' ');
    if (rest != NULL) {
        *rest++ = '\0';
    }
    if (strcmp(line, "ask") == 0 && rest != NULL) {
        const unsigned long count = strtoul(rest, NULL, 10);
        ask_all(probe, count < THREADS_MOST ? (unsigned)count : THREADS_MOST, json);
    } else if (strcmp(line, "pass") == 0 && rest != NULL) {
        atomic_fetch_add(&probe->passed_us, strtoll(rest, NULL, 10) * 1000000);
    } else if (strcmp(line, "renew") == 0 && rest != NULL) {
        renew(probe, rest, json);
    } else if (strcmp(line, "describe") == 0) {
        describe(probe, json);
    } else {
        return false;
    }
    return true;
}

static bool serve(struct probe *probe)
{
    char line[8192];
    while (fgets(line, sizeof line, stdin) != NULL) {
        CLEANUP(buf_done) struct buf text = {0};
        CLEANUP(json_writer_free) struct json_writer *json = json_writer_new(&text, false);
        json_begin_object(json);
        if (!obey(probe, line, json)) {
            (void)fprintf(stderr, "auth_probe: not understood: %s\n", line);
            return false;
        }
        json_end_object(json);
        (void)printf("%s\n", buf_text(&text));
        (void)fflush(stdout);
    }
    return true;
}

static bool start(struct probe *probe, int argc, char **argv, struct lf_error *err)
{
    struct http_options http = {0};
    probe->system = clock_system();
    probe->clock =
        (struct clock){.context = probe, .now_us = now_us, .monotonic_us = monotonic_us, .sleep_ms = sleep_ms};
    probe->options.log = log_new(STDERR_FILENO, LOG_JSON, LOG_DEBUG, &probe->clock);
    probe->options.clock = &probe->clock;
    probe->url = argv[1];
    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], "ca=", 3) == 0) {
            http.ca_file = argv[i] + 3;
        } else if (!set_option(&probe->options, argv[i])) {
            return lf_error_set(err, LF_CONFIG, 0, "not understood: %s", argv[i]);
        }
    }
    http.log = probe->options.log;
    TRY(http_new(&http, &probe->http, err));
    probe->options.http = probe->http;
    return auth_new(&probe->options, &probe->auth, err);
}

int main(int argc, char **argv)
{
    static struct probe probe;
    struct lf_error err = {0};
    if (argc < 2) {
        (void)fprintf(stderr, "usage: auth_probe URL [NAME=VALUE...]\n");
        return 2;
    }
    bool ok = start(&probe, argc, argv, &err);
    if (!ok) {
        (void)fprintf(stderr, "auth_probe: %s: %s\n", lf_error_kind_name(err.kind), err.msg);
    }
    ok = ok && serve(&probe);
    auth_free(&probe.auth);
    http_free(&probe.http);
    log_free(&probe.options.log);
    return ok ? 0 : 1;
}
