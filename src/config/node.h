/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside config only: a value of the document while it is read. It knows its place, so that whoever finds it wrong can say where,
 * and the reading that it belongs to.
 */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include "config/config.h"
#include "config/document.h"

/* One reading of one document into one configuration. */
struct reading {
    const struct document *document;
    const struct config_reading *how;
    struct config *config; /* what has been read so far; its parameters come first */
};

struct node {
    const struct reading *reading;
    const struct json *value; /* NULL: not given */
    struct place place;
};

/* for (struct node child = node_first(&node); child.value != NULL; node_next(&child)) */
struct node node_first(const struct node *node);
void node_next(struct node *child);
struct node node_member(const struct node *node, const char *name);
struct node node_element(const struct node *list, size_t index);
size_t node_count(const struct node *node);
size_t node_line(const struct node *node);

/* Puts file, line and path in front of the message. Always false. */
bool node_fail(const struct node *node, struct lf_error *err);

#endif
