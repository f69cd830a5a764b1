/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows in key order to partition files: opens a file with its first row, counts, hashes, and begins the next one when it
 * is large enough.
 *
 *   partition_writer_init → [ partition_writer_start → partition_writer_add… ]… → partition_writer_cut → partition_writer_take
 *                         → partition_writer_done
 *
 * done without take abandons: open files are aborted, and `forget` is told of finished ones. One thread.
 */
#ifndef SNAPSHOT_PARTITION_WRITER_H
#define SNAPSHOT_PARTITION_WRITER_H

#include "cdm/model.h"
#include "lake/lake.h"

#include <stdatomic.h>

struct sha256;

/* Where partitions of one entity go. Borrowed by writers. */
struct partition_target {
    struct lake *lake;
    const char *entity;
    uint64_t partition_bytes;
    atomic_uint *next_partition; /* number of the next name; counted up, also by several writers at once */
    /* Makes a path that was never given before. */
    void (*next_path)(void *context, const char *entity, uint32_t partition, struct buf *out);
    void (*forget)(void *context, const char *path); /* the file is abandoned */
    void *context;
};

struct partition_writer {
    const struct partition_target *target;
    struct lake_writer *file; /* NULL: none open */
    struct sha256 *hash;
    struct buf block;     /* bytes not yet handed to the file */
    struct buf first_key; /* of the next file, while has_first_key */
    bool has_first_key;
    struct model_partition current;
    struct model_partition *done;
    size_t ndone, done_size;
    uint64_t rows, bytes; /* of all files of this writer */
};

void partition_writer_init(struct partition_writer *writer, const struct partition_target *target);
void partition_writer_done(struct partition_writer *writer);

/* The lower bound of the next file, when it is another than the key of its first row. */
void partition_writer_start(struct partition_writer *writer, struct lf_slice first_key);
/* A row without LF. `appending`: no old row follows in this key range, so a full file ends exactly at its size; otherwise it
 * may grow by half before it is split, so that updates do not leave crumbs. */
bool partition_writer_add(struct partition_writer *writer, struct lf_slice key, struct lf_slice row, bool appending,
                          struct lf_error *err) LF_MUST_CHECK;
uint64_t partition_writer_open_bytes(const struct partition_writer *writer); /* of the open file */
/* Ends the open file, if there is one, durably. */
bool partition_writer_cut(struct partition_writer *writer, struct lf_error *err) LF_MUST_CHECK;
/* Appends finished partitions to the caller's list (mem_grow'n), which owns them from now on. */
void partition_writer_take(struct partition_writer *writer, struct model_partition **list, size_t *nlist, size_t *size);

#endif
