/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_events.h"
#include "base/macros.h"

#include <cJSON.h>
#include <stdlib.h>

static cJSON *item_of(struct json *value)
{
    return (cJSON *)value;
}

void json_tree_done(struct json_tree *tree)
{
    json_free(&tree->root);
    text_free(&tree->key);
    *tree = (struct json_tree){0};
}

static cJSON *new_number(struct lf_slice digits)
{
    CLEANUP(text_free) char *text = text_copy_len(digits.ptr, digits.len);
    return cJSON_CreateNumber(strtod(text, NULL));
}

static cJSON *new_string(struct lf_slice bytes)
{
    CLEANUP(text_free) char *text = text_copy_len(bytes.ptr, bytes.len);
    return cJSON_CreateString(text);
}

static cJSON *new_item(const struct json_event *event)
{
    switch (event->kind) {
    case JSON_BOOL:
        return cJSON_CreateBool(event->truth);
    case JSON_NUMBER:
        return new_number(event->text);
    case JSON_STRING:
        return new_string(event->text);
    case JSON_BEGIN_OBJECT:
        return cJSON_CreateObject();
    case JSON_BEGIN_ARRAY:
        return cJSON_CreateArray();
    default:
        return cJSON_CreateNull();
    }
}

static void must(bool ok)
{
    if (!ok) {
        abort(); /* out of memory */
    }
}

static void attach(struct json_tree *tree, cJSON *item)
{
    if (tree->depth == 0) {
        tree->root = (struct json *)item;
        return;
    }
    cJSON *parent = item_of(tree->open[tree->depth - 1]);
    if (cJSON_IsObject(parent)) {
        must(cJSON_AddItemToObject(parent, tree->key, item));
        text_free(&tree->key);
    } else {
        must(cJSON_AddItemToArray(parent, item));
    }
}

/* The bound keeps the search for duplicates short on hostile input. */
static bool take_key(struct json_tree *tree, struct lf_slice key, struct lf_error *err)
{
    struct json *object = tree->open[tree->depth - 1];
    tree->key = text_copy_len(key.ptr, key.len);
    if (json_member(object, tree->key) != NULL) {
        return lf_error_set(err, LF_DATA, 0, "the key \"%.200s\" is given twice", tree->key);
    }
    if (++tree->members[tree->depth - 1] > JSON_MEMBERS_MAX) {
        return lf_error_set(err, LF_LIMIT, 0, "an object has more than %d members", JSON_MEMBERS_MAX);
    }
    return true;
}

/* In compact text, with the colon or comma behind it. */
static size_t event_bytes(const struct json_event *event)
{
    switch (event->kind) {
    case JSON_KEY:
    case JSON_STRING:
        return event->text.len + 3;
    case JSON_NUMBER:
        return event->text.len + 1;
    case JSON_NULL:
    case JSON_BOOL:
        return 5;
    case JSON_END_OBJECT:
    case JSON_END_ARRAY:
        return 2;
    default:
        return 1;
    }
}

bool json_tree_add(struct json_tree *tree, const struct json_event *event, struct lf_error *err)
{
    tree->bytes += event_bytes(event);
    if (event->kind == JSON_KEY) {
        return take_key(tree, event->text, err);
    }
    if (event->kind == JSON_END_OBJECT || event->kind == JSON_END_ARRAY) {
        tree->depth--;
        return true;
    }
    cJSON *item = new_item(event);
    must(item != NULL);
    attach(tree, item);
    if (event->kind == JSON_BEGIN_OBJECT || event->kind == JSON_BEGIN_ARRAY) {
        tree->open[tree->depth] = (struct json *)item;
        tree->members[tree->depth] = 0;
        tree->depth++;
    }
    return true;
}
