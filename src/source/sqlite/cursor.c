/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/cursor.h"

#include "base/macros.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define PREFIX "sqlite:1:"

static struct lf_slice slice_of(const char *text)
{
    return (struct lf_slice){text, strlen(text)};
}

struct lf_slice cursor_print(const struct position *position, char ret_text[CURSOR_TEXT_SIZE])
{
    (void)snprintf(ret_text, CURSOR_TEXT_SIZE, PREFIX "%s:%" PRId64 ":%" PRId64, position->epoch, position->seq,
                   position->tag);
    return slice_of(ret_text);
}

struct lf_slice token_print(const struct position *position, char ret_text[CURSOR_TEXT_SIZE])
{
    (void)snprintf(ret_text, CURSOR_TEXT_SIZE, "%s:%" PRId64, position->epoch, position->seq);
    return slice_of(ret_text);
}

struct lf_slice asof_print(const struct asof *asof, char ret_text[CURSOR_TEXT_SIZE])
{
    (void)snprintf(ret_text, CURSOR_TEXT_SIZE, "%s:%" PRId64 ":%" PRId64, asof->epoch, asof->first, asof->last);
    return slice_of(ret_text);
}

/* Copies the slice into a text and checks the epoch at its start; gives what follows the epoch. */
static bool split_epoch(const char *text, char ret_epoch[EPOCH_LEN + 1], const char **ret_rest)
{
    if (strlen(text) <= EPOCH_LEN || strspn(text, "0123456789abcdef") != EPOCH_LEN || text[EPOCH_LEN] != ':') {
        return false;
    }
    memcpy(ret_epoch, text, EPOCH_LEN);
    ret_epoch[EPOCH_LEN] = '\0';
    *ret_rest = text + EPOCH_LEN + 1;
    return true;
}

/* One number; it ends at `end`, which is skipped unless it is the NUL. */
static bool take_number(const char **text, char end, int64_t *ret_number)
{
    char *stop = NULL;
    if (**text != '-' && (**text < '0' || **text > '9')) {
        return false;
    }
    errno = 0;
    long long number = strtoll(*text, &stop, 10);
    if (errno != 0 || stop == *text || *stop != end) {
        return false;
    }
    *ret_number = number;
    *text = end == '\0' ? stop : stop + 1;
    return true;
}

static bool copy_text(struct lf_slice slice, char ret_text[CURSOR_TEXT_SIZE])
{
    if (slice.len == 0 || slice.len >= CURSOR_TEXT_SIZE || memchr(slice.ptr, '\0', slice.len) != NULL) {
        return false;
    }
    memcpy(ret_text, slice.ptr, slice.len);
    ret_text[slice.len] = '\0';
    return true;
}

static bool malformed(struct lf_slice text, const char *what, struct lf_error *err)
{
    return lf_error_set(err, LF_CONFIG, 0, "'%.*s' is no %s of an SQLite source",
                        (int)(text.len < 100 ? text.len : 100), text.len > 0 ? (const char *)text.ptr : "", what);
}

bool cursor_parse(struct lf_slice text, struct position *ret_position, struct lf_error *err)
{
    char copy[CURSOR_TEXT_SIZE];
    const char *rest = NULL;
    struct position position = {0};
    bool good = copy_text(text, copy) && strncmp(copy, PREFIX, strlen(PREFIX)) == 0 &&
                split_epoch(copy + strlen(PREFIX), position.epoch, &rest) && take_number(&rest, ':', &position.seq) &&
                take_number(&rest, '\0', &position.tag);
    if (!good) {
        return malformed(text, "cursor", err);
    }
    *ret_position = position;
    return true;
}

static bool asof_parse(struct lf_slice text, struct asof *ret_asof, struct lf_error *err)
{
    char copy[CURSOR_TEXT_SIZE];
    const char *rest = NULL;
    bool good = copy_text(text, copy) && split_epoch(copy, ret_asof->epoch, &rest) &&
                take_number(&rest, ':', &ret_asof->first) && take_number(&rest, '\0', &ret_asof->last);
    return good || malformed(text, "asOf", err);
}

static bool token_parse(struct lf_slice text, struct position *ret_position, struct lf_error *err)
{
    char copy[CURSOR_TEXT_SIZE];
    const char *rest = NULL;
    bool good = copy_text(text, copy) && split_epoch(copy, ret_position->epoch, &rest) &&
                take_number(&rest, '\0', &ret_position->seq);
    return good || malformed(text, "transaction token", err);
}

bool cursor_op_covers(struct lf_slice asof, struct lf_slice token, bool *ret, struct lf_error *err)
{
    struct asof seen = {0};
    struct position boundary = {0};
    TRY(asof_parse(asof, &seen, err));
    TRY(token_parse(token, &boundary, err));
    *ret = strcmp(seen.epoch, boundary.epoch) == 0 && boundary.seq <= seen.first;
    return true;
}

bool cursor_op_includes(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err)
{
    struct asof seen = {0};
    struct position position = {0};
    TRY(asof_parse(asof, &seen, err));
    TRY(cursor_parse(cursor, &position, err));
    *ret = strcmp(seen.epoch, position.epoch) == 0 && seen.first >= position.seq;
    return true;
}

bool cursor_op_passed(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err)
{
    struct asof seen = {0};
    struct position position = {0};
    TRY(asof_parse(asof, &seen, err));
    TRY(cursor_parse(cursor, &position, err));
    *ret = strcmp(seen.epoch, position.epoch) == 0 && position.seq >= seen.last;
    return true;
}

bool cursor_op_compare(struct lf_slice a, struct lf_slice b, int *ret, struct lf_error *err)
{
    struct position left = {0};
    struct position right = {0};
    TRY(cursor_parse(a, &left, err));
    TRY(cursor_parse(b, &right, err));
    if (strcmp(left.epoch, right.epoch) != 0) {
        return lf_error_set(err, LF_LOST, 0,
                            "the two cursors are of different databases, or of one that was tracked anew");
    }
    *ret = (left.seq > right.seq) - (left.seq < right.seq);
    return true;
}

bool cursor_op_print(struct lf_slice cursor, char *ret_text, size_t size, struct lf_error *err)
{
    struct position position = {0};
    char text[CURSOR_TEXT_SIZE];
    TRY(cursor_parse(cursor, &position, err));
    (void)cursor_print(&position, text);
    if ((size_t)snprintf(ret_text, size, "%s", text) >= size) {
        return lf_error_set(err, LF_LIMIT, 0, "a printed cursor needs %zu bytes", strlen(text) + 1);
    }
    return true;
}
