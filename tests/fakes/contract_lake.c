/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/contract_lake.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define FIRST_ID (-57)
#define ID_STEP 3
#define TRIES 10000
#define FOLLOW_WAIT_MS 5

const char *const contract_tables[CONTRACT_TABLES] = {"contract_one", "contract_two"};

void contract_expect(bool ok, const char *what, const struct lf_error *err)
{
    if (!ok) {
        fail_msg("%s: %s: %s", what, lf_error_kind_name(err->kind), err->msg);
    }
}

void contract_expect_error(bool ok, const struct lf_error *err, enum lf_error_kind kind)
{
    assert_false(ok);
    assert_string_equal(lf_error_kind_name(err->kind), lf_error_kind_name(kind));
    assert_true(err->msg[0] != '\0');
}

uint64_t contract_random(struct contract_run *run, uint64_t limit)
{
    run->random ^= run->random << 13; /* xorshift64; the seed is never 0 */
    run->random ^= run->random >> 7;
    run->random ^= run->random << 17;
    return run->random % limit;
}

void contract_fill(struct contract_run *run, void *ret_bytes, size_t len)
{
    unsigned char *bytes = ret_bytes;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (unsigned char)contract_random(run, 256);
    }
}

void contract_forget(struct contract_bytes *bytes)
{
    free(bytes->ptr);
    *bytes = (struct contract_bytes){0};
}

void contract_keep(struct contract_bytes *bytes, struct lf_slice slice)
{
    assert_true(slice.len <= LF_TOKEN_MAX);
    unsigned char *copy = malloc(slice.len + 1);
    assert_non_null(copy);
    if (slice.len > 0) {
        memcpy(copy, slice.ptr, slice.len);
    }
    contract_forget(bytes);
    *bytes = (struct contract_bytes){.ptr = copy, .len = slice.len};
}

struct lf_slice contract_slice(const struct contract_bytes *bytes)
{
    return (struct lf_slice){.ptr = bytes->ptr, .len = bytes->len};
}

struct lf_session *contract_open(struct contract_run *run, const char *url)
{
    struct lf_session *session = NULL;
    struct lf_error err = {0};
    bool ok = run->ops->open(&run->host, url, run->setup->options, run->setup->noptions, &session, &err);
    contract_expect(ok, "open", &err);
    assert_non_null(session);
    return session;
}

int64_t contract_id(size_t slot)
{
    return FIRST_ID + ID_STEP * (int64_t)slot;
}

static size_t slot_of(int64_t id)
{
    assert_int_equal((id - FIRST_ID) % ID_STEP, 0);
    assert_in_range((uint64_t)(id - FIRST_ID) / ID_STEP, 0, CONTRACT_SLOTS - 1);
    return (size_t)((id - FIRST_ID) / ID_STEP);
}

const struct contract_rows *contract_truth(const struct contract_run *run)
{
    return &run->history[run->nhistory - 1];
}

static const char *note_of(uint32_t value, char *text, size_t size)
{
    (void)snprintf(text, size, "%s", value % 3 == 1 ? "" : "two\nlines, \"quoted\" \xE2\x82\xAC");
    return value % 3 == 0 ? NULL : text;
}

static void label_of(uint32_t value, char *text, size_t size)
{
    (void)snprintf(text, size, "label %" PRIu32, value);
}

static bool write_op(struct contract_run *run, struct contract_rows *rows)
{
    const struct contract_writer *writer = &run->setup->writer;
    size_t table = contract_random(run, CONTRACT_TABLES), slot = contract_random(run, CONTRACT_SLOTS);
    size_t other = contract_random(run, CONTRACT_SLOTS), dice = contract_random(run, 10);
    const char *name = contract_tables[table];
    uint32_t *value = rows->value[table], next = ++run->last_value;
    char label[32], text[64];
    label_of(next, label, sizeof label);
    const char *note = note_of(next, text, sizeof text);
    if (value[slot] == 0) {
        value[slot] = next;
        return writer->insert(writer->context, name, contract_id(slot), label, note);
    }
    if (dice < 3) {
        value[slot] = 0;
        return writer->remove(writer->context, name, contract_id(slot));
    }
    if (dice < 6 && value[other] == 0) {
        value[other] = value[slot];
        value[slot] = 0;
        return writer->move(writer->context, name, contract_id(slot), contract_id(other));
    }
    value[slot] = next;
    return writer->update(writer->context, name, contract_id(slot), label, note);
}

void contract_write(struct contract_run *run)
{
    const struct contract_writer *writer = &run->setup->writer;
    struct contract_rows rows = *contract_truth(run);
    bool ok = writer->begin(writer->context);
    for (size_t n = 1 + contract_random(run, 4); ok && n > 0; n--) {
        ok = write_op(run, &rows);
    }
    if (!ok || !writer->commit(writer->context)) {
        writer->rollback(writer->context);
        return;
    }
    run->history = reallocarray(run->history, run->nhistory + 1, sizeof *run->history);
    assert_non_null(run->history);
    run->history[run->nhistory++] = rows;
}

static void hand_dropped(struct contract_run *run, size_t table, unsigned gaps)
{
    static const struct lf_column gone = {
        .name = "gone", .source_type = "", .type = LF_TYPE_DECIMAL, .max_length = -1, .precision = 9, .dropped = true};
    const struct lf_schema *live = &run->schema[table];
    struct lf_column *columns = run->handed[table];
    uint32_t n = 0, next_id = 1;
    for (uint32_t i = 0; i < live->ncolumns; i++) {
        next_id = live->columns[i].id >= next_id ? live->columns[i].id + 1 : next_id;
    }
    for (uint32_t gap = 0; gap <= live->ncolumns; gap++) {
        if ((gaps & 1U << gap) != 0) {
            columns[n] = gone;
            columns[n++].id = next_id++;
        }
        if (gap == live->key[0]) {
            run->handed_key[table] = n;
        }
        if (gap < live->ncolumns) {
            columns[n++] = live->columns[gap];
        }
    }
    run->states[table].schema = (struct lf_schema){columns, n, &run->handed_key[table], 1};
}

void contract_hand_dropped(struct contract_run *run, unsigned gaps)
{
    for (size_t t = 0; t < CONTRACT_TABLES; t++) {
        hand_dropped(run, t, gaps);
    }
}

void contract_lake_done(struct contract_lake *lake)
{
    for (size_t t = 0; t < CONTRACT_TABLES; t++) {
        for (size_t i = 0; i < lake->nchunks[t]; i++) {
            contract_forget(&lake->chunks[t][i].asof);
        }
    }
    contract_forget(&lake->cursor);
    contract_forget(&lake->token);
}

static const struct lf_cell *cell_named(const struct contract_run *run, size_t table, const struct lf_cell *cells,
                                        const char *name)
{
    for (uint32_t i = 0; i < run->schema[table].ncolumns; i++) {
        if (strcmp(run->schema[table].columns[i].name, name) == 0) {
            return &cells[i];
        }
    }
    fail_msg("column %s is missing", name);
    return NULL;
}

static void expect_text(const struct lf_cell *cell, const char *text)
{
    assert_int_equal(cell->state, text != NULL ? LF_CELL_VALUE : LF_CELL_NULL);
    if (text != NULL) {
        assert_int_equal(cell->bytes.len, strlen(text));
        assert_memory_equal(cell->bytes.ptr, text, strlen(text));
    }
}

/* The number of a row, from its label; both texts must be whole. */
static uint32_t value_of(const struct contract_run *run, size_t table, const struct lf_cell *cells)
{
    const struct lf_cell *label = cell_named(run, table, cells, "label");
    char digits[32] = "", expected[32], note[64];
    assert_int_equal(label->state, LF_CELL_VALUE);
    assert_in_range(label->bytes.len, 7, 20);
    memcpy(digits, (const char *)label->bytes.ptr + 6, label->bytes.len - 6);
    uint32_t value = (uint32_t)strtoul(digits, NULL, 10);
    label_of(value, expected, sizeof expected);
    expect_text(label, expected);
    expect_text(cell_named(run, table, cells, "note"), note_of(value, note, sizeof note));
    assert_int_not_equal(value, 0);
    return value;
}

static size_t slot_of_row(const struct contract_run *run, size_t table, const struct lf_cell *cells)
{
    const struct lf_cell *id = cell_named(run, table, cells, "id");
    assert_int_equal(id->state, LF_CELL_VALUE);
    return slot_of(id->i);
}

static void settle(const struct contract_run *run)
{
    if (run->setup->writer.settle != NULL) {
        run->setup->writer.settle(run->setup->writer.context);
    }
}

static struct lf_load *open_chunk(struct contract_run *run, struct lf_session *session, size_t table,
                                  struct contract_chunk *chunk, bool *ret_ordered)
{
    struct lf_cell lo = {.state = LF_CELL_VALUE, .i = chunk->lo}, hi = {.state = LF_CELL_VALUE, .i = chunk->hi};
    struct lf_error err = {0};
    for (int i = 0; i < TRIES; i++) {
        struct lf_load *load = NULL;
        struct lf_slice asof;
        bool included = false;
        if (run->ops->load_open(session, &run->states[table], (struct lf_bound){.cells = chunk->has_lo ? &lo : NULL},
                                (struct lf_bound){.cells = chunk->has_hi ? &hi : NULL}, &load, ret_ordered, &err)) {
            contract_expect(run->ops->load_asof(load, &asof, &err), "load_asof", &err);
            contract_expect(run->ops->includes(asof, contract_slice(&run->start), &included, &err), "includes", &err);
            if (included) {
                return load;
            }
            run->ops->load_close(load);
        } else if (err.kind != LF_TRANSIENT) {
            contract_expect(false, "load_open", &err);
        }
        settle(run);
    }
    fail_msg("no snapshot came to include the cursor that it builds on");
    return NULL;
}

static void take_rows(struct contract_run *run, size_t table, const struct contract_chunk *chunk,
                      const struct lf_rows *batch, struct contract_rows *rows, int64_t *last_id, bool ordered)
{
    for (size_t i = 0; i < batch->nrows; i++) {
        const struct lf_cell *cells = &batch->cells[i * run->schema[table].ncolumns];
        size_t slot = slot_of_row(run, table, cells);
        int64_t id = contract_id(slot);
        assert_true((!chunk->has_lo || id >= chunk->lo) && (!chunk->has_hi || id < chunk->hi));
        assert_true(!ordered || id > *last_id);
        assert_int_equal(rows->value[table][slot], 0); /* no row twice */
        rows->value[table][slot] = value_of(run, table, cells);
        *last_id = id;
    }
}

void contract_load(struct contract_run *run, struct lf_session *session, size_t table, struct contract_chunk *chunk,
                   struct contract_rows *rows, unsigned writes)
{
    bool ordered = false;
    int64_t last_id = INT64_MIN;
    struct lf_error err = {0};
    struct lf_rows batch = {0};
    struct lf_slice asof;
    struct lf_load *load = open_chunk(run, session, table, chunk, &ordered);
    do {
        for (unsigned n = 0; n < writes; n++) {
            contract_write(run);
        }
        writes = 0;
        contract_expect(run->ops->load_next(load, &batch, &err), "load_next", &err);
        take_rows(run, table, chunk, &batch, rows, &last_id, ordered);
    } while (batch.nrows > 0);
    contract_expect(run->ops->load_asof(load, &asof, &err), "load_asof", &err);
    contract_keep(&chunk->asof, asof);
    run->ops->load_close(load);
}

/* Had the chunk of this key already seen the transaction? */
static bool covered(struct contract_run *run, const struct contract_lake *lake, size_t table, size_t slot)
{
    int64_t id = contract_id(slot);
    struct lf_error err = {0};
    for (size_t i = 0; i < lake->nchunks[table]; i++) {
        const struct contract_chunk *chunk = &lake->chunks[table][i];
        if ((!chunk->has_lo || id >= chunk->lo) && (!chunk->has_hi || id < chunk->hi)) {
            bool yes = false;
            bool ok = run->ops->covers(contract_slice(&chunk->asof), contract_slice(&lake->token), &yes, &err);
            contract_expect(ok, "covers", &err);
            return yes;
        }
    }
    assert_int_equal(lake->nchunks[table], 0);
    return false;
}

static void take_row(struct contract_run *run, struct contract_lake *lake, const struct lf_event *event)
{
    bool net = (run->setup->connector->capabilities & LF_CAP_NET) != 0;
    size_t table = event->table;
    assert_true(lake->inside && table < CONTRACT_TABLES);
    uint32_t *value = lake->rows.value[table];
    size_t slot = slot_of_row(run, table, event->cells);
    size_t from = event->old_key != NULL ? slot_of(event->old_key[0].i) : slot;
    if (event->op != LF_OP_INSERT && !covered(run, lake, table, from)) {
        assert_true(net || value[from] != 0); /* the row to be changed is there */
        value[from] = event->op == LF_OP_DELETE || from != slot ? 0 : value[from];
    }
    if (event->op != LF_OP_DELETE && !covered(run, lake, table, slot)) {
        assert_true(net || (event->op == LF_OP_UPDATE && from == slot) || value[slot] == 0);
        value[slot] = value_of(run, table, event->cells);
    }
}

static void take_cursor(struct contract_run *run, struct contract_lake *lake, struct lf_slice cursor, bool commit)
{
    int order = 0;
    struct lf_error err = {0};
    contract_expect(run->ops->compare(cursor, contract_slice(&lake->cursor), &order, &err), "compare", &err);
    assert_true(commit ? order > 0 : order >= 0);
    contract_keep(&lake->cursor, cursor);
    lake->moved = true;
}

void contract_apply(struct contract_run *run, struct contract_lake *lake, const struct lf_event *event)
{
    lake->moved = false;
    switch (event->kind) {
    case LF_EVENT_BEGIN:
        assert_false(lake->inside);
        lake->inside = true;
        contract_keep(&lake->token, event->token);
        break;
    case LF_EVENT_ROW:
        take_row(run, lake, event);
        break;
    case LF_EVENT_COMMIT:
        assert_true(lake->inside);
        lake->inside = false;
        take_cursor(run, lake, event->cursor, true);
        break;
    case LF_EVENT_IDLE:
        assert_false(lake->inside);
        take_cursor(run, lake, event->cursor, false);
        break;
    default:
        fail_msg("unexpected event %d: %s", (int)event->kind, event->reason != NULL ? event->reason : "");
    }
}

static bool reached(struct contract_run *run, const struct contract_lake *lake, const struct contract_bytes *end)
{
    int order = 0;
    struct lf_error err = {0};
    bool ok = run->ops->compare(contract_slice(&lake->cursor), contract_slice(end), &order, &err);
    contract_expect(ok, "compare", &err);
    return order >= 0 && !lake->inside;
}

void contract_follow(struct contract_run *run, struct contract_lake *lake,
                     void (*each)(struct contract_run *run, struct contract_lake *lake, void *context), void *context)
{
    struct lf_changes *changes = NULL;
    struct lf_batch batch;
    struct lf_slice position;
    struct lf_error err = {0};
    struct contract_bytes end = {0};
    contract_expect(run->ops->position(run->session, &position, &err), "position", &err);
    contract_keep(&end, position);
    bool ok = run->ops->changes_open(run->session, contract_slice(&lake->cursor), run->states, CONTRACT_TABLES,
                                     &changes, &err);
    contract_expect(ok, "changes_open", &err);
    for (int tries = 0; !reached(run, lake, &end); tries++) {
        assert_in_range(tries, 0, TRIES);
        contract_expect(run->ops->changes_next(changes, FOLLOW_WAIT_MS, &batch, &err), "changes_next", &err);
        for (size_t i = 0; i < batch.nevents; i++) {
            contract_apply(run, lake, &batch.events[i]);
            if (lake->moved && each != NULL) {
                each(run, lake, context);
            }
        }
    }
    run->ops->changes_close(changes);
    contract_forget(&end);
}
