/* SPDX-License-Identifier: Apache-2.0
 *
 * What today's masks make of a table: whether they fit it, and whether they are those of its rows in the lake.
 */
#include "link/masking_internal.h"

#include "base/buf.h"
#include "base/nearest.h"
#include "data/schema.h"

#include <string.h>

#define NOWHERE UINT32_MAX

const char *masking_refuse(const struct masking_shape *shape, struct arena *arena)
{
    const char *reason = NULL;
    for (uint32_t i = 0; i < shape->nkey && reason == NULL; i++) {
        const uint32_t at = shape->key[i];
        reason = shape->masks[at] == NULL ? NULL : mask_refuse_key(shape->masks[at], &shape->columns[at], arena);
    }
    return reason;
}

static const char *refuse_missing(const struct masking_shape *shape, const char *column, struct arena *arena)
{
    struct nearest nearest = nearest_to(column);
    for (uint32_t i = 0; i < shape->ncolumns; i++) {
        if (strcmp(shape->columns[i].name, column) == 0) {
            return NULL;
        }
        nearest_offer(&nearest, shape->columns[i].name);
    }
    CLEANUP(text_free)
    char *text = text_printf("its configuration masks the column %.200s, which it does not have or which is left out; "
                             "%s%.200s%s",
                             column, nearest.name != NULL ? "did you mean " : "correct \"columns\"",
                             nearest.name != NULL ? nearest.name : "", nearest.name != NULL ? "?" : "");
    return arena_text(arena, text);
}

const char *masking_refuse_names(const struct masking_shape *shape, struct arena *arena)
{
    const char *reason = NULL;
    for (size_t i = 0; shape->rules != NULL && i < shape->rules->count && reason == NULL; i++) {
        const struct masking_rule *rule = &shape->rules->list[i];
        reason = rule->mask.kind == MASK_NONE ? NULL : refuse_missing(shape, rule->column, arena);
    }
    return reason;
}

/* ---- the lake's columns beside those of now ---- */

/* Which column of the lake each column of now is. */
struct pairs {
    bool by_id;
    const struct lf_schema *lake, *now;
    uint32_t *was; /* for each column of now: index into the lake's, or NOWHERE */
};

static bool is_masked(const struct lf_column *column)
{
    CLEANUP(arena_done) struct arena arena = {0};
    return mask_read_column(column, &arena, NULL, NULL);
}

static uint32_t find_name(const struct lf_schema *schema, const char *name, uint32_t from)
{
    for (uint32_t i = from; i < schema->ncolumns; i++) {
        if (!schema->columns[i].dropped && strcmp(schema->columns[i].name, name) == 0) {
            return i;
        }
    }
    return NOWHERE;
}

/* Masked columns of the lake in [from, to) whose name another column has, or the same one at another place. */
static uint32_t count_displaced(const struct pairs *pairs, uint32_t from, uint32_t to)
{
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i++) {
        const struct lf_column *column = &pairs->lake->columns[i];
        n += !column->dropped && is_masked(column) && find_name(pairs->now, column->name, 0) != NOWHERE ? 1 : 0;
    }
    return n;
}

/* A table grows at its end, so its columns stay in their order. A masked column whose name stands elsewhere now is one of those
 * that took its place: where there is no new name for it, an old name is not believed. */
static void pair_by_order(struct pairs *pairs)
{
    uint32_t from = 0, first = 0; /* behind the last pair */
    for (uint32_t i = 0; i < pairs->now->ncolumns; i++) {
        const uint32_t at = find_name(pairs->lake, pairs->now->columns[i].name, from);
        pairs->was[i] = NOWHERE;
        if (at != NOWHERE && count_displaced(pairs, from, at) <= i - first) {
            pairs->was[i] = at;
            from = at + 1;
            first = i + 1;
        }
    }
}

static void pair_by_id(struct pairs *pairs)
{
    for (uint32_t i = 0; i < pairs->now->ncolumns; i++) {
        const int at = schema_find(pairs->lake, pairs->now->columns[i].id);
        pairs->was[i] = at < 0 ? NOWHERE : (uint32_t)at;
    }
}

static struct pairs pair_columns(const struct lf_connector *connector, const struct lf_schema *lake,
                                 const struct lf_schema *now, struct arena *arena)
{
    struct pairs pairs = {.by_id = (connector->capabilities & LF_CAP_COLUMN_IDS) != 0, .lake = lake, .now = now};
    pairs.was = arena_alloc(arena, ((size_t)now->ncolumns + 1) * sizeof *pairs.was);
    if (pairs.by_id) {
        pair_by_id(&pairs);
    } else {
        pair_by_order(&pairs);
    }
    return pairs;
}

/* ---- masks that changed ---- */

static bool has_same_mask(const struct lf_column *a, const struct lf_column *b)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct mask one, other;
    const bool masked = mask_read_column(a, &arena, &one, NULL);
    return masked == mask_read_column(b, &arena, &other, NULL) && (!masked || mask_is_same(&one, &other));
}

static bool is_known(const struct masking *masking, const struct lf_column *column)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct mask sign;
    return !mask_read_column(column, &arena, &sign, NULL) ||
           (masking != NULL && masking_find_sign(masking, &sign) != NULL);
}

bool masking_is_changed(const struct masking *masking, const struct lf_connector *connector,
                        const struct lf_schema *lake, const struct lf_schema *now)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const struct pairs pairs = pair_columns(connector, lake, now, &arena);
    bool same = true;
    for (uint32_t i = 0; same && i < lake->ncolumns; i++) {
        same = lake->columns[i].dropped || is_known(masking, &lake->columns[i]);
    }
    for (uint32_t i = 0; same && i < now->ncolumns; i++) {
        const struct lf_column *was = pairs.was[i] == NOWHERE ? NULL : &lake->columns[pairs.was[i]];
        same = was == NULL || was->dropped || has_same_mask(was, &now->columns[i]);
    }
    return !same;
}

/* ---- masks that were lost ---- */

static bool is_paired(const struct pairs *pairs, uint32_t at)
{
    for (uint32_t i = 0; i < pairs->now->ncolumns; i++) {
        if (pairs->was[i] == at) {
            return true;
        }
    }
    return false;
}

/* The masked column that a new name may stand for: one that has gone; or one that seems to stand behind it, though what is new
 * stands at the end. */
static uint32_t find_suspect(const struct pairs *pairs, uint32_t i)
{
    for (uint32_t k = 0; k < pairs->lake->ncolumns; k++) {
        if (!pairs->lake->columns[k].dropped && is_masked(&pairs->lake->columns[k]) && !is_paired(pairs, k)) {
            return k;
        }
    }
    for (uint32_t k = i + 1; k < pairs->now->ncolumns; k++) {
        if (pairs->was[k] != NOWHERE && is_masked(&pairs->lake->columns[pairs->was[k]])) {
            return pairs->was[k];
        }
    }
    return NOWHERE;
}

static const char *refuse_column(const struct lf_column *was, const struct lf_column *now, bool certain,
                                 struct arena *arena)
{
    CLEANUP(arena_done) struct arena scratch = {0};
    struct mask mask = {0};
    CLEANUP(text_free)
    char *whence = strcmp(was->name, now->name) == 0
                       ? text_copy("is masked in the lake")
                       : text_printf(certain ? "is masked in the lake, where it is called %.200s"
                                             : "may be the masked column %.200s under another name",
                                     was->name);
    (void)mask_read_column(was, &scratch, &mask, NULL);
    CLEANUP(text_free)
    char *text =
        text_printf("its column %.200s %s, and the configuration does not say what is to become of it; add "
                    "\"%.200s\": {\"mask\": \"%s\"} to \"columns\", or \"none\" in place of the mask if its values "
                    "may stand in the lake",
                    now->name, whence, now->name, mask_word(mask.kind));
    return arena_text(arena, text);
}

const char *masking_refuse_bare(const struct masking_rules *rules, const struct lf_connector *connector,
                                const struct lf_schema *lake, const struct lf_schema *now, struct arena *arena)
{
    CLEANUP(arena_done) struct arena scratch = {0};
    const struct pairs pairs = pair_columns(connector, lake, now, &scratch);
    for (uint32_t i = 0; i < now->ncolumns; i++) {
        const struct lf_column *column = &now->columns[i];
        const bool certain = pairs.by_id || pairs.was[i] != NOWHERE;
        const uint32_t at = certain ? pairs.was[i] : find_suspect(&pairs, i);
        if (at != NOWHERE && is_masked(&lake->columns[at]) && !is_masked(column) &&
            masking_find_rule(rules, column->name) == NULL) {
            return refuse_column(&lake->columns[at], column, certain, arena);
        }
    }
    return NULL;
}

const char *masking_refuse_table(const struct masking *masking, const struct lf_connector *connector,
                                 const struct lf_table *table, const struct lf_schema *lake, struct arena *arena)
{
    const struct masking_rules *rules = masking == NULL ? NULL : masking_find_rules(masking, table->name, table->id);
    return masking_refuse_bare(rules, connector, lake, &table->schema, arena);
}
