/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/token.h"

#include "base/macros.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define CURSOR_PREFIX "pg:1:"
#define TOKEN_PREFIX "pgt:1:"
#define ASOF_PREFIX "pga:1:"
#define ASOF_MAX LF_TOKEN_MAX

/* An asOf: system, xmin, xmax, end of the log looked up after the snapshot; then the xids in progress as hexadecimal distances
 * from xmin, ascending. */
struct asof {
    uint64_t system;
    uint64_t xmin, xmax;
    pg_lsn end;
};

static struct lf_slice slice_of(const char *text)
{
    return (struct lf_slice){text, strlen(text)};
}

/* A number up to the character `end`, which is skipped unless it is the NUL. One spelling alone: no sign, no zero in front. */
static bool take_number(const char **text, int base, char end, uint64_t *ret_number)
{
    const char *at = *text;
    char *stop = NULL;
    bool digit =
        base == 16 ? isxdigit((unsigned char)*at) && !isupper((unsigned char)*at) : isdigit((unsigned char)*at);
    if (!digit || (*at == '0' && (isxdigit((unsigned char)at[1]) || at[1] == 'x' || at[1] == 'X'))) {
        return false;
    }
    errno = 0;
    unsigned long long number = strtoull(at, &stop, base);
    if (errno != 0 || *stop != end) {
        return false;
    }
    *ret_number = number;
    *text = end == '\0' ? stop : stop + 1;
    return true;
}

static bool take_number_32(const char **text, char end, uint32_t *ret_number)
{
    uint64_t number = 0;
    if (!take_number(text, 10, end, &number) || number > UINT32_MAX) {
        return false;
    }
    *ret_number = (uint32_t)number;
    return true;
}

bool pg_lsn_parse(const char *text, pg_lsn *ret_lsn)
{
    uint64_t high = 0;
    uint64_t low = 0;
    char lower[PG_LSN_TEXT_SIZE];
    size_t len = strlen(text);
    if (len >= sizeof lower) {
        return false;
    }
    for (size_t i = 0; i <= len; i++) {
        lower[i] = (char)tolower((unsigned char)text[i]);
    }
    const char *at = lower;
    bool good = take_number(&at, 16, '/', &high) && high <= UINT32_MAX && *at != '\0' && strlen(at) <= 8;
    at += good && strlen(at) > 1 ? strspn(at, "0") : 0; /* later versions print 8 digits */
    if (!good || (*at != '\0' && !take_number(&at, 16, '\0', &low)) || low > UINT32_MAX) {
        return false;
    }
    *ret_lsn = high << 32 | low;
    return true;
}

uint64_t pg_xid_widen(uint32_t xid, uint64_t near)
{
    int32_t distance = (int32_t)(xid - (uint32_t)near);
    return near + (uint64_t)(int64_t)distance;
}

struct lf_slice pg_cursor_print(const struct pg_cursor *cursor, char ret_text[PG_CURSOR_TEXT_SIZE])
{
    (void)snprintf(ret_text, PG_CURSOR_TEXT_SIZE, CURSOR_PREFIX "%" PRIu64 ":%u:%u:%" PRIx64 ":%" PRIu64 ":%s",
                   cursor->system, cursor->timeline, cursor->database, cursor->lsn, cursor->horizon, cursor->slot);
    return slice_of(ret_text);
}

/* Copies the slice into a text; NULL when it is too long or holds a NUL. */
static const char *text_of(struct lf_slice slice, char *text, size_t size)
{
    if (slice.ptr == NULL || slice.len == 0 || slice.len >= size || memchr(slice.ptr, '\0', slice.len) != NULL) {
        return NULL;
    }
    memcpy(text, slice.ptr, slice.len);
    text[slice.len] = '\0';
    return text;
}

static bool skip_prefix(const char **text, const char *prefix)
{
    size_t len = strlen(prefix);
    if (*text == NULL || strncmp(*text, prefix, len) != 0) {
        return false;
    }
    *text += len;
    return true;
}

static bool malformed(struct lf_slice text, const char *what, struct lf_error *err)
{
    char shown[80];
    size_t len = text.len < sizeof shown - 1 ? text.len : sizeof shown - 1;
    for (size_t i = 0; i < len; i++) {
        const char c = ((const char *)text.ptr)[i];
        shown[i] = '?';
        if (c >= 0x20 && c < 0x7f) {
            shown[i] = c;
        }
    }
    shown[len] = '\0';
    return lf_error_set(err, LF_CONFIG, 0,
                        "'%s' is no %s of a PostgreSQL source; the lake was written from another kind of source", shown,
                        what);
}

static bool is_slot_name(const char *text)
{
    return strlen(text) < PG_SLOT_SIZE && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

struct lf_slice pg_cursor_print_stamped(const struct pg_cursor *cursor, struct lf_slice stamps, struct arena *arena)
{
    char text[PG_CURSOR_TEXT_SIZE];
    struct lf_slice head = pg_cursor_print(cursor, text);
    assert(stamps.len <= PG_STAMPS_MAX);
    if (stamps.len == 0) {
        return arena_slice(arena, head);
    }
    char *whole = arena_alloc(arena, head.len + 1 + stamps.len);
    memcpy(whole, head.ptr, head.len);
    whole[head.len] = ':';
    memcpy(whole + head.len + 1, stamps.ptr, stamps.len);
    return (struct lf_slice){whole, head.len + 1 + stamps.len};
}

/* The colons of a cursor stand behind pg, 1, system, timeline, database, lsn, horizon, and the slot when there are stamps. */
struct lf_slice pg_cursor_stamps(struct lf_slice text)
{
    const char *at = text.ptr;
    const char *end = at + text.len;
    for (int i = 0; i < 8 && at != NULL; i++) {
        at = at < end ? memchr(at, ':', (size_t)(end - at)) : NULL;
        at = at != NULL ? at + 1 : NULL;
    }
    return at != NULL ? (struct lf_slice){at, (size_t)(end - at)} : (struct lf_slice){0};
}

static bool are_stamps(struct lf_slice stamps)
{
    const char *text = stamps.ptr;
    for (size_t i = 0; i < stamps.len; i++) {
        if (!isdigit((unsigned char)text[i]) && (text[i] < 'a' || text[i] > 'f') && text[i] != '=' && text[i] != ',') {
            return false;
        }
    }
    return stamps.len <= PG_STAMPS_MAX;
}

bool pg_cursor_parse(struct lf_slice text, struct pg_cursor *ret_cursor, struct lf_error *err)
{
    char copy[PG_CURSOR_TEXT_SIZE];
    struct pg_cursor cursor = {0};
    struct lf_slice stamps = pg_cursor_stamps(text);
    struct lf_slice head = {text.ptr, stamps.ptr != NULL ? text.len - stamps.len - 1 : text.len};
    const char *at = text_of(head, copy, sizeof copy);
    bool good = skip_prefix(&at, CURSOR_PREFIX) && take_number(&at, 10, ':', &cursor.system) &&
                take_number_32(&at, ':', &cursor.timeline) && take_number_32(&at, ':', &cursor.database) &&
                take_number(&at, 16, ':', &cursor.lsn) && take_number(&at, 10, ':', &cursor.horizon) &&
                is_slot_name(at) && (stamps.ptr == NULL || (stamps.len > 0 && are_stamps(stamps)));
    if (!good) {
        return malformed(text, "cursor", err);
    }
    memcpy(cursor.slot, at, strlen(at) + 1);
    *ret_cursor = cursor;
    return true;
}

struct lf_slice pg_token_print(const struct pg_token *token, char ret_text[PG_CURSOR_TEXT_SIZE])
{
    (void)snprintf(ret_text, PG_CURSOR_TEXT_SIZE, TOKEN_PREFIX "%" PRIu64 ":%" PRIx64 ":%" PRIu64, token->system,
                   token->commit_lsn, token->xid);
    return slice_of(ret_text);
}

static bool token_parse(struct lf_slice text, struct pg_token *ret_token, struct lf_error *err)
{
    char copy[PG_CURSOR_TEXT_SIZE];
    const char *at = text_of(text, copy, sizeof copy);
    bool good = skip_prefix(&at, TOKEN_PREFIX) && take_number(&at, 10, ':', &ret_token->system) &&
                take_number(&at, 16, ':', &ret_token->commit_lsn) && take_number(&at, 10, '\0', &ret_token->xid);
    return good || malformed(text, "transaction token", err);
}

/* The list of the server's snapshot, as distances from xmin. */
static bool append_in_progress(struct buf *out, const char *list, uint64_t xmin)
{
    uint64_t before = 0;
    for (bool first = true; *list != '\0'; first = false) {
        uint64_t xid = 0;
        size_t len = strcspn(list, ",");
        if (!take_number(&list, 10, list[len], &xid) || xid < xmin || (!first && xid <= before)) {
            return false;
        }
        buf_printf(out, "%s%" PRIx64, first ? "" : ",", xid - xmin);
        before = xid;
    }
    return true;
}

bool pg_asof_print(uint64_t system, const char *snapshot, pg_lsn end, struct buf *ret_asof, struct lf_error *err)
{
    const char *at = snapshot;
    uint64_t xmin = 0;
    uint64_t xmax = 0;
    buf_reset(ret_asof);
    ret_asof->max = ASOF_MAX;
    bool good = take_number(&at, 10, ':', &xmin) && take_number(&at, 10, ':', &xmax);
    buf_printf(ret_asof, ASOF_PREFIX "%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%" PRIx64 ":", system, xmin, xmax, end);
    if (!good || !append_in_progress(ret_asof, at, xmin)) {
        return lf_error_set(err, LF_INTERNAL, 0, "the server's snapshot '%.100s' has an unknown form", snapshot);
    }
    if (ret_asof->overflow) {
        return lf_error_set(err, LF_TRANSIENT, 0,
                            "more transactions are open at once than a chunk can note (64 KiB); it is read later");
    }
    return true;
}

/* The list of transactions stays where it is, in the slice: it can be long. */
static bool asof_parse(struct lf_slice text, struct asof *ret_asof, struct lf_slice *ret_list, struct lf_error *err)
{
    char head[PG_CURSOR_TEXT_SIZE];
    size_t len = text.len < sizeof head - 1 ? text.len : sizeof head - 1;
    const char *at = text_of((struct lf_slice){text.ptr, len}, head, sizeof head);
    const char *rest = at;
    bool good = skip_prefix(&rest, ASOF_PREFIX) && take_number(&rest, 10, ':', &ret_asof->system) &&
                take_number(&rest, 10, ':', &ret_asof->xmin) && take_number(&rest, 10, ':', &ret_asof->xmax) &&
                take_number(&rest, 16, ':', &ret_asof->end) && ret_asof->xmin <= ret_asof->xmax;
    if (!good || text.len > ASOF_MAX) {
        return malformed(text, "asOf", err);
    }
    size_t used = (size_t)(rest - at);
    *ret_list = (struct lf_slice){(const char *)text.ptr + used, text.len - used};
    return true;
}

/* Whether the distance is in the list. False when the list is malformed. */
static bool list_has(struct lf_slice list, uint64_t distance, bool *ret)
{
    const char *at = list.ptr;
    const char *end = at + list.len;
    *ret = false;
    while (at < end) {
        uint64_t number = 0;
        const char *begin = at;
        for (; at < end && *at != ','; at++) {
            int digit = pg_hex_value(*at);
            if (digit < 0 || at - begin == 16) {
                return false;
            }
            number = number << 4 | (uint64_t)digit;
        }
        if (at == begin || (at < end && at + 1 == end)) {
            return false;
        }
        *ret = *ret || number == distance;
        at++;
    }
    return true;
}

bool pg_op_covers(struct lf_slice asof, struct lf_slice token, bool *ret, struct lf_error *err)
{
    struct asof seen = {0};
    struct pg_token transaction = {0};
    struct lf_slice list = {0};
    bool in_progress = false;
    TRY(asof_parse(asof, &seen, &list, err));
    TRY(token_parse(token, &transaction, err));
    uint64_t distance = transaction.xid >= seen.xmin ? transaction.xid - seen.xmin : UINT64_MAX;
    if (!list_has(list, distance, &in_progress)) {
        return malformed(asof, "asOf", err);
    }
    bool visible = transaction.xid < seen.xmin || (transaction.xid < seen.xmax && !in_progress);
    *ret = seen.system == transaction.system && visible;
    return true;
}

/* Everything below the cursor's horizon has ended, and the snapshot sees it. */
bool pg_op_includes(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err)
{
    struct asof seen = {0};
    struct pg_cursor position = {0};
    struct lf_slice list = {0};
    TRY(asof_parse(asof, &seen, &list, err));
    TRY(pg_cursor_parse(cursor, &position, err));
    *ret = seen.system == position.system && seen.xmin >= position.horizon;
    return true;
}

bool pg_op_passed(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err)
{
    struct asof seen = {0};
    struct pg_cursor position = {0};
    struct lf_slice list = {0};
    TRY(asof_parse(asof, &seen, &list, err));
    TRY(pg_cursor_parse(cursor, &position, err));
    *ret = seen.system == position.system && position.lsn >= seen.end;
    return true;
}

bool pg_op_compare(struct lf_slice a, struct lf_slice b, int *ret, struct lf_error *err)
{
    struct pg_cursor left = {0};
    struct pg_cursor right = {0};
    TRY(pg_cursor_parse(a, &left, err));
    TRY(pg_cursor_parse(b, &right, err));
    if (left.system != right.system || left.database != right.database) {
        return lf_error_set(err, LF_LOST, 0,
                            "the two cursors are of different databases (%" PRIu64 "/%u and %" PRIu64 "/%u)",
                            left.system, left.database, right.system, right.database);
    }
    *ret = (left.lsn > right.lsn) - (left.lsn < right.lsn);
    return true;
}

bool pg_op_print(struct lf_slice cursor, char *ret_text, size_t size, struct lf_error *err)
{
    struct pg_cursor position = {0};
    char text[PG_CURSOR_TEXT_SIZE];
    TRY(pg_cursor_parse(cursor, &position, err));
    int len = snprintf(text, sizeof text, PG_LSN_FORMAT " timeline %u of %" PRIu64 "/%u", PG_LSN_ARGS(position.lsn),
                       position.timeline, position.system, position.database);
    if ((size_t)len >= size) {
        return lf_error_set(err, LF_LIMIT, 0, "a printed cursor needs %d bytes", len + 1);
    }
    memcpy(ret_text, text, (size_t)len + 1);
    return true;
}
