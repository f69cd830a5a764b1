/* SPDX-License-Identifier: Apache-2.0 */
#include "data/sorter_run.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "data/change_layout.h"
#include "data/sorter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static const uint64_t file_block_bytes = 4096; /* holes are cut out in whole blocks of the file system */
static const size_t write_block_bytes = (size_t)32 << 10;
/* No record in a run is larger: two keys with their lengths and a row that is not kept elsewhere. */
static const size_t record_bytes_max = CHANGE_KEY_AT + (size_t)2 * (UINT16_MAX + 1) + SORTER_INLINE_MAX;

struct run_file {
    pthread_mutex_t lock; /* over all but the bytes of extents; fd never changes once it is open */
    char *folder;
    uint64_t max_bytes;
    int fd;
    uint64_t end;
    uint64_t used_bytes;
    struct extent *holes; /* below end, by offset, never adjacent to each other or to end */
    size_t nholes;
    size_t holes_cap;
};

struct run_file *run_file_new(const char *folder, uint64_t max_bytes)
{
    struct run_file *file = mem_new(1, sizeof *file);
    (void)pthread_mutex_init(&file->lock, NULL);
    file->folder = text_copy(folder);
    file->max_bytes = max_bytes;
    file->fd = -1;
    return file;
}

void run_file_free(struct run_file **file)
{
    if (*file == NULL) {
        return;
    }
    fd_close(&(*file)->fd);
    (void)pthread_mutex_destroy(&(*file)->lock);
    free((*file)->folder);
    free((*file)->holes);
    free(*file);
    *file = NULL;
}

uint64_t run_file_extent_bytes(uint64_t len)
{
    return (len + file_block_bytes - 1) / file_block_bytes * file_block_bytes;
}

static void remove_hole(struct run_file *file, size_t i)
{
    memmove(file->holes + i, file->holes + i + 1, (file->nholes - i - 1) * sizeof file->holes[0]);
    file->nholes--;
}

/* The first hole that is large enough, else the end of the file. */
static uint64_t take_place(struct run_file *file, uint64_t bytes)
{
    for (size_t i = 0; i < file->nholes; i++) {
        struct extent *hole = &file->holes[i];
        if (hole->len < bytes) {
            continue;
        }
        uint64_t offset = hole->offset;
        hole->offset += bytes;
        hole->len -= bytes;
        if (hole->len == 0) {
            remove_hole(file, i);
        }
        return offset;
    }
    uint64_t offset = file->end;
    file->end += bytes;
    return offset;
}

static bool reserve_locked(struct run_file *file, uint64_t len, struct extent *ret_extent, struct lf_error *err)
{
    uint64_t bytes = run_file_extent_bytes(len);
    if (file->max_bytes > 0 && (bytes > file->max_bytes || file->used_bytes > file->max_bytes - bytes)) {
        return lf_error_set(err, LF_LIMIT, 0,
                            "temporary files in %s would grow over their limit of %llu bytes; give them more room or "
                            "commit more often",
                            file->folder, (unsigned long long)file->max_bytes);
    }
    if (file->fd < 0) {
        TRY(file_open_temp(file->folder, &file->fd, err));
    }
    *ret_extent = (struct extent){take_place(file, bytes), len};
    file->used_bytes += bytes;
    return true;
}

bool run_file_reserve(struct run_file *file, uint64_t len, struct extent *ret_extent, struct lf_error *err)
{
    assert(len > 0);
    (void)pthread_mutex_lock(&file->lock);
    bool ok = reserve_locked(file, len, ret_extent, err);
    (void)pthread_mutex_unlock(&file->lock);
    return ok;
}

static size_t hole_after(const struct run_file *file, uint64_t offset)
{
    size_t low = 0;
    size_t high = file->nholes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (file->holes[middle].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void insert_hole(struct run_file *file, size_t i, struct extent hole)
{
    mem_grow(&file->holes, &file->holes_cap, file->nholes + 1, sizeof file->holes[0]);
    memmove(file->holes + i + 1, file->holes + i, (file->nholes - i) * sizeof file->holes[0]);
    file->holes[i] = hole;
    file->nholes++;
}

/* Joins the hole with its neighbours; at the end of the file it is no hole but the file is shorter. */
static void give_place(struct run_file *file, struct extent hole)
{
    size_t i = hole_after(file, hole.offset);
    if (i < file->nholes && hole.offset + hole.len == file->holes[i].offset) {
        hole.len += file->holes[i].len;
        remove_hole(file, i);
    }
    if (i > 0 && file->holes[i - 1].offset + file->holes[i - 1].len == hole.offset) {
        i--;
        hole.offset = file->holes[i].offset;
        hole.len += file->holes[i].len;
        remove_hole(file, i);
    }
    if (hole.offset + hole.len == file->end) {
        file->end = hole.offset;
    } else {
        insert_hole(file, i, hole);
    }
}

void run_file_release(struct run_file *file, struct extent extent)
{
    extent.len = run_file_extent_bytes(extent.len);
    (void)pthread_mutex_lock(&file->lock);
    assert(extent.len <= file->used_bytes && extent.offset + extent.len <= file->end);
    file->used_bytes -= extent.len;
    give_place(file, extent);
    /* Under the lock: a hole that is used again must not be emptied any more. Where the file system cannot do it,
     * the place is still used again. */
    (void)fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)extent.offset, (off_t)extent.len);
    (void)pthread_mutex_unlock(&file->lock);
}

bool run_file_write(struct run_file *file, uint64_t offset, const void *ptr, size_t len, struct lf_error *err)
{
    const char *at = ptr;
    while (len > 0) {
        ssize_t n = pwrite(file->fd, at, len, (off_t)offset);
        if (n < 0 && errno != EINTR) {
            /* A file size limit of the process is, like a full disk, no property of the data. */
            return file_error(err, errno == EFBIG ? ENOSPC : errno, "write a temporary file in", file->folder);
        }
        if (n > 0) {
            at += n;
            offset += (uint64_t)n;
            len -= (size_t)n;
        }
    }
    return true;
}

static bool damaged(const struct run_file *file, struct lf_error *err)
{
    return lf_error_set(err, LF_INTERNAL, 0, "a temporary file in %s is damaged; restart lakefeed, nothing is lost",
                        file->folder);
}

bool run_file_read(struct run_file *file, uint64_t offset, void *ret, size_t len, struct lf_error *err)
{
    size_t got = 0;
    TRY(file_read_at(file->fd, offset, ret, len, &got, file->folder, err));
    return got == len || damaged(file, err);
}

uint64_t run_file_bytes(struct run_file *file)
{
    (void)pthread_mutex_lock(&file->lock);
    uint64_t bytes = file->used_bytes;
    (void)pthread_mutex_unlock(&file->lock);
    return bytes;
}

bool run_writer_open(struct run_writer *writer, struct run_file *file, uint64_t len, struct lf_error *err)
{
    struct extent extent = {0};
    TRY(run_file_reserve(file, len, &extent, err));
    size_t size = len < write_block_bytes ? (size_t)len : write_block_bytes;
    *writer =
        (struct run_writer){.file = file, .extent = extent, .at = extent.offset, .block = mem_resize(NULL, size, 1)};
    return true;
}

static bool flush_block(struct run_writer *writer, struct lf_error *err)
{
    TRY(run_file_write(writer->file, writer->at, writer->block, writer->block_len, err));
    writer->at += writer->block_len;
    writer->block_len = 0;
    return true;
}

bool run_writer_add(struct run_writer *writer, const void *ptr, size_t len, struct lf_error *err)
{
    uint64_t left = writer->extent.offset + writer->extent.len - writer->at - writer->block_len;
    assert(len <= left);
    size_t size = writer->extent.len < write_block_bytes ? (size_t)writer->extent.len : write_block_bytes;
    if (len > size - writer->block_len) {
        TRY(flush_block(writer, err));
    }
    if (len > size) {
        TRY(run_file_write(writer->file, writer->at, ptr, len, err));
        writer->at += len;
        return true;
    }
    memcpy(writer->block + writer->block_len, ptr, len);
    writer->block_len += len;
    return true;
}

bool run_writer_finish(struct run_writer *writer, struct extent *ret_extent, struct lf_error *err)
{
    TRY(flush_block(writer, err));
    assert(writer->at == writer->extent.offset + writer->extent.len);
    *ret_extent = writer->extent;
    writer->file = NULL;
    return true;
}

void run_writer_done(struct run_writer *writer)
{
    if (writer->file != NULL) {
        run_file_release(writer->file, writer->extent);
    }
    free(writer->block);
    *writer = (struct run_writer){0};
}

void run_reader_init(struct run_reader *reader, struct run_file *file, struct extent extent, size_t block_bytes)
{
    size_t size = extent.len < block_bytes ? (size_t)extent.len : block_bytes;
    *reader = (struct run_reader){.file = file,
                                  .at = extent.offset,
                                  .end = extent.offset + extent.len,
                                  .block = mem_resize(NULL, size, 1),
                                  .size = size};
}

void run_reader_done(struct run_reader *reader)
{
    free(reader->block);
    *reader = (struct run_reader){0};
}

/* Makes `need` bytes follow at pos; false in *ret_enough at the end of the run. */
static bool fill(struct run_reader *reader, size_t need, bool *ret_enough, struct lf_error *err)
{
    size_t have = reader->len - reader->pos;
    *ret_enough = have >= need || reader->end - reader->at >= need - have;
    if (have >= need || !*ret_enough) {
        return true;
    }
    memmove(reader->block, reader->block + reader->pos, have);
    reader->pos = 0;
    reader->len = have;
    if (need > reader->size) {
        reader->block = mem_resize(reader->block, need, 1);
        reader->size = need;
    }
    uint64_t left = reader->end - reader->at;
    size_t len = left < reader->size - have ? (size_t)left : reader->size - have;
    TRY(run_file_read(reader->file, reader->at, reader->block + have, len, err));
    reader->at += len;
    reader->len += len;
    return true;
}

bool run_reader_next(struct run_reader *reader, const char **ret_record, size_t *ret_len, struct lf_error *err)
{
    if (reader->pos == reader->len && reader->at == reader->end) {
        *ret_record = NULL;
        return true;
    }
    bool enough = false;
    TRY(fill(reader, CHANGE_SEQ_AT, &enough, err));
    if (!enough) {
        return damaged(reader->file, err);
    }
    size_t len = CHANGE_SEQ_AT + (size_t)change_load_u32(reader->block + reader->pos);
    if (len > record_bytes_max) {
        return damaged(reader->file, err);
    }
    TRY(fill(reader, len, &enough, err));
    if (!enough) {
        return damaged(reader->file, err);
    }
    *ret_record = reader->block + reader->pos;
    *ret_len = len;
    reader->pos += len;
    return true;
}
