/* SPDX-License-Identifier: Apache-2.0
 *
 * Cursors, transaction tokens and asOf as text:
 *
 *   cursor  example:<database id>:<position>
 *   token   example-txn:<database id>:<position>
 *   asOf    example-asof:<database id>:<base>{,<position>}     all up to base are visible, and these beyond it
 *
 * Numbers have no leading zeros and the list ascends from base + 2 on, so that one set has one text.
 */
#include "example_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#define CURSOR_PREFIX "example:"
#define TOKEN_PREFIX "example-txn:"
#define ASOF_PREFIX "example-asof:"

static bool malformed(struct lf_error *err, const char *what)
{
    return lf_error_set(err, LF_DATA, 0, "example: this is not %s of an example database", what);
}

static bool parse_prefix(struct lf_slice *rest, const char *prefix)
{
    size_t len = strlen(prefix);
    if (rest->len > LF_TOKEN_MAX || rest->len < len || memcmp(rest->ptr, prefix, len) != 0) {
        return false;
    }
    *rest = (struct lf_slice){.ptr = (const char *)rest->ptr + len, .len = rest->len - len};
    return true;
}

static bool parse_id(struct lf_slice *rest, struct lf_slice *ret_id)
{
    const char *colon = rest->len > 0 ? memchr(rest->ptr, ':', rest->len) : NULL;
    if (colon == NULL) {
        return false;
    }
    size_t len = (size_t)(colon - (const char *)rest->ptr);
    *ret_id = (struct lf_slice){.ptr = rest->ptr, .len = len};
    *rest = (struct lf_slice){.ptr = colon + 1, .len = rest->len - len - 1};
    return len > 0 && len < EXAMPLE_ID_SIZE;
}

/* Digits up to the end or a comma, which stays. */
static bool parse_number(struct lf_slice *rest, uint64_t *ret_number)
{
    const char *text = rest->ptr;
    size_t n = 0;
    uint64_t number = 0;
    while (n < rest->len && text[n] >= '0' && text[n] <= '9') {
        uint64_t digit = (uint64_t)(text[n++] - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    if (n == 0 || (n > 1 && text[0] == '0') || (n < rest->len && text[n] != ',')) {
        return false;
    }
    *rest = (struct lf_slice){.ptr = text + n, .len = rest->len - n};
    *ret_number = number;
    return true;
}

static bool parse_place(struct lf_slice bytes, const char *prefix, struct example_place *ret_place)
{
    return parse_prefix(&bytes, prefix) && parse_id(&bytes, &ret_place->db) &&
           parse_number(&bytes, &ret_place->position) && bytes.len == 0;
}

bool example_cursor_parse(struct lf_slice cursor, struct example_place *ret_place, struct lf_error *err)
{
    return parse_place(cursor, CURSOR_PREFIX, ret_place) || malformed(err, "a cursor");
}

bool example_cursor_position(struct lf_slice cursor, uint64_t *ret_position)
{
    struct example_place place = {0};
    TRY(parse_place(cursor, CURSOR_PREFIX, &place));
    *ret_position = place.position;
    return true;
}

size_t example_cursor_write(const struct example_db *db, uint64_t position, char ret_text[EXAMPLE_CURSOR_SIZE])
{
    return (size_t)snprintf(ret_text, EXAMPLE_CURSOR_SIZE, CURSOR_PREFIX "%s:%" PRIu64, db->id, position);
}

size_t example_token_write(const struct example_db *db, uint64_t position, char ret_text[EXAMPLE_CURSOR_SIZE])
{
    return (size_t)snprintf(ret_text, EXAMPLE_CURSOR_SIZE, TOKEN_PREFIX "%s:%" PRIu64, db->id, position);
}

bool example_asof_write(const struct example_db *db, struct example_arena *arena, struct lf_slice *ret_asof,
                        struct lf_error *err)
{
    char *text = example_alloc(arena, LF_TOKEN_MAX + 1);
    uint64_t base = 0;
    while (base < db->nlog && db->log[base]->visible) {
        base++;
    }
    size_t len = (size_t)snprintf(text, LF_TOKEN_MAX, ASOF_PREFIX "%s:%" PRIu64, db->id, base);
    for (uint64_t i = base; i < db->nlog; i++) {
        if (!db->log[i]->visible) {
            continue;
        }
        len += (size_t)snprintf(text + len, LF_TOKEN_MAX + 1 - len, ",%" PRIu64, i + 1);
        if (len > LF_TOKEN_MAX) {
            return lf_error_set(err, LF_LIMIT, 0, "example: too many transactions are visible before an older one");
        }
    }
    *ret_asof = (struct lf_slice){.ptr = text, .len = len};
    return true;
}

struct asof {
    struct lf_slice db, rest; /* rest: what follows the base */
    uint64_t base;
};

static bool next_member(struct asof *asof, uint64_t before, uint64_t *ret_position)
{
    asof->rest.ptr = (const char *)asof->rest.ptr + 1; /* the comma */
    asof->rest.len--;
    return parse_number(&asof->rest, ret_position) && *ret_position > before;
}

static bool parse_asof(struct lf_slice bytes, struct asof *ret_asof, struct lf_error *err)
{
    bool ok = parse_prefix(&bytes, ASOF_PREFIX) && parse_id(&bytes, &ret_asof->db) &&
              parse_number(&bytes, &ret_asof->base) && ret_asof->base < UINT64_MAX;
    ret_asof->rest = bytes;
    struct asof walk = *ret_asof;
    uint64_t last = walk.base + 1; /* base + 1 itself is not a member, or it would belong to the base */
    while (ok && walk.rest.len > 0) {
        ok = next_member(&walk, last, &last);
    }
    return ok || malformed(err, "an asOf");
}

static bool same_db(struct lf_slice a, struct lf_slice b, struct lf_error *err)
{
    if (a.len == b.len && a.ptr != NULL && b.ptr != NULL && memcmp(a.ptr, b.ptr, a.len) == 0) {
        return true;
    }
    return lf_error_set(err, LF_DATA, 0, "example: the positions belong to different databases, %.*s and %.*s",
                        (int)a.len, (const char *)a.ptr, (int)b.len, (const char *)b.ptr);
}

bool example_covers(struct lf_slice asof, struct lf_slice token, bool *ret, struct lf_error *err)
{
    struct asof set = {0};
    struct example_place txn = {0};
    TRY(parse_asof(asof, &set, err));
    TRY(parse_place(token, TOKEN_PREFIX, &txn) || malformed(err, "a transaction token"));
    TRY(same_db(set.db, txn.db, err));
    *ret = txn.position <= set.base;
    for (uint64_t member = 0; !*ret && set.rest.len > 0;) {
        TRY(next_member(&set, member, &member));
        *ret = member == txn.position;
    }
    return true;
}

/* Is every transaction up to the cursor a member? */
bool example_includes(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err)
{
    struct asof set = {0};
    struct example_place place = {0};
    TRY(parse_asof(asof, &set, err));
    TRY(example_cursor_parse(cursor, &place, err));
    TRY(same_db(set.db, place.db, err));
    *ret = place.position <= set.base; /* base + 1 is never a member */
    return true;
}

/* Is every member at or before the cursor? */
bool example_passed(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err)
{
    struct asof set = {0};
    struct example_place place = {0};
    TRY(parse_asof(asof, &set, err));
    TRY(example_cursor_parse(cursor, &place, err));
    TRY(same_db(set.db, place.db, err));
    uint64_t last = set.base;
    while (set.rest.len > 0) {
        TRY(next_member(&set, last, &last));
    }
    *ret = last <= place.position;
    return true;
}

bool example_compare(struct lf_slice a, struct lf_slice b, int *ret, struct lf_error *err)
{
    struct example_place x = {0}, y = {0};
    TRY(example_cursor_parse(a, &x, err));
    TRY(example_cursor_parse(b, &y, err));
    TRY(same_db(x.db, y.db, err));
    *ret = (x.position > y.position) - (x.position < y.position);
    return true;
}

bool example_print(struct lf_slice cursor, char *ret_text, size_t size, struct lf_error *err)
{
    struct example_place place = {0};
    TRY(example_cursor_parse(cursor, &place, err));
    for (size_t i = 0; i < place.db.len; i++) {
        char c = ((const char *)place.db.ptr)[i];
        TRY((c >= '!' && c <= '~') || malformed(err, "a cursor"));
    }
    (void)snprintf(ret_text, size, "%.*s:%" PRIu64, (int)place.db.len, (const char *)place.db.ptr, place.position);
    return true;
}
