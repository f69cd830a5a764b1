/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of one document put into that of another: a few insertions, and no byte of the target changes.
 */
#include "base/macros.h"
#include "config/node.h"
#include "config/settings.h"

#include <stdlib.h>
#include <string.h>

/* Both documents, and what goes where. */
struct side {
    const struct config_text *given;
    struct document document;
    struct config *config;
    struct reading reading;
};

struct insertion {
    size_t at, order;
    struct buf text;
};

struct merge {
    struct side target, source;
    struct insertion insertions[4]; /* at most two for each of two containers */
    size_t n;
};

static void side_done(struct side *side)
{
    document_done(&side->document);
    config_free(&side->config);
}

static void merge_done(struct merge *merge)
{
    side_done(&merge->target);
    side_done(&merge->source);
    for (size_t i = 0; i < merge->n; i++) {
        buf_done(&merge->insertions[i].text);
    }
}

static bool side_open(struct side *side, const struct config_text *given, struct lf_error *err)
{
    static const struct config_reading how = {.without_secrets = true};
    side->given = given;
    side->reading = (struct reading){&side->document, &how, NULL};
    TRY(config_parse_with(given->name, given->text, given->len, &how, &side->config, err));
    return document_open(&side->document, given->name, given->text, given->len, err);
}

static struct node root_of(const struct side *side)
{
    return (struct node){&side->reading, side->document.root, {NULL, NULL, 0}};
}

static struct buf *insert(struct merge *merge, size_t at)
{
    struct insertion *insertion = &merge->insertions[merge->n];
    *insertion = (struct insertion){at, merge->n++, {0}};
    return &insertion->text;
}

/* ---- what is there already ---- */

static bool check_names(const struct merge *merge, struct lf_error *err)
{
    const struct node target_root = root_of(&merge->target);
    const struct node source_root = root_of(&merge->source);
    const struct node target_links = node_member(&target_root, "links");
    const struct node source_links = node_member(&source_root, "links");
    for (size_t i = 0; i < merge->source.config->nlinks; i++) {
        for (size_t j = 0; j < merge->target.config->nlinks; j++) {
            const struct node theirs = node_element(&source_links, i);
            const struct node name = node_member(&theirs, "name");
            const struct node ours = node_element(&target_links, j);
            if (strcmp(merge->source.config->links[i].name, merge->target.config->links[j].name) == 0) {
                (void)lf_error_set(err, LF_CONFIG, 0,
                                   "%s has a link of this name already (line %zu); give one of them another name",
                                   merge->target.given->name, node_line(&ours));
                return node_fail(&name, err);
            }
        }
    }
    return true;
}

static bool check_members(const struct merge *merge, struct lf_error *err)
{
    static const char *const welcome[] = {"version", "$schema", "parameters", "links"};
    const struct node root = root_of(&merge->source);
    for (struct node child = node_first(&root); child.value != NULL; node_next(&child)) {
        bool good = false;
        for (size_t i = 0; i < ARRAY_LEN(welcome); i++) {
            good = good || strcmp(child.place.name, welcome[i]) == 0;
        }
        if (!good) {
            (void)lf_error_set(err, LF_CONFIG, 0,
                               "belongs to the whole process and is not imported; take it out of this document");
            return node_fail(&child, err);
        }
    }
    return true;
}

/* Of parameters: scalars, or objects of one text. */
static bool same_value(const struct json *a, const struct json *b)
{
    int64_t numbers[2] = {0};
    bool truths[2] = {false};
    if (json_is_object(a) && json_is_object(b)) {
        a = json_first(a);
        b = json_first(b);
        return a != NULL && b != NULL && strcmp(json_name(a), json_name(b)) == 0 && same_value(a, b);
    }
    if (json_text(a) != NULL && json_text(b) != NULL) {
        return strcmp(json_text(a), json_text(b)) == 0;
    }
    if (json_int(a, &numbers[0]) && json_int(b, &numbers[1])) {
        return numbers[0] == numbers[1];
    }
    return json_bool(a, &truths[0]) && json_bool(b, &truths[1]) && truths[0] == truths[1];
}

/* *ret_missing: the target does not have it. */
static bool check_parameter(const struct merge *merge, const struct node *theirs, bool *ret_missing,
                            struct lf_error *err)
{
    const struct node root = root_of(&merge->target);
    const struct node parameters = node_member(&root, "parameters");
    const struct node ours = node_member(&parameters, theirs->place.name);
    *ret_missing = ours.value == NULL;
    if (ours.value == NULL || same_value(ours.value, theirs->value)) {
        return true;
    }
    (void)lf_error_set(err, LF_CONFIG, 0,
                       "%s gives this parameter another value (line %zu); rename one of them, or make them equal",
                       merge->target.given->name, node_line(&ours));
    return node_fail(theirs, err);
}

/* ---- insertions ---- */

static void append_text_of(const struct side *side, const struct node *node, struct buf *out)
{
    size_t begin = 0;
    size_t end = 0;
    document_extent(&side->document, &node->place, &begin, &end);
    buf_append(out, side->given->text + begin, end - begin);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Adds children, one text with commas in it, behind the last one of a container. A comment behind the last child stays there. */
static void append_children(struct merge *merge, const struct node *container, const char *children)
{
    const char *text = merge->target.given->text;
    size_t begin = 0;
    size_t end = 0;
    size_t last = 0;
    size_t first_byte = 0;
    document_value_extent(&merge->target.document, &container->place, &begin, &end);
    const size_t n = node_count(container);
    if (n > 0) {
        struct node child = node_first(container);
        while (child.place.index + 1 < n) {
            node_next(&child);
        }
        document_extent(&merge->target.document, &child.place, &first_byte, &last);
        buf_append_char(insert(merge, last), ',');
    }
    size_t at = end - 1;
    while (at > begin + 1 && is_space(text[at - 1])) {
        at--;
    }
    buf_append_text(insert(merge, at), children);
}

static void begin_child(struct buf *out, const char *indent)
{
    buf_printf(out, "%s\n%s", out->len > 0 ? "," : "", indent);
}

static void merge_links(struct merge *merge, struct config_imported *ret)
{
    CLEANUP(buf_done) struct buf children = {0};
    const struct node target_root = root_of(&merge->target);
    const struct node source_root = root_of(&merge->source);
    const struct node target_links = node_member(&target_root, "links");
    const struct node source_links = node_member(&source_root, "links");
    for (struct node child = node_first(&source_links); child.value != NULL; node_next(&child)) {
        begin_child(&children, "    ");
        append_text_of(&merge->source, &child, &children);
        ret->links++;
    }
    append_children(merge, &target_links, buf_text(&children));
}

static bool merge_parameters(struct merge *merge, struct config_imported *ret, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf children = {0};
    const struct node target_root = root_of(&merge->target);
    const struct node source_root = root_of(&merge->source);
    const struct node ours = node_member(&target_root, "parameters");
    const struct node theirs = node_member(&source_root, "parameters");
    for (struct node child = node_first(&theirs); child.value != NULL; node_next(&child)) {
        bool missing = false;
        TRY(check_parameter(merge, &child, &missing, err));
        if (missing) {
            begin_child(&children, "    ");
            append_text_of(&merge->source, &child, &children);
            ret->parameters++;
        }
    }
    if (ret->parameters == 0) {
        return true;
    }
    if (ours.value != NULL) {
        append_children(merge, &ours, buf_text(&children));
        return true;
    }
    CLEANUP(text_free) char *member = text_printf("\n  \"parameters\": {%s\n  }", buf_text(&children));
    append_children(merge, &target_root, member);
    return true;
}

static int compare_insertions(const void *a, const void *b)
{
    const struct insertion *left = a;
    const struct insertion *right = b;
    if (left->at != right->at) {
        return left->at < right->at ? -1 : 1;
    }
    return (left->order > right->order) - (left->order < right->order);
}

static void apply(struct merge *merge, struct buf *out)
{
    const struct config_text *target = merge->target.given;
    size_t at = 0;
    qsort(merge->insertions, merge->n, sizeof *merge->insertions, compare_insertions);
    for (size_t i = 0; i < merge->n; i++) {
        const struct insertion *insertion = &merge->insertions[i];
        buf_append(out, target->text + at, insertion->at - at);
        buf_append(out, buf_text(&insertion->text), insertion->text.len);
        at = insertion->at;
    }
    buf_append(out, target->text + at, target->len - at);
}

/* The rules across links are checked by reading the result. */
static bool check_result(const struct config_text *target, const struct buf *text, struct lf_error *err)
{
    static const struct config_reading how = {.without_secrets = true};
    CLEANUP(config_free) struct config *config = NULL;
    return (buf_check(text, "the configuration", err) &&
            config_parse_with(target->name, buf_text(text), text->len, &how, &config, err)) ||
           lf_error_wrap(err, "with the imported links, the file would be wrong");
}

bool config_import(const struct config_text *target, const struct config_text *document, struct buf *out,
                   struct config_imported *ret, struct lf_error *err)
{
    CLEANUP(merge_done) struct merge merge = {0};
    *ret = (struct config_imported){0};
    TRY(side_open(&merge.target, target, err));
    TRY(side_open(&merge.source, document, err));
    TRY(check_members(&merge, err));
    TRY(check_names(&merge, err));
    merge_links(&merge, ret);
    TRY(merge_parameters(&merge, ret, err));
    apply(&merge, out);
    return check_result(target, out, err);
}
