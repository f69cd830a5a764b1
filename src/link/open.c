/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- services for the connector ---- */

bool link_cancelled(void *link)
{
    return atomic_load(&((struct link *)link)->stopped);
}

bool link_check_stopped(const struct link *link, struct lf_error *err)
{
    return !atomic_load(&link->stopped) || lf_error_set(err, LF_CANCELLED, 0, "stopped on request");
}

static int64_t host_now(void *context)
{
    const struct link *link = context;
    return link->options.clock.now_us(link->options.clock.context);
}

static bool host_random(void *context, void *ret_bytes, size_t len)
{
    const struct link *link = context;
    link->options.random.fill(link->options.random.context, ret_bytes, len);
    return true;
}

static void host_log(void *context, UNUSED const char *level, const char *event, const char *text)
{
    link_log(context, NULL, EVENT_connector_note,
             (struct log_field[]){LOG_TEXT("note", event), LOG_TEXT("text", text), {0}});
}

int64_t link_monotonic_ms(const struct link *link)
{
    return link->options.clock.monotonic_us(link->options.clock.context) / 1000;
}

void link_log(const struct link *link, const char *entity, enum log_event event, const struct log_field *fields)
{
    struct log_where where = link->where;
    where.entity = entity;
    log_write(link->options.log, &where, event, fields);
}

/* Only a failed snapshot leaves files: those that it wrote and that nothing names now. */
static void count_orphans(const struct link *link, struct link_failure *failure)
{
    for (size_t i = 0; i < link->new_paths.count; i++) {
        struct lake_stat stat;
        struct lf_error ignored;
        if (link->options.lake->ops->stat(link->options.lake, link->new_paths.list[i], &stat, &ignored)) {
            failure->orphan_files++;
            failure->orphan_bytes += stat.bytes;
        }
    }
}

void link_tell_failure(struct link *link, const char *phase, const char *entity, const struct lf_error *err)
{
    const struct link_observer *observer = &link->options.observer;
    struct link_failure failure = {.phase = phase, .entity = entity, .err = err};
    if (observer->failed == NULL || err->kind == LF_CANCELLED) {
        return;
    }
    if (strcmp(phase, "snapshot") == 0) {
        count_orphans(link, &failure);
    }
    pthread_mutex_lock(&link->observing);
    observer->failed(observer->context, &failure);
    pthread_mutex_unlock(&link->observing);
}

/* ---- life ---- */

struct link *link_new(const struct link_options *options)
{
    struct link *link = mem_new(1, sizeof *link);
    char id[17];
    link->options = *options;
    if (options->budget == NULL) {
        link->own_budget =
            budget_new(&(struct budget_options){.bytes = options->memory_bytes, .patience_ms = BUDGET_PATIENCE_MS});
    }
    link->budget = options->budget != NULL ? options->budget : link->own_budget;
    random_hex(&options->random, 8, id);
    link->run_id = text_copy(id);
    link->where = (struct log_where){.link = options->name, .run = link->run_id};
    link->ops = options->connector->ops;
    link->host = (struct lf_host){
        .context = link,
        .cancelled = link_cancelled,
        .now_us = host_now,
        .random = host_random,
        .log = host_log,
        .state_dir = options->scratch_folder,
        .link = options->name,
        .run = link->run_id,
    };
    pthread_mutex_init(&link->sessions, NULL);
    pthread_mutex_init(&link->observing, NULL);
    return link;
}

void link_close_session(struct link *link, struct lf_session **session)
{
    struct lf_session *closing = *session;
    pthread_mutex_lock(&link->sessions);
    *session = NULL;
    pthread_mutex_unlock(&link->sessions);
    if (closing != NULL) {
        link->ops->close(closing);
    }
}

static void close_all(struct link *link)
{
    feed_close(link);
    loader_close_sessions(link);
    link->load_delay_ms = link->load_again_ms = 0;
    link_close_session(link, &link->session);
    spool_free(&link->spool);
    for (size_t i = 0; i < link->nentities; i++) {
        entity_free(link->entities[i]);
    }
    link->nentities = 0;
    link->committed_seq = 0;
    link->lag = (struct lag){0};
    paths_clear(&link->new_paths);
    paths_clear(&link->old_paths);
    committer_free(&link->committer);
    text_free(&link->lake_id);
    text_free(&link->source);
}

void link_free(struct link **link)
{
    if (*link == NULL) {
        return;
    }
    close_all(*link);
    free((*link)->entities);
    free((*link)->new_paths.list);
    free((*link)->old_paths.list);
    free((*link)->run_id);
    budget_free(&(*link)->own_budget);
    pthread_mutex_destroy(&(*link)->sessions);
    pthread_mutex_destroy(&(*link)->observing);
    free(*link);
    *link = NULL;
}

void link_request(struct link *link)
{
    atomic_store(&link->requested, true);
}

void link_stop(struct link *link)
{
    atomic_store(&link->stopped, true);
    pthread_mutex_lock(&link->sessions);
    if (link->session != NULL) {
        link->ops->stop(link->session);
    }
    for (size_t i = 0; i < LOAD_THREADS_MAX; i++) {
        if (link->load_sessions[i] != NULL) {
            link->ops->stop(link->load_sessions[i]);
        }
    }
    pthread_mutex_unlock(&link->sessions);
    budget_wake(link->budget);
}

const struct model *link_head(const struct link *link)
{
    return link->committer == NULL ? NULL : committer_head(link->committer);
}

uint64_t link_commits(const struct link *link)
{
    return link->commits;
}

/* ---- opening ---- */

bool link_open_session(struct link *link, struct lf_session **session, struct lf_error *err)
{
    struct lf_session *opened = NULL;
    TRY(link_check_stopped(link, err));
    TRY(masking_open_or(link->options.masking, link->ops, &link->host, link->options.url,
                        link->options.connector_options, link->options.nconnector_options, &opened, err));
    pthread_mutex_lock(&link->sessions);
    *session = opened;
    pthread_mutex_unlock(&link->sessions);
    return true;
}

static bool open_committer(struct link *link, struct lf_error *err)
{
    const struct commit_options options = {
        .scratch_folder = link->options.scratch_folder,
        .keep = link->options.keep,
        .keep_for_ms = link->options.keep_for_ms,
        .version = link->options.version,
        .clock = &link->options.clock,
        .random = &link->options.random,
        .log = link->options.log,
        .where = &link->where,
        .cancelled = link_cancelled,
        .cancel_context = link,
    };
    link->committer = committer_new(link->options.lake, &options);
    return committer_recover(link->committer, err);
}

static const char *shown_url(const struct link *link)
{
    return link->options.shown_url != NULL ? link->options.shown_url : link->options.url;
}

/* Before anything is installed: is this the source that the lake came from? */
static bool check_identity(struct link *link, struct lf_error *err)
{
    const struct model *head = committer_head(link->committer);
    const char *identity = NULL;
    bool known = link->ops->identity(link->session, &identity, err);
    if (!known && err->kind != LF_UNSUPPORTED) {
        return false;
    }
    if (head == NULL || (known && strcmp(head->source, identity) == 0)) {
        return true;
    }
    return lf_error_set(
        err, LF_LOST, 0,
        "the lake was made from source %s, but %s is %s; nothing was changed. Point the link at the old source, or "
        "at an empty lake",
        head->source, shown_url(link), known ? identity : "another database, which is not tracked");
}

static bool take_identity(struct link *link, struct lf_error *err)
{
    const struct model *head = committer_head(link->committer);
    const char *identity = NULL;
    char id[33];
    TRY(link->ops->identity(link->session, &identity, err));
    link->source = text_copy(identity);
    random_hex(&link->options.random, 16, id);
    link->lake_id = text_copy(head == NULL ? id : head->lake_id);
    link->consumer = (struct lf_consumer){
        .link = link->options.name,
        .lake_id = link->lake_id,
        .location = link->options.location,
        .takeover = link->options.takeover,
    };
    return true;
}

/* A resync forgets where the source believes us to be. */
static bool register_consumer(struct link *link, bool resync, struct lf_slice *ret_cursor, struct lf_error *err)
{
    const struct model *head = committer_head(link->committer);
    struct lf_consumer consumer = link->consumer;
    if (resync && !link->ops->unregister_consumer(link->session, &consumer, err) && err->kind != LF_NOT_FOUND) {
        return false;
    }
    if (head != NULL && !resync) {
        consumer.cursor = model_bytes_slice(&head->cursor);
    }
    return link->ops->register_consumer(link->session, &consumer, ret_cursor, err);
}

static bool open_stream(struct link *link, struct lf_error *err)
{
    bool first = committer_head(link->committer) == NULL;
    bool resync = !first && link->options.resync_all && link->commits == 0;
    CLEANUP(buf_done) struct buf start = {0};
    struct lf_slice cursor;
    TRY(register_consumer(link, resync, &cursor, err));
    buf_append(&start, cursor.ptr, cursor.len);
    TRY(!(first || resync) || snapshot_begin(link, buf_slice(&start), err));
    TRY(feed_open(link, err));
    snapshot_acknowledge(link);
    return true;
}

bool link_open(struct link *link, struct lf_error *err)
{
    close_all(link);
    const struct spool_options spool = {
        .folder = link->options.scratch_folder,
        .budget = link->budget,
        .memory_bytes = link->options.memory_bytes / BUDGET_STOCK_SHARE,
        .max_disk_bytes = link->options.spool_disk_bytes,
    };
    link->spool = spool_new(&spool);
    TRY(open_committer(link, err));
    TRY(link_open_session(link, &link->session, err));
    TRY(check_identity(link, err));
    TRY(entities_choose(link, err));
    TRY(take_identity(link, err));
    TRY(files_check(link, err));
    TRY(open_stream(link, err));
    link->last_commit_ms = link_monotonic_ms(link);
    link_log(link, NULL, EVENT_link_started,
             (struct log_field[]){LOG_TEXT("source", link->source),
                                  LOG_NUM("entities", link->nentities),
                                  LOG_NUM("commit", link_head(link)->commit),
                                  {0}});
    return true;
}
