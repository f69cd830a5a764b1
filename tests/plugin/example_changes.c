/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream: the log in the order of commits, cut into batches of any size.
 */
#include "example_internal.h"

#include <stdlib.h>
#include <time.h>

#define WAIT_SLICE_MS 20
#define TIME_OF_FIRST_US (INT64_C(1704067200) * 1000000) /* 2024-01-01; position n commits n seconds later */

struct followed {
    uint32_t id;                  /* 0: no such table was ever */
    const struct lf_schema *told; /* what the host was told last, or handed in */
};

struct lf_changes {
    struct lf_session *session;
    struct example_arena arena;
    struct followed *tables;
    size_t ntables;
    uint64_t position; /* transactions handed over completely */
    uint64_t verified; /* the catalog was compared up to here */
    uint64_t said;     /* the position of the last cursor handed over */
    uint64_t nudges;
    bool greeted;               /* differences to what was handed in were told */
    bool inside;                /* BEGIN of the next transaction was handed over */
    size_t op;                  /* its next operation */
    struct example_arena texts; /* of the last batch */
    struct lf_event *events;
    size_t nevents, events_cap;
};

static void add_event(struct lf_changes *c, struct lf_event event)
{
    example_grow(&c->events, &c->events_cap, c->nevents + 1, sizeof *c->events);
    c->events[c->nevents++] = event;
}

static void start_batch(struct lf_changes *c)
{
    example_arena_done(&c->texts);
    c->nevents = 0;
}

static struct lf_slice cursor_at(struct lf_changes *c, uint64_t position)
{
    char text[EXAMPLE_CURSOR_SIZE];
    size_t len = example_cursor_write(c->session->db, position, text);
    c->said = position;
    return example_copy_slice(&c->texts, (struct lf_slice){.ptr = text, .len = len});
}

static struct lf_slice token_at(struct lf_changes *c, uint64_t position)
{
    char text[EXAMPLE_CURSOR_SIZE];
    size_t len = example_token_write(c->session->db, position, text);
    return example_copy_slice(&c->texts, (struct lf_slice){.ptr = text, .len = len});
}

static int find_followed(const struct lf_changes *c, uint32_t id)
{
    for (size_t i = 0; i < c->ntables; i++) {
        if (c->tables[i].id == id) {
            return (int)i;
        }
    }
    return -1;
}

/* Only columns gone or renamed: rows that the host has keep their meaning. */
static bool only_narrower(const struct lf_schema *handed, const struct lf_schema *now)
{
    if (handed->nkey != now->nkey) {
        return false;
    }
    for (uint32_t i = 0; i < now->nkey; i++) {
        if (handed->columns[handed->key[i]].id != now->columns[now->key[i]].id) {
            return false;
        }
    }
    for (uint32_t i = 0; i < now->ncolumns; i++) {
        int old = example_find_column_id(handed, now->columns[i].id);
        if (old < 0 || handed->columns[old].dropped || handed->columns[old].type != now->columns[i].type) {
            return false;
        }
    }
    return true;
}

static void tell_shape(struct lf_changes *c, uint32_t index, const struct lf_schema *now)
{
    struct followed *table = &c->tables[index];
    if (example_schema_matches(now, table->told)) {
        return;
    }
    bool narrower = only_narrower(table->told, now);
    add_event(c, (struct lf_event){.kind = narrower ? LF_EVENT_SCHEMA : LF_EVENT_RELOAD,
                                   .table = index,
                                   .schema = now,
                                   .reason = narrower ? NULL : "the table has another shape than was known"});
    table->told = now;
}

static void tell_differences(struct lf_changes *c)
{
    for (uint32_t i = 0; i < c->ntables; i++) {
        bool created = false;
        const struct lf_schema *now = example_table_history(c->session->db, c->tables[i].id, c->position, &created);
        if (now != NULL) {
            tell_shape(c, i, now);
        } else if (created || c->tables[i].id == 0) {
            add_event(c,
                      (struct lf_event){
                          .kind = LF_EVENT_FAULT, .table = i, .fault = LF_SCHEMA, .reason = "the table was dropped"});
        }
    }
}

static void tell_op(struct lf_changes *c, const struct example_op *op)
{
    int index = find_followed(c, op->table);
    if (index < 0) {
        return;
    }
    if (op->kind == EXAMPLE_CREATE) {
        tell_shape(c, (uint32_t)index, op->schema);
    }
    if (op->said != EXAMPLE_SAID_BY_STREAM) {
        return;
    }
    struct lf_event event = op->event;
    event.table = (uint32_t)index;
    if (op->kind == EXAMPLE_RESHAPE) {
        c->tables[index].told = op->schema;
    }
    add_event(c, event);
}

static bool concerns_us(const struct lf_changes *c, const struct example_txn *txn)
{
    for (size_t i = 0; i < txn->nops; i++) {
        if (find_followed(c, txn->ops[i]->table) >= 0) {
            return true;
        }
    }
    return false;
}

static void end_txn(struct lf_changes *c)
{
    c->position++;
    c->inside = false;
    c->op = 0;
}

/* One step of the next transaction: its begin, an operation or its end. */
static void step(struct lf_changes *c)
{
    const struct example_txn *txn = c->session->db->log[c->position];
    if (!c->inside) {
        if (!concerns_us(c, txn) && example_rng_below(&c->session->rng, 2) == 0) {
            end_txn(c); /* left out: a later cursor passes it */
            return;
        }
        c->inside = true;
        add_event(c, (struct lf_event){.kind = LF_EVENT_BEGIN, .token = token_at(c, txn->position)});
    } else if (c->op < txn->nops) {
        tell_op(c, txn->ops[c->op++]);
    } else {
        end_txn(c);
        add_event(c, (struct lf_event){.kind = LF_EVENT_COMMIT,
                                       .cursor = cursor_at(c, c->position),
                                       .commit_time_us = TIME_OF_FIRST_US + (int64_t)c->position * 1000000});
    }
}

static void idle_now_and_then(struct lf_changes *c)
{
    struct example_db *db = c->session->db;
    if (c->inside || c->position < db->nlog) {
        return;
    }
    if (c->said != c->position || c->nudges != db->nudges || example_rng_below(&c->session->rng, 4) == 0) {
        c->nudges = db->nudges;
        add_event(c, (struct lf_event){.kind = LF_EVENT_IDLE, .cursor = cursor_at(c, c->position)});
    }
}

static void fill_batch(struct lf_changes *c)
{
    if (!c->greeted) {
        c->greeted = true;
        tell_differences(c);
    }
    size_t limit = 1 + (size_t)example_rng_below(&c->session->rng, c->session->batch);
    while (c->nevents < limit && c->position < c->session->db->nlog) {
        step(c);
    }
    if (c->nevents < limit) {
        idle_now_and_then(c);
    }
}

/* Sleeps until the log grows or a slice of the time is over; gives the milliseconds that are left. */
static int wait_slice(struct lf_changes *c, int wait_ms)
{
    struct timespec until;
    int slice_ms = wait_ms < WAIT_SLICE_MS ? wait_ms : WAIT_SLICE_MS;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += slice_ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_cond_timedwait(&c->session->db->moved, &c->session->db->mutex, &until);
    return wait_ms - slice_ms;
}

bool example_changes_next(struct lf_changes *changes, int wait_ms, struct lf_batch *ret_batch, struct lf_error *err)
{
    start_batch(changes);
    TRY(example_enter(changes->session, err));
    fill_batch(changes);
    while (changes->nevents == 0 && wait_ms > 0) {
        wait_ms = wait_slice(changes, wait_ms);
        example_leave(changes->session);
        TRY(example_enter(changes->session, err));
        fill_batch(changes);
    }
    *ret_batch = (struct lf_batch){.events = changes->events, .nevents = changes->nevents};
    example_leave(changes->session);
    return true;
}

bool example_verify_catalog(struct lf_changes *changes, struct lf_batch *ret_batch, struct lf_error *err)
{
    start_batch(changes);
    TRY(example_enter(changes->session, err));
    for (; changes->verified < changes->position; changes->verified++) {
        const struct example_txn *txn = changes->session->db->log[changes->verified];
        for (size_t i = 0; i < txn->nops; i++) {
            struct lf_event event = txn->ops[i]->event;
            int index = find_followed(changes, txn->ops[i]->table);
            if (index >= 0 && txn->ops[i]->said == EXAMPLE_SAID_BY_CATALOG) {
                event.table = (uint32_t)index;
                add_event(changes, event);
            }
        }
    }
    *ret_batch = (struct lf_batch){.events = changes->events, .nevents = changes->nevents};
    example_leave(changes->session);
    return true;
}

bool example_check_cursor(const struct example_db *db, struct lf_slice cursor, uint64_t *ret_position,
                          struct lf_error *err)
{
    struct example_place place;
    TRY(example_cursor_parse(cursor, &place, err));
    *ret_position = place.position;
    if (place.db.len != strlen(db->id) || memcmp(place.db.ptr, db->id, place.db.len) != 0) {
        return lf_error_set(err, LF_LOST, 0, "example: the cursor belongs to another database than %s", db->id);
    }
    if (place.position > db->nlog) {
        return lf_error_set(err, LF_LOST, 0, "example: the cursor is past the end of the log of %s", db->id);
    }
    if (place.position < db->pruned) {
        return lf_error_set(err, LF_LOST, 0, "example: the log of %s was pruned past the cursor", db->id);
    }
    return true;
}

static uint32_t parse_table_id(const struct example_db *db, struct lf_slice id)
{
    uint32_t number = 0;
    for (size_t i = 0; i < id.len; i++) {
        unsigned digit = (unsigned)((const unsigned char *)id.ptr)[i] - '0';
        if (digit > 9 || i > 8) {
            return 0;
        }
        number = number * 10 + digit;
    }
    return number <= db->ntables ? number : 0;
}

bool example_table_id(const struct lf_session *session, const struct lf_table_state *table, uint32_t *ret_id,
                      struct lf_error *err)
{
    *ret_id = parse_table_id(session->db, table->id);
    if (*ret_id == 0) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "example: %s has no table %s", session->db->id, table->name);
    }
    if (example_table_locked(session->db, *ret_id)) {
        (void)lf_error_set(err, LF_TRANSIENT, 0, "example: table %s is being changed as a whole", table->name);
        err->retry_after_ms = 10;
        return false;
    }
    return true;
}

bool example_changes_open(struct lf_session *session, struct lf_slice cursor, const struct lf_table_state *tables,
                          size_t ntables, struct lf_changes **ret_changes, struct lf_error *err)
{
    uint64_t position;
    TRY(example_enter(session, err));
    if (!example_check_cursor(session->db, cursor, &position, err)) {
        example_leave(session);
        return false;
    }
    struct lf_changes *c = calloc(1, sizeof *c);
    if (c == NULL) {
        abort();
    }
    c->session = session;
    c->position = c->verified = c->said = position;
    c->nudges = session->db->nudges;
    c->ntables = ntables;
    c->tables = example_alloc(&c->arena, ntables * sizeof *c->tables);
    for (size_t i = 0; i < ntables; i++) {
        c->tables[i] = (struct followed){.id = parse_table_id(session->db, tables[i].id),
                                         .told = example_copy_schema(&c->arena, &tables[i].schema)};
    }
    example_leave(session);
    *ret_changes = c;
    return true;
}

void example_changes_close(struct lf_changes *changes)
{
    if (changes == NULL) {
        return;
    }
    example_arena_done(&changes->arena);
    example_arena_done(&changes->texts);
    free(changes->events);
    free(changes);
}
