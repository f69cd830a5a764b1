/* SPDX-License-Identifier: Apache-2.0
 *
 * One unnamed temporary file that is shared out in extents: a sorted run, a large row, a piece of the token log. What
 * is released is given back to the disk and used again, so a file lives as long as its process without growing. One
 * descriptor, however many sorters share it. docs/formats/spool.md is the byte-exact page.
 *
 * Threads: any; an extent is written by the one that reserved it, and read after it was handed over.
 */
#ifndef DATA_SORTER_RUN_H
#define DATA_SORTER_RUN_H

#include "lakefeed/error.h"
#include "lakefeed/schema.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct extent {
    uint64_t offset; /* a multiple of the file's block */
    uint64_t len;    /* bytes of data; the rest of the last block is unused */
};

struct run_file;

/* The file is made at the first reservation. max_bytes 0: no limit. `folder` is copied. */
struct run_file *run_file_new(const char *folder, uint64_t max_bytes);
void run_file_free(struct run_file **file);
/* LIMIT when the extents would take more than max_bytes together; errors of opening the file. */
bool run_file_reserve(struct run_file *file, uint64_t len, struct extent *ret_extent,
                      struct lf_error *err) LF_MUST_CHECK;
void run_file_release(struct run_file *file, struct extent extent);
/* TRANSIENT when the disk is full. */
bool run_file_write(struct run_file *file, uint64_t offset, const void *ptr, size_t len,
                    struct lf_error *err) LF_MUST_CHECK;
/* INTERNAL when the file ends before. */
bool run_file_read(struct run_file *file, uint64_t offset, void *ret, size_t len, struct lf_error *err) LF_MUST_CHECK;
uint64_t run_file_bytes(struct run_file *file); /* of all extents, in whole blocks */
uint64_t run_file_extent_bytes(uint64_t len);   /* what an extent takes: whole blocks */

/* Writes records one after the other into a reserved extent. */
struct run_writer {
    struct run_file *file;
    struct extent extent;
    uint64_t at;
    char *block;
    size_t block_len;
};
bool run_writer_open(struct run_writer *writer, struct run_file *file, uint64_t len,
                     struct lf_error *err) LF_MUST_CHECK;
bool run_writer_add(struct run_writer *writer, const void *ptr, size_t len, struct lf_error *err) LF_MUST_CHECK;
/* The extent is the caller's; exactly the reserved bytes must have been added. */
bool run_writer_finish(struct run_writer *writer, struct extent *ret_extent, struct lf_error *err) LF_MUST_CHECK;
void run_writer_done(struct run_writer *writer); /* for CLEANUP; gives an unfinished extent back */

/* Reads the records of a run. */
struct run_reader {
    struct run_file *file;
    uint64_t at;
    uint64_t end;
    char *block;
    size_t size;
    size_t pos;
    size_t len;
};
void run_reader_init(struct run_reader *reader, struct run_file *file, struct extent extent, size_t block_bytes);
void run_reader_done(struct run_reader *reader);
/* One record with its length in front, valid until the next call; NULL at the end. INTERNAL: damaged. */
bool run_reader_next(struct run_reader *reader, const char **ret_record, size_t *ret_len,
                     struct lf_error *err) LF_MUST_CHECK;

#endif
