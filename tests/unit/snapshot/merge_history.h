/* SPDX-License-Identifier: Apache-2.0
 *
 * A random history of one small table, kept in plain arrays: what every row was, and what the stream says of it. The
 * snapshots that ranges are read from obey what a database's locks guarantee: two transactions on one key become visible in
 * their order, and nothing passes a truncate or a change of shape.
 */
#ifndef MERGE_HISTORY_H
#define MERGE_HISTORY_H

#include "base/random.h"
#include "snapshot_bench.h"

#define KEYS 24
#define IDS_MAX 10 /* column ids 1 … IDS_MAX - 1 */
#define OPS_MAX 160
#define TXNS_MAX 60
#define VERSIONS_MAX 3

struct row {
    bool exists;
    int cells[IDS_MAX]; /* by column id; -1: NULL. A number stands for a text */
};

enum op_kind { OP_ROW, OP_TRUNCATE, OP_SHAPE };

struct op {
    enum op_kind kind;
    uint64_t seq;
    unsigned txn; /* from 1 */
    enum lf_op op;
    int key, from; /* from -1: not a move */
    bool absent[IDS_MAX];
    bool partial;
    size_t version; /* index: the shape under which the stream sends it */
    struct row after;
};

struct history_case {
    struct random_seeded *rng;
    struct schema *versions[VERSIONS_MAX];
    size_t nversions;
    uint32_t nkey;
    struct row first[KEYS], rows[KEYS]; /* at the beginning and at the end */
    struct op ops[OPS_MAX];
    size_t nops;
    unsigned ntxns;
    uint64_t seq;
    int next_value;
};

static inline uint64_t dice(struct history_case *h, uint64_t limit)
{
    return random_seeded_below(h->rng, limit);
}

/* ---- cells ---- */

static inline struct lf_cell cell_from(const struct lf_column *column, int value, char text[96])
{
    if (value < 0) {
        return (struct lf_cell){.state = LF_CELL_NULL};
    }
    if (column->type == LF_TYPE_INT64) {
        return (struct lf_cell){.state = LF_CELL_VALUE, .i = value};
    }
    static const char *const forms[] = {"v%d", "a\"b,%d", "line\n%d", "", "long%060d", "x\r\n%d\"\""};
    int n = value % 6 == 3 ? 0 : snprintf(text, 96, forms[value % 6], value);
    return (struct lf_cell){.state = LF_CELL_VALUE, .bytes = {.ptr = text, .len = (size_t)n}};
}

/* What column `id` of key number `key` holds: keys count through their columns. */
static inline int key_value(const struct history_case *h, uint32_t id, int key)
{
    return h->nkey == 1 ? key : id == 1 ? key / 5 : (key % 5 + 10) * 6; /* forms[0], two digits: in order */
}

static inline void append_key(const struct history_case *h, int key, struct buf *out)
{
    const struct lf_schema *schema = &h->versions[0]->lf;
    struct lf_cell cells[2];
    char text[2][96];
    struct lf_error err;
    for (uint32_t i = 0; i < schema->nkey; i++) {
        const struct lf_column *column = &schema->columns[schema->key[i]];
        cells[i] = cell_from(column, key_value(h, column->id, key), text[i]);
    }
    assert_true(key_append_from_cells(out, schema, cells, &err));
}

static inline void append_row(const struct schema *schema, const struct row *row, const bool *absent, struct buf *out)
{
    struct lf_cell cells[IDS_MAX];
    char text[IDS_MAX][96];
    struct lf_error err;
    for (uint32_t i = 0; i < schema->lf.ncolumns; i++) {
        const struct lf_column *column = &schema->lf.columns[i];
        cells[i] = cell_from(column, column->dropped ? -1 : row->cells[column->id], text[i]);
        if (absent != NULL && absent[column->id] && !column->dropped) {
            cells[i].state = LF_CELL_ABSENT;
        }
    }
    if (!csv_append_row(out, &schema->lf, cells, NULL, &err)) {
        fail_msg("row: %s", err.msg);
    }
}

/* ---- making it ---- */

static inline bool is_key(const struct history_case *h, uint32_t id)
{
    return id <= h->nkey;
}

static inline void fill_row(struct history_case *h, int key, struct row *row)
{
    row->exists = true;
    for (uint32_t id = 1; id < IDS_MAX; id++) {
        row->cells[id] = is_key(h, id) ? key_value(h, id, key) : dice(h, 5) == 0 ? -1 : h->next_value++;
    }
}

/* Cells of columns that the shape has not are NULL, so that a column added later begins as NULL. */
static inline void trim_row(const struct schema *schema, struct row *row)
{
    for (uint32_t id = 1; id < IDS_MAX; id++) {
        int at = schema_find(&schema->lf, id);
        if (at < 0 || schema->lf.columns[at].dropped) {
            row->cells[id] = -1;
        }
    }
}

static inline struct schema *random_shape(struct history_case *h, uint32_t ncolumns)
{
    struct lf_column columns[6];
    char names[6][8];
    uint32_t key[2] = {0};
    uint32_t ids[6];
    struct schema *schema = NULL;
    struct lf_error err;
    for (uint32_t i = 0; i < ncolumns; i++) {
        ids[i] = i + 1;
    }
    for (uint32_t i = ncolumns; i > 1; i--) {
        uint32_t j = (uint32_t)dice(h, i), swap = ids[j];
        ids[j] = ids[i - 1];
        ids[i - 1] = swap;
    }
    for (uint32_t i = 0; i < ncolumns; i++) {
        (void)snprintf(names[i], sizeof names[i], "c%u", ids[i]);
        columns[i] = (struct lf_column){.id = ids[i], .name = names[i], .source_type = "", .max_length = -1};
        columns[i].type = ids[i] == 1 || ids[i] == 4 ? LF_TYPE_INT64 : LF_TYPE_STRING;
        if (ids[i] <= h->nkey) {
            key[ids[i] - 1] = i;
        }
    }
    const struct lf_schema view = {.columns = columns, .ncolumns = ncolumns, .key = key, .nkey = h->nkey};
    assert_true(schema_new(&view, 1, &schema, &err));
    return schema;
}

static inline void add_column(const struct history_case *h, struct lf_schema *now, struct lf_column *columns,
                              uint32_t *key, const struct lf_column *column, const char *name)
{
    columns[now->ncolumns] = *column;
    columns[now->ncolumns].name = name;
    if (is_key(h, column->id)) {
        key[column->id - 1] = now->ncolumns;
    }
    now->ncolumns++;
}

/* The shape as the source has it next: one column added, dropped or renamed. */
static inline bool change_shape(struct history_case *h)
{
    const struct schema *old = h->versions[h->nversions - 1];
    struct lf_column columns[IDS_MAX + 1];
    uint32_t key[2] = {0};
    struct lf_schema now = {.columns = columns, .key = key, .nkey = h->nkey};
    uint64_t what = dice(h, 3);
    uint32_t victim = h->nkey + 1 + (uint32_t)dice(h, IDS_MAX - h->nkey - 1), newest = 0;
    char name[16];
    (void)snprintf(name, sizeof name, "n%d", h->next_value++);
    for (uint32_t i = 0; i < old->lf.ncolumns; i++) {
        const struct lf_column *column = &old->lf.columns[i];
        bool hit = column->id == victim;
        newest = column->id > newest ? column->id : newest;
        if (!column->dropped && !(hit && what == 1)) {
            add_column(h, &now, columns, key, column, hit && what == 2 ? name : column->name);
        }
    }
    if (what == 0 && newest + 1 < IDS_MAX) {
        columns[now.ncolumns++] = (struct lf_column){
            .id = newest + 1, .name = name, .source_type = "", .type = LF_TYPE_STRING, .max_length = -1};
    }
    enum schema_verdict verdict;
    struct schema *next = NULL;
    struct lf_error err;
    assert_true(schema_evolve(old, &now, &verdict, &next, &err));
    assert_int_not_equal(verdict, SCHEMA_RELOAD);
    if (verdict == SCHEMA_SAME) {
        schema_free(&next);
        return false;
    }
    h->versions[h->nversions++] = next;
    for (int k = 0; k < KEYS; k++) {
        trim_row(next, &h->rows[k]);
    }
    return true;
}

static inline struct op *new_op(struct history_case *h, enum op_kind kind)
{
    struct op *op = &h->ops[h->nops++];
    *op = (struct op){.kind = kind, .seq = ++h->seq, .txn = h->ntxns, .from = -1, .version = h->nversions - 1};
    return op;
}

/* Which cells of an update the stream leaves out: those keep their value. */
static inline void leave_out(struct history_case *h, struct op *op, const struct row *before)
{
    const struct lf_schema *schema = &h->versions[op->version]->lf;
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        uint32_t id = schema->columns[i].id;
        if (!is_key(h, id) && !schema->columns[i].dropped && dice(h, 2) == 0) {
            op->absent[id] = true;
            op->partial = true;
            op->after.cells[id] = before->cells[id];
        }
    }
}

static inline void random_change(struct history_case *h)
{
    int key = (int)dice(h, KEYS), to = (int)dice(h, KEYS);
    struct row *row = &h->rows[key];
    struct op *op = new_op(h, OP_ROW);
    uint64_t what = dice(h, 100);
    op->key = key;
    if (!row->exists && what < 10) {
        op->op = LF_OP_DELETE; /* of a row that is not there */
        return;
    }
    if (row->exists && what < 20) {
        op->op = LF_OP_DELETE;
        row->exists = false;
        return;
    }
    bool moves = row->exists && what < 60 && to != key && !h->rows[to].exists;
    op->op = row->exists ? LF_OP_UPDATE : what < 50 ? LF_OP_INSERT : LF_OP_UPSERT;
    op->key = moves ? to : key;
    op->from = moves ? key : -1;
    fill_row(h, op->key, &op->after);
    trim_row(h->versions[op->version], &op->after);
    if (row->exists && dice(h, 3) > 0) {
        leave_out(h, op, row);
    }
    row->exists = false;
    h->rows[op->key] = op->after;
}

static inline void random_txn(struct history_case *h)
{
    h->ntxns++;
    uint64_t what = dice(h, 40);
    if (what == 0) {
        (void)new_op(h, OP_TRUNCATE);
        for (int k = 0; k < KEYS; k++) {
            h->rows[k].exists = false;
        }
    } else if (what == 1 && h->nversions < VERSIONS_MAX) {
        (void)new_op(h, OP_SHAPE);
        h->nops -= change_shape(h) ? 0 : 1;
    } else {
        for (uint64_t n = 1 + dice(h, 4); n > 0 && h->nops < OPS_MAX; n--) {
            random_change(h);
        }
    }
}

static inline void history_init(struct history_case *h, struct random_seeded *rng)
{
    *h = (struct history_case){.rng = rng, .nkey = 1 + (uint32_t)random_seeded_below(rng, 2), .next_value = 1};
    uint32_t least = h->nkey;
    h->versions[h->nversions++] = random_shape(h, least + (uint32_t)dice(h, 7 - least));
    for (int k = 0; k < KEYS; k++) {
        if (dice(h, 3) > 0) {
            fill_row(h, k, &h->rows[k]);
            trim_row(h->versions[0], &h->rows[k]);
        }
        h->first[k] = h->rows[k];
    }
    for (uint64_t n = dice(h, TXNS_MAX); n > 0 && h->nops + 4 < OPS_MAX; n--) {
        random_txn(h);
    }
}

static inline void history_free_case(struct history_case *h)
{
    for (size_t i = 0; i < h->nversions; i++) {
        schema_free(&h->versions[i]);
    }
}

/* ---- snapshots ---- */

static inline bool touches(const struct op *op, int key)
{
    return op->key == key || op->from == key;
}

/* Whether the later operation could not have happened before the earlier one was visible. */
static inline bool waits_for(const struct op *later, const struct op *earlier)
{
    if (later->kind != OP_ROW || earlier->kind != OP_ROW) {
        return true;
    }
    return touches(earlier, later->key) || (later->from >= 0 && touches(earlier, later->from));
}

static inline bool may_be_seen(const struct history_case *h, unsigned txn, const bool *seen)
{
    for (size_t i = 0; i < h->nops; i++) {
        for (size_t j = 0; h->ops[i].txn == txn && j < i; j++) {
            if (h->ops[j].txn != txn && !seen[h->ops[j].txn] && waits_for(&h->ops[i], &h->ops[j])) {
                return false;
            }
        }
    }
    return true;
}

/* The rows under a set of visible transactions, and the newest shape among them. */
static inline size_t state_of(const struct history_case *h, const bool *seen, struct row *rows)
{
    size_t version = 0;
    memcpy(rows, h->first, sizeof h->first);
    for (size_t i = 0; i < h->nops; i++) {
        const struct op *op = &h->ops[i];
        if (!seen[op->txn]) {
            continue;
        }
        if (op->kind == OP_SHAPE) {
            version = op->version + 1;
            for (int k = 0; k < KEYS; k++) {
                trim_row(h->versions[version], &rows[k]);
            }
        }
        for (int k = 0; k < KEYS; k++) {
            bool gone = op->kind == OP_TRUNCATE || (op->kind == OP_ROW && (op->from == k || op->key == k));
            rows[k].exists = rows[k].exists && !gone;
            if (op->kind == OP_ROW && op->key == k && op->op != LF_OP_DELETE) {
                rows[k] = op->after;
            }
        }
    }
    return version;
}

#endif
