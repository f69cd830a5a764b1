/* SPDX-License-Identifier: Apache-2.0
 *
 * Data files. The file is made when the first block is full, or at the commit; a block is sent when there is more to write, so
 * that the last one is at hand at the commit and goes with the flush: n blocks take n + 1 requests. Blocks go to explicit
 * positions, so that each may be sent again; several are in flight as far as the ledger has memory for them.
 */
#include "base/macros.h"
#include "lake/adls_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_MOST 4u
#define BLOCK_MOST ((size_t)4 << 20)
#define BLOCK_LEAST ((size_t)512 << 10) /* of a granted one */
#define BLOCK_SMALL ((size_t)256 << 10) /* without a grant */
#define WORK_SHARE 4                    /* of all work memory, for one writer */
#define FILE_BLOCKS_MAX 50000u
#define REMOVE_PATIENCE_MS 10000

/* One append that may be in flight. */
struct block {
    char *ptr;
    size_t len;
    uint64_t position;
    bool sent;
    char md5[ADLS_MD5_SIZE];
    struct adls_call call;
};

enum creation { CREATION_NONE, CREATION_OURS, CREATION_UNKNOWN };

struct adls_writer {
    struct adls_lake *lake;
    char *path;
    struct budget_grant grant;
    struct block blocks[BLOCKS_MOST];
    size_t nblocks, block_size;
    size_t current;    /* the one that is filled */
    uint64_t position; /* where that one begins in the file */
    unsigned appends;
    enum creation creation;
    bool failed;
};

bool adls_writer_open(struct lake *lake, const char *path, struct lake_writer **ret_writer, struct lf_error *err)
{
    TRY(adls_check_path(path, err));
    struct adls_writer *writer = mem_new(1, sizeof *writer);
    writer->lake = adls_of(lake);
    writer->path = text_copy(path);
    writer->nblocks = 1;
    writer->block_size = BLOCK_SMALL;
    writer->blocks[0].ptr = mem_new(BLOCK_SMALL, 1);
    *ret_writer = (struct lake_writer *)writer;
    return true;
}

static void writer_free(struct adls_writer *writer)
{
    for (size_t i = 0; i < BLOCKS_MOST; i++) {
        adls_call_done(&writer->blocks[i].call);
        free(writer->blocks[i].ptr);
    }
    budget_give_back(&writer->grant);
    text_free(&writer->path);
    free(writer);
}

/* ---- memory ---- */

/* Once the file is known to be larger than a small block: more and larger ones, if the ledger has them. */
static void grow(struct adls_writer *writer)
{
    struct budget *budget = writer->lake->budget;
    if (budget == NULL || writer->grant.bytes > 0) {
        return;
    }
    const size_t share = budget_look(budget).work.bytes / WORK_SHARE;
    const size_t wanted = share < BLOCKS_MOST * BLOCK_MOST ? share : BLOCKS_MOST * BLOCK_MOST;
    const struct budget_wish wish = {.work = BUDGET_LOAD, .is_part = true, .least = 2 * BLOCK_LEAST, .wanted = wanted};
    if (wanted < 2 * BLOCK_LEAST || !budget_try_work(budget, &wish, &writer->grant)) {
        return;
    }
    const size_t count = writer->grant.bytes / BLOCK_MOST;
    writer->nblocks = count < 2 ? 2 : count > BLOCKS_MOST ? BLOCKS_MOST : count;
    writer->block_size = writer->grant.bytes / writer->nblocks;
    writer->block_size = writer->block_size > BLOCK_MOST ? BLOCK_MOST : writer->block_size;
    struct block *current = &writer->blocks[writer->current];
    current->ptr = mem_resize(current->ptr, writer->block_size, 1);
}

/* ---- the file ---- */

/* A create was answered with "exists", and an earlier try of it may have been carried out. The id of that try tells, where the
 * service keeps it; else a file without bytes, under a name that holds the random id of this process, can only be ours. */
static bool is_own_file(struct adls_writer *writer, const char *transaction, bool *ret_ours, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call head = {0};
    uint64_t bytes = 1;
    adls_call_init(&head, writer->lake, ADLS_DFS, "look at", HTTP_HEAD, writer->path, "action=getStatus");
    TRY(adls_call_must(&head, err));
    const char *found = adls_call_header_of(&head, "x-ms-client-transaction-id");
    const bool empty = adls_call_length(&head, &bytes) && bytes == 0;
    *ret_ours = empty && (found != NULL ? strcmp(found, transaction) == 0
                                        : lake_path_kind(writer->path) == LAKE_PATH_IS_PARTITION);
    return true;
}

static bool create_file(struct adls_writer *writer, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    char transaction[RANDOM_GUID_SIZE];
    bool ours = false;
    TRY(adls_may_write(writer->lake, err));
    random_make_guid(&writer->lake->random, transaction);
    adls_call_init(&call, writer->lake, ADLS_DFS, "create", HTTP_PUT, writer->path, "resource=file");
    adls_call_header(&call, "If-None-Match", "*");
    adls_call_header(&call, "x-ms-client-transaction-id", transaction);
    TRY(adls_call_send(&call, err));
    writer->creation = CREATION_UNKNOWN;
    TRY(adls_call_wait(&call, err));
    if (adls_call_is(&call, "PathAlreadyExists") && call.reply.was_repeated_blindly) {
        TRY(is_own_file(writer, transaction, &ours, err));
    }
    const bool created = adls_call_ok(&call) || ours;
    const bool certain = created || (call.reply.status < 500 && !call.reply.was_repeated_blindly);
    writer->creation = created ? CREATION_OURS : certain ? CREATION_NONE : CREATION_UNKNOWN;
    return created || adls_call_fail(&call, err);
}

static bool check_blocks(const struct adls_writer *writer, struct lf_error *err)
{
    return writer->appends < FILE_BLOCKS_MAX ||
           lf_error_set(err, LF_LIMIT, 0,
                        "%s: a file has at most %u blocks, and this one was written in blocks of %zu KiB; set "
                        "snapshot.partition_bytes lower, or memory higher",
                        writer->path, FILE_BLOCKS_MAX, writer->block_size >> 10);
}

static void init_append(struct adls_writer *writer, struct block *block, struct adls_call *call, bool flush)
{
    char query[96];
    (void)snprintf(query, sizeof query, "action=append&position=%" PRIu64 "%s", block->position,
                   flush ? "&flush=true&close=true" : "");
    adls_call_init(call, writer->lake, ADLS_DFS, "append to", HTTP_PATCH, writer->path, query);
    adls_call_header(call, "Content-MD5", block->md5);
    call->request.body = (struct http_body){.ptr = block->ptr, .bytes = block->len};
}

static void seal(struct adls_writer *writer, struct block *block)
{
    unsigned char digest[MD5_BYTES];
    md5_of(block->ptr, block->len, digest);
    adls_md5_text(digest, block->md5);
    block->position = writer->position;
}

static bool append_failed(const struct adls_call *call, struct lf_error *err)
{
    return adls_call_fail(call, err) || adls_own_file_failed(err);
}

/* Whether the sum of what arrived is that of what was sent. */
static bool arrived_whole(const struct adls_call *call, const struct block *block)
{
    const char *md5 = adls_call_header_of(call, "Content-MD5");
    return md5 == NULL || strcmp(md5, block->md5) == 0;
}

static bool finish_block(struct adls_writer *writer, struct block *block, struct lf_error *err)
{
    if (!block->sent) {
        return true;
    }
    block->sent = false;
    CLEANUP(adls_call_done) struct adls_call again = {0};
    const struct adls_call *answer = &block->call;
    TRY(adls_call_wait(&block->call, err));
    if (adls_call_is(answer, "Md5Mismatch") || (adls_call_ok(answer) && !arrived_whole(answer, block))) {
        init_append(writer, block, &again, false);
        TRY(adls_call_run(&again, err));
        answer = &again;
    }
    const bool ok = adls_call_ok(answer) && arrived_whole(answer, block);
    const bool failed =
        !ok && (adls_call_ok(answer) ? lf_error_set(err, LF_TRANSIENT, 0, "%s: the bytes arrived altered", writer->path)
                                     : append_failed(answer, err));
    adls_call_done(&block->call);
    block->len = 0;
    return ok || failed;
}

/* Sends the full block and finds room for the next one. */
static bool send_current(struct adls_writer *writer, struct lf_error *err)
{
    struct block *block = &writer->blocks[writer->current];
    TRY(check_blocks(writer, err));
    if (writer->creation == CREATION_NONE) {
        TRY(create_file(writer, err));
    }
    TRY(adls_may_write(writer->lake, err));
    seal(writer, block);
    init_append(writer, block, &block->call, false);
    TRY(adls_call_send(&block->call, err));
    block->sent = true;
    writer->appends++;
    writer->position += block->len;
    writer->current = (writer->current + 1) % writer->nblocks;
    block = &writer->blocks[writer->current];
    TRY(finish_block(writer, block, err));
    if (block->ptr == NULL) {
        block->ptr = mem_new(writer->block_size, 1);
    }
    block->len = 0;
    return true;
}

static bool write_bytes(struct adls_writer *writer, const char *ptr, size_t len, struct lf_error *err)
{
    while (len > 0) {
        struct block *block = &writer->blocks[writer->current];
        if (block->len == writer->block_size) {
            grow(writer);
        }
        if (block->len == writer->block_size) {
            TRY(send_current(writer, err));
            block = &writer->blocks[writer->current];
        }
        const size_t room = writer->block_size - block->len;
        const size_t part = len < room ? len : room;
        memcpy(block->ptr + block->len, ptr, part);
        block->len += part;
        ptr += part;
        len -= part;
    }
    return true;
}

bool adls_writer_write(struct lake_writer *opaque, const void *ptr, size_t len, struct lf_error *err)
{
    struct adls_writer *writer = (struct adls_writer *)opaque;
    writer->failed = writer->failed || !write_bytes(writer, ptr, len, err);
    return !writer->failed;
}

/* ---- the end ---- */

static bool is_complete(struct adls_writer *writer, uint64_t bytes)
{
    struct lake_stat status;
    struct lf_error ignored;
    return adls_stat(&writer->lake->base, writer->path, &status, &ignored) && status.bytes == bytes;
}

/* The last block and the flush. When its answer is lost, the position of a second try lies behind the end: the length tells. */
static bool flush_last(struct adls_writer *writer, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    struct block *block = &writer->blocks[writer->current];
    const uint64_t end = writer->position + block->len;
    seal(writer, block);
    for (int i = 0;; i++) {
        init_append(writer, block, &call, true);
        if (!adls_call_send(&call, err)) {
            return false;
        }
        if (!adls_call_wait(&call, err)) {
            return http_was_sent(err) && err->kind != LF_CANCELLED && is_complete(writer, end);
        }
        if (adls_call_ok(&call)) {
            return arrived_whole(&call, block) ||
                   lf_error_set(err, LF_TRANSIENT, 0, "%s: the bytes arrived altered", writer->path);
        }
        if (i > 0 || !adls_call_is(&call, "Md5Mismatch")) {
            break;
        }
        adls_call_done(&call);
    }
    const bool unknown = call.reply.was_repeated_blindly || call.reply.status >= 500;
    return (unknown && is_complete(writer, end)) || append_failed(&call, err);
}

static bool finish(struct adls_writer *writer, struct lf_error *err)
{
    if (writer->creation == CREATION_NONE) {
        TRY(create_file(writer, err));
    }
    for (size_t i = 1; i <= writer->nblocks; i++) {
        TRY(finish_block(writer, &writer->blocks[(writer->current + i) % writer->nblocks], err));
    }
    if (writer->position == 0 && writer->blocks[writer->current].len == 0) {
        return true; /* an empty file is there as soon as it is made */
    }
    TRY(check_blocks(writer, err));
    TRY(adls_may_write(writer->lake, err));
    return flush_last(writer, err);
}

/* Best effort: what stays is named by nobody, and collected. */
static void remove_file(struct adls_writer *writer)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    struct lf_error ignored;
    if (writer->creation != CREATION_OURS || !adls_may_write_now(writer->lake)) {
        return;
    }
    adls_call_init(&call, writer->lake, ADLS_DFS, "remove", HTTP_DELETE, writer->path, "recursive=false");
    call.request.patience_ms = REMOVE_PATIENCE_MS;
    const bool done = adls_call_run(&call, &ignored);
    (void)done;
}

bool adls_writer_commit(struct lake_writer *opaque, struct lf_error *err)
{
    struct adls_writer *writer = (struct adls_writer *)opaque;
    bool ok = writer->failed ? lf_error_set(err, LF_TRANSIENT, 0, "%s: an earlier write has failed", writer->path)
                             : finish(writer, err);
    if (!ok) {
        adls_writer_abort(opaque);
        return false;
    }
    writer_free(writer);
    return true;
}

void adls_writer_abort(struct lake_writer *opaque)
{
    struct adls_writer *writer = (struct adls_writer *)opaque;
    if (writer == NULL) {
        return;
    }
    for (size_t i = 0; i < BLOCKS_MOST; i++) {
        http_drop(&writer->blocks[i].call.ticket); /* before the file goes: a late block must not find it again */
    }
    remove_file(writer);
    writer_free(writer);
}
