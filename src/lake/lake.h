/* SPDX-License-Identifier: Apache-2.0
 *
 * A lake as lakefeed sees it: a flat set of named objects with conditional writes. A driver is a const vtable;
 * nobody outside asks for its name. Paths are relative ("orders/Snapshot/p00000001_….csv"), made by lake/path.h only.
 *
 * Order of calls:
 *   lake->ops->open… (each driver has its own constructor) → lock → anything → unlock → close
 *   writer_open → writer_write… → writer_commit | writer_abort       (each ends the writer)
 *
 * Threads: all ops but open/close/lock/unlock may be called from several threads at once; one writer belongs
 * to one thread.
 *
 * Error kinds: NOT_FOUND; CONFLICT (a condition failed: certain, nothing was written); TRANSIENT (the outcome
 * of a write is unknown, or nothing was done); UNSUPPORTED (what the lake needs is missing there; of a conditional write: it may
 * have been done without its condition); THROTTLED, AUTH, CONFIG, LIMIT, CANCELLED as everywhere.
 */
#ifndef LAKE_LAKE_H
#define LAKE_LAKE_H

#include "base/buf.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stdint.h>

#define LAKE_ETAG_SIZE 160

struct lake;
struct lake_reader;
struct lake_writer;

/* The bytes of a small or medium object: a region of a file descriptor, so that retries can send it again. */
struct lake_content {
    int fd; /* read with pread from offset 0 */
    uint64_t bytes;
    const char *sha256; /* hex */
    const char *id;     /* NULL, or 32 hex digits that nothing but these bytes has: a commit id */
};

struct lake_stat {
    uint64_t bytes;
    char etag[LAKE_ETAG_SIZE];
};

typedef bool (*lake_visitor)(void *context, const char *path, uint64_t bytes, struct lf_error *err);

struct lake_finding {
    bool ok;
    char text[512]; /* what, and what to do */
};

struct lake_ops {
    void (*close)(struct lake *lake);

    /* Politeness and early warning (the conditional commit is the proof). CONFLICT, naming the holder, when another
     * process has it. */
    bool (*lock)(struct lake *lake, const char *owner, struct lf_error *err);
    void (*unlock)(struct lake *lake);
    /* FENCED, naming the holder, once another has the lock instead of us; true while it is only lost for the moment. Makes
     * no request as long as all is well. Optional: a lock that nobody can take away needs no look. */
    bool (*check_lock)(struct lake *lake, struct lf_error *err);

    /* A new object, whole and durable when this returns true. CONFLICT if the path exists. */
    bool (*put_if_absent)(struct lake *lake, const char *path, const struct lake_content *content,
                          struct lf_error *err);
    /* Replaces the object at once if its ETag is `etag` (NULL: if there is none); fills the new ETag. Readers see the
     * old or the new bytes, whole. CONFLICT: it has another. TRANSIENT: unknown; read back. */
    bool (*put_if_match)(struct lake *lake, const char *path, const char *etag, const struct lake_content *content,
                         char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err);

    /* A new object written as a stream; its bytes appear all at once, and durable, at writer_commit (CONFLICT if the path
     * exists by then). Where the lake cannot hide it, one of more than a few hundred KiB is there before, empty.
     * writer_abort leaves nothing that a reader could see. Both free the writer. */
    bool (*writer_open)(struct lake *lake, const char *path, struct lake_writer **ret_writer, struct lf_error *err);
    bool (*writer_write)(struct lake_writer *writer, const void *ptr, size_t len, struct lf_error *err);
    bool (*writer_commit)(struct lake_writer *writer, struct lf_error *err);
    void (*writer_abort)(struct lake_writer *writer); /* NULL is allowed */

    /* Reads up to len bytes; *ret_len < len only at the end of the object. NOT_FOUND. */
    bool (*read_range)(struct lake *lake, const char *path, uint64_t offset, void *ret, size_t len, size_t *ret_len,
                       struct lf_error *err);
    /* The bytes of one version of an object from `offset` on, front to back, in as few requests as memory allows; the path
     * stays in place until reader_close. reader_read: NOT_FOUND, TRANSIENT when the object was replaced; *ret_len < len only
     * at the end; *ret_etag is the version's, the reader's own. A reader belongs to one thread. Optional, all three or none:
     * where a request costs nothing, read_range will do. */
    struct lake_reader *(*reader_open)(struct lake *lake, const char *path, uint64_t offset);
    bool (*reader_read)(struct lake_reader *reader, void *ret, size_t len, size_t *ret_len, const char **ret_etag,
                        struct lf_error *err);
    void (*reader_close)(struct lake_reader *reader);
    bool (*stat)(struct lake *lake, const char *path, struct lake_stat *ret_stat, struct lf_error *err); /* NOT_FOUND */
    /* Every object below the folder `prefix` ("" the whole lake), recursively, in any order. A missing one is empty. */
    bool (*list)(struct lake *lake, const char *prefix, lake_visitor visit, void *context, struct lf_error *err);
    /* A missing object is no error. */
    bool (*remove)(struct lake *lake, const char *path, struct lf_error *err);
    /* A folder that is empty goes; one that is not, or is missing, is no error. Optional: a lake may have no folders. */
    bool (*remove_folder)(struct lake *lake, const char *path, struct lf_error *err);

    bool (*now_ms)(struct lake *lake, int64_t *ret_ms, struct lf_error *err); /* the lake's own clock, UTC */
    /* Tries rights and prerequisites with a probe object that it removes again. */
    bool (*probe)(struct lake *lake, struct lake_finding *ret_finding, struct lf_error *err);
    /* What an ordinary user may still write. Optional. */
    bool (*free_bytes)(struct lake *lake, uint64_t *ret_bytes, struct lf_error *err);
    /* The absolute location of a path as readers need it in model.json. */
    bool (*url)(struct lake *lake, const char *path, struct buf *out, struct lf_error *err);
};

/* The head of every driver's struct. */
struct lake {
    const struct lake_ops *ops;
};

void lake_close(struct lake **lake); /* for CLEANUP */

/* Whole small objects; LIMIT over max. ret_etag may be NULL. The ETag belongs to the bytes returned: when the object
 * changes in between, it is read again. */
bool lake_read_all(struct lake *lake, const char *path, size_t max, struct buf *out, char *ret_etag,
                   struct lf_error *err) LF_MUST_CHECK;

/* Reads an object front to back in blocks of any size, of one version where the driver has readers. Init by assignment of
 * lake, path and where to begin. */
struct lake_input {
    struct lake *lake;
    const char *path;           /* borrowed */
    uint64_t offset;            /* of the next byte */
    struct lake_reader *reader; /* lake_input's own */
    char etag
        [LAKE_ETAG_SIZE]; /* of the version that is read; empty before the first read, and where there are no readers */
};
void lake_input_done(struct lake_input *input); /* for CLEANUP; of one without a lake, too */
bool lake_input_read(struct lake_input *input, void *ret, size_t len, size_t *ret_len,
                     struct lf_error *err) LF_MUST_CHECK;

/* Copies bytes into an unnamed temporary file of `folder` and describes it; the caller closes ret_content->fd.
 * `ret_hex` holds the hash that ret_content->sha256 points at. */
bool lake_content_from_buf(const char *folder, const struct buf *bytes, struct lake_content *ret_content,
                           char ret_hex[65], struct lf_error *err) LF_MUST_CHECK;

#endif
