/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside config only: the text of a configuration, its JSON tree, and where in the text a value of the tree stands.
 */
#ifndef CONFIG_DOCUMENT_H
#define CONFIG_DOCUMENT_H

#include "base/json.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stddef.h>

struct document {
    const char *name;  /* of the file, borrowed */
    char *text;        /* owned; valid JSON: comments and a byte order mark are blanked, line ends stay */
    struct json *root; /* owned */
};

/* The way to a value: a chain of steps, the last one first. A step without name is an element of a list. */
struct place {
    const struct place *up; /* NULL: this is the root */
    const char *name;       /* NULL: an element of a list */
    size_t index;           /* among the children of `up` */
};

/* CONFIG: no JSON, a key twice in an object, a comment without end; each with its line. */
bool document_open(struct document *document, const char *name, const char *text, size_t len,
                   struct lf_error *err) LF_MUST_CHECK;
void document_done(struct document *document); /* for CLEANUP */

/* Puts "file: line n: links[0].name" in front of the message. Always false. */
bool document_fail(const struct document *document, const struct place *place, struct lf_error *err);
/* From 1: of the key of a member, of the first byte of an element. */
size_t document_line(const struct document *document, const struct place *place);

/* Where in the text a member stands, from its key to the end of its value, or an element. */
void document_extent(const struct document *document, const struct place *place, size_t *ret_begin, size_t *ret_end);
/* The same without the key. */
void document_value_extent(const struct document *document, const struct place *place, size_t *ret_begin,
                           size_t *ret_end);

#endif
