/* SPDX-License-Identifier: Apache-2.0 */
#include "link/verify_internal.h"

#include "base/macros.h"
#include "commit/commit.h"
#include "lake/path.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 10
#define RESTARTS_MAX 10u
#define BUSY_WAIT_MS 500
#define POLL_MS 200
#define COMMIT_WAIT_MS 15000
#define SORTER_MEMORY_LEAST ((size_t)64 << 10)
#define BLOCK_BYTES ((size_t)16 << 10)

/* ---- services ---- */

static bool is_cancelled(void *context)
{
    const struct verify *verify = context;
    return verify->options->cancelled != NULL && verify->options->cancelled(verify->options->context);
}

static int64_t host_now(void *context)
{
    const struct verify *verify = context;
    return verify->options->clock.now_us(verify->options->clock.context);
}

static bool host_random(void *context, void *ret_bytes, size_t len)
{
    const struct verify *verify = context;
    verify->options->random.fill(verify->options->random.context, ret_bytes, len);
    return true;
}

static void host_log(UNUSED void *context, UNUSED const char *level, UNUSED const char *event, UNUSED const char *text)
{
}

bool verify_check_cancelled(const struct verify *verify, struct lf_error *err)
{
    const struct verify_options *options = verify->options;
    return options->cancelled == NULL || !options->cancelled(options->context) ||
           lf_error_set(err, LF_CANCELLED, 0, "stopped on request");
}

bool verify_wait_while_busy(const struct verify *verify, struct lf_error *err)
{
    TRY(verify_check_cancelled(verify, err));
    verify->options->clock.sleep_ms(verify->options->clock.context, BUSY_WAIT_MS);
    return true;
}

int64_t verify_monotonic_ms(const struct verify *verify)
{
    return verify->options->clock.monotonic_us(verify->options->clock.context) / 1000;
}

struct sorter *verify_sorter_new(const struct verify *verify)
{
    size_t memory = verify->options->memory_bytes / 8;
    const struct sorter_options options = {
        .folder = verify->options->folder,
        .file = verify->file,
        .memory_bytes = memory > SORTER_MEMORY_LEAST ? memory : SORTER_MEMORY_LEAST,
        .block_bytes = BLOCK_BYTES,
    };
    return sorter_new(&options);
}

static void note(const struct verify *verify, const char *text)
{
    if (verify->options->note != NULL) {
        verify->options->note(verify->options->context, text);
    }
}

/* ---- the commit ---- */

bool verify_model_moved(const struct verify *verify, bool *ret_moved, struct lf_error *err)
{
    struct lake *lake = verify->options->lake;
    struct lake_stat now;
    TRY(lake->ops->stat(lake, LAKE_PATH_MODEL, &now, err));
    *ret_moved = strcmp(now.etag, verify->etag) != 0;
    return true;
}

static bool read_model(struct verify *verify, struct lf_error *err)
{
    CLEANUP(model_free) struct model *model = NULL;
    TRY(commit_read_head(verify->options->lake, &model, verify->etag, err));
    model_free(&verify->model);
    verify->model = model;
    model = NULL;
    return true;
}

static bool refresh_model(struct verify *verify, struct lf_error *err)
{
    bool moved = true;
    TRY(verify->model == NULL || verify_model_moved(verify, &moved, err));
    return !moved || read_model(verify, err);
}

/* ---- one entity ---- */

static void set_skipped(struct verify_job *job, const char *reason)
{
    free(job->result->skipped);
    job->result->skipped = text_copy(reason);
}

static void job_done(struct verify_job *job)
{
    sorter_close_iterator(&job->iterator);
    sorter_free(&job->pending);
    sorter_free(&job->next);
    text_free(&job->load_id);
}

/* What was found so far says nothing about the rows that stand there now. */
static void job_restart(struct verify *verify, struct verify_job *job)
{
    sorter_close_iterator(&job->iterator);
    sorter_free(&job->pending);
    sorter_free(&job->next);
    verify_drop_differences(verify, job->result);
    job->result->rows = 0;
    job->result->quarantined = 0;
    job->result->moving = 0;
    job->todo = VERIFY_ALL;
    job->has_head = false;
}

/* Not now and not in a later round. */
static void job_give_up(struct verify *verify, struct verify_job *job, const char *reason)
{
    job_restart(verify, job);
    set_skipped(job, reason);
    job->todo = VERIFY_NOTHING;
}

static char *reason_to_skip(const struct model_entity *entity)
{
    if (entity == NULL) {
        return text_copy("it is no longer in the lake");
    }
    if (entity->state == MODEL_LOADING) {
        return text_copy("its first load is not finished");
    }
    if (entity->state != MODEL_COMPLETED || entity->stands_at.len > 0) {
        return text_printf("it stands still: %s", entity->reason != NULL ? entity->reason : "it is being loaded again");
    }
    return NULL;
}

/* Another load than before: other partitions, and perhaps other keys. */
static void follow_load(struct verify *verify, struct verify_job *job, const struct model_entity *entity,
                        struct buf *from)
{
    const char *load_id = entity->load_id != NULL ? entity->load_id : "";
    if (job->load_id != NULL && strcmp(job->load_id, load_id) != 0) {
        job_restart(verify, job);
        job->restarts++;
        buf_reset(from);
    }
    free(job->load_id);
    job->load_id = text_copy(load_id);
}

static bool react(struct verify *verify, struct verify_job *job, enum verify_outcome outcome, struct buf *from,
                  bool *ret_end, struct lf_error *err)
{
    switch (outcome) {
    case VERIFY_BUSY:
        if (++job->busy > VERIFY_BUSY_MAX) {
            return false;
        }
        TRY(verify_wait_while_busy(verify, err));
        return job->todo == VERIFY_ALL || verify_pending_open(job, err);
    case VERIFY_STALE:
        job->restarts++;
        return job->todo == VERIFY_ALL || verify_pending_open(job, err);
    case VERIFY_NEED_ALL:
        if (job->todo == VERIFY_ALL) {
            job_restart(verify, job);
        }
        job->whole = true;
        buf_reset(from);
        return true;
    case VERIFY_BLOCKED:
        job_restart(verify, job);
        set_skipped(job, err->msg);
        *ret_end = true;
        return true;
    default:
        return true;
    }
}

static bool compare_step(struct verify *verify, struct verify_job *job, struct buf *from, bool *ret_end,
                         struct lf_error *err)
{
    enum verify_outcome outcome;
    TRY(verify_check_cancelled(verify, err));
    TRY(refresh_model(verify, err));
    const struct model_entity *entity = model_find(verify->model, job->result->name);
    CLEANUP(text_free) char *reason = reason_to_skip(entity);
    *ret_end = reason != NULL;
    if (reason != NULL) {
        job_give_up(verify, job, reason);
        return true;
    }
    follow_load(verify, job, entity, from);
    if (job->restarts > RESTARTS_MAX) {
        job_give_up(verify, job, "the lake changed faster than it could be read");
        *ret_end = true;
        return true;
    }
    job->commit = verify->model->commit;
    TRY(verify_next_range(verify, job, entity, from, ret_end, &outcome, err));
    return react(verify, job, outcome, from, ret_end, err);
}

static bool job_end_round(struct verify_job *job, struct lf_error *err)
{
    sorter_close_iterator(&job->iterator);
    sorter_free(&job->pending);
    job->has_head = false;
    if (job->result->skipped != NULL) {
        return true;
    }
    job->pending = job->next;
    job->next = NULL;
    job->todo = job->pending != NULL ? VERIFY_KEYS : VERIFY_NOTHING;
    job->result->moving = job->pending != NULL ? sorter_count(job->pending) : 0;
    return job->pending == NULL || sorter_spill(job->pending, err);
}

static bool compare_entity(struct verify *verify, struct verify_job *job, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf from = {0};
    job->restarts = job->busy = 0;
    set_skipped(job, NULL);
    TRY(job->todo != VERIFY_KEYS || verify_pending_open(job, err));
    for (bool end = false; !end;) {
        if (!compare_step(verify, job, &from, &end, err)) {
            return lf_error_wrap(err, "entity %s", job->result->name);
        }
    }
    return job_end_round(job, err);
}

/* ---- rounds ---- */

/* Whether anything is left that a newer commit could settle; *ret_newer: there is one already. */
static bool is_open(const struct verify *verify, bool *ret_newer)
{
    bool open = false;
    *ret_newer = false;
    for (size_t i = 0; i < verify->njobs; i++) {
        const struct verify_job *job = &verify->jobs[i];
        if (job->todo != VERIFY_NOTHING) {
            open = true;
            *ret_newer = *ret_newer || job->commit < verify->model->commit;
        }
    }
    return open;
}

static bool wait_for_commit(struct verify *verify, bool *ret_newer, struct lf_error *err)
{
    const struct clock *clock = &verify->options->clock;
    note(verify, "waiting for the next commit, to compare again what changed meanwhile");
    for (int64_t until_ms = verify_monotonic_ms(verify) + COMMIT_WAIT_MS;;) {
        TRY(verify_check_cancelled(verify, err));
        TRY(verify_model_moved(verify, ret_newer, err));
        if (*ret_newer || verify_monotonic_ms(verify) >= until_ms) {
            return true;
        }
        clock->sleep_ms(clock->context, POLL_MS);
    }
}

static bool run_rounds(struct verify *verify, struct lf_error *err)
{
    for (int round = 1;; round++) {
        bool newer = false;
        for (size_t i = 0; i < verify->njobs; i++) {
            TRY(verify->jobs[i].todo == VERIFY_NOTHING || compare_entity(verify, &verify->jobs[i], err));
        }
        if (!is_open(verify, &newer) || round == ROUNDS_MAX) {
            return true;
        }
        TRY(newer || wait_for_commit(verify, &newer, err));
        if (!newer) {
            return true;
        }
    }
}

/* ---- begin and end ---- */

static bool open_session(struct verify *verify, struct lf_session **session, struct lf_error *err)
{
    const struct verify_options *options = verify->options;
    return masking_open_or(options->masking, options->ops, &verify->host, options->url, options->connector_options,
                           options->nconnector_options, session, err);
}

static bool check_identity(struct verify *verify, struct lf_error *err)
{
    const struct verify_options *options = verify->options;
    const char *identity = NULL;
    TRY(options->ops->identity(verify->load_session, &identity, err));
    return strcmp(identity, verify->model->source) == 0 ||
           lf_error_set(err, LF_CONFIG, 0, "the lake was made from source %s, but %s is %s", verify->model->source,
                        options->shown_url != NULL ? options->shown_url : options->url, identity);
}

static bool is_wanted(const struct verify_options *options, const char *entity)
{
    for (size_t i = 0; i < options->nentities; i++) {
        if (strcmp(options->entities[i], entity) == 0) {
            return true;
        }
    }
    return options->nentities == 0;
}

static bool choose_entities(struct verify *verify, struct lf_error *err)
{
    const struct verify_options *options = verify->options;
    assert(verify->model != NULL);
    for (size_t i = 0; i < options->nentities; i++) {
        if (model_find(verify->model, options->entities[i]) == NULL) {
            return lf_error_set(err, LF_CONFIG, 0, "the lake has no entity %s", options->entities[i]);
        }
    }
    struct verify_result *result = &verify->result;
    result->entities = mem_new(verify->model->nentities + 1, sizeof *result->entities);
    verify->jobs = mem_new(verify->model->nentities + 1, sizeof *verify->jobs);
    for (size_t i = 0; i < verify->model->nentities; i++) {
        const char *name = verify->model->entities[i].name;
        if (is_wanted(options, name)) {
            struct verify_entity *entity = &result->entities[result->nentities];
            entity->name = text_copy(name);
            verify->jobs[verify->njobs++].result = entity;
            result->nentities++;
        }
    }
    return true;
}

static bool open_all(struct verify *verify, struct lf_error *err)
{
    if (!read_model(verify, err)) {
        return err->kind == LF_NOT_FOUND
                   ? lf_error_set(err, LF_NOT_FOUND, 0, "there is no %s in the lake yet; lakefeed run makes it",
                                  LAKE_PATH_MODEL)
                   : false;
    }
    TRY(choose_entities(verify, err));
    TRY(open_session(verify, &verify->load_session, err));
    TRY(check_identity(verify, err));
    return open_session(verify, &verify->stream_session, err);
}

static void verify_done(struct verify *verify)
{
    for (size_t i = 0; i < verify->njobs; i++) {
        job_done(&verify->jobs[i]);
    }
    free(verify->jobs);
    verify_result_done(&verify->result);
    verify->options->ops->close(verify->stream_session);
    verify->options->ops->close(verify->load_session);
    model_free(&verify->model);
    quarantine_free(&verify->listing);
    text_free(&verify->listing_path);
    run_file_free(&verify->file);
}

bool verify_run(const struct verify_options *options, struct verify_result *ret_result, struct lf_error *err)
{
    CLEANUP(verify_done) struct verify verify = {.options = options};
    verify.host = (struct lf_host){
        .context = &verify,
        .cancelled = is_cancelled,
        .now_us = host_now,
        .random = host_random,
        .log = host_log,
        .state_dir = options->folder,
    };
    verify.file = run_file_new(options->folder, 0);
    TRY(open_all(&verify, err));
    TRY(run_rounds(&verify, err));
    verify.result.equal = true;
    for (size_t i = 0; i < verify.result.nentities; i++) {
        verify_order_differences(&verify.result.entities[i]);
        verify.result.equal = verify.result.equal && verify.result.entities[i].difference_count == 0;
    }
    *ret_result = verify.result;
    verify.result = (struct verify_result){0};
    return true;
}
