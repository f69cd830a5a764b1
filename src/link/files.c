/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include "base/crypto.h"

#include <inttypes.h>
#include <string.h>

#define BLOCK_BYTES 16384

static bool hash_file(struct link *link, const char *path, char ret_hex[SHA256_HEX_SIZE], struct lf_error *err)
{
    CLEANUP(sha256_free) struct sha256 *hash = sha256_new();
    struct lake_input input = {.lake = link->options.lake, .path = path};
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

static bool check_partitions(struct link *link, const struct model_partition *partitions, size_t n, const char *suspect,
                             char **ret_problem, struct lf_error *err)
{
    for (size_t i = 0; i < n && *ret_problem == NULL; i++) {
        struct lake_stat stat;
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

bool files_find_lost(struct link *link, const struct model_entity *model, const char *suspect, char **ret_problem,
                     struct lf_error *err)
{
    *ret_problem = check_lists(model);
    TRY(check_partitions(link, model->partitions, model->npartitions, suspect, ret_problem, err));
    for (size_t c = 0; model->load != NULL && c < model->load->nchunks; c++) {
        const struct model_chunk *chunk = &model->load->chunks[c];
        TRY(check_partitions(link, chunk->partitions, chunk->npartitions, suspect, ret_problem, err));
    }
    return true;
}

char *files_freeze_reason(const char *entity, const char *problem)
{
    return text_printf("%s; on_lost_file is freeze: nothing is changed. Run lakefeed resync %s to load it again",
                       problem, entity);
}

bool files_check(struct link *link, struct lf_error *err)
{
    const struct model *head = committer_head(link->committer);
    for (size_t i = 0; head != NULL && i < link->nentities; i++) {
        struct entity *entity = link->entities[i];
        const struct model_entity *model = model_find(head, entity->name);
        if (model == NULL || !entity->followed || entity->reload_reason != NULL || entity->fault_reason != NULL) {
            continue;
        }
        CLEANUP(text_free) char *problem = NULL;
        TRY(files_find_lost(link, model, NULL, &problem, err));
        if (problem != NULL && entity->policy.freeze_on_lost_file) {
            entity->fault_reason = files_freeze_reason(entity->name, problem);
        } else if (problem != NULL) {
            entity->reload_reason = problem;
            problem = NULL;
        }
    }
    return true;
}
