/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "commit/committer.h"

#include <stdlib.h>
#include <string.h>

#define SINCE_UNKNOWN 1 /* as if named by the first commit: kept longer than needed, never shorter */

void path_set_done(struct path_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        text_free(&set->items[i].path);
    }
    free(set->items);
    *set = (struct path_set){0};
}

void path_set_append(struct path_set *set, const char *path, uint64_t since)
{
    mem_grow(&set->items, &set->cap, set->count + 1, sizeof *set->items);
    set->items[set->count++] = (struct path_entry){.path = text_copy(path), .since = since};
}

static int compare_entries(const void *a, const void *b)
{
    const struct path_entry *left = a;
    const struct path_entry *right = b;
    return strcmp(left->path, right->path);
}

void path_set_seal(struct path_set *set)
{
    if (set->count == 0) {
        return;
    }
    qsort(set->items, set->count, sizeof *set->items, compare_entries);
    size_t kept = 1;
    for (size_t i = 1; i < set->count; i++) {
        struct path_entry *last = &set->items[kept - 1];
        if (strcmp(last->path, set->items[i].path) != 0) {
            set->items[kept++] = set->items[i];
            continue;
        }
        last->since = last->since < set->items[i].since ? last->since : set->items[i].since;
        text_free(&set->items[i].path);
    }
    set->count = kept;
}

/* Where the path stands or would stand. */
static size_t find_place(const struct path_set *set, const char *path)
{
    size_t low = 0;
    size_t high = set->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(set->items[middle].path, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool stands_at(const struct path_set *set, size_t place, const char *path)
{
    return place < set->count && strcmp(set->items[place].path, path) == 0;
}

bool path_set_has(const struct path_set *set, const char *path)
{
    return stands_at(set, find_place(set, path), path);
}

void path_set_insert(struct path_set *set, const char *path)
{
    const size_t place = find_place(set, path);
    if (stands_at(set, place, path)) {
        return;
    }
    mem_grow(&set->items, &set->cap, set->count + 1, sizeof *set->items);
    memmove(&set->items[place + 1], &set->items[place], (set->count - place) * sizeof *set->items);
    set->items[place] = (struct path_entry){.path = text_copy(path)};
    set->count++;
}

void path_set_remove(struct path_set *set, const char *path)
{
    const size_t place = find_place(set, path);
    if (!stands_at(set, place, path)) {
        return;
    }
    text_free(&set->items[place].path);
    set->count--;
    memmove(&set->items[place], &set->items[place + 1], (set->count - place) * sizeof *set->items);
}

/* --- what a model names --- */

static void append_partitions(struct path_set *out, const struct model_partition *partitions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        path_set_append(out, partitions[i].path, partitions[i].since);
    }
}

static void append_entity(struct path_set *out, const struct model_entity *entity)
{
    append_partitions(out, entity->partitions, entity->npartitions);
    if (entity->load_path != NULL) {
        path_set_append(out, entity->load_path, SINCE_UNKNOWN);
    }
    if (entity->quarantine_path != NULL) {
        path_set_append(out, entity->quarantine_path, SINCE_UNKNOWN);
    }
    for (size_t i = 0; entity->load != NULL && i < entity->load->nchunks; i++) {
        append_partitions(out, entity->load->chunks[i].partitions, entity->load->chunks[i].npartitions);
    }
}

/* A history file is named first by the commit that its name tells. */
static uint64_t history_since(const char *path)
{
    const char *name = strrchr(path, '/');
    const uint64_t commit = strtoull(name != NULL ? name + 1 : path, NULL, 10);
    return commit > 0 ? commit : SINCE_UNKNOWN;
}

void paths_of_model(const struct model *model, struct path_set *out)
{
    if (model == NULL) {
        return;
    }
    for (size_t i = 0; i < model->nentities; i++) {
        append_entity(out, &model->entities[i]);
    }
    if (model->history_path != NULL) {
        path_set_append(out, model->history_path, history_since(model->history_path));
    }
    path_set_seal(out);
}

void history_advance(struct history *history, const struct model *from, const struct model *to, int64_t now_ms)
{
    CLEANUP(path_set_done) struct path_set before = {0};
    CLEANUP(path_set_done) struct path_set after = {0};
    paths_of_model(from, &before);
    paths_of_model(to, &after);
    for (size_t i = 0; i < before.count; i++) {
        const struct path_entry *entry = &before.items[i];
        if (!path_set_has(&after, entry->path)) {
            const uint64_t since = entry->since < from->commit ? entry->since : from->commit;
            history_add_file(history, entry->path, since, from->commit, now_ms);
        }
    }
    if (history->nrecords > 0) {
        history->records[history->nrecords - 1].replaced_ms = now_ms;
    }
    history_add_record(history, to->commit, to->commit_id);
}
