/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/memory_lake.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/macros.h"
#include "lake/path.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LOCATION "/memory"

struct memory_object {
    char *path;
    struct buf bytes;
    uint64_t version;
};

struct memory_lake;

struct memory_store {
    pthread_mutex_t mutex;
    struct clock clock;
    struct memory_object *objects; /* sorted by path */
    size_t nobjects;
    size_t cap;
    uint64_t last_version;
    const struct memory_lake *holder;
    char *owner;
    struct memory_counts counts;
};

struct memory_lake {
    struct lake base; /* first: the vtable casts */
    struct memory_store *store;
};

struct memory_writer {
    struct memory_store *store;
    char *path;
    struct buf bytes;
};

static struct memory_store *store_of(struct lake *lake)
{
    return ((struct memory_lake *)lake)->store;
}

static void enter(struct memory_store *store, uint64_t *counter)
{
    (void)pthread_mutex_lock(&store->mutex);
    if (counter != NULL) {
        ++*counter;
    }
}

static void leave(struct memory_store *store)
{
    (void)pthread_mutex_unlock(&store->mutex);
}

/* Where the path stands, or would stand. */
static size_t find_place(const struct memory_store *store, const char *path, bool *ret_found)
{
    size_t low = 0;
    size_t high = store->nobjects;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(store->objects[middle].path, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_found = low < store->nobjects && strcmp(store->objects[low].path, path) == 0;
    return low;
}

static struct memory_object *find(const struct memory_store *store, const char *path)
{
    bool found = false;
    size_t place = find_place(store, path, &found);
    return found ? &store->objects[place] : NULL;
}

static struct memory_object *set_object(struct memory_store *store, const char *path, const void *ptr, size_t len)
{
    bool found = false;
    size_t place = find_place(store, path, &found);
    if (!found) {
        mem_grow(&store->objects, &store->cap, store->nobjects + 1, sizeof *store->objects);
        memmove(&store->objects[place + 1], &store->objects[place], (store->nobjects - place) * sizeof *store->objects);
        store->nobjects++;
        store->objects[place] = (struct memory_object){.path = text_copy(path)};
    }
    assert(store->objects != NULL);
    struct memory_object *object = &store->objects[place];
    buf_done(&object->bytes);
    buf_init(&object->bytes, SIZE_MAX / 4);
    buf_append(&object->bytes, ptr, len);
    object->version = ++store->last_version;
    return object;
}

static void drop_object(struct memory_store *store, const char *path)
{
    bool found = false;
    size_t place = find_place(store, path, &found);
    if (found) {
        text_free(&store->objects[place].path);
        buf_done(&store->objects[place].bytes);
        store->nobjects--;
        memmove(&store->objects[place], &store->objects[place + 1], (store->nobjects - place) * sizeof *store->objects);
    }
}

static void print_etag(const struct memory_object *object, char ret_etag[LAKE_ETAG_SIZE])
{
    (void)snprintf(ret_etag, LAKE_ETAG_SIZE, "memory-%" PRIu64, object->version);
}

static bool check_path(const char *path, struct lf_error *err)
{
    return lake_path_is_valid(path) ||
           lf_error_set(err, LF_CONFIG, 0, "\"%.250s\" is not the path of an object of a lake", path);
}

static bool not_found(const char *path, struct lf_error *err)
{
    return lf_error_set(err, LF_NOT_FOUND, 0, "%s does not exist", path);
}

static bool memory_lock(struct lake *lake, const char *owner, struct lf_error *err)
{
    struct memory_store *store = store_of(lake);
    enter(store, &store->counts.lock);
    const struct memory_lake *self = (const struct memory_lake *)lake;
    bool ok = store->holder == NULL || store->holder == self ||
              lf_error_set(err, LF_CONFLICT, 0, "the lake is in use by %s", store->owner);
    if (ok) {
        store->holder = self;
        text_free(&store->owner);
        store->owner = text_copy(owner);
    }
    leave(store);
    return ok;
}

static void memory_unlock(struct lake *lake)
{
    struct memory_store *store = store_of(lake);
    enter(store, NULL);
    if (store->holder == (const struct memory_lake *)lake) {
        store->holder = NULL;
    }
    leave(store);
}

static void memory_close(struct lake *lake)
{
    memory_unlock(lake);
    free(lake);
}

static bool read_content(const char *path, const struct lake_content *content, struct buf *out, struct lf_error *err)
{
    char hex[SHA256_HEX_SIZE];
    size_t got = 0;
    buf_init(out, SIZE_MAX / 4);
    char *room = buf_reserve(out, content->bytes);
    TRY(buf_check(out, path, err));
    TRY(file_read_at(content->fd, 0, room, content->bytes, &got, path, err));
    buf_commit(out, got);
    sha256_of(out->ptr, out->len, hex);
    if (got != content->bytes || strcmp(hex, content->sha256) != 0) {
        return lf_error_set(err, LF_INTERNAL, 0, "the bytes handed over for %s are not those that were described",
                            path);
    }
    return true;
}

/* Everything but the bytes of a put, under the mutex. `absent`: only a new object will do. */
static bool put(struct memory_store *store, const char *path, bool absent, const char *etag, const struct buf *bytes,
                char *ret_etag, struct lf_error *err)
{
    const struct memory_object *object = find(store, path);
    char found[LAKE_ETAG_SIZE] = "";
    if (object != NULL) {
        print_etag(object, found);
    }
    bool matches = absent || etag == NULL ? object == NULL : object != NULL && strcmp(found, etag) == 0;
    if (!matches) {
        return lf_error_set(err, LF_CONFLICT, 0, "%s is not what was expected (found %s)", path,
                            object != NULL ? found : "nothing");
    }
    object = set_object(store, path, bytes->ptr, bytes->len);
    store->counts.bytes_written += bytes->len;
    if (ret_etag != NULL) {
        print_etag(object, ret_etag);
    }
    return true;
}

static bool memory_put_if_absent(struct lake *lake, const char *path, const struct lake_content *content,
                                 struct lf_error *err)
{
    struct memory_store *store = store_of(lake);
    CLEANUP(buf_done) struct buf bytes = {0};
    TRY(check_path(path, err));
    TRY(read_content(path, content, &bytes, err));
    enter(store, &store->counts.put_if_absent);
    bool ok = put(store, path, true, NULL, &bytes, NULL, err);
    leave(store);
    return ok;
}

static bool memory_put_if_match(struct lake *lake, const char *path, const char *etag,
                                const struct lake_content *content, char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err)
{
    struct memory_store *store = store_of(lake);
    CLEANUP(buf_done) struct buf bytes = {0};
    TRY(check_path(path, err));
    TRY(read_content(path, content, &bytes, err));
    enter(store, &store->counts.put_if_match);
    bool ok = put(store, path, false, etag, &bytes, ret_etag, err);
    leave(store);
    return ok;
}

static bool memory_writer_open(struct lake *lake, const char *path, struct lake_writer **ret_writer,
                               struct lf_error *err)
{
    struct memory_store *store = store_of(lake);
    TRY(check_path(path, err));
    struct memory_writer *writer = mem_new(1, sizeof *writer);
    *writer = (struct memory_writer){.store = store, .path = text_copy(path), .bytes = {.max = SIZE_MAX / 4}};
    enter(store, &store->counts.writer_open);
    leave(store);
    *ret_writer = (struct lake_writer *)writer;
    return true;
}

static bool memory_writer_write(struct lake_writer *writer, const void *ptr, size_t len, UNUSED struct lf_error *err)
{
    struct memory_writer *memory = (struct memory_writer *)writer;
    buf_append(&memory->bytes, ptr, len);
    enter(memory->store, &memory->store->counts.writer_write);
    leave(memory->store);
    return true;
}

static void writer_free(struct memory_writer *writer)
{
    text_free(&writer->path);
    buf_done(&writer->bytes);
    free(writer);
}

static bool memory_writer_commit(struct lake_writer *writer, struct lf_error *err)
{
    struct memory_writer *memory = (struct memory_writer *)writer;
    struct memory_store *store = memory->store;
    enter(store, &store->counts.writer_commit);
    bool ok = put(store, memory->path, true, NULL, &memory->bytes, NULL, err);
    leave(store);
    writer_free(memory);
    return ok;
}

static void memory_writer_abort(struct lake_writer *writer)
{
    if (writer != NULL) {
        struct memory_writer *memory = (struct memory_writer *)writer;
        enter(memory->store, &memory->store->counts.writer_abort);
        leave(memory->store);
        writer_free(memory);
    }
}

static size_t copy_range(const struct buf *bytes, uint64_t offset, void *ret, size_t len)
{
    if (offset >= bytes->len) {
        return 0;
    }
    size_t left = bytes->len - (size_t)offset;
    size_t got = left < len ? left : len;
    if (got > 0) {
        memcpy(ret, bytes->ptr + offset, got);
    }
    return got;
}

static bool memory_read_range(struct lake *lake, const char *path, uint64_t offset, void *ret, size_t len,
                              size_t *ret_len, struct lf_error *err)
{
    struct memory_store *store = store_of(lake);
    TRY(check_path(path, err));
    enter(store, &store->counts.read_range);
    const struct memory_object *object = find(store, path);
    if (object != NULL) {
        *ret_len = copy_range(&object->bytes, offset, ret, len);
        store->counts.bytes_read += *ret_len;
    }
    leave(store);
    return object != NULL || not_found(path, err);
}

static bool memory_stat(struct lake *lake, const char *path, struct lake_stat *ret_stat, struct lf_error *err)
{
    struct memory_store *store = store_of(lake);
    TRY(check_path(path, err));
    enter(store, &store->counts.stat);
    const struct memory_object *object = find(store, path);
    if (object != NULL) {
        ret_stat->bytes = object->bytes.len;
        print_etag(object, ret_stat->etag);
    }
    leave(store);
    return object != NULL || not_found(path, err);
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return len == 0 || (strncmp(path, folder, len) == 0 && path[len] == '/');
}

/* Visits a copy of the listing, so that the visitor may use the lake. */
static bool memory_list(struct lake *lake, const char *prefix, lake_visitor visit, void *context, struct lf_error *err)
{
    struct memory_store *store = store_of(lake);
    if (prefix[0] != '\0') {
        TRY(check_path(prefix, err));
    }
    enter(store, &store->counts.list);
    size_t count = store->nobjects;
    char **paths = mem_new(count + 1, sizeof *paths);
    uint64_t *sizes = mem_new(count + 1, sizeof *sizes);
    for (size_t i = 0; i < count; i++) {
        paths[i] = text_copy(store->objects[i].path);
        sizes[i] = store->objects[i].bytes.len;
    }
    leave(store);
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        ok = !is_below(paths[i], prefix) || visit(context, paths[i], sizes[i], err);
    }
    memory_paths_free(paths, count);
    free(sizes);
    return ok;
}

static bool memory_remove(struct lake *lake, const char *path, struct lf_error *err)
{
    struct memory_store *store = store_of(lake);
    TRY(check_path(path, err));
    enter(store, &store->counts.remove);
    drop_object(store, path);
    leave(store);
    return true;
}

static bool memory_now_ms(struct lake *lake, int64_t *ret_ms, UNUSED struct lf_error *err)
{
    struct memory_store *store = store_of(lake);
    enter(store, &store->counts.now_ms);
    *ret_ms = clock_now_ms(&store->clock);
    leave(store);
    return true;
}

static bool memory_probe(struct lake *lake, struct lake_finding *ret_finding, UNUSED struct lf_error *err)
{
    struct memory_store *store = store_of(lake);
    enter(store, &store->counts.probe);
    leave(store);
    *ret_finding = (struct lake_finding){.ok = true, .text = "memory can always be written"};
    return true;
}

static bool memory_url(UNUSED struct lake *lake, const char *path, struct buf *out, struct lf_error *err)
{
    TRY(check_path(path, err));
    buf_printf(out, LOCATION "/%s", path);
    return buf_check(out, path, err);
}

static const struct lake_ops memory_ops = {
    .close = memory_close,
    .lock = memory_lock,
    .unlock = memory_unlock,
    .put_if_absent = memory_put_if_absent,
    .put_if_match = memory_put_if_match,
    .writer_open = memory_writer_open,
    .writer_write = memory_writer_write,
    .writer_commit = memory_writer_commit,
    .writer_abort = memory_writer_abort,
    .read_range = memory_read_range,
    .stat = memory_stat,
    .list = memory_list,
    .remove = memory_remove,
    .now_ms = memory_now_ms,
    .probe = memory_probe,
    .url = memory_url,
};

struct lake *memory_lake_open(struct memory_store *store)
{
    struct memory_lake *lake = mem_new(1, sizeof *lake);
    *lake = (struct memory_lake){.base = {&memory_ops}, .store = store};
    return &lake->base;
}

struct memory_store *memory_store_new(const struct clock *clock)
{
    struct memory_store *store = mem_new(1, sizeof *store);
    store->clock = *clock;
    (void)pthread_mutex_init(&store->mutex, NULL);
    return store;
}

void memory_store_free(struct memory_store **store)
{
    if (*store == NULL) {
        return;
    }
    struct memory_store *old = *store;
    while (old->nobjects > 0) {
        drop_object(old, old->objects[old->nobjects - 1].path);
    }
    free(old->objects);
    text_free(&old->owner);
    (void)pthread_mutex_destroy(&old->mutex);
    free(old);
    *store = NULL;
}

struct memory_store *memory_store_copy(struct memory_store *store)
{
    enter(store, NULL);
    struct memory_store *copy = memory_store_new(&store->clock);
    for (size_t i = 0; i < store->nobjects; i++) {
        const struct memory_object *object = &store->objects[i];
        set_object(copy, object->path, object->bytes.ptr, object->bytes.len)->version = object->version;
    }
    copy->last_version = store->last_version;
    leave(store);
    return copy;
}

void memory_store_paths(struct memory_store *store, char ***ret_paths, size_t *ret_count)
{
    enter(store, NULL);
    char **paths = mem_new(store->nobjects + 1, sizeof *paths);
    for (size_t i = 0; i < store->nobjects; i++) {
        paths[i] = text_copy(store->objects[i].path);
    }
    *ret_paths = paths;
    *ret_count = store->nobjects;
    leave(store);
}

void memory_paths_free(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        text_free(&paths[i]);
    }
    free(paths);
}

bool memory_store_get(struct memory_store *store, const char *path, struct buf *out)
{
    enter(store, NULL);
    const struct memory_object *object = find(store, path);
    if (object != NULL) {
        buf_append(out, object->bytes.ptr, object->bytes.len);
    }
    leave(store);
    return object != NULL;
}

bool memory_store_etag(struct memory_store *store, const char *path, char ret_etag[LAKE_ETAG_SIZE])
{
    enter(store, NULL);
    const struct memory_object *object = find(store, path);
    if (object != NULL) {
        print_etag(object, ret_etag);
    }
    leave(store);
    return object != NULL;
}

void memory_store_put(struct memory_store *store, const char *path, const void *ptr, size_t len)
{
    enter(store, NULL);
    (void)set_object(store, path, ptr, len);
    leave(store);
}

void memory_store_remove(struct memory_store *store, const char *path)
{
    enter(store, NULL);
    drop_object(store, path);
    leave(store);
}

void memory_store_break_lock(struct memory_store *store)
{
    enter(store, NULL);
    store->holder = NULL;
    leave(store);
}

struct memory_counts memory_store_counts(struct memory_store *store)
{
    enter(store, NULL);
    struct memory_counts counts = store->counts;
    leave(store);
    return counts;
}
