/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/json_events.h"
#include "base/macros.h"

#include <cJSON.h>
#include <math.h>

/* The caller has bounded the text. */
static bool add_event(void *context, const struct json_event *event, struct lf_error *err)
{
    return json_tree_add(context, event, err);
}

bool json_parse(const char *name, const char *text, size_t len, struct json **ret_root, struct lf_error *err)
{
    CLEANUP(json_tree_done) struct json_tree tree = {0};
    CLEANUP(json_events_free) struct json_events *events = json_events_new(name, SIZE_MAX, add_event, &tree);
    TRY(json_events_feed(events, text, len, err));
    TRY(json_events_end(events, err));
    *ret_root = tree.root;
    tree.root = NULL;
    return true;
}

static const cJSON *item_of(const struct json *value)
{
    return (const cJSON *)value;
}

void json_free(struct json **root)
{
    cJSON_Delete((cJSON *)*root);
    *root = NULL;
}

const struct json *json_member(const struct json *object, const char *name)
{
    return cJSON_IsObject(item_of(object))
               ? (const struct json *)cJSON_GetObjectItemCaseSensitive(item_of(object), name)
               : NULL;
}

const struct json *json_first(const struct json *container)
{
    return container != NULL ? (const struct json *)item_of(container)->child : NULL;
}

const struct json *json_next(const struct json *child)
{
    return (const struct json *)item_of(child)->next;
}

const char *json_name(const struct json *child)
{
    return item_of(child)->string;
}

const char *json_text(const struct json *value)
{
    return cJSON_GetStringValue(item_of(value));
}

bool json_is_object(const struct json *value)
{
    return cJSON_IsObject(item_of(value)) != 0;
}

bool json_is_array(const struct json *value)
{
    return cJSON_IsArray(item_of(value)) != 0;
}

bool json_bool(const struct json *value, bool *ret)
{
    if (!cJSON_IsBool(item_of(value))) {
        return false;
    }
    *ret = cJSON_IsTrue(item_of(value)) != 0;
    return true;
}

bool json_int(const struct json *value, int64_t *ret)
{
    const double past_last = 9007199254740992.0; /* 2^53: its neighbour above is rounded to it */
    if (!cJSON_IsNumber(item_of(value))) {
        return false;
    }
    double number = item_of(value)->valuedouble;
    if (!(fabs(number) < past_last) || trunc(number) != number) {
        return false;
    }
    *ret = (int64_t)number;
    return true;
}
