/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/json_events.h"
#include "base/macros.h"

#define BLOCK_BYTES 16384

enum place {
    BEFORE_ROOT,
    IN_ROOT,
    IN_SPLIT /* inside an array whose elements are handed over */
};

struct pieces {
    enum place place;
    const char *const *split;
    size_t piece_max;
    json_piece visit;
    void *context;
    struct json_tree names; /* an object with the root's keys so far, against duplicates */
    struct json_tree piece;
    char *member;
};

static void pieces_done(struct pieces *pieces)
{
    json_tree_done(&pieces->names);
    json_tree_done(&pieces->piece);
    text_free(&pieces->member);
}

static bool is_split(const struct pieces *pieces)
{
    for (const char *const *name = pieces->split; *name != NULL; name++) {
        if (strcmp(*name, pieces->member) == 0) {
            return true;
        }
    }
    return false;
}

static bool begin_root(struct pieces *pieces, const struct json_event *event, struct lf_error *err)
{
    if (event->kind != JSON_BEGIN_OBJECT) {
        return lf_error_set(err, LF_DATA, 0, "the document is not an object");
    }
    pieces->place = IN_ROOT;
    return json_tree_add(&pieces->names, event, err);
}

static bool begin_member(struct pieces *pieces, const struct json_event *key, struct lf_error *err)
{
    static const struct json_event nothing = {.kind = JSON_NULL};
    TRY(json_tree_add(&pieces->names, key, err));
    TRY(json_tree_add(&pieces->names, &nothing, err));
    if (pieces->names.bytes > pieces->piece_max) {
        return lf_error_set(err, LF_LIMIT, 0, "the keys of the document take more than %zu bytes", pieces->piece_max);
    }
    text_free(&pieces->member);
    pieces->member = text_copy_len(key->text.ptr, key->text.len);
    return true;
}

static bool build(struct pieces *pieces, const struct json_event *event, struct lf_error *err)
{
    TRY(json_tree_add(&pieces->piece, event, err));
    if (pieces->piece.bytes > pieces->piece_max) {
        return lf_error_set(err, LF_LIMIT, 0, "a part of \"%.200s\" is larger than the limit of %zu bytes",
                            pieces->member, pieces->piece_max);
    }
    if (pieces->piece.depth > 0) {
        return true;
    }
    bool ok = pieces->visit(pieces->context, pieces->member, pieces->piece.root, err);
    json_tree_done(&pieces->piece);
    return ok;
}

/* An event at the root's own level: a key, the value of a member, or the end. */
static bool in_root(struct pieces *pieces, const struct json_event *event, struct lf_error *err)
{
    if (event->kind == JSON_KEY) {
        return begin_member(pieces, event, err);
    }
    if (event->kind == JSON_END_OBJECT) {
        return true;
    }
    if (!is_split(pieces)) {
        return build(pieces, event, err);
    }
    if (event->kind != JSON_BEGIN_ARRAY) {
        return lf_error_set(err, LF_DATA, 0, "\"%.200s\" is not an array", pieces->member);
    }
    pieces->place = IN_SPLIT;
    return true;
}

static bool on_event(void *context, const struct json_event *event, struct lf_error *err)
{
    struct pieces *pieces = context;
    if (pieces->piece.depth > 0) {
        return build(pieces, event, err);
    }
    switch (pieces->place) {
    case BEFORE_ROOT:
        return begin_root(pieces, event, err);
    case IN_ROOT:
        return in_root(pieces, event, err);
    default:
        if (event->kind == JSON_END_ARRAY) {
            pieces->place = IN_ROOT;
            return true;
        }
        return build(pieces, event, err);
    }
}

bool json_read_pieces(const char *name, json_input next, void *input_context, const char *const *split,
                      size_t piece_max, json_piece visit, void *visit_context, struct lf_error *err)
{
    CLEANUP(pieces_done)
    struct pieces pieces = {.split = split, .piece_max = piece_max, .visit = visit, .context = visit_context};
    CLEANUP(json_events_free) struct json_events *events = json_events_new(name, piece_max, on_event, &pieces);
    char block[BLOCK_BYTES];
    size_t len = 0;
    do {
        TRY(next(input_context, block, sizeof block, &len, err));
        TRY(json_events_feed(events, block, len, err));
    } while (len > 0);
    return json_events_end(events, err);
}
