/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/partition_writer.h"

#include "base/crypto.h"
#include "base/macros.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)256 << 10)

void partition_writer_init(struct partition_writer *writer, const struct partition_target *target)
{
    *writer = (struct partition_writer){.target = target, .hash = sha256_new()};
}

static void forget_done(struct partition_writer *writer)
{
    for (size_t i = 0; i < writer->ndone; i++) {
        writer->target->forget(writer->target->context, writer->done[i].path);
        model_partition_done(&writer->done[i]);
    }
    writer->ndone = 0;
}

void partition_writer_done(struct partition_writer *writer)
{
    if (writer->target == NULL) {
        return;
    }
    if (writer->file != NULL) {
        writer->target->lake->ops->writer_abort(writer->file);
        writer->target->forget(writer->target->context, writer->current.path);
        model_partition_done(&writer->current);
    }
    forget_done(writer);
    free(writer->done);
    sha256_free(&writer->hash);
    buf_done(&writer->block);
    buf_done(&writer->first_key);
    *writer = (struct partition_writer){0};
}

void partition_writer_start(struct partition_writer *writer, struct lf_slice first_key)
{
    buf_reset(&writer->first_key);
    buf_append(&writer->first_key, first_key.ptr, first_key.len);
    writer->has_first_key = true;
}

static bool open_file(struct partition_writer *writer, struct lf_slice key, struct lf_error *err)
{
    const struct partition_target *target = writer->target;
    CLEANUP(buf_done) struct buf path = {0};
    uint32_t number = atomic_fetch_add(target->next_partition, 1);
    target->next_path(target->context, target->entity, number, &path);
    if (!target->lake->ops->writer_open(target->lake, buf_text(&path), &writer->file, err)) {
        writer->file = NULL;
        target->forget(target->context, buf_text(&path));
        return false;
    }
    struct lf_slice first = writer->has_first_key ? buf_slice(&writer->first_key) : key;
    writer->current = (struct model_partition){
        .name = text_printf("p%08u", number),
        .path = text_copy(buf_text(&path)),
        .first_key = model_bytes_copy(first.ptr, first.len),
    };
    writer->has_first_key = false;
    return true;
}

static bool write_bytes(struct partition_writer *writer, struct lf_slice bytes, struct lf_error *err)
{
    sha256_update(writer->hash, bytes.ptr, bytes.len);
    return writer->target->lake->ops->writer_write(writer->file, bytes.ptr, bytes.len, err);
}

static bool flush_block(struct partition_writer *writer, struct lf_error *err)
{
    if (writer->block.len == 0) {
        return true;
    }
    bool ok = write_bytes(writer, buf_slice(&writer->block), err);
    buf_reset(&writer->block);
    return ok;
}

/* A row that is as large as a block is not copied: there may be little memory left beside it. */
static bool append_row(struct partition_writer *writer, struct lf_slice row, struct lf_error *err)
{
    if (row.len < BLOCK_BYTES) {
        buf_append(&writer->block, row.ptr, row.len);
    } else {
        TRY(flush_block(writer, err));
        TRY(write_bytes(writer, row, err));
    }
    buf_append_char(&writer->block, '\n');
    return true;
}

bool partition_writer_add(struct partition_writer *writer, struct lf_slice key, struct lf_slice row, bool appending,
                          struct lf_error *err)
{
    uint64_t limit = writer->target->partition_bytes + (appending ? 0 : writer->target->partition_bytes / 2);
    if (writer->file != NULL && writer->current.bytes >= limit) {
        TRY(partition_writer_cut(writer, err));
    }
    if (writer->file == NULL) {
        TRY(open_file(writer, key, err));
    }
    TRY(append_row(writer, row, err));
    writer->current.rows++;
    writer->current.bytes += row.len + 1;
    writer->rows++;
    writer->bytes += row.len + 1;
    return writer->block.len < BLOCK_BYTES || flush_block(writer, err);
}

uint64_t partition_writer_open_bytes(const struct partition_writer *writer)
{
    return writer->file == NULL ? 0 : writer->current.bytes;
}

bool partition_writer_cut(struct partition_writer *writer, struct lf_error *err)
{
    if (writer->file == NULL) {
        return true;
    }
    TRY(flush_block(writer, err));
    sha256_finish(writer->hash, writer->current.sha256);
    struct lake_writer *file = writer->file;
    writer->file = NULL; /* commit frees it, also when it fails */
    if (!writer->target->lake->ops->writer_commit(file, err)) {
        writer->target->forget(writer->target->context, writer->current.path);
        model_partition_done(&writer->current);
        return false;
    }
    mem_grow(&writer->done, &writer->done_size, writer->ndone + 1, sizeof *writer->done);
    writer->done[writer->ndone++] = writer->current;
    writer->current = (struct model_partition){0};
    return true;
}

void partition_writer_take(struct partition_writer *writer, struct model_partition **list, size_t *nlist, size_t *size)
{
    mem_grow(list, size, *nlist + writer->ndone, sizeof **list);
    if (writer->ndone > 0) {
        memcpy(*list + *nlist, writer->done, writer->ndone * sizeof **list);
    }
    *nlist += writer->ndone;
    writer->ndone = 0;
}
