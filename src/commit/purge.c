/* SPDX-License-Identifier: Apache-2.0 */
#include "commit/purge.h"

#include "base/macros.h"
#include "commit/commit.h"
#include "lake/path.h"

#include <stdlib.h>
#include <string.h>

void purge_plan_done(struct purge_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->paths[i]);
    }
    free(plan->paths);
    *plan = (struct purge_plan){0};
}

static void add(struct purge_plan *plan, const char *path, uint64_t bytes)
{
    mem_grow(&plan->paths, &plan->size, plan->count + 1, sizeof *plan->paths);
    plan->paths[plan->count++] = text_copy(path);
    plan->bytes += bytes;
}

static bool visit(void *context, const char *path, uint64_t bytes, UNUSED struct lf_error *err)
{
    struct purge_plan *plan = context;
    if (lake_path_kind(path) != LAKE_PATH_IS_FOREIGN || strcmp(path, LAKE_PATH_CONTROL) == 0) {
        add(plan, path, bytes);
    } else if (strcmp(path, LAKE_PATH_MODEL) != 0 && strcmp(path, LAKE_PATH_OWNER) != 0) {
        plan->foreign++;
    }
    return true;
}

/* Only a model.json that we understand proves that the folder is ours. */
static bool list_model(struct lake *lake, struct purge_plan *plan, struct lf_error *err)
{
    CLEANUP(model_free) struct model *model = NULL;
    struct lake_stat stat;
    if (!lake->ops->stat(lake, LAKE_PATH_MODEL, &stat, err)) {
        return err->kind == LF_NOT_FOUND;
    }
    char etag[LAKE_ETAG_SIZE];
    if (!commit_read_head(lake, &model, etag, err)) {
        return lf_error_wrap(err, "nothing was removed");
    }
    add(plan, LAKE_PATH_MODEL, stat.bytes);
    return true;
}

bool purge_list(struct lake *lake, struct purge_plan *ret_plan, struct lf_error *err)
{
    CLEANUP(purge_plan_done) struct purge_plan plan = {0};
    TRY(list_model(lake, &plan, err));
    TRY(lake->ops->list(lake, "", visit, &plan, err));
    *ret_plan = plan;
    plan = (struct purge_plan){0};
    return true;
}

/* The folders above a path, the deepest first; those that hold something else stay. */
static bool remove_folders(struct lake *lake, const char *path, struct lf_error *err)
{
    CLEANUP(text_free) char *folder = text_copy(path);
    for (char *slash = strrchr(folder, '/'); slash != NULL; slash = strrchr(folder, '/')) {
        *slash = '\0';
        TRY(lake->ops->remove_folder == NULL || lake->ops->remove_folder(lake, folder, err));
    }
    return true;
}

bool purge_remove(struct lake *lake, const struct purge_plan *plan, struct lf_error *err)
{
    for (size_t i = 0; i < plan->count; i++) {
        TRY(lake->ops->remove(lake, plan->paths[i], err));
    }
    for (size_t i = 0; i < plan->count; i++) {
        TRY(remove_folders(lake, plan->paths[i], err));
    }
    return true;
}
