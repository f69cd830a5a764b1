/* SPDX-License-Identifier: Apache-2.0
 *
 * Random merges against plain arrays: what a range shows afterwards must be the table's true state, wherever the range's snapshot
 * stood before; a range is to be read again exactly when a value is needed that neither stream nor lake has.
 */
#include "merge_history.h"

#include "snapshot/merge.h"

#define RANGES_MAX 4
#define SLOT 3
#define OLD_MAX (KEYS + 1)

/* One range as the test knows it. */
struct piece {
    int lo, hi; /* keys; hi exclusive */
    bool read;
    bool seen[TXNS_MAX + 1];
    uint64_t mask; /* of transactions, for covers */
    size_t version;
    struct row rows[KEYS]; /* in its partitions */
    struct model_partition old[OLD_MAX];
    int old_lo[OLD_MAX + 1]; /* first key that belongs to the partition */
    size_t nold;
    struct buf lo_key;
    bool reread; /* expected */
    bool touched[KEYS];
    bool truncated;
};

struct play {
    struct history_case history;
    struct bench bench;
    struct spool *spool;
    struct piece pieces[RANGES_MAX];
    struct merge_range ranges[RANGES_MAX];
    size_t n;
    struct merge_stats stats;
    bool has_partial_moves;
    char folder[32];
};

static bool covers(struct lf_slice asof, struct lf_slice token, bool *ret, struct lf_error *err)
{
    (void)err;
    uint64_t mask;
    unsigned txn;
    assert_int_equal(asof.len, sizeof mask);
    assert_int_equal(token.len, sizeof txn);
    memcpy(&mask, asof.ptr, sizeof mask);
    memcpy(&txn, token.ptr, sizeof txn);
    *ret = (mask >> txn & 1) != 0;
    return true;
}

/* ---- the stream ---- */

static void add_change(struct play *play, const struct op *op, uint64_t token)
{
    const struct history_case *h = &play->history;
    const struct schema *schema = h->versions[op->version];
    CLEANUP(buf_done) struct buf key = {0};
    CLEANUP(buf_done) struct buf from = {0};
    CLEANUP(buf_done) struct buf row = {0};
    struct lf_error err;
    append_key(h, op->key, &key);
    if (op->op != LF_OP_DELETE) {
        append_row(schema, &op->after, op->absent, &row);
    }
    uint8_t flags = (uint8_t)((op->partial ? CHANGE_PARTIAL : 0) | (op->from >= 0 ? CHANGE_MOVED : 0));
    struct change change = {.seq = op->seq,
                            .token = token,
                            .schema_version = schema->version,
                            .op = op->op,
                            .flags = flags,
                            .key = buf_slice(&key),
                            .row = buf_slice(&row)};
    if (op->from >= 0) {
        append_key(h, op->from, &from);
        change.from = buf_slice(&from);
        const struct change leave = {.seq = op->seq,
                                     .token = token,
                                     .schema_version = schema->version,
                                     .op = LF_OP_DELETE,
                                     .flags = flags,
                                     .key = change.from,
                                     .from = change.key};
        assert_true(spool_add_change(play->spool, SLOT, &leave, &err));
        play->has_partial_moves = play->has_partial_moves || op->partial;
    }
    assert_true(spool_add_change(play->spool, SLOT, &change, &err));
}

static void fill_spool(struct play *play)
{
    const struct spool_options options = {.folder = play->folder, .memory_bytes = (size_t)1 << 20};
    struct history_case *h = &play->history;
    struct lf_error err;
    unsigned last = 0;
    uint64_t token = 0;
    play->spool = spool_new(&options);
    for (size_t i = 0; i < h->nops; i++) {
        const struct op *op = &h->ops[i];
        if (op->txn != last && i > 0 && dice(h, 8) == 0) {
            assert_true(spool_cut(play->spool, slice_of_text("c"), h->ops[i - 1].seq, 0, &err));
        }
        last = op->txn;
        assert_true(spool_add_token(play->spool, (struct lf_slice){&op->txn, sizeof op->txn}, &token, &err));
        if (op->kind == OP_ROW) {
            add_change(play, op, token);
        } else {
            struct spool_event event = {
                .kind = op->kind == OP_TRUNCATE ? SPOOL_TRUNCATE : SPOOL_SCHEMA, .seq = op->seq, .token = token};
            spool_add_event(play->spool, SLOT, &event);
        }
    }
    assert_true(spool_cut(play->spool, slice_of_text("end"), h->seq, 0, &err));
}

/* ---- ranges ---- */

static void choose_seen(struct play *play, struct piece *piece, struct merge_range *range, bool settled)
{
    struct history_case *h = &play->history;
    unsigned base = h->ntxns == 0 ? 0 : (unsigned)dice(h, h->ntxns + 1) / (settled ? 4 : 2);
    uint64_t density = dice(h, 4);
    for (unsigned txn = 1; txn <= h->ntxns; txn++) {
        bool wanted = !settled && dice(h, 3) < density && may_be_seen(h, txn, piece->seen);
        piece->seen[txn] = txn <= base || wanted;
        piece->mask |= piece->seen[txn] && (txn > base || dice(h, 2) == 0) ? UINT64_C(1) << txn : 0;
    }
    for (size_t i = 0; i < h->nops; i++) {
        range->base_seq = h->ops[i].txn <= base ? h->ops[i].seq : range->base_seq;
    }
    range->asof = settled ? (struct lf_slice){0} : (struct lf_slice){&piece->mask, sizeof piece->mask};
}

/* Cuts the rows of a range into files at random places; a file's range may begin below its first row. */
static void write_old(struct play *play, struct piece *piece, size_t at)
{
    struct history_case *h = &play->history;
    const struct schema *schema = h->versions[piece->version];
    CLEANUP(buf_done) struct buf text = {0};
    uint64_t rows = 0;
    int lo = piece->lo;
    for (int k = piece->lo; k <= piece->hi; k++) {
        bool cut = k == piece->hi || dice(h, 4) == 0;
        if (cut && rows > 0) {
            char path[64];
            CLEANUP(buf_done) struct buf key = {0};
            append_key(h, lo, &key);
            (void)snprintf(path, sizeof path, "e/Snapshot/old-%zu-%zu.csv", at, piece->nold);
            piece->old_lo[piece->nold] = lo;
            struct lf_slice first = piece->nold == 0 ? buf_slice(&piece->lo_key) : buf_slice(&key);
            piece->old[piece->nold++] = bench_partition(&play->bench, path, buf_text(&text), rows, first);
            piece->old_lo[piece->nold] = piece->hi;
            buf_reset(&text);
            rows = 0;
            lo = k;
        }
        if (k < piece->hi && piece->rows[k].exists) {
            append_row(schema, &piece->rows[k], NULL, &text);
            buf_append_char(&text, '\n');
            rows++;
        }
    }
}

static void make_range(struct play *play, size_t i, int lo, int hi, bool settled)
{
    struct history_case *h = &play->history;
    struct piece *piece = &play->pieces[i];
    struct merge_range *range = &play->ranges[i];
    piece->lo = lo;
    piece->hi = hi;
    if (lo > 0) {
        append_key(h, lo, &piece->lo_key);
    }
    piece->read = settled || dice(h, 6) > 0;
    *range = (struct merge_range){.lo = buf_slice(&piece->lo_key), .read = piece->read};
    choose_seen(play, piece, range, settled);
    piece->version = state_of(h, piece->seen, piece->rows);
    if (piece->read) {
        write_old(play, piece, i);
    }
    range->schema = h->versions[piece->version];
    range->partitions = piece->old;
    range->npartitions = piece->nold;
}

static void make_ranges(struct play *play)
{
    struct history_case *h = &play->history;
    bool settled = dice(h, 3) == 0;
    int lo = 0;
    while (lo < KEYS) {
        bool last = settled || play->n + 1 == RANGES_MAX || dice(h, 4) == 0;
        int hi = last ? KEYS : lo + 1 + (int)dice(h, (uint64_t)(KEYS - lo));
        make_range(play, play->n++, lo, hi, settled);
        lo = hi;
    }
}

/* ---- what must come out ---- */

static struct piece *piece_of(struct play *play, int key)
{
    for (size_t i = 0; i < play->n; i++) {
        if (key < play->pieces[i].hi) {
            return &play->pieces[i];
        }
    }
    abort();
}

struct known {
    bool exists, unknown;
};

static bool is_new_to(const struct piece *piece, const struct op *op)
{
    return piece->read && !piece->seen[op->txn];
}

static void expect_row(struct play *play, const struct op *op, struct known *state)
{
    bool carried = false;
    if (op->from >= 0 && is_new_to(piece_of(play, op->from), op)) {
        carried = state[op->from].exists && !state[op->from].unknown;
        state[op->from] = (struct known){0};
        piece_of(play, op->from)->touched[op->from] = true;
    }
    if (!is_new_to(piece_of(play, op->key), op)) {
        return;
    }
    struct known *mine = &state[op->key];
    piece_of(play, op->key)->touched[op->key] = true;
    if (op->op == LF_OP_DELETE) {
        *mine = (struct known){0};
    } else if (!op->partial) {
        *mine = (struct known){.exists = true};
    } else {
        bool has_value = op->from >= 0 ? carried : mine->exists && !mine->unknown;
        *mine = (struct known){.exists = true, .unknown = !has_value};
    }
}

static void expect(struct play *play)
{
    const struct history_case *h = &play->history;
    struct known state[KEYS];
    for (int k = 0; k < KEYS; k++) {
        const struct piece *piece = piece_of(play, k);
        state[k] = (struct known){.exists = piece->read && piece->rows[k].exists};
    }
    for (size_t i = 0; i < h->nops; i++) {
        if (h->ops[i].kind == OP_ROW) {
            expect_row(play, &h->ops[i], state);
        }
        for (int k = 0; h->ops[i].kind == OP_TRUNCATE && k < KEYS; k++) {
            struct piece *piece = piece_of(play, k);
            bool clears = is_new_to(piece, &h->ops[i]);
            piece->truncated = piece->truncated || clears;
            state[k] = clears ? (struct known){0} : state[k];
        }
    }
    for (int k = 0; k < KEYS; k++) {
        piece_of(play, k)->reread = piece_of(play, k)->reread || (piece_of(play, k)->read && state[k].unknown);
    }
}

static void append_truth(const struct play *play, int lo, int hi, struct buf *out, uint64_t *ret_rows)
{
    const struct history_case *h = &play->history;
    for (int k = lo; k < hi; k++) {
        if (h->rows[k].exists) {
            append_row(h->versions[h->nversions - 1], &h->rows[k], NULL, out);
            buf_append_char(out, '\n');
            ++*ret_rows;
        }
    }
}

/* The first key number that is not below the bound. */
static int key_number(const struct play *play, const struct model_bytes *bound)
{
    for (int k = 0; k < KEYS; k++) {
        CLEANUP(buf_done) struct buf key = {0};
        append_key(&play->history, k, &key);
        if (slice_compare(buf_slice(&key), model_bytes_slice(bound)) >= 0) {
            return k;
        }
    }
    return KEYS;
}

/* A file holds exactly the rows between its first key and the next one's, and is what the description says. */
static void check_file(struct play *play, const struct piece *piece, const struct merge_range *range, size_t i)
{
    const struct model_partition *file = &range->out[i];
    int lo = i == 0 ? piece->lo : key_number(play, &file->first_key);
    int hi = i + 1 == range->nout ? piece->hi : key_number(play, &range->out[i + 1].first_key);
    CLEANUP(text_free) char *have = bench_text(&play->bench, file->path);
    CLEANUP(buf_done) struct buf want = {0};
    char sha256[SHA256_HEX_SIZE];
    uint64_t rows = 0;
    append_truth(play, lo, hi, &want, &rows);
    assert_string_equal(have, buf_text(&want));
    sha256_of(have, strlen(have), sha256);
    assert_string_equal(file->sha256, sha256);
    assert_int_equal(file->bytes, strlen(have));
    assert_int_equal(file->rows, rows);
    assert_true(rows > 0);
}

static bool is_touched(const struct play *play, const struct piece *piece, size_t old)
{
    bool touched = piece->truncated || piece->version + 1 != play->history.nversions;
    for (int k = old == 0 ? piece->lo : piece->old_lo[old];
         k < (old + 1 == piece->nold ? piece->hi : piece->old_lo[old + 1]); k++) {
        touched = touched || piece->touched[k];
    }
    return touched;
}

/* Only what a change falls into is written anew, or what a small neighbour on its left is joined with. */
static void check_kept(const struct play *play, const struct piece *piece, const struct merge_range *range)
{
    bool left_kept = true;
    for (size_t i = 0; i < piece->nold; i++) {
        bool kept = false;
        for (size_t j = 0; j < range->nout; j++) {
            kept = kept || strcmp(range->out[j].path, piece->old[i].path) == 0;
        }
        bool touched = is_touched(play, piece, i);
        if (kept ? touched : !touched && left_kept) {
            fail_msg("file %zu was %s", i, kept ? "kept though touched" : "written anew for nothing");
        }
        left_kept = kept;
    }
}

static void check_range(struct play *play, size_t i)
{
    struct piece *piece = &play->pieces[i];
    struct merge_range *range = &play->ranges[i];
    bool same = range->nout == piece->nold;
    assert_int_equal(range->reread, piece->reread);
    assert_int_equal(range->npartitions, piece->nold);
    if (!piece->read || piece->reread) {
        assert_int_equal(range->nout, 0);
        return;
    }
    for (size_t f = 0; f < range->nout; f++) {
        check_file(play, piece, range, f);
        same = same && strcmp(range->out[f].path, piece->old[f].path) == 0;
    }
    assert_true(range->nout == 0 || slice_equal(model_bytes_slice(&range->out[0].first_key), range->lo));
    if (range->nout == 0) {
        uint64_t rows = 0;
        CLEANUP(buf_done) struct buf none = {0};
        append_truth(play, piece->lo, piece->hi, &none, &rows);
        assert_int_equal(rows, 0);
    }
    assert_true(same || range->changed);
    check_kept(play, piece, range);
}

static unsigned times_named(const struct play *play, const char *path)
{
    unsigned named = 0;
    for (size_t i = 0; i < play->n; i++) {
        for (size_t f = 0; f < play->ranges[i].nout; f++) {
            named += strcmp(play->ranges[i].out[f].path, path) == 0 ? 1 : 0;
        }
    }
    return named;
}

/* Each new path is either named once or forgotten once. */
static void check_paths(struct play *play)
{
    uint64_t written = 0, all = 0;
    for (size_t g = 0; g < play->bench.ngiven; g++) {
        const struct given *given = &play->bench.given[g];
        unsigned named = times_named(play, given->path);
        written += named;
        if (named + given->forgotten != 1) {
            fail_msg("%s is named %u and forgotten %u times", given->path, named, given->forgotten);
        }
    }
    for (size_t i = 0; i < play->n; i++) {
        all += play->ranges[i].nout;
    }
    assert_int_equal(play->stats.partitions_written, written);
    assert_int_equal(play->stats.partitions_kept, all - written);
}

/* ---- playing ---- */

static void play_init(struct play *play, struct random_seeded *rng)
{
    memset(play, 0, sizeof *play);
    strcpy(play->folder, "/tmp");
    history_init(&play->history, rng);
    bench_init(&play->bench, 20 + dice(&play->history, 400));
    fill_spool(play);
    make_ranges(play);
    expect(play);
}

static void play_done(struct play *play)
{
    for (size_t i = 0; i < play->n; i++) {
        merge_range_done(&play->ranges[i]);
        bench_free_partitions(play->pieces[i].old, play->pieces[i].nold);
        buf_done(&play->pieces[i].lo_key);
    }
    spool_free(&play->spool);
    bench_done(&play->bench);
    history_free_case(&play->history);
}

static bool merge_all(struct play *play, struct lf_error *err)
{
    const struct history_case *h = &play->history;
    const struct merge_options options = {
        .target = &play->bench.target,
        .spool = play->spool,
        .slot = SLOT,
        .schema = h->versions[h->nversions - 1],
        .versions = (const struct schema *const *)h->versions,
        .nversions = h->nversions,
        .has_partial_moves = play->has_partial_moves,
        .covers = covers,
        .folder = play->folder,
        .memory_bytes = (size_t)1 << 20,
    };
    return merge_entity(&options, play->ranges, play->n, &play->stats, err);
}

static void check_play(struct play *play)
{
    for (size_t i = 0; i < play->n; i++) {
        check_range(play, i);
    }
    check_paths(play);
}

static uint64_t rounds(uint64_t fallback)
{
    const char *text = getenv("LAKEFEED_ROUNDS");
    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

static void merge_when_anything_happens_then_equals_the_oracle(void **state)
{
    (void)state;
    uint64_t seed = bench_seed(), reread = 0, moves = 0;
    for (uint64_t i = 0; i < rounds(1500); i++) {
        struct random_seeded rng;
        struct play play;
        struct lf_error err;
        random_seeded_init(&rng, seed + i);
        play_init(&play, &rng);
        if (!merge_all(&play, &err)) {
            fail_msg("seed %llu: %s", (unsigned long long)(seed + i), err.msg);
        }
        check_play(&play);
        for (size_t r = 0; r < play.n; r++) {
            reread += play.ranges[r].reread ? 1 : 0;
        }
        moves += play.has_partial_moves ? 1 : 0;
        play_done(&play);
    }
    print_message("%llu ranges to be read again, %llu merges with partial moves\n", (unsigned long long)reread,
                  (unsigned long long)moves);
    assert_true(reread > 0 && moves > 0);
}

/* One fault at each call in turn, until the merge is through. */
static uint64_t walk_faults(struct play *play, enum fault_kind kind)
{
    uint64_t fired = 0;
    for (uint64_t n = 1;; n++) {
        struct lf_error err = {0};
        bench_forget_given(&play->bench);
        for (size_t i = 0; i < play->n; i++) {
            merge_range_done(&play->ranges[i]);
            play->ranges[i].changed = play->ranges[i].reread = false;
        }
        fault_lake_plan(play->bench.lake, &(struct fault_plan){.kind = kind, .fail_at = n});
        if (merge_all(play, &err)) {
            assert_int_equal(fault_lake_fired(play->bench.lake), 0);
            check_play(play);
            return fired;
        }
        fired += fault_lake_fired(play->bench.lake);
        assert_int_equal(err.kind, kind == FAULT_CRASH ? LF_CANCELLED : LF_TRANSIENT);
        bench_assert_all_forgotten(&play->bench);
        for (size_t i = 0; i < play->n; i++) {
            assert_int_equal(play->ranges[i].nout, 0);
        }
    }
}

static void merge_when_the_lake_fails_at_any_call_then_everything_is_forgotten(void **state)
{
    (void)state;
    static const enum fault_kind kinds[] = {FAULT_ERROR, FAULT_LOST, FAULT_PARTIAL, FAULT_CRASH};
    uint64_t seed = bench_seed(), fired = 0;
    for (uint64_t i = 0; i < rounds(1500) / 20; i++) {
        struct random_seeded rng;
        struct play play;
        random_seeded_init(&rng, seed + i);
        play_init(&play, &rng);
        fired += walk_faults(&play, kinds[i % ARRAY_LEN(kinds)]);
        play_done(&play);
    }
    print_message("%llu faults\n", (unsigned long long)fired);
    assert_true(fired > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_when_anything_happens_then_equals_the_oracle),
        cmocka_unit_test(merge_when_the_lake_fails_at_any_call_then_everything_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
