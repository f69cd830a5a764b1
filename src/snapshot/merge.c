/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/merge.h"

#include "base/macros.h"
#include "data/csv.h"
#include "data/key.h"
#include "snapshot/base_reader.h"
#include "snapshot/fold.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES_MIN ((size_t)64 << 10)
#define BLOCK_BYTES_MAX ((size_t)256 << 10)

struct stream {
    struct sorter_iterator *iterator;
    struct change change; /* the next one, while more */
    bool more;
};

struct merge {
    const struct merge_options *options;
    struct merge_range *ranges;
    size_t nranges;
    struct merge_range *range; /* the current one */
    struct lf_slice range_hi;  /* exclusive */
    bool range_open;           /* no upper bound */
    uint64_t truncate_seq;     /* what stands before it in the range is gone; 0: nothing */
    size_t bad_at;             /* the first of range->bad that has not been judged */
    struct merge_stats *stats;
    struct stream changes;
    struct stream carries; /* rows that moves took along, as found by earlier passes */
    struct sorter *found;  /* not NULL: a pass that only looks for such rows and writes nothing */
    struct partition_writer writer;
    struct fold fold;
    struct buf key; /* of the group being folded */
    struct buf token;
    uint64_t token_id; /* the answer below is for this transaction and the current range */
    bool token_known, token_covered;
};

static bool stream_next(struct stream *stream, struct lf_error *err)
{
    return sorter_next(stream->iterator, &stream->change, &stream->more, err);
}

static bool check_cancelled(const struct merge *merge, struct lf_error *err)
{
    const struct merge_options *options = merge->options;
    if (options->cancelled != NULL && options->cancelled(options->cancel_context)) {
        return lf_error_set(err, LF_CANCELLED, 0, "stopped on request");
    }
    return true;
}

/* Whether the range has that change already, by itself or through its snapshot. */
static bool seen(struct merge *merge, uint64_t seq, uint64_t token, bool *ret, struct lf_error *err)
{
    const struct merge_range *range = merge->range;
    *ret = seq <= range->base_seq;
    if (*ret || range->asof.len == 0) {
        return true;
    }
    if (!merge->token_known || merge->token_id != token) {
        buf_reset(&merge->token);
        TRY(spool_token(merge->options->spool, token, &merge->token, err));
        TRY(merge->options->covers(range->asof, buf_slice(&merge->token), &merge->token_covered, err));
        merge->token_id = token;
        merge->token_known = true;
    }
    *ret = merge->token_covered;
    return true;
}

#ifdef LAKEFEED_MUTANT_move_whole
static struct merge_range *range_of(struct merge *merge, struct lf_slice key)
{
    size_t i = merge->nranges - 1;
    while (i > 0 && slice_compare(merge->ranges[i].lo, key) > 0) {
        i--;
    }
    return &merge->ranges[i];
}
#endif

static bool applies(struct merge *merge, const struct change *change, bool *ret, struct lf_error *err)
{
    *ret = false;
    if (change->seq < merge->truncate_seq) {
        return true;
    }
    bool had = false;
#ifdef LAKEFEED_MUTANT_move_whole
    struct merge_range *own = merge->range;
    if (change->op == LF_OP_DELETE && (change->flags & CHANGE_MOVED) != 0) {
        merge->range = range_of(merge, change->from);
        merge->token_known = false;
        if (!merge->range->read) {
            merge->range = own;
            return true;
        }
    }
#endif
    TRY(seen(merge, change->seq, change->token, &had, err));
#ifdef LAKEFEED_MUTANT_move_whole
    merge->token_known = merge->token_known && merge->range == own;
    merge->range = own;
#endif
    *ret = !had;
    return true;
}

/* An upper bound of keys; open: none. */
struct bound {
    struct lf_slice key;
    bool open;
};

static bool below(struct lf_slice key, struct bound bound)
{
    return bound.open || slice_compare(key, bound.key) < 0;
}

/* Stands at the first change below the bound that applies; *ret_any false: there is none. */
static bool skip_seen(struct merge *merge, struct bound bound, bool *ret_any, struct lf_error *err)
{
    *ret_any = false;
    while (merge->changes.more && below(merge->changes.change.key, bound)) {
        bool apply = false;
        TRY(applies(merge, &merge->changes.change, &apply, err));
        if (apply) {
            *ret_any = true;
            return true;
        }
        TRY(stream_next(&merge->changes, err));
    }
    return true;
}

static bool skip_all(struct merge *merge, struct bound bound, struct lf_error *err)
{
    while (merge->changes.more && below(merge->changes.change.key, bound)) {
        TRY(stream_next(&merge->changes, err));
    }
    return true;
}

/* ---- quarantine ---- */

static const struct schema *find_version(const struct merge_options *options, uint32_t version)
{
    for (size_t i = 0; i < options->nversions; i++) {
        if (options->versions[i]->version == version) {
            return options->versions[i];
        }
    }
    return NULL;
}

/* Old entries below the key stand as before. */
static bool keep_bad_below(struct merge *merge, struct bound bound, struct lf_error *err)
{
    struct merge_range *range = merge->range;
    for (; merge->bad_at < range->nbad; merge->bad_at++) {
        const struct quarantine_row *old = &range->bad[merge->bad_at];
        struct lf_slice key = model_bytes_slice(&old->key);
        struct lf_slice note = model_bytes_slice(&old->note);
        if (!below(key, bound)) {
            break;
        }
        range->reread = range->reread || layout_outdates(range->schema, merge->options->schema, note);
        TRY(quarantine_list_add(&range->bad_out, key, note, old->since, err));
    }
    return true;
}

/* The key was changed: its old entry goes, and with a note it has a new one. */
static bool judge_bad(struct merge *merge, struct lf_slice key, const struct buf *note, struct lf_error *err)
{
    struct merge_range *range = merge->range;
    uint64_t since = 0;
    TRY(keep_bad_below(merge, (struct bound){.key = key}, err));
#ifdef LAKEFEED_MUTANT_bad_stays
    if (note == NULL) {
        return true;
    }
#endif
    if (merge->bad_at < range->nbad && slice_equal(model_bytes_slice(&range->bad[merge->bad_at].key), key)) {
        since = range->bad[merge->bad_at++].since;
        range->changed = true;
    }
    range->changed = range->changed || note != NULL;
    return note == NULL || quarantine_list_add(&range->bad_out, key, buf_slice(note), since, err);
}

/* What folding has left of the key. */
static bool judge_folded(struct merge *merge, struct lf_error *err)
{
    const struct fold *fold = &merge->fold;
    if (merge->found != NULL) {
        return true;
    }
    TRY(judge_bad(merge, buf_slice(&merge->key), fold->bad ? &fold->note : NULL, err));
    const struct schema *from = fold->bad ? find_version(merge->options, fold->note_version) : NULL;
    bool outdated = from != NULL && layout_outdates(from, merge->options->schema, buf_slice(&fold->note));
    merge->range->reread = merge->range->reread || outdated;
    return true;
}

/* ---- rows ---- */

/* Readers cannot take the row that absent cells or a new shape have made. */
static bool refuse_large(struct merge *merge, struct lf_slice key, struct lf_slice row, struct lf_error *err)
{
    const struct lf_schema *schema = &merge->options->schema->lf;
    CLEANUP(buf_done) struct buf text = {0};
    key_print(schema, key, &text);
    lf_error_set(
        err, LF_LIMIT, 0,
        "row %s has %zu bytes, readers take at most %zu; exclude a large column, or set on_bad_row to quarantine",
        buf_text(&text), row.len, CSV_ROW_MAX);
    if (merge->options->bad_row != INTAKE_QUARANTINE) {
        return false;
    }
    CLEANUP(buf_done) struct buf note = {0};
    TRY(intake_note(schema, key, err, &note, err));
    return judge_bad(merge, key, &note, err);
}

static bool emit(struct merge *merge, struct lf_slice key, struct lf_slice row, bool appending, struct lf_error *err)
{
    if (merge->found != NULL) {
        return true;
    }
    if (row.len + 1 > CSV_ROW_MAX) {
        return refuse_large(merge, key, row, err);
    }
    return partition_writer_add(&merge->writer, key, row, appending, err);
}

/* The row that a move took along to (key, seq), if a pass has found it. */
static bool find_carry(struct merge *merge, const struct change *change, struct lf_slice *row,
                       const struct lf_slice **ret_row, struct lf_error *err)
{
    *ret_row = NULL;
    struct stream *carries = &merge->carries;
    while (carries->more && change_compare(&carries->change, change) < 0) {
        TRY(stream_next(carries, err));
    }
    if (carries->more && change_compare(&carries->change, change) == 0) {
        *row = carries->change.row;
        *ret_row = row;
    }
    return true;
}

/* The delete of a move with absent cells stands where the row's last state is known. */
static bool note_carry(struct merge *merge, const struct change *change, struct lf_error *err)
{
    unsigned both = CHANGE_MOVED | CHANGE_PARTIAL;
    bool leaves = change->op == LF_OP_DELETE && (change->flags & both) == both;
    if (merge->found == NULL || !leaves || !merge->fold.exists || merge->fold.unknown) {
        return true;
    }
    struct change carry = {
        .seq = change->seq,
        .schema_version = merge->options->schema->version,
        .op = LF_OP_UPSERT,
        .key = change->from,
        .row = buf_slice(&merge->fold.row),
    };
    return sorter_add(merge->found, &carry, err);
}

static bool apply_change(struct merge *merge, const struct change *change, struct lf_error *err)
{
    bool apply = false;
    TRY(applies(merge, change, &apply, err));
    if (!apply) {
        return true;
    }
    TRY(note_carry(merge, change, err));
    struct lf_slice row = {0};
    const struct lf_slice *before = NULL;
    if ((change->flags & CHANGE_MOVED) != 0 && change->op != LF_OP_DELETE) {
        TRY(find_carry(merge, change, &row, &before, err));
    }
    if (merge->found == NULL) {
        merge->stats->changes++;
    }
    return fold_apply(&merge->fold, change, before, err);
}

/* All changes of one key over its old row, if `base` stands on it. */
static bool fold_key(struct merge *merge, struct base_reader *base, bool has_base, struct lf_error *err)
{
    struct lf_slice row = {0};
    buf_reset(&merge->key);
    buf_append(&merge->key, merge->changes.change.key.ptr, merge->changes.change.key.len);
    if (has_base) {
        TRY(base_reader_row(base, &row, err));
    }
    fold_start(&merge->fold, has_base, row);
    if (has_base) {
        TRY(base_reader_next(base, err));
    }
    while (merge->changes.more && slice_equal(merge->changes.change.key, buf_slice(&merge->key))) {
        TRY(apply_change(merge, &merge->changes.change, err));
        TRY(stream_next(&merge->changes, err));
    }
    TRY(judge_folded(merge, err));
    if (!merge->fold.exists) {
        return true;
    }
    if (merge->fold.unknown) {
        merge->range->reread = merge->range->reread || merge->found == NULL;
        return true;
    }
    return emit(merge, buf_slice(&merge->key), buf_slice(&merge->fold.row), !base->has_row, err);
}

static size_t block_bytes(const struct merge_options *options)
{
    size_t share = options->memory_bytes / 8;
    return share < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : share > BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX : share;
}

/* One old partition (or NULL) with the changes below its upper bound. */
static bool merge_partition(struct merge *merge, const struct model_partition *partition, struct bound hi,
                            struct lf_error *err)
{
    CLEANUP(base_reader_done) struct base_reader base = {0};
    base_reader_init(&base, merge->options->target->lake, partition, merge->range->schema, merge->options->schema,
                     block_bytes(merge->options));
    TRY(base_reader_next(&base, err));
    for (;;) {
        bool any = false;
        TRY(skip_seen(merge, hi, &any, err));
        if (merge->range->reread || (!base.has_row && !any)) {
            break;
        }
        int order = !base.has_row ? 1 : !any ? -1 : slice_compare(buf_slice(&base.key), merge->changes.change.key);
        if (order < 0) {
            struct lf_slice row = {0};
            TRY(base_reader_row(&base, &row, err));
            TRY(emit(merge, buf_slice(&base.key), row, /* appending= */ false, err));
            TRY(base_reader_next(&base, err));
        } else {
            TRY(fold_key(merge, &base, order == 0, err));
        }
    }
    if (partition != NULL && merge->found == NULL) {
        merge->stats->partitions_read++;
        merge->stats->bytes_read += partition->bytes;
    }
    return true;
}

static bool take_written(struct merge *merge, struct lf_error *err)
{
    struct merge_range *range = merge->range;
    TRY(partition_writer_cut(&merge->writer, err));
    partition_writer_take(&merge->writer, &range->out, &range->nout, &range->out_size);
    return true;
}

static bool keep_partition(struct merge *merge, const struct model_partition *partition, struct lf_error *err)
{
    struct merge_range *range = merge->range;
    TRY(take_written(merge, err));
    mem_grow(&range->out, &range->out_size, range->nout + 1, sizeof *range->out);
    range->out[range->nout++] = model_partition_copy(partition);
    merge->stats->partitions_kept++;
    return true;
}

/* A small result is joined with its right neighbour when both fit into one partition. */
static bool joins_next(const struct merge *merge, const struct model_partition *next)
{
    uint64_t target = merge->options->target->partition_bytes;
    uint64_t bytes = partition_writer_open_bytes(&merge->writer);
    return merge->found == NULL && next != NULL && bytes > 0 && bytes < target / 4 && bytes + next->bytes <= target;
}

static struct bound upper_bound(const struct merge *merge, const struct model_partition *next)
{
    if (next != NULL) {
        return (struct bound){.key = model_bytes_slice(&next->first_key)};
    }
    return (struct bound){.key = merge->range_hi, .open = merge->range_open};
}

/* One step of merge_range; *join: the file of the step before goes on. */
static bool merge_step(struct merge *merge, const struct model_partition *partition, const struct model_partition *next,
                       bool *join, struct lf_error *err)
{
    struct merge_range *range = merge->range;
    struct bound hi = upper_bound(merge, next);
    bool rewrite =
        merge->found == NULL && partition != NULL && range->schema->version != merge->options->schema->version;
    bool touched = false;
    TRY(check_cancelled(merge, err));
    TRY(skip_seen(merge, hi, &touched, err));
    if (!touched && !rewrite && !*join) {
        return partition == NULL || merge->found != NULL || keep_partition(merge, partition, err);
    }
    range->changed = range->changed || merge->found == NULL;
    if (!*join) {
        TRY(merge->found != NULL || take_written(merge, err));
        partition_writer_start(&merge->writer,
                               partition == NULL ? range->lo : model_bytes_slice(&partition->first_key));
    }
    TRY(merge_partition(merge, partition, hi, err));
    *join = joins_next(merge, next);
    return true;
}

static bool find_truncate(struct merge *merge, struct lf_error *err)
{
    const struct spool_event **events = NULL;
    size_t count = 0;
    bool ok = true;
    merge->truncate_seq = 0;
    spool_events(merge->options->spool, merge->options->slot, &events, &count);
    for (size_t i = 0; ok && i < count; i++) {
        bool had = true;
        if (events[i]->kind == SPOOL_TRUNCATE) {
            ok = seen(merge, events[i]->seq, events[i]->token, &had, err);
#ifdef LAKEFEED_MUTANT_truncate_all
            had = events[i]->seq <= merge->range->base_seq;
#endif
        }
        merge->truncate_seq = ok && !had ? events[i]->seq : merge->truncate_seq;
    }
    free(events);
    return ok;
}

static void drop_outputs(struct merge *merge)
{
    struct merge_range *range = merge->range;
    for (size_t i = 0; i < range->nout; i++) {
        bool old = false;
        for (size_t j = 0; !old && j < range->npartitions; j++) {
            old = strcmp(range->partitions[j].path, range->out[i].path) == 0;
        }
        if (old) {
            merge->stats->partitions_kept--;
        } else {
            merge->options->target->forget(merge->options->target->context, range->out[i].path);
        }
    }
    merge_range_done(range);
}

static bool finish_range(struct merge *merge, struct bound end, struct lf_error *err)
{
    struct merge_range *range = merge->range;
    TRY(take_written(merge, err));
    TRY(range->reread || keep_bad_below(merge, end, err));
    if (range->reread) {
        drop_outputs(merge);
        return true;
    }
    if (range->nout > 0) {
        model_bytes_done(&range->out[0].first_key);
        range->out[0].first_key = model_bytes_copy(range->lo.ptr, range->lo.len);
    }
    return true;
}

static bool merge_range(struct merge *merge, struct lf_error *err)
{
    struct merge_range *range = merge->range;
    struct bound end = {.key = merge->range_hi, .open = merge->range_open};
    merge->token_known = false;
    if (!range->read) {
        return skip_all(merge, end, err);
    }
    TRY(find_truncate(merge, err));
    merge->bad_at = merge->truncate_seq > 0 ? range->nbad : 0;
    range->changed = range->changed || (merge->found == NULL && merge->bad_at > 0);
    size_t n = merge->truncate_seq > 0 ? 0 : range->npartitions;
    range->changed = range->changed || n < range->npartitions;
    bool join = false;
    for (size_t i = 0; i < (n > 0 ? n : 1) && !range->reread; i++) {
        const struct model_partition *partition = n > 0 ? &range->partitions[i] : NULL;
        TRY(merge_step(merge, partition, i + 1 < n ? &range->partitions[i + 1] : NULL, &join, err));
    }
    TRY(skip_all(merge, end, err));
    return merge->found != NULL || finish_range(merge, end, err);
}

static void merge_done(struct merge *merge)
{
    sorter_close_iterator(&merge->changes.iterator);
    sorter_close_iterator(&merge->carries.iterator);
    partition_writer_done(&merge->writer);
    fold_done(&merge->fold);
    buf_done(&merge->key);
    buf_done(&merge->token);
}

/* One pass over all ranges: writes, or with `found` only looks for rows that moves take along. */
static bool pass(const struct merge_options *options, struct merge_range *ranges, size_t nranges, struct sorter *known,
                 struct sorter *found, struct merge_stats *stats, struct lf_error *err)
{
    CLEANUP(merge_done)
    struct merge merge = {.options = options, .ranges = ranges, .nranges = nranges, .stats = stats, .found = found};
    partition_writer_init(&merge.writer, options->target);
    fold_init(&merge.fold, options->schema, options->versions, options->nversions);
    TRY(spool_open_iterator(options->spool, options->slot, &merge.changes.iterator, err));
    TRY(stream_next(&merge.changes, err));
    if (known != NULL) {
        TRY(sorter_open_iterator(&known, 1, &merge.carries.iterator, err));
        TRY(stream_next(&merge.carries, err));
    }
    bool ok = true;
    for (size_t i = 0; ok && i < nranges; i++) {
        merge.range = &ranges[i];
        merge.range_open = i + 1 == nranges;
        merge.range_hi = merge.range_open ? slice_none() : ranges[i + 1].lo;
        ok = merge_range(&merge, err);
    }
    for (size_t i = 0; !ok && i < nranges; i++) {
        merge.range = &ranges[i];
        drop_outputs(&merge);
    }
    stats->partitions_written = 0;
    stats->bytes_written = merge.writer.bytes;
    return ok;
}

/* A chain of moves k1 → k2 → k3 needs a pass for each link; it ends when a pass finds nothing new. */
static bool find_carries(const struct merge_options *options, struct merge_range *ranges, size_t nranges,
                         struct sorter **ret_found, struct lf_error *err)
{
    struct sorter_options sorter = {
        .folder = options->folder, .memory_bytes = options->memory_bytes / 4 + ((size_t)64 << 10), .block_bytes = 4096};
    for (;;) {
        struct merge_stats ignored = {0};
        struct sorter *found = sorter_new(&sorter);
        bool ok = pass(options, ranges, nranges, *ret_found, found, &ignored, err);
        uint64_t before = *ret_found == NULL ? 0 : sorter_count(*ret_found);
        bool grew = ok && sorter_count(found) > before;
        sorter_free(ret_found);
        *ret_found = found;
        if (!ok || !grew) {
            return ok;
        }
    }
}

bool merge_entity(const struct merge_options *options, struct merge_range *ranges, size_t nranges,
                  struct merge_stats *ret_stats, struct lf_error *err)
{
    assert(nranges > 0 && ranges[0].lo.len == 0);
    *ret_stats = (struct merge_stats){0};
    CLEANUP(sorter_free) struct sorter *carries = NULL;
    if (options->has_partial_moves) {
        TRY(find_carries(options, ranges, nranges, &carries, err));
    }
    TRY(pass(options, ranges, nranges, carries, /* found= */ NULL, ret_stats, err));
    for (size_t i = 0; i < nranges; i++) {
        ret_stats->partitions_written += ranges[i].nout;
    }
    ret_stats->partitions_written -= ret_stats->partitions_kept;
    return true;
}

void merge_range_done(struct merge_range *range)
{
    for (size_t i = 0; i < range->nout; i++) {
        model_partition_done(&range->out[i]);
    }
    quarantine_list_done(&range->bad_out);
    free(range->out);
    range->out = NULL;
    range->nout = range->out_size = 0;
}
