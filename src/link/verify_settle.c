/* SPDX-License-Identifier: Apache-2.0 */
#include "link/verify_internal.h"

#include "base/macros.h"
#include "data/key.h"

#include <stdlib.h>

#define WAIT_MS 200
#define PATIENCE_MS 30000

#define SEQ_DIFFERENCE 1
#define SEQ_CHANGE 2

/* The changes of one table from the commit's cursor until the stream has passed what the source's rows had seen. */
struct stream {
    struct verify_range *range;
    const struct lf_connector_ops *ops;
    struct lf_changes *changes;
    uint32_t *place; /* of each key column in the cells that the stream sends */
    struct lf_cell *key_cells;
    struct buf key;
    bool passed;
    bool unclear; /* anything may have changed */
};

static void stream_done(struct stream *stream)
{
    stream->ops->changes_close(stream->changes);
    free(stream->place);
    free(stream->key_cells);
    buf_done(&stream->key);
}

/* Until an event says otherwise the stream sends the columns that are not dropped. */
static void map_key(struct stream *stream)
{
    const struct lf_schema *schema = &stream->range->schema->lf;
    stream->place = mem_new(schema->nkey, sizeof *stream->place);
    stream->key_cells = mem_new(schema->nkey, sizeof *stream->key_cells);
    for (uint32_t k = 0; k < schema->nkey; k++) {
        for (uint32_t i = 0; i < schema->key[k]; i++) {
            stream->place[k] += !schema->columns[i].dropped;
        }
    }
}

static bool add_changed(struct stream *stream, const struct lf_cell *key_cells, struct lf_error *err)
{
    struct verify_range *range = stream->range;
    buf_reset(&stream->key);
    if (!key_append_from_cells(&stream->key, &range->schema->lf, key_cells, err)) {
        stream->unclear = true; /* a row that the lake cannot take */
        return true;
    }
    const struct change record = {.seq = SEQ_CHANGE, .op = LF_OP_DELETE, .key = buf_slice(&stream->key)};
    return sorter_add(range->found, &record, err);
}

static bool take_row(struct stream *stream, const struct lf_event *event, struct lf_error *err)
{
    for (uint32_t k = 0; k < stream->range->schema->lf.nkey; k++) {
        stream->key_cells[k] = event->cells[stream->place[k]];
    }
    TRY(add_changed(stream, stream->key_cells, err));
    return event->old_key == NULL || add_changed(stream, event->old_key, err);
}

static bool take_event(struct stream *stream, const struct lf_event *event, struct lf_error *err)
{
    bool passed = false;
    switch (event->kind) {
    case LF_EVENT_BEGIN:
        return true;
    case LF_EVENT_ROW:
        return stream->unclear || take_row(stream, event, err);
    case LF_EVENT_COMMIT:
    case LF_EVENT_IDLE:
        TRY(stream->ops->passed(buf_slice(&stream->range->asof), event->cursor, &passed, err));
        stream->passed = stream->passed || passed;
        return true;
    default:
        stream->unclear = true;
        return true;
    }
}

static bool take_batch(struct stream *stream, const struct lf_batch *batch, struct lf_error *err)
{
    for (size_t i = 0; i < batch->nevents; i++) {
        TRY(take_event(stream, &batch->events[i], err));
    }
    return true;
}

static bool read_to_asof(struct stream *stream, struct lf_error *err)
{
    const struct verify *verify = stream->range->verify;
    int64_t until_ms = verify_monotonic_ms(verify) + PATIENCE_MS;
    bool nudged = stream->ops->nudge == NULL;
    while (!stream->passed && !stream->unclear) {
        struct lf_batch batch = {0};
        TRY(verify_check_cancelled(verify, err));
        TRY(stream->ops->changes_next(stream->changes, WAIT_MS, &batch, err));
        TRY(take_batch(stream, &batch, err));
        if (batch.nevents == 0 && !nudged) {
            nudged = true;
            TRY(stream->ops->nudge(verify->load_session, err));
        }
        stream->unclear = stream->unclear || verify_monotonic_ms(verify) > until_ms;
    }
    return true;
}

/* Changes that leave no trace in the stream are found in the catalog. */
static bool check_catalog(struct stream *stream, struct lf_error *err)
{
    struct lf_batch batch = {0};
    if (stream->unclear || stream->ops->verify_catalog == NULL) {
        return true;
    }
    TRY(stream->ops->verify_catalog(stream->changes, &batch, err));
    return take_batch(stream, &batch, err);
}

static bool read_stream(struct stream *stream, struct lf_error *err)
{
    const struct verify_range *range = stream->range;
    const struct lf_table_state state = {
        .name = range->entity->table, .id = model_bytes_slice(&range->entity->table_id), .schema = range->schema->lf};
    struct lf_slice cursor = model_bytes_slice(&range->verify->model->cursor);
    TRY(stream->ops->changes_open(range->verify->stream_session, cursor, &state, 1, &stream->changes, err));
    TRY(read_to_asof(stream, err));
    return check_catalog(stream, err);
}

/* Changes that are gone are lost for good only while the commit is still the newest: a daemon commits before the source forgets. */
static bool judge_lost(struct stream *stream, struct lf_error *err)
{
    struct lf_error lost = *err;
    bool moved = false;
    if (lost.kind != LF_LOST) {
        return false;
    }
    TRY(verify_model_moved(stream->range->verify, &moved, err));
    *err = lost;
    stream->unclear = true;
    return moved;
}

/* From the cursor again while the source is locked or hurried; keys that come twice do no harm. */
static bool read_patiently(struct stream *stream, struct lf_error *err)
{
    const struct verify *verify = stream->range->verify;
    for (unsigned i = 0; !read_stream(stream, err); i++) {
        if (i == VERIFY_BUSY_MAX || (err->kind != LF_TRANSIENT && err->kind != LF_THROTTLED)) {
            return judge_lost(stream, err);
        }
        stream->ops->changes_close(stream->changes);
        stream->changes = NULL;
        stream->passed = false;
        TRY(verify_wait_while_busy(verify, err));
    }
    return true;
}

static bool hand_on(struct verify_range *range, struct lf_slice key, struct lf_error *err)
{
    if (range->job->next == NULL) {
        range->job->next = verify_sorter_new(range->verify);
    }
    const struct change record = {.seq = 1, .op = LF_OP_DELETE, .key = key};
    return sorter_add(range->job->next, &record, err);
}

/* A difference and, behind it, the changes of the same key. */
struct group {
    struct buf key, detail;
    bool waiting; /* no change of it has come so far */
};

static void group_done(struct group *group)
{
    buf_done(&group->key);
    buf_done(&group->detail);
}

static void end_group(struct verify_range *range, struct group *group)
{
    if (group->waiting) {
        verify_add_row(range->verify, range->job->result, &range->schema->lf, buf_slice(&group->key),
                       buf_slice(&group->detail));
        group->waiting = false;
    }
}

static bool take_record(const struct stream *stream, struct group *group, const struct change *record,
                        struct lf_error *err)
{
    struct verify_range *range = stream->range;
    if (record->seq == SEQ_CHANGE) {
        if (!group->waiting || !slice_equal(buf_slice(&group->key), record->key)) {
            return true;
        }
        group->waiting = false;
        return hand_on(range, record->key, err);
    }
    end_group(range, group);
    if (stream->unclear) {
        return hand_on(range, record->key, err);
    }
    buf_reset(&group->key);
    buf_reset(&group->detail);
    buf_append(&group->key, record->key.ptr, record->key.len);
    buf_append(&group->detail, record->row.ptr, record->row.len);
    group->waiting = true;
    return true;
}

static bool decide(const struct stream *stream, struct lf_error *err)
{
    CLEANUP(group_done) struct group group = {0};
    CLEANUP(sorter_close_iterator) struct sorter_iterator *iterator = NULL;
    TRY(sorter_open_iterator(&stream->range->found, 1, &iterator, err));
    for (;;) {
        struct change record;
        bool more = false;
        TRY(sorter_next(iterator, &record, &more, err));
        if (!more) {
            end_group(stream->range, &group);
            return true;
        }
        TRY(take_record(stream, &group, &record, err));
    }
}

bool verify_settle(struct verify_range *range, struct lf_error *err)
{
    CLEANUP(stream_done) struct stream stream = {.range = range, .ops = range->verify->options->ops};
    map_key(&stream);
    TRY(read_patiently(&stream, err));
    return decide(&stream, err);
}
