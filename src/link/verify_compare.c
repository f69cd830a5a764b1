/* SPDX-License-Identifier: Apache-2.0 */
#include "link/verify_internal.h"

#include "base/macros.h"
#include "data/bad_row.h"
#include "data/csv.h"
#include "snapshot/base_reader.h"
#include "snapshot/source_rows.h"

#include <inttypes.h>
#include <stdlib.h>

#define BLOCK_BYTES ((size_t)64 << 10)
#define INCLUDE_WAIT_MS 100
#define INCLUDE_WAITS_MAX 100

/* ---- the lake ---- */

/* The rows of the range's partitions, one row ahead: a row counts only when the one behind it is known to be in order. */
struct lake_side {
    struct verify_range *range;
    size_t at; /* partition */
    struct base_reader reader;
    bool open;
    bool ahead; /* the reader stands on a row that was not handed out */
    struct buf key, row;
    bool has_row;
    /* Behind damage nothing is known of what the partition holds: source rows below this key, or all, are not judged. */
    struct lf_slice blind;
    bool blind_to_end;
    bool stale; /* a file is gone, and so is the commit that named it */
};

static void lake_side_done(struct lake_side *side)
{
    if (side->open) {
        base_reader_done(&side->reader);
    }
    buf_done(&side->key);
    buf_done(&side->row);
}

/* Where the partition ends: the first key of the next one; empty: open. */
static struct lf_slice upper_bound(const struct lake_side *side)
{
    const struct model_entity *entity = side->range->entity;
    return side->at + 1 < entity->npartitions ? model_bytes_slice(&entity->partitions[side->at + 1].first_key)
                                              : (struct lf_slice){0};
}

static void close_partition(struct lake_side *side)
{
    base_reader_done(&side->reader);
    side->open = false;
    side->ahead = false;
    side->at++;
}

/* All rows were read; only their sum is not what was committed. */
static bool is_whole(const struct lake_side *side)
{
    const struct csv_reader *csv = &side->reader.csv;
    return !side->reader.has_row && csv->at_end && csv->pos == csv->block.len;
}

/* The partition is damaged or missing: that is a difference by itself. *ret_sound: its rows can be judged all the same. */
static bool report_damage(struct lake_side *side, bool *ret_sound, struct lf_error *err)
{
    struct verify_range *range = side->range;
    struct lf_error damage = *err;
    bool moved = false;
    if (damage.kind != LF_DATA && damage.kind != LF_LIMIT && damage.kind != LF_NOT_FOUND) {
        return false;
    }
    *ret_sound = is_whole(side);
    TRY(damage.kind != LF_NOT_FOUND || verify_model_moved(range->verify, &moved, err));
    if (moved) {
        side->stale = true;
        return true;
    }
    verify_add_file(range->verify, range->job->result, range->entity->partitions[side->at].path, damage.msg);
    if (!*ret_sound) {
        side->blind = upper_bound(side);
        side->blind_to_end = side->blind.len == 0;
    }
    close_partition(side);
    return true;
}

static bool check_place(const struct lake_side *side, struct lf_error *err)
{
    const struct model_partition *partition = &side->range->entity->partitions[side->at];
    struct lf_slice key = buf_slice(&side->reader.key);
    struct lf_slice upper = upper_bound(side);
    if (slice_compare(key, model_bytes_slice(&partition->first_key)) >= 0 &&
        (upper.len == 0 || slice_compare(key, upper) < 0)) {
        return true;
    }
    return lf_error_set(err, LF_DATA, 0,
                        "partition %s, row %" PRIu64
                        ": the key lies outside of the partition's range; the file was altered",
                        partition->path, side->reader.csv.row_number);
}

/* Moves the reader to its next row within the range. *ret_sound false: damage, reported, and what was read last is in doubt. */
static bool read_ahead(struct lake_side *side, bool *ret_sound, struct lf_error *err)
{
    *ret_sound = true;
    do {
        if (!base_reader_next(&side->reader, err) || (side->reader.has_row && !check_place(side, err))) {
            return report_damage(side, ret_sound, err);
        }
        side->ahead = side->reader.has_row;
    } while (side->ahead && slice_compare(buf_slice(&side->reader.key), side->range->lo) < 0);
    return true;
}

static void open_partition(struct lake_side *side)
{
    const struct verify_range *range = side->range;
    base_reader_init(&side->reader, range->verify->options->lake, &range->entity->partitions[side->at], range->schema,
                     range->schema, BLOCK_BYTES);
    side->open = true;
}

static bool take_row(struct lake_side *side, bool *ret_sound, struct lf_error *err)
{
    struct lf_slice row;
    TRY(base_reader_row(&side->reader, &row, err));
    buf_reset(&side->key);
    buf_reset(&side->row);
    buf_append(&side->key, side->reader.key.ptr, side->reader.key.len);
    buf_append(&side->row, row.ptr, row.len);
    TRY(buf_check(&side->row, "row", err));
    return read_ahead(side, ret_sound, err);
}

static bool lake_next(struct lake_side *side, struct lf_error *err)
{
    side->has_row = false;
    while (!side->has_row && !side->stale && (side->open || side->at < side->range->end)) {
        bool sound = true;
        if (!side->open) {
            open_partition(side);
            TRY(read_ahead(side, &sound, err));
        } else if (side->ahead) {
            TRY(take_row(side, &sound, err));
            side->has_row = sound;
        } else {
            close_partition(side);
        }
    }
    return true;
}

/* ---- both ---- */

struct walk {
    struct verify_range *range;
    struct lake_side lake;
    struct source_rows source;
    struct lf_slice source_key, source_row;
    bool has_source;
    struct lf_slice *cells; /* two rows */
    struct buf detail;
};

static void walk_done(struct walk *walk)
{
    lake_side_done(&walk->lake);
    source_rows_done(&walk->source);
    free(walk->cells);
    buf_done(&walk->detail);
}

/* What a reader of the source's rows answers when the table is not what the commit says, or holds a row that cannot be taken. */
static bool block_or_fail(const struct lf_error *err, enum verify_outcome *ret_outcome)
{
    bool busy = err->kind == LF_TRANSIENT || err->kind == LF_THROTTLED;
    *ret_outcome = busy ? VERIFY_BUSY : VERIFY_BLOCKED;
    return busy || err->kind == LF_SCHEMA || err->kind == LF_NOT_FOUND || err->kind == LF_DATA || err->kind == LF_LIMIT;
}

static bool next_source(struct walk *walk, enum verify_outcome *ret_outcome, struct lf_error *err)
{
    return source_rows_next(&walk->source, &walk->source_key, &walk->source_row, &walk->has_source, err) ||
           block_or_fail(err, ret_outcome);
}

/* Whether this key is to be compared in this round. */
static bool is_meant(struct walk *walk, struct lf_slice key, bool *ret, struct lf_error *err)
{
    struct verify_job *job = walk->range->job;
    *ret = true;
    if (job->todo == VERIFY_KEYS) {
        TRY(verify_pending_seek(job, key, err));
        *ret = job->has_head && slice_equal(job->head.key, key);
    }
    return true;
}

static bool add_candidate(struct walk *walk, struct lf_slice key, struct lf_error *err)
{
    struct verify_range *range = walk->range;
    if (range->found == NULL) {
        range->found = verify_sorter_new(range->verify);
    }
    range->nfound++;
    const struct change record = {.seq = 1, .op = LF_OP_UPSERT, .key = key, .row = buf_slice(&walk->detail)};
    return sorter_add(range->found, &record, err);
}

/* The source's row cannot be taken, but the lake has one. */
static void describe_bad(struct walk *walk, const struct lf_slice *lake_cells)
{
    const struct lf_schema *schema = &walk->range->schema->lf;
    struct bad_row bad = {0};
    (void)bad_row_read(walk->source_row, &bad);
    int at = schema_find(schema, bad.column_id);
    uint32_t i = at < 0 ? 0 : (uint32_t)at;
    verify_detail_append(&walk->detail, VERIFY_DIFFERS, i, lake_cells[i], bad.reason);
}

/* The first cell that differs. */
static bool find_cell(struct walk *walk, struct lf_error *err)
{
    uint32_t n = walk->range->schema->lf.ncolumns;
    struct lf_slice *lake = walk->cells;
    struct lf_slice *source = walk->cells + n;
    uint32_t i = 0;
    TRY(csv_split_row(buf_slice(&walk->lake.row), lake, n, err));
    if (walk->source.bad) {
        describe_bad(walk, lake);
        return true;
    }
    TRY(csv_split_row(walk->source_row, source, n, err));
    while (i + 1 < n && slice_equal(lake[i], source[i])) {
        i++;
    }
    verify_detail_append(&walk->detail, VERIFY_DIFFERS, i, lake[i], source[i]);
    return true;
}

/* Only the source has the row, which cannot be taken as it is, and is listed so. */
static bool is_quarantined(const struct walk *walk, int order)
{
    return order > 0 && (walk->source.bad || walk->source.repaired) &&
           verify_listing_has(walk->range->verify, walk->source_key);
}

/* order: of the lake's key before the source's; what both have, or only one of them. */
static bool judge(struct walk *walk, int order, struct lf_error *err)
{
    struct lf_slice key = order <= 0 ? buf_slice(&walk->lake.key) : walk->source_key;
    bool meant = true;
    TRY(is_meant(walk, key, &meant, err));
    if (!meant) {
        return true;
    }
    if (is_quarantined(walk, order)) {
        walk->range->quarantined++;
        return true;
    }
    walk->range->rows++;
    buf_reset(&walk->detail);
    if (order != 0) {
        verify_detail_append(&walk->detail, order < 0 ? VERIFY_EXTRA : VERIFY_MISSING, 0, (struct lf_slice){0},
                             (struct lf_slice){0});
    } else if (!walk->source.bad && slice_equal(buf_slice(&walk->lake.row), walk->source_row)) {
        return true;
    } else {
        TRY(find_cell(walk, err));
    }
    return add_candidate(walk, key, err);
}

static bool is_hidden(const struct walk *walk, int order)
{
    const struct lake_side *lake = &walk->lake;
    return order > 0 && (lake->blind_to_end || slice_compare(walk->source_key, lake->blind) < 0);
}

static int compare_sides(const struct walk *walk)
{
    if (!walk->lake.has_row) {
        return 1;
    }
    return walk->has_source ? slice_compare(buf_slice(&walk->lake.key), walk->source_key) : -1;
}

static bool walk_rows(struct walk *walk, enum verify_outcome *ret_outcome, struct lf_error *err)
{
    TRY(lake_next(&walk->lake, err));
    TRY(next_source(walk, ret_outcome, err));
    while (*ret_outcome == VERIFY_DONE && (walk->lake.has_row || walk->has_source)) {
        int order = compare_sides(walk);
        TRY(is_hidden(walk, order) || judge(walk, order, err));
        if (order <= 0) {
            TRY(lake_next(&walk->lake, err));
        }
        if (order >= 0) {
            TRY(next_source(walk, ret_outcome, err));
        }
        if (walk->lake.stale) {
            *ret_outcome = VERIFY_STALE;
        }
    }
    return true;
}

/* A source may show a transaction later than its stream does; until it shows all that the lake holds, nothing can be compared. */
static bool open_source(struct walk *walk, const struct source_rows_options *options, enum verify_outcome *ret_outcome,
                        struct lf_error *err)
{
    const struct verify *verify = walk->range->verify;
    for (int i = 0; i < INCLUDE_WAITS_MAX; i++) {
        struct lf_slice asof;
        bool included = false;
        source_rows_init(&walk->source, options);
        if (!source_rows_open(&walk->source, err)) {
            return block_or_fail(err, ret_outcome);
        }
        if (!walk->source.ordered && (options->lo.len > 0 || options->hi.len > 0)) {
            *ret_outcome = VERIFY_NEED_ALL;
            return true;
        }
        TRY(source_rows_asof(&walk->source, &asof, err));
        TRY(options->ops->includes(asof, model_bytes_slice(&verify->model->cursor), &included, err));
        if (included) {
            return true;
        }
        source_rows_done(&walk->source);
        TRY(verify_check_cancelled(verify, err));
        verify->options->clock.sleep_ms(verify->options->clock.context, INCLUDE_WAIT_MS);
    }
    lf_error_set(err, LF_TRANSIENT, 0, "the source does not show yet what its stream has told");
    *ret_outcome = VERIFY_BLOCKED;
    return true;
}

static bool keep_asof(struct walk *walk, struct lf_error *err)
{
    struct lf_slice asof;
    TRY(source_rows_asof(&walk->source, &asof, err));
    buf_append(&walk->range->asof, asof.ptr, asof.len);
    return true;
}

static bool never_cancelled(UNUSED void *context)
{
    return false;
}

bool verify_compare(struct verify_range *range, enum verify_outcome *ret_outcome, struct lf_error *err)
{
    const struct verify_options *options = range->verify->options;
    const struct source_rows_options source = {
        .ops = options->ops,
        .session = range->verify->load_session,
        .table = range->entity->table,
        .table_id = model_bytes_slice(&range->entity->table_id),
        .schema = range->schema,
        .intake = {.bad_text = INTAKE_REPLACE, .bad_row = INTAKE_QUARANTINE},
        .lo = range->lo,
        .hi = range->hi,
        .folder = options->folder,
        .memory_bytes = options->memory_bytes / 4,
        .cancelled = options->cancelled != NULL ? options->cancelled : never_cancelled,
        .context = options->context,
    };
    CLEANUP(walk_done) struct walk walk = {.range = range, .lake = {.range = range, .at = range->first}};
    walk.cells = mem_new((size_t)range->schema->lf.ncolumns * 2, sizeof *walk.cells);
    *ret_outcome = VERIFY_DONE;
    bool stale = false;
    TRY(verify_listing_read(range, &stale, err));
    if (stale) {
        *ret_outcome = VERIFY_STALE;
        return true;
    }
    TRY(open_source(&walk, &source, ret_outcome, err));
    if (*ret_outcome != VERIFY_DONE) {
        return true;
    }
    TRY(walk_rows(&walk, ret_outcome, err));
    return *ret_outcome != VERIFY_DONE || keep_asof(&walk, err);
}
