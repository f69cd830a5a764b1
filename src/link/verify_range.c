/* SPDX-License-Identifier: Apache-2.0 */
#include "link/verify_internal.h"

#include "base/macros.h"

#include <stdlib.h>

/* ---- keys that an earlier round has left ---- */

static bool pending_next(struct verify_job *job, struct lf_error *err)
{
    return sorter_next(job->iterator, &job->head, &job->has_head, err);
}

bool verify_pending_open(struct verify_job *job, struct lf_error *err)
{
    sorter_close_iterator(&job->iterator);
    TRY(sorter_open_iterator(&job->pending, 1, &job->iterator, err));
    return pending_next(job, err);
}

bool verify_pending_seek(struct verify_job *job, struct lf_slice key, struct lf_error *err)
{
    while (job->has_head && slice_compare(job->head.key, key) < 0) {
        TRY(pending_next(job, err));
    }
    return true;
}

/* ---- a range ---- */

static void range_done(struct verify_range *range)
{
    schema_free(&range->schema);
    sorter_free(&range->found);
    buf_done(&range->asof);
}

static bool make_schema(const struct model_shape *shape, struct schema **ret_schema, struct lf_error *err)
{
    struct lf_schema view;
    struct lf_column *columns = NULL;
    model_shape_view(shape, &view, &columns);
    bool ok = schema_new(&view, shape->version, ret_schema, err);
    free(columns);
    return ok;
}

/* From `from` to the end of the partition that holds it. */
static void choose_partitions(struct verify_range *range, struct lf_slice from)
{
    const struct model_entity *entity = range->entity;
    range->lo = from;
    if (range->job->whole) {
        range->end = entity->npartitions;
        return;
    }
    while (range->end < entity->npartitions &&
           slice_compare(model_bytes_slice(&entity->partitions[range->end].first_key), from) <= 0) {
        range->end++;
    }
    range->first = range->end == 0 ? 0 : range->end - 1;
    if (range->end < entity->npartitions) {
        range->hi = model_bytes_slice(&entity->partitions[range->end].first_key);
    }
}

/* Only from the first key that is to be compared on. *ret_any: there is one. */
static bool narrow(struct verify_range *range, struct buf *lo, bool *ret_any, struct lf_error *err)
{
    struct verify_job *job = range->job;
    TRY(verify_pending_seek(job, range->lo, err));
    *ret_any = job->has_head && (range->hi.len == 0 || slice_compare(job->head.key, range->hi) < 0);
    if (*ret_any && !job->whole) {
        buf_append(lo, job->head.key.ptr, job->head.key.len);
        range->lo = buf_slice(lo);
    }
    return true;
}

static bool compare_and_settle(struct verify_range *range, enum verify_outcome *ret_outcome, struct lf_error *err)
{
    TRY(verify_compare(range, ret_outcome, err));
    if (*ret_outcome != VERIFY_DONE) {
        return true;
    }
    TRY(range->nfound == 0 || verify_settle(range, err));
    if (range->job->todo == VERIFY_ALL) {
        range->job->result->rows += range->rows;
        range->job->result->quarantined += range->quarantined;
    }
    return true;
}

bool verify_next_range(struct verify *verify, struct verify_job *job, const struct model_entity *entity,
                       struct buf *from, bool *ret_end, enum verify_outcome *ret_outcome, struct lf_error *err)
{
    CLEANUP(range_done) struct verify_range range = {.verify = verify, .job = job, .entity = entity};
    CLEANUP(buf_done) struct buf lo = {0};
    bool any = true;
    *ret_outcome = VERIFY_DONE;
    TRY(make_schema(&entity->shape, &range.schema, err));
    choose_partitions(&range, buf_slice(from));
    TRY(job->todo == VERIFY_ALL || narrow(&range, &lo, &any, err));
    TRY(!any || compare_and_settle(&range, ret_outcome, err));
    if (*ret_outcome == VERIFY_DONE) {
        *ret_end = range.hi.len == 0;
        buf_reset(from);
        buf_append(from, range.hi.ptr, range.hi.len);
    }
    return true;
}
