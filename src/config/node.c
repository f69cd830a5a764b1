/* SPDX-License-Identifier: Apache-2.0 */
#include "config/node.h"

struct node node_first(const struct node *node)
{
    const struct json *value = json_first(node->value);
    return (struct node){node->reading, value, {&node->place, value != NULL ? json_name(value) : NULL, 0}};
}

void node_next(struct node *child)
{
    child->value = json_next(child->value);
    child->place.name = child->value != NULL ? json_name(child->value) : NULL;
    child->place.index++;
}

struct node node_member(const struct node *node, const char *name)
{
    const struct json *wanted = json_member(node->value, name);
    struct node child = node_first(node);
    while (child.value != NULL && child.value != wanted) {
        node_next(&child);
    }
    return child;
}

struct node node_element(const struct node *list, size_t index)
{
    struct node child = node_first(list);
    while (child.place.index < index) {
        node_next(&child);
    }
    return child;
}

size_t node_count(const struct node *node)
{
    size_t n = 0;
    for (const struct json *child = json_first(node->value); child != NULL; child = json_next(child)) {
        n++;
    }
    return n;
}

size_t node_line(const struct node *node)
{
    return document_line(node->reading->document, &node->place);
}

bool node_fail(const struct node *node, struct lf_error *err)
{
    return document_fail(node->reading->document, &node->place, err);
}
