/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include "data/key.h"

#include <assert.h>
#include <stdlib.h>

static struct entity *find_table(struct link *link, uint32_t table)
{
    for (size_t i = 0; i < link->nentities; i++) {
        if (link->entities[i]->followed && link->entities[i]->slot == table) {
            return link->entities[i];
        }
    }
    return NULL;
}

static void add_event(struct link *link, struct entity *entity, enum spool_event_kind kind, struct schema *schema,
                      enum lf_error_kind fault, const char *reason)
{
    struct spool_event event = {
        .kind = kind,
        .seq = ++link->feed.seq,
        .token = link->feed.token,
        .schema = schema,
        .fault = fault,
        .reason = text_copy(reason),
    };
    spool_add_event(link->spool, entity->slot, &event);
}

/* A row or a shape that cannot be taken stops its entity and nothing else. */
static bool add_fault(struct link *link, struct entity *entity, const struct lf_error *err)
{
    entity->muted = true;
    add_event(link, entity, SPOOL_FAULT, NULL, err->kind, err->msg);
    return true;
}

/* ---- rows ---- */

static bool encode_key(struct entity *entity, const struct lf_cell *key_cells, struct buf *out, struct lf_error *err)
{
    buf_reset(out);
    return key_append_from_cells(out, &entity_schema(entity)->lf, key_cells, err) ||
           lf_error_wrap(err, "table %s", entity->table);
}

static bool encode_row(struct link *link, struct entity *entity, const struct lf_event *event, struct intake *ret,
                       struct lf_error *err)
{
    struct feed *feed = &link->feed;
    const struct lf_schema *schema = &entity_schema(entity)->lf;
    for (uint32_t i = 0; i < entity->nplace; i++) {
        entity->cells[entity->place[i]] = event->cells[i];
    }
    for (uint32_t i = 0; i < schema->nkey; i++) {
        entity->key_cells[i] = entity->cells[schema->key[i]];
    }
    TRY(encode_key(entity, entity->key_cells, &feed->key, err));
    buf_reset(&feed->row);
    *ret = (struct intake){0};
    return event->op == LF_OP_DELETE || intake_row(&entity->policy.intake, entity->table, schema, entity->cells,
                                                   buf_slice(&feed->key), &feed->row, ret, err);
}

/* A transaction that does not fit cannot be cut: what it brings of this entity is given up, and the entity read again. */
static bool give_up(struct link *link, struct entity *entity, const struct lf_error *err)
{
    spool_abandon_slot(link->spool, entity->slot);
    entity->muted = true;
    add_event(link, entity, SPOOL_RELOAD, schema_copy(entity_schema(entity)), LF_NONE, err->msg);
    return true;
}

static bool store(struct link *link, struct entity *entity, const struct change *change, struct lf_error *err)
{
    return entity->muted || spool_add_change(link->spool, entity->slot, change, err) ||
           (err->kind == LF_LIMIT && give_up(link, entity, err));
}

/* The delete that goes with a key change; it knows where the row went, so that absent cells can follow it. */
static bool add_move(struct link *link, struct entity *entity, struct change *change, struct lf_error *err)
{
    struct feed *feed = &link->feed;
    change->flags |= CHANGE_MOVED;
    change->from = buf_slice(&feed->from);
    struct change leave = {
        .seq = change->seq,
        .token = change->token,
        .schema_version = change->schema_version,
        .op = LF_OP_DELETE,
        .flags = change->flags & (uint8_t)~CHANGE_BAD,
        .key = change->from,
        .from = change->key,
    };
    if ((change->flags & CHANGE_PARTIAL) != 0) {
        entity->partial_move_seq = change->seq;
    }
    return store(link, entity, &leave, err);
}

/* The key of a delete is over the limit. No insert of such a key was ever taken, so the lake has no such row. */
static bool is_of_no_row(const struct lf_event *event, const struct lf_error *err)
{
    return event->op == LF_OP_DELETE && err->kind == LF_LIMIT;
}

static bool add_row(struct link *link, struct entity *entity, const struct lf_event *event, struct lf_error *err)
{
    struct feed *feed = &link->feed;
    struct intake intake;
    bool moved = false;
    bool ok = encode_row(link, entity, event, &intake, err);
    if (ok && event->old_key != NULL) {
        ok = encode_key(entity, event->old_key, &feed->from, err);
        moved = ok && !slice_equal(buf_slice(&feed->from), buf_slice(&feed->key));
    }
    if (!ok && is_of_no_row(event, err)) {
        return true;
    }
    if (!ok) {
        return is_entity_kind(err->kind) && add_fault(link, entity, err);
    }
    struct change change = {
        .seq = ++feed->seq,
        .token = feed->token,
        .schema_version = entity_schema(entity)->version,
        .op = event->op,
        .flags = intake.bad      ? CHANGE_BAD
                 : intake.absent ? CHANGE_PARTIAL
                                 : 0,
        .key = buf_slice(&feed->key),
        .row = buf_slice(&feed->row),
    };
    entity->repaired += intake.repaired ? 1 : 0;
    TRY(!moved || add_move(link, entity, &change, err));
    return store(link, entity, &change, err);
}

/* ---- shapes ---- */

/* A load that starts from the source's shape alone: what it sends now, without the columns that the lake keeps as dropped. */
static bool reload_shape(struct entity *entity, const struct lf_schema *now, struct lf_error *err)
{
    const struct schema *lake = entity_schema(entity);
    struct schema *schema = NULL;
    if (now != NULL) {
        TRY(schema_new(now, lake->version + 1, &schema, err));
    } else {
        TRY(entity_sent_schema(entity, &schema, err));
        if (schema_same_shape(&schema->lf, &lake->lf)) {
            schema_free(&schema);
            return true;
        }
    }
    entity_push_schema(entity, schema);
    return entity_map_columns(entity, &schema->lf, err);
}

static bool add_reload(struct link *link, struct entity *entity, const struct lf_schema *now, const char *reason,
                       struct lf_error *err)
{
    TRY(reload_shape(entity, now, err));
    entity->muted = false;
    add_event(link, entity, SPOOL_RELOAD, schema_copy(entity_schema(entity)), LF_NONE, reason);
    return true;
}

static bool add_schema(struct link *link, struct entity *entity, const struct lf_schema *now, struct lf_error *err)
{
    enum schema_verdict verdict;
    struct schema *schema = NULL;
    TRY(schema_evolve(entity_schema(entity), now, &verdict, &schema, err));
    if (verdict == SCHEMA_RELOAD) {
        schema_free(&schema);
        return add_reload(link, entity, now, "the key or the type of a column changed", err);
    }
    if (verdict == SCHEMA_REWRITE) {
        entity_push_schema(entity, schema);
        add_event(link, entity, SPOOL_SCHEMA, schema_copy(schema), LF_NONE, NULL);
    } else {
        schema_free(&schema);
    }
    return entity_map_columns(entity, now, err);
}

/* ---- events ---- */

static bool take_table_event(struct link *link, const struct lf_event *event, struct lf_error *err)
{
    struct entity *entity = find_table(link, event->table);
    if (entity == NULL) {
        return lf_error_set(err, LF_INTERNAL, 0, "the connector sent an event of table %u, which nobody asked for",
                            event->table);
    }
    bool ok = true;
    switch (event->kind) {
    case LF_EVENT_ROW:
        return entity->muted || add_row(link, entity, event, err);
    case LF_EVENT_TRUNCATE:
        add_event(link, entity, SPOOL_TRUNCATE, NULL, LF_NONE, NULL);
        return true;
    case LF_EVENT_SCHEMA:
        ok = add_schema(link, entity, event->schema, err);
        break;
    case LF_EVENT_RELOAD:
        ok = add_reload(link, entity, event->schema, event->reason, err);
        break;
    default:
        lf_error_set(err, event->fault, 0, "%s", event->reason);
        return add_fault(link, entity, err);
    }
    return ok || (is_entity_kind(err->kind) && add_fault(link, entity, err));
}

static bool take_boundary(struct link *link, const struct lf_event *event, struct lf_error *err)
{
    struct feed *feed = &link->feed;
    if (event->cursor.len == 0 || event->cursor.len > LF_TOKEN_MAX) {
        return lf_error_set(err, LF_INTERNAL, 0, "the connector gave a cursor of %zu bytes", event->cursor.len);
    }
    buf_reset(&feed->cursor);
    buf_append(&feed->cursor, event->cursor.ptr, event->cursor.len);
    feed->cursor_seq = feed->seq;
    feed->in_transaction = false;
    if (event->commit_time_us != 0) {
        feed->source_time_us = event->commit_time_us;
    }
    if (event->kind == LF_EVENT_COMMIT && feed->waiting_us == 0) {
        const struct clock *clock = &link->options.clock;
        feed->waiting_us = event->commit_time_us != 0 ? event->commit_time_us : clock->now_us(clock->context);
    }
    return true;
}

static bool take_event(struct link *link, const struct lf_event *event, struct lf_error *err)
{
    struct feed *feed = &link->feed;
    switch (event->kind) {
    case LF_EVENT_BEGIN:
        feed->in_transaction = true;
        return spool_add_token(link->spool, event->token, &feed->token, err);
    case LF_EVENT_COMMIT:
    case LF_EVENT_IDLE:
        return take_boundary(link, event, err);
    default:
        return take_table_event(link, event, err);
    }
}

static bool take_batch(struct link *link, const struct lf_batch *batch, struct lf_error *err)
{
    for (size_t i = 0; i < batch->nevents; i++) {
        TRY(take_event(link, &batch->events[i], err));
    }
    return true;
}

/* Another writer's acknowledgement prunes the log past our cursor: that is a fence, and nothing was lost. */
static bool judge_failure(struct link *link, struct lf_error *err)
{
    bool current = true;
    if (err->kind != LF_LOST) {
        return false;
    }
    struct lf_error lost = *err;
    TRY(committer_head_is_current(link->committer, &current, err)); /* undecided: that error is the one to tell */
    *err = lost;
    return current ? false
                   : lf_error_set(err, LF_FENCED, 0, "another writer has committed to the lake since commit %llu",
                                  (unsigned long long)committer_head(link->committer)->commit);
}

bool feed_open(struct link *link, struct lf_error *err)
{
    const struct model *head = committer_head(link->committer);
    struct lf_table_state *states = mem_new(link->nentities + 1, sizeof *states);
    size_t nstates = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < link->nentities; i++) {
        struct entity *entity = link->entities[i];
        if (entity->followed) {
            assert(entity->slot == nstates);
            states[nstates++] = entity_state(entity);
            ok = entity_map_columns(entity, NULL, err);
        }
    }
    buf_reset(&link->feed.cursor);
    buf_append(&link->feed.cursor, head->cursor.ptr, head->cursor.len);
    ok = ok && link->ops->changes_open(link->session, model_bytes_slice(&head->cursor), states, nstates,
                                       &link->feed.changes, err);
    free(states);
    return ok || judge_failure(link, err);
}

void feed_close(struct link *link)
{
    if (link->feed.changes != NULL) {
        link->ops->changes_close(link->feed.changes);
    }
    buf_done(&link->feed.cursor);
    buf_done(&link->feed.key);
    buf_done(&link->feed.from);
    buf_done(&link->feed.row);
    link->feed = (struct feed){0};
}

bool feed_pump(struct link *link, int wait_ms, bool *ret_any, struct lf_error *err)
{
    struct lf_batch batch = {0};
    if (!link->ops->changes_next(link->feed.changes, wait_ms, &batch, err)) {
        return judge_failure(link, err);
    }
    *ret_any = batch.nevents > 0;
    return take_batch(link, &batch, err);
}

bool feed_cut(struct link *link, struct lf_error *err)
{
    struct feed *feed = &link->feed;
    assert(!feed->in_transaction);
    if (link->ops->verify_catalog != NULL) {
        struct lf_batch batch = {0};
        TRY(link->ops->verify_catalog(feed->changes, &batch, err));
        TRY(take_batch(link, &batch, err));
        feed->cursor_seq = feed->seq;
    }
    feed->sealed_us = feed->sealed_us != 0 ? feed->sealed_us : feed->waiting_us;
    feed->waiting_us = 0;
    return spool_cut(link->spool, buf_slice(&feed->cursor), feed->cursor_seq, feed->source_time_us, err);
}
