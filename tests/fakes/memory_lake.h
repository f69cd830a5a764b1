/* SPDX-License-Identifier: Apache-2.0
 *
 * A lake in memory. Several handles may be open on one store: that is several writers. Each write makes an ETag
 * that was never there before. Thread-safe, except for memory_store_free.
 */
#ifndef FAKES_MEMORY_LAKE_H
#define FAKES_MEMORY_LAKE_H

#include "base/clock.h"
#include "lake/lake.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_store;

/* Calls so far, of all handles; reads of a missing object count too. */
struct memory_counts {
    uint64_t lock, put_if_absent, put_if_match, writer_open, writer_write, writer_commit, writer_abort;
    uint64_t read_range, stat, list, remove, now_ms, probe;
    uint64_t bytes_read, bytes_written;
};

/* `clock` is copied and answers now_ms. */
struct memory_store *memory_store_new(const struct clock *clock);
void memory_store_free(struct memory_store **store); /* for CLEANUP; all handles are closed */
/* A store of its own with the same objects and ETags; locks are not copied. */
struct memory_store *memory_store_copy(struct memory_store *store);

struct lake *memory_lake_open(struct memory_store *store);

/* For checkers, past the vtable and uncounted. Paths are sorted; the caller frees them with memory_paths_free. */
void memory_store_paths(struct memory_store *store, char ***ret_paths, size_t *ret_count);
void memory_paths_free(char **paths, size_t count);
bool memory_store_get(struct memory_store *store, const char *path,
                      struct buf *out); /* appends; false: no such object */
bool memory_store_etag(struct memory_store *store, const char *path, char ret_etag[LAKE_ETAG_SIZE]);
/* Sabotage: replaces or removes whatever stands there. */
void memory_store_put(struct memory_store *store, const char *path, const void *ptr, size_t len);
void memory_store_remove(struct memory_store *store, const char *path);
/* The holder loses its lock without being told, as after a lease that ran out. */
void memory_store_break_lock(struct memory_store *store);
struct memory_counts memory_store_counts(struct memory_store *store);

#endif
