/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/fault_lake.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/macros.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LEN 32

struct fault_entry {
    uint64_t call;
    const char *op;
    const char *result;
    char path[256];
};

/* A put that is still on its way. */
struct fault_late {
    struct fault_late *next;
    bool absent;
    char *path;
    char *etag; /* NULL: there must be none */
    struct buf bytes;
};

struct fault_lake {
    struct lake base; /* first: the vtable casts */
    struct lake *inner;
    pthread_mutex_t mutex;
    struct fault_plan plan;
    uint64_t planned_calls; /* those that the plan counts */
    uint64_t calls;
    uint64_t fired;
    bool dead;
    struct fault_late *late;
    struct fault_entry log[LOG_LEN];
    uint64_t logged;
};

struct fault_writer {
    struct fault_lake *lake;
    struct lake_writer *inner;
    char *path;
};

/* What is to happen to one call. */
struct fault_call {
    struct fault_lake *lake;
    const char *op;
    const char *path;
    uint64_t number;
    enum fault_kind kind;
};

static struct fault_lake *fault_of(struct lake *lake)
{
    return (struct fault_lake *)lake;
}

static void note(const struct fault_call *call, const char *result)
{
    struct fault_lake *fault = call->lake;
    (void)pthread_mutex_lock(&fault->mutex);
    struct fault_entry *entry = &fault->log[fault->logged++ % LOG_LEN];
    *entry = (struct fault_entry){.call = call->number, .op = call->op, .result = result};
    (void)snprintf(entry->path, sizeof entry->path, "%s", call->path);
    (void)pthread_mutex_unlock(&fault->mutex);
}

static bool fails_now(struct fault_lake *fault, const char *op)
{
    const struct fault_plan *plan = &fault->plan;
    if (plan->only_op != NULL && strcmp(plan->only_op, op) != 0) {
        return false;
    }
    fault->planned_calls++;
    bool hit = plan->sticky ? fault->planned_calls >= plan->fail_at : fault->planned_calls == plan->fail_at;
    return plan->fail_at > 0 && plan->kind != FAULT_NONE && hit;
}

static bool refuse(const struct fault_call *call, struct lf_error *err)
{
    note(call, "refused");
    return lf_error_set(err, LF_CANCELLED, 0, "%s %s: the test has ended this process", call->op, call->path);
}

static bool transient(const struct fault_call *call, const char *result, struct lf_error *err)
{
    note(call, result);
    return lf_error_set(err, LF_TRANSIENT, 0, "%s %s: a fault of the test (call %" PRIu64 ", %s)", call->op, call->path,
                        call->number, result);
}

static void die(struct fault_lake *fault)
{
    (void)pthread_mutex_lock(&fault->mutex);
    fault->dead = true;
    (void)pthread_mutex_unlock(&fault->mutex);
    if (fault->plan.crash != NULL) {
        fault->plan.crash(fault->plan.context);
    }
}

/* In front of every counted call; false: it ends here. */
static bool begin(struct lake *lake, const char *op, const char *path, struct fault_call *ret_call,
                  struct lf_error *err)
{
    struct fault_lake *fault = fault_of(lake);
    *ret_call = (struct fault_call){.lake = fault, .op = op, .path = path};
    bool goes_on = fault->plan.before_call == NULL || fault->plan.before_call(fault->plan.context, op, path);
    (void)pthread_mutex_lock(&fault->mutex);
    goes_on = goes_on && !fault->dead;
    ret_call->number = ++fault->calls;
    if (goes_on && fails_now(fault, op)) {
        ret_call->kind = fault->plan.kind;
        fault->fired++;
    }
    (void)pthread_mutex_unlock(&fault->mutex);
    if (goes_on && ret_call->kind == FAULT_CRASH && !fault->plan.crash_after) {
        die(fault);
        goes_on = false;
    }
    return goes_on || refuse(ret_call, err);
}

/* Whether the lake inside is to be called at all. */
static bool has_effect(const struct fault_call *call)
{
    return call->kind == FAULT_NONE || call->kind == FAULT_LOST || call->kind == FAULT_CRASH;
}

/* Behind every counted call; `ok` is what the lake inside has said. */
static bool end(const struct fault_call *call, bool ok, struct lf_error *err)
{
    switch (call->kind) {
    case FAULT_NONE:
        note(call, ok ? "ok" : lf_error_kind_name(err->kind));
        return ok;
    case FAULT_LOST:
        return transient(call, "lost", err);
    case FAULT_PARTIAL:
        return transient(call, "partial", err);
    case FAULT_LATE:
        return transient(call, "late", err);
    case FAULT_CRASH:
        die(call->lake);
        return refuse(call, err);
    case FAULT_ERROR:
        break;
    }
    return transient(call, "error", err);
}

static void late_free(struct fault_late *late)
{
    text_free(&late->path);
    text_free(&late->etag);
    buf_done(&late->bytes);
    free(late);
}

static void fault_close(struct lake *lake)
{
    struct fault_lake *fault = fault_of(lake);
    while (fault->late != NULL) {
        struct fault_late *late = fault->late;
        fault->late = late->next;
        late_free(late);
    }
    lake_close(&fault->inner);
    (void)pthread_mutex_destroy(&fault->mutex);
    free(fault);
}

static bool fault_lock(struct lake *lake, const char *owner, struct lf_error *err)
{
    struct fault_call call;
    TRY(begin(lake, "lock", owner, &call, err));
    struct lake *inner = call.lake->inner;
    return end(&call, !has_effect(&call) || inner->ops->lock(inner, owner, err), err);
}

static void fault_unlock(struct lake *lake)
{
    struct lake *inner = fault_of(lake)->inner;
    inner->ops->unlock(inner);
}

static bool fault_check_lock(struct lake *lake, struct lf_error *err)
{
    struct lake *inner = fault_of(lake)->inner;
    return inner->ops->check_lock == NULL || inner->ops->check_lock(inner, err);
}

/* Bytes and condition are taken now: the caller's content may be gone when the write arrives. */
static void keep_late(const struct fault_call *call, bool absent, const char *etag, const struct lake_content *content)
{
    struct lf_error err;
    struct fault_late *late = mem_new(1, sizeof *late);
    *late = (struct fault_late){.absent = absent, .path = text_copy(call->path), .etag = text_copy(etag)};
    buf_init(&late->bytes, SIZE_MAX / 4);
    size_t got = 0;
    char *room = buf_reserve(&late->bytes, content->bytes);
    bool read = room != NULL && file_read_at(content->fd, 0, room, content->bytes, &got, call->path, &err);
    assert(read);
    buf_commit(&late->bytes, got);
    (void)pthread_mutex_lock(&call->lake->mutex);
    struct fault_late **last = &call->lake->late;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = late;
    (void)pthread_mutex_unlock(&call->lake->mutex);
}

static bool fault_put_if_absent(struct lake *lake, const char *path, const struct lake_content *content,
                                struct lf_error *err)
{
    struct fault_call call;
    TRY(begin(lake, "put_if_absent", path, &call, err));
    if (call.kind == FAULT_LATE) {
        keep_late(&call, true, NULL, content);
    }
    struct lake *inner = call.lake->inner;
    return end(&call, !has_effect(&call) || inner->ops->put_if_absent(inner, path, content, err), err);
}

static bool fault_put_if_match(struct lake *lake, const char *path, const char *etag,
                               const struct lake_content *content, char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err)
{
    struct fault_call call;
    char new_etag[LAKE_ETAG_SIZE] = "";
    TRY(begin(lake, "put_if_match", path, &call, err));
    if (call.kind == FAULT_LATE) {
        keep_late(&call, false, etag, content);
    }
    struct lake *inner = call.lake->inner;
    bool ok = !has_effect(&call) || inner->ops->put_if_match(inner, path, etag, content, new_etag, err);
    TRY(end(&call, ok, err));
    memcpy(ret_etag, new_etag, LAKE_ETAG_SIZE); /* a lost answer tells no ETag */
    return true;
}

static bool fault_writer_open(struct lake *lake, const char *path, struct lake_writer **ret_writer,
                              struct lf_error *err)
{
    struct fault_call call;
    TRY(begin(lake, "writer_open", path, &call, err));
    struct lake *inner = call.lake->inner;
    struct lake_writer *inner_writer = NULL;
    bool ok = !has_effect(&call) || inner->ops->writer_open(inner, path, &inner_writer, err);
    if (!end(&call, ok, err)) {
        inner->ops->writer_abort(inner_writer); /* nobody knows of it */
        return false;
    }
    struct fault_writer *writer = mem_new(1, sizeof *writer);
    *writer = (struct fault_writer){.lake = call.lake, .inner = inner_writer, .path = text_copy(path)};
    *ret_writer = (struct lake_writer *)writer;
    return true;
}

static bool fault_writer_write(struct lake_writer *writer, const void *ptr, size_t len, struct lf_error *err)
{
    struct fault_writer *fault = (struct fault_writer *)writer;
    struct fault_call call;
    TRY(begin(&fault->lake->base, "writer_write", fault->path, &call, err));
    bool half = call.kind == FAULT_PARTIAL;
    bool ok = true;
    if (half || has_effect(&call)) {
        ok = fault->lake->inner->ops->writer_write(fault->inner, ptr, half ? len / 2 : len, err);
    }
    return end(&call, ok, err);
}

static void fault_writer_abort(struct lake_writer *writer)
{
    if (writer != NULL) {
        struct fault_writer *fault = (struct fault_writer *)writer;
        fault->lake->inner->ops->writer_abort(fault->inner);
        text_free(&fault->path);
        free(fault);
    }
}

static bool commit_inner(struct fault_writer *fault, struct lf_error *err)
{
    struct fault_call call;
    TRY(begin(&fault->lake->base, "writer_commit", fault->path, &call, err));
    bool ok = true;
    if (has_effect(&call)) {
        ok = fault->lake->inner->ops->writer_commit(fault->inner, err);
        fault->inner = NULL;
    }
    return end(&call, ok, err);
}

static bool fault_writer_commit(struct lake_writer *writer, struct lf_error *err)
{
    bool ok = commit_inner((struct fault_writer *)writer, err);
    fault_writer_abort(writer);
    return ok;
}

static bool fault_read_range(struct lake *lake, const char *path, uint64_t offset, void *ret, size_t len,
                             size_t *ret_len, struct lf_error *err)
{
    struct fault_call call;
    size_t got = 0;
    TRY(begin(lake, "read_range", path, &call, err));
    struct lake *inner = call.lake->inner;
    bool half = call.kind == FAULT_PARTIAL;
    bool ok = true;
    if (half || has_effect(&call)) {
        ok = inner->ops->read_range(inner, path, offset, ret, half ? len / 2 : len, &got, err);
    }
    TRY(end(&call, ok, err));
    *ret_len = got;
    return true;
}

static bool fault_stat(struct lake *lake, const char *path, struct lake_stat *ret_stat, struct lf_error *err)
{
    struct fault_call call;
    struct lake_stat found = {0};
    TRY(begin(lake, "stat", path, &call, err));
    struct lake *inner = call.lake->inner;
    TRY(end(&call, !has_effect(&call) || inner->ops->stat(inner, path, &found, err), err));
    *ret_stat = found;
    return true;
}

struct half_listing {
    lake_visitor visit;
    void *context;
    uint64_t seen;
};

static bool visit_every_second(void *context, const char *path, uint64_t bytes, struct lf_error *err)
{
    struct half_listing *half = context;
    return half->seen++ % 2 == 1 || half->visit(half->context, path, bytes, err);
}

static bool fault_list(struct lake *lake, const char *prefix, lake_visitor visit, void *context, struct lf_error *err)
{
    struct fault_call call;
    struct half_listing half = {.visit = visit, .context = context};
    TRY(begin(lake, "list", prefix, &call, err));
    struct lake *inner = call.lake->inner;
    bool ok = true;
    if (call.kind == FAULT_PARTIAL) {
        ok = inner->ops->list(inner, prefix, visit_every_second, &half, err);
    } else if (has_effect(&call)) {
        ok = inner->ops->list(inner, prefix, visit, context, err);
    }
    return end(&call, ok, err);
}

static bool fault_remove(struct lake *lake, const char *path, struct lf_error *err)
{
    struct fault_call call;
    TRY(begin(lake, "remove", path, &call, err));
    struct lake *inner = call.lake->inner;
    return end(&call, !has_effect(&call) || inner->ops->remove(inner, path, err), err);
}

static bool fault_now_ms(struct lake *lake, int64_t *ret_ms, struct lf_error *err)
{
    struct fault_call call;
    TRY(begin(lake, "now_ms", "", &call, err));
    struct lake *inner = call.lake->inner;
    return end(&call, !has_effect(&call) || inner->ops->now_ms(inner, ret_ms, err), err);
}

static bool fault_probe(struct lake *lake, struct lake_finding *ret_finding, struct lf_error *err)
{
    struct fault_call call;
    TRY(begin(lake, "probe", "", &call, err));
    struct lake *inner = call.lake->inner;
    return end(&call, !has_effect(&call) || inner->ops->probe(inner, ret_finding, err), err);
}

static bool fault_url(struct lake *lake, const char *path, struct buf *out, struct lf_error *err)
{
    struct lake *inner = fault_of(lake)->inner;
    return inner->ops->url(inner, path, out, err);
}

static const struct lake_ops fault_ops = {
    .close = fault_close,
    .lock = fault_lock,
    .unlock = fault_unlock,
    .check_lock = fault_check_lock,
    .put_if_absent = fault_put_if_absent,
    .put_if_match = fault_put_if_match,
    .writer_open = fault_writer_open,
    .writer_write = fault_writer_write,
    .writer_commit = fault_writer_commit,
    .writer_abort = fault_writer_abort,
    .read_range = fault_read_range,
    .stat = fault_stat,
    .list = fault_list,
    .remove = fault_remove,
    .now_ms = fault_now_ms,
    .probe = fault_probe,
    .url = fault_url,
};

struct lake *fault_lake_open(struct lake *inner)
{
    struct fault_lake *fault = mem_new(1, sizeof *fault);
    fault->base.ops = &fault_ops;
    fault->inner = inner;
    (void)pthread_mutex_init(&fault->mutex, NULL);
    return &fault->base;
}

struct lake *fault_lake_inner(struct lake *lake)
{
    return fault_of(lake)->inner;
}

void fault_lake_plan(struct lake *lake, const struct fault_plan *plan)
{
    struct fault_lake *fault = fault_of(lake);
    (void)pthread_mutex_lock(&fault->mutex);
    fault->plan = *plan;
    fault->planned_calls = 0;
    fault->calls = 0;
    fault->fired = 0;
    fault->dead = false;
    (void)pthread_mutex_unlock(&fault->mutex);
}

static uint64_t read_counter(struct lake *lake, const uint64_t *counter)
{
    (void)pthread_mutex_lock(&fault_of(lake)->mutex);
    uint64_t value = *counter;
    (void)pthread_mutex_unlock(&fault_of(lake)->mutex);
    return value;
}

uint64_t fault_lake_calls(struct lake *lake)
{
    return read_counter(lake, &fault_of(lake)->calls);
}

uint64_t fault_lake_fired(struct lake *lake)
{
    return read_counter(lake, &fault_of(lake)->fired);
}

bool fault_lake_is_dead(struct lake *lake)
{
    (void)pthread_mutex_lock(&fault_of(lake)->mutex);
    bool dead = fault_of(lake)->dead;
    (void)pthread_mutex_unlock(&fault_of(lake)->mutex);
    return dead;
}

uint64_t fault_lake_late(struct lake *lake)
{
    uint64_t count = 0;
    (void)pthread_mutex_lock(&fault_of(lake)->mutex);
    for (const struct fault_late *late = fault_of(lake)->late; late != NULL; late = late->next) {
        count++;
    }
    (void)pthread_mutex_unlock(&fault_of(lake)->mutex);
    return count;
}

static bool apply(struct lake *inner, const struct fault_late *late)
{
    CLEANUP(fd_close) int fd = -1;
    char hex[SHA256_HEX_SIZE];
    char etag[LAKE_ETAG_SIZE];
    struct lake_content content;
    struct lf_error err;
    bool made = lake_content_from_buf("/tmp", &late->bytes, &content, hex, &err);
    assert(made);
    fd = content.fd;
    return late->absent ? inner->ops->put_if_absent(inner, late->path, &content, &err)
                        : inner->ops->put_if_match(inner, late->path, late->etag, &content, etag, &err);
}

bool fault_lake_arrive(struct lake *lake, bool *ret_applied)
{
    struct fault_lake *fault = fault_of(lake);
    (void)pthread_mutex_lock(&fault->mutex);
    struct fault_late *late = fault->late;
    fault->late = late != NULL ? late->next : NULL;
    (void)pthread_mutex_unlock(&fault->mutex);
    if (late == NULL) {
        return false;
    }
    *ret_applied = apply(fault->inner, late);
    late_free(late);
    return true;
}

void fault_lake_print_log(struct lake *lake, FILE *out)
{
    struct fault_lake *fault = fault_of(lake);
    (void)pthread_mutex_lock(&fault->mutex);
    for (uint64_t i = fault->logged < LOG_LEN ? 0 : fault->logged - LOG_LEN; i < fault->logged; i++) {
        const struct fault_entry *entry = &fault->log[i % LOG_LEN];
        (void)fprintf(out, "%6" PRIu64 " %-13s %s: %s\n", entry->call, entry->op, entry->path, entry->result);
    }
    (void)pthread_mutex_unlock(&fault->mutex);
}
