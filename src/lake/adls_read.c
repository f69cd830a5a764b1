/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading. A reader asks for a little first; what that tells of the size decides how much memory is worth asking the ledger
 * for. With enough of it the next piece is on its way while one is handed out. Every further piece must be of the version that
 * the first one came from.
 */
#include "base/macros.h"
#include "lake/adls_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES ((size_t)256 << 10) /* needs no grant: most documents are smaller */
#define LEAST_BYTES ((size_t)1 << 20)
#define MOST_BYTES ((size_t)4 << 20)
#define WORK_SHARE 4 /* of all work memory, for one reader */

/* One GET of a range. */
struct range {
    uint64_t offset;
    size_t got;
    uint64_t total; /* bytes of the whole object */
    char etag[LAKE_ETAG_SIZE];
};

static bool is_past_end(const struct adls_call *call)
{
    return call->reply.status == 416;
}

/* "bytes 0-99/1234" */
static bool read_content_range(const struct adls_call *call, struct range *range, struct lf_error *err)
{
    const char *text = adls_call_header_of(call, "Content-Range");
    unsigned long long first = 0;
    unsigned long long last = 0;
    unsigned long long total = 0;
    char rest = 0;
    /* NOLINTNEXTLINE(cert-err34-c): numbers that do not fit differ from what was asked for */
    const int found = text != NULL ? sscanf(text, "bytes %llu-%llu/%llu%c", &first, &last, &total, &rest) : 0;
    if (found != 3 || first != range->offset || last < first || last - first + 1 != call->reply.bytes ||
        last >= total) {
        return lf_error_set(err, LF_TRANSIENT, (int)call->reply.status,
                            "%s: the answer is not the range that was asked for (%.80s)", buf_text(&call->url),
                            text != NULL ? text : "no Content-Range");
    }
    range->got = call->reply.bytes;
    range->total = total;
    return true;
}

/* What a portal on the way answers lacks much, and passes. */
static enum lf_error_kind kind_of_lack(const struct adls_call *call)
{
    return adls_call_is_of_service(call) ? LF_UNSUPPORTED : LF_TRANSIENT;
}

static bool take_range(struct adls_call *call, struct range *range, struct lf_error *err)
{
    if (is_past_end(call)) {
        const char *text = adls_call_header_of(call, "Content-Range");
        const char *slash = text != NULL ? strchr(text, '/') : NULL;
        range->got = 0;
        range->total = slash != NULL ? strtoull(slash + 1, NULL, 10) : range->offset;
        range->total = range->total > range->offset ? range->offset : range->total;
        return true;
    }
    if (!adls_call_ok(call)) {
        return adls_call_fail(call, err);
    }
    if (!adls_call_etag(call, range->etag)) {
        return lf_error_set(err, kind_of_lack(call), 0, "%s: the service gives no ETag", buf_text(&call->url));
    }
    return read_content_range(call, range, err);
}

/* `pin` NULL or empty: whatever version is there. */
static void init_get(struct adls_call *call, struct adls_lake *lake, const char *path, uint64_t offset, size_t len,
                     const char *pin)
{
    char text[64];
    adls_call_init(call, lake, ADLS_DFS, "read", HTTP_GET, path, NULL);
    (void)snprintf(text, sizeof text, "bytes=%" PRIu64 "-%" PRIu64, offset, offset + len - 1);
    adls_call_header(call, "Range", text);
    if (pin != NULL && pin[0] != '\0') {
        adls_call_header(call, "If-Match", pin);
    }
}

/* What is longer than its range comes from one on the way who does not know ranges: nothing is said of the file. */
static bool wait_range(struct adls_call *call, struct lf_error *err)
{
    if (adls_call_wait(call, err)) {
        return true;
    }
    if (err->kind == LF_LIMIT) {
        err->kind = LF_TRANSIENT;
        return lf_error_wrap(err, "the answer is not the range that was asked for; check proxies on the way");
    }
    return false;
}

bool adls_read_range(struct lake *lake, const char *path, uint64_t offset, void *ret, size_t len, size_t *ret_len,
                     struct lf_error *err)
{
    struct lake_stat status;
    struct range range = {.offset = offset};
    TRY(adls_check_path(path, err));
    if (len == 0 || offset > (uint64_t)INT64_MAX - len) {
        *ret_len = 0;
        return adls_stat(lake, path, &status, err);
    }
    CLEANUP(adls_call_done) struct adls_call call = {0};
    init_get(&call, adls_of(lake), path, offset, len, NULL);
    call.request.sink = ret;
    call.request.sink_size = len;
    TRY(adls_call_send(&call, err));
    TRY(wait_range(&call, err));
    TRY(take_range(&call, &range, err));
    *ret_len = range.got;
    return true;
}

bool adls_stat(struct lake *lake, const char *path, struct lake_stat *ret_stat, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    TRY(adls_check_path(path, err));
    adls_call_init(&call, adls_of(lake), ADLS_DFS, "look at", HTTP_HEAD, path, "action=getStatus");
    TRY(adls_call_must(&call, err));
    const char *type = adls_call_header_of(&call, "x-ms-resource-type");
    if (type != NULL && strcmp(type, "directory") == 0) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "%s is a folder", path);
    }
    if (!adls_call_length(&call, &ret_stat->bytes) || !adls_call_etag(&call, ret_stat->etag)) {
        return lf_error_set(err, kind_of_lack(&call), 0, "%s: the service tells no length or no ETag", path);
    }
    return true;
}

/* ---- readers ---- */

/* A range of the file, asked for or at hand. */
struct piece {
    char *ptr;
    size_t room, len, pos; /* of ptr: its size, what is in it, what was handed out */
    uint64_t offset;
    size_t wanted;
    bool sent;
    struct adls_call call;
};

struct adls_reader {
    struct adls_lake *lake;
    char *path;
    bool known; /* version and size, from the first answer */
    char etag[LAKE_ETAG_SIZE];
    uint64_t total;
    uint64_t next; /* where the next request begins */
    struct budget_grant grant;
    size_t size; /* of a request */
    bool ahead;  /* the next piece is asked for while the current one is handed out */
    struct piece pieces[2];
    size_t current;
};

struct lake_reader *adls_reader_open(struct lake *lake, const char *path, uint64_t offset)
{
    struct adls_reader *reader = mem_new(1, sizeof *reader);
    *reader = (struct adls_reader){.lake = adls_of(lake), .path = text_copy(path), .next = offset, .size = FIRST_BYTES};
    return (struct lake_reader *)reader;
}

static void drop_all(struct adls_reader *reader)
{
    for (size_t i = 0; i < ARRAY_LEN(reader->pieces); i++) {
        adls_call_done(&reader->pieces[i].call);
        reader->pieces[i].sent = false;
    }
}

void adls_reader_close(struct lake_reader *opaque)
{
    struct adls_reader *reader = (struct adls_reader *)opaque;
    drop_all(reader);
    for (size_t i = 0; i < ARRAY_LEN(reader->pieces); i++) {
        free(reader->pieces[i].ptr);
    }
    budget_give_back(&reader->grant);
    text_free(&reader->path);
    free(reader);
}

/* Once the size is known: larger pieces, and one ahead, as far as the ledger has memory for them. */
static void grow(struct adls_reader *reader)
{
    const uint64_t left = reader->total - reader->next;
    if (left == 0 || reader->grant.bytes > 0 || reader->lake->budget == NULL) {
        return;
    }
    const size_t most = budget_look(reader->lake->budget).work.bytes / WORK_SHARE;
    size_t wanted = left < 2 * MOST_BYTES ? (size_t)left : 2 * MOST_BYTES;
    wanted = wanted < most || most < LEAST_BYTES ? wanted : most;
    const struct budget_wish wish = {
        .work = BUDGET_LOAD, .is_part = true, .least = wanted < LEAST_BYTES ? wanted : LEAST_BYTES, .wanted = wanted};
    if (!budget_try_work(reader->lake->budget, &wish, &reader->grant)) {
        return;
    }
    const size_t bytes = reader->grant.bytes;
    const bool at_once = left <= bytes && left <= MOST_BYTES; /* the small first piece needs no grant */
    reader->size = at_once ? (size_t)left : bytes >= 2 * LEAST_BYTES ? bytes / 2 : bytes;
    reader->ahead = at_once || bytes >= 2 * LEAST_BYTES;
}

static bool is_replaced(const struct adls_call *call)
{
    return call->reply.status == 412 || adls_call_is_missing(call);
}

static bool send_piece(struct adls_reader *reader, struct piece *piece, struct lf_error *err)
{
    if (piece->room < reader->size) {
        free(piece->ptr);
        piece->ptr = mem_new(reader->size, 1);
        piece->room = reader->size;
    }
    piece->offset = reader->next;
    piece->wanted = reader->size;
    piece->len = 0;
    piece->pos = 0;
    init_get(&piece->call, reader->lake, reader->path, piece->offset, piece->wanted, reader->etag);
    piece->call.request.sink = piece->ptr;
    piece->call.request.sink_size = piece->wanted;
    if (!adls_call_send(&piece->call, err)) {
        adls_call_done(&piece->call);
        return false;
    }
    piece->sent = true;
    reader->next += piece->wanted;
    return true;
}

static bool take_piece(struct adls_reader *reader, struct adls_call *call, struct range *range, struct lf_error *err)
{
    if (reader->known && is_replaced(call)) {
        return lf_error_set(err, LF_TRANSIENT, (int)call->reply.status,
                            "%s was replaced or removed while it was read; it has to be read again", reader->path);
    }
    TRY(take_range(call, range, err));
    if (!reader->known) {
        memcpy(reader->etag, range->etag, sizeof reader->etag);
    }
    reader->known = true;
    reader->total = range->total;
    return true;
}

/* After a failure, or an answer with fewer bytes than asked for, the next request begins where this one did or ended. */
static bool wait_piece(struct adls_reader *reader, struct piece *piece, struct lf_error *err)
{
    struct range range = {.offset = piece->offset};
    const bool taken = wait_range(&piece->call, err) && take_piece(reader, &piece->call, &range, err);
    adls_call_done(&piece->call);
    piece->sent = false;
    piece->len = taken ? range.got : 0;
    if (piece->len < piece->wanted) {
        drop_all(reader);
        reader->next = piece->offset + piece->len;
    }
    return taken;
}

static bool is_at_end(const struct adls_reader *reader)
{
    return reader->known && reader->next >= reader->total;
}

/* What cannot be sent now fails when its turn has come. */
static void send_ahead(struct adls_reader *reader)
{
    struct piece *other = &reader->pieces[1 - reader->current];
    struct lf_error ignored;
    const bool done = !reader->ahead || other->sent || is_at_end(reader) || send_piece(reader, other, &ignored);
    (void)done;
}

/* The current piece is used up: the next one, and a request for the one after it. */
static bool next_piece(struct adls_reader *reader, struct lf_error *err)
{
    if (reader->pieces[1 - reader->current].sent) {
        reader->current = 1 - reader->current;
    } else if (is_at_end(reader)) {
        return true;
    } else {
        TRY(send_piece(reader, &reader->pieces[reader->current], err));
    }
    send_ahead(reader);
    TRY(wait_piece(reader, &reader->pieces[reader->current], err));
    grow(reader);
    send_ahead(reader);
    return true;
}

/* What is asked for in large pieces while there is no memory for them needs none. */
static bool fetch_into(struct adls_reader *reader, void *room, size_t size, size_t *ret_got, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call;
    struct range range = {.offset = reader->next};
    init_get(&call, reader->lake, reader->path, reader->next, size, reader->etag);
    call.request.sink = room;
    call.request.sink_size = size;
    TRY(adls_call_send(&call, err));
    TRY(wait_range(&call, err));
    TRY(take_piece(reader, &call, &range, err));
    reader->next += range.got;
    *ret_got = range.got;
    return true;
}

/* An empty file has no range; its version has to be asked for. */
static bool learn_empty(struct adls_reader *reader, struct lf_error *err)
{
    struct lake_stat status = {0};
    if (reader->etag[0] == '\0') {
        TRY(adls_stat(&reader->lake->base, reader->path, &status, err));
        memcpy(reader->etag, status.etag, sizeof reader->etag);
        if (status.bytes > reader->next) {
            return lf_error_set(err, LF_TRANSIENT, 0, "%s was replaced while it was read; it has to be read again",
                                reader->path);
        }
    }
    return true;
}

static bool read_some(struct adls_reader *reader, char *ret, size_t len, size_t *ret_got, struct lf_error *err)
{
    struct piece *piece = &reader->pieces[reader->current];
    if (piece->pos == piece->len) {
        if (reader->known && reader->grant.bytes == 0 && !is_at_end(reader) && len >= LEAST_BYTES) {
            return fetch_into(reader, ret, len, ret_got, err);
        }
        TRY(next_piece(reader, err));
        piece = &reader->pieces[reader->current];
    }
    *ret_got = piece->len - piece->pos < len ? piece->len - piece->pos : len;
    if (*ret_got > 0) {
        memcpy(ret, piece->ptr + piece->pos, *ret_got);
    }
    piece->pos += *ret_got;
    return true;
}

bool adls_reader_read(struct lake_reader *opaque, void *ret, size_t len, size_t *ret_len, const char **ret_etag,
                      struct lf_error *err)
{
    struct adls_reader *reader = (struct adls_reader *)opaque;
    size_t done = 0;
    size_t got = 1;
    if (!reader->known) {
        TRY(adls_check_path(reader->path, err));
    }
    while (done < len && got > 0) {
        TRY(read_some(reader, (char *)ret + done, len - done, &got, err));
        done += got;
    }
    TRY(learn_empty(reader, err));
    *ret_len = done;
    *ret_etag = reader->etag;
    return true;
}
