/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include "base/crypto.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 16384
#define LIST_FROM 32 /* partitions; fewer are looked at one by one, which is no more than a listing costs */

/* ---- many at once ---- */

struct wanted {
    const char *path;
    uint64_t bytes;
    bool is_whole;
};

/* Sorted by path. One that is not whole by the listing is looked at by itself, so that a listing alone condemns no file. */
struct files_listing {
    struct wanted *items;
    size_t count, cap;
};

static void listing_done(struct files_listing *listing)
{
    free(listing->items);
}

static void want(struct files_listing *listing, const struct model_partition *partitions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_grow(&listing->items, &listing->cap, listing->count + 1, sizeof *listing->items);
        listing->items[listing->count++] = (struct wanted){.path = partitions[i].path, .bytes = partitions[i].bytes};
    }
}

static void want_all(struct files_listing *listing, const struct model *head)
{
    for (size_t i = 0; i < head->nentities; i++) {
        const struct model_entity *entity = &head->entities[i];
        want(listing, entity->partitions, entity->npartitions);
        for (size_t c = 0; entity->load != NULL && c < entity->load->nchunks; c++) {
            want(listing, entity->load->chunks[c].partitions, entity->load->chunks[c].npartitions);
        }
    }
}

static int compare_wanted(const void *a, const void *b)
{
    return strcmp(((const struct wanted *)a)->path, ((const struct wanted *)b)->path);
}

static struct wanted *find_wanted(const struct files_listing *listing, const char *path)
{
    const struct wanted key = {.path = path};
    return listing->count > 0 ? bsearch(&key, listing->items, listing->count, sizeof key, compare_wanted) : NULL;
}

static bool visit_file(void *context, const char *path, uint64_t bytes, UNUSED struct lf_error *err)
{
    struct wanted *wanted = find_wanted(context, path);
    if (wanted != NULL && wanted->bytes == bytes) {
        wanted->is_whole = true;
    }
    return true;
}

/* A request for each file would hold up the start of a large lake. What a listing that fails has not shown is looked at all
 * the same. */
static void list_files(struct link *link, const struct model *head, struct files_listing *listing)
{
    struct lf_error ignored;
    want_all(listing, head);
    if (listing->count < LIST_FROM) {
        listing->count = 0;
        return;
    }
    qsort(listing->items, listing->count, sizeof *listing->items, compare_wanted);
    const bool done = link->options.lake->ops->list(link->options.lake, "", visit_file, listing, &ignored);
    (void)done;
}

static bool is_listed(const struct files_listing *listing, const char *path)
{
    const struct wanted *wanted = listing != NULL ? find_wanted(listing, path) : NULL;
    return wanted != NULL && wanted->is_whole;
}

/* ---- one by one ---- */

static bool hash_file(struct link *link, const char *path, char ret_hex[SHA256_HEX_SIZE], struct lf_error *err)
{
    CLEANUP(sha256_free) struct sha256 *hash = sha256_new();
    CLEANUP(lake_input_done) struct lake_input input = {.lake = link->options.lake, .path = path};
    char block[BLOCK_BYTES];
    for (size_t len = 1; len > 0;) {
        TRY(link_check_stopped(link, err));
        TRY(lake_input_read(&input, block, sizeof block, &len, err));
        sha256_update(hash, block, len);
    }
    sha256_finish(hash, ret_hex);
    return true;
}

static bool check_hash(struct link *link, const struct model_partition *partition, char **ret_problem,
                       struct lf_error *err)
{
    char hex[SHA256_HEX_SIZE];
    TRY(hash_file(link, partition->path, hex, err));
    if (strcmp(hex, partition->sha256) != 0) {
        *ret_problem = text_printf("partition %s has the sha256 %.12s… instead of %.12s…", partition->path, hex,
                                   partition->sha256);
    }
    return true;
}

/* What lost files are looked for by. */
struct search {
    struct link *link;
    const char *suspect;                 /* names those whose content is compared; NULL: none */
    const struct files_listing *listing; /* NULL: none */
};

static bool check_partitions(const struct search *search, const struct model_partition *partitions, size_t n,
                             char **ret_problem, struct lf_error *err)
{
    struct link *link = search->link;
    const char *suspect = search->suspect;
    for (size_t i = 0; i < n && *ret_problem == NULL; i++) {
        struct lake_stat stat;
        if (is_listed(search->listing, partitions[i].path)) {
            continue;
        }
        if (link->options.lake->ops->stat(link->options.lake, partitions[i].path, &stat, err)) {
            if (stat.bytes != partitions[i].bytes) {
                *ret_problem = text_printf("partition %s has %" PRIu64 " bytes instead of %" PRIu64, partitions[i].path,
                                           stat.bytes, partitions[i].bytes);
            } else if (suspect != NULL && strstr(suspect, partitions[i].path) != NULL) {
                TRY(check_hash(link, &partitions[i], ret_problem, err));
            }
        } else if (err->kind == LF_NOT_FOUND) {
            *ret_problem = text_printf("partition %s is missing", partitions[i].path);
        } else if (err->kind == LF_CONFIG) { /* a link, a folder, or nobody may read it */
            *ret_problem = text_printf("partition %s cannot be used: %s", partitions[i].path, err->msg);
        } else {
            return false;
        }
    }
    return true;
}

/* Files that recovery reads whole. */
static char *check_lists(const struct model_entity *model)
{
    if (model->load_path != NULL && model->load == NULL) {
        return text_printf("its load list %s could not be read", model->load_path);
    }
    return model->quarantine_path != NULL && model->quarantine == NULL
               ? text_printf("its quarantine file %s could not be read", model->quarantine_path)
               : NULL;
}

static bool find_lost(const struct search *search, const struct model_entity *model, char **ret_problem,
                      struct lf_error *err)
{
    *ret_problem = check_lists(model);
    TRY(check_partitions(search, model->partitions, model->npartitions, ret_problem, err));
    for (size_t c = 0; model->load != NULL && c < model->load->nchunks; c++) {
        const struct model_chunk *chunk = &model->load->chunks[c];
        TRY(check_partitions(search, chunk->partitions, chunk->npartitions, ret_problem, err));
    }
    return true;
}

bool files_find_lost(struct link *link, const struct model_entity *model, const char *suspect, char **ret_problem,
                     struct lf_error *err)
{
    const struct search search = {.link = link, .suspect = suspect};
    return find_lost(&search, model, ret_problem, err);
}

char *files_freeze_reason(const char *entity, const char *problem)
{
    return text_printf("%s; on_lost_file is freeze: nothing is changed. Run lakefeed resync %s to load it again",
                       problem, entity);
}

bool files_check(struct link *link, struct lf_error *err)
{
    const struct model *head = committer_head(link->committer);
    CLEANUP(listing_done) struct files_listing listing = {0};
    const struct search search = {.link = link, .listing = &listing};
    if (head != NULL) {
        list_files(link, head, &listing);
    }
    for (size_t i = 0; head != NULL && i < link->nentities; i++) {
        struct entity *entity = link->entities[i];
        const struct model_entity *model = model_find(head, entity->name);
        if (model == NULL || !entity->followed || entity->reload_reason != NULL || entity->fault_reason != NULL) {
            continue;
        }
        CLEANUP(text_free) char *problem = NULL;
        TRY(find_lost(&search, model, &problem, err));
        if (problem != NULL && entity->policy.freeze_on_lost_file) {
            entity->fault_reason = files_freeze_reason(entity->name, problem);
        } else if (problem != NULL) {
            entity->reload_reason = problem;
            problem = NULL;
        }
    }
    return true;
}
