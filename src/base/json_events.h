/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside base only: JSON text as a stream of events (yajl), and a tree made of such events (cJSON).
 */
#ifndef BASE_JSON_EVENTS_H
#define BASE_JSON_EVENTS_H

#include "base/buf.h"
#include "base/json.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stddef.h>

enum json_event_kind {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER, /* text, as it was written */
    JSON_STRING, /* text, decoded: valid UTF-8 without NUL */
    JSON_KEY,    /* the same */
    JSON_BEGIN_OBJECT,
    JSON_END_OBJECT,
    JSON_BEGIN_ARRAY,
    JSON_END_ARRAY
};

struct json_event {
    enum json_event_kind kind;
    struct lf_slice text; /* NUMBER STRING KEY */
    bool truth;           /* BOOL */
};

typedef bool (*json_sink)(void *context, const struct json_event *event, struct lf_error *err);

struct json_events;

/* `name` stands in front of every error, with the line. A token over token_max bytes is a LIMIT error. */
struct json_events *json_events_new(const char *name, size_t token_max, json_sink sink, void *context);
void json_events_free(struct json_events **events); /* for CLEANUP */
bool json_events_feed(struct json_events *events, const char *bytes, size_t len, struct lf_error *err) LF_MUST_CHECK;
bool json_events_end(struct json_events *events, struct lf_error *err) LF_MUST_CHECK;

#define JSON_DEPTH_MAX 64
#define JSON_MEMBERS_MAX 4096

struct json_tree {
    struct json *root; /* owned; complete when depth is 0 */
    struct json *open[JSON_DEPTH_MAX];
    size_t members[JSON_DEPTH_MAX]; /* so far, of each open container */
    size_t depth;
    char *key;
    size_t bytes; /* of the compact text so far */
};

void json_tree_done(struct json_tree *tree); /* frees; the struct is empty again */
bool json_tree_add(struct json_tree *tree, const struct json_event *event, struct lf_error *err) LF_MUST_CHECK;

#endif
