/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/stream_tables.h"

#include "source/postgres/stream_stamp.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define SHAPES_KEPT 8
#define KEYLESS_MS 5000 /* how long a key may be away while it is made anew */
#define STAMP_BYTES ((size_t)32)
#define REWRITTEN "rows were written anew by a change of the table, without changes that the stream tells"
#define PUBLICATION_ALTERED "the publication was altered, so changes may have been left out"
#define KEY_REMADE "a unique index was made or dropped; while its key had none, rows could be equal in it"
#define LEAVES_CHANGED "a partition was attached, detached, dropped, truncated or rewritten"

void stream_tables_fault(struct stream_tables *tables, struct stream_table *table, enum lf_error_kind kind,
                         const char *reason)
{
    char text[600];
    table->dead = true;
    (void)snprintf(text, sizeof text, "table %.150s: %.400s", table->name, reason);
    stream_batch_add_fault(tables->batch, table->index, kind, text);
}

static void tell_reload(struct stream_tables *tables, struct stream_table *table, const struct lf_schema *schema,
                        const char *reason)
{
    char text[600];
    (void)snprintf(text, sizeof text, "table %.150s: %.400s", table->name, reason);
    stream_batch_add_reload(tables->batch, table->index, schema, text);
}

/* ---- partitions ---- */

struct leaf {
    uint64_t oid, relfilenode;
    uint64_t made;     /* xid that made and attached it; 0: two did */
    uint64_t attached; /* xid */
};

static bool next_leaf(const char **text, struct leaf *ret_leaf)
{
    char *end = NULL;
    if (**text == '\0') {
        return false;
    }
    ret_leaf->oid = strtoull(*text, &end, 10);
    ret_leaf->relfilenode = *end == ':' ? strtoull(end + 1, &end, 10) : 0;
    ret_leaf->made = *end == ':' ? strtoull(end + 1, &end, 10) : 0;
    ret_leaf->attached = *end == ':' ? strtoull(end + 1, &end, 10) : 0;
    *text = *end == ',' ? end + 1 : end + strlen(end);
    return true;
}

/* A new partition brings rows that the stream has not told, unless it is empty or had none but those inserted through it. */
static bool leaf_brings_rows(struct stream_tables *tables, const struct leaf *leaf, bool *ret, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    CLEANUP(pg_result_clear) PGresult *name = NULL;
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    char oid[24];
    const char *const values[] = {oid};
    (void)snprintf(oid, sizeof oid, "%" PRIu64, leaf->oid);
    TRY(pg_query_params(tables->connection, "the name of a partition",
                        "SELECT n.nspname, c.relname, pg_catalog.has_table_privilege(c.oid, 'SELECT')"
                        "  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND NOT c.relrowsecurity"
                        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                        " WHERE c.oid = $1::oid",
                        1, values, &name, err));
    *ret = true;
    if (PQntuples(name) == 0 || !pg_bool(name, 0, 2)) {
        return true; /* nobody can say, so it does */
    }
    buf_append_text(&sql, "SELECT EXISTS (SELECT FROM ONLY ");
    pg_append_table(&sql, pg_text(name, 0, 0), pg_text(name, 0, 1));
    if (leaf->made != 0) {
        buf_printf(&sql, " WHERE xmin = '%" PRIu64 "'::xid", leaf->made);
    }
    buf_append_char(&sql, ')');
    TRY(pg_query(tables->connection, "a look into a new partition", buf_text(&sql), &result, err));
    *ret = pg_bool(result, 0, 0);
    return true;
}

/* Both lists ascend by oid. */
static bool compare_leaves(struct stream_tables *tables, const char *before, const char *after, bool *ret_changed,
                           struct lf_error *err)
{
    struct leaf had = {0}, has = {0};
    bool more = next_leaf(&before, &had);
    *ret_changed = false;
    while (!*ret_changed && next_leaf(&after, &has)) {
        if (more && had.oid < has.oid) {
            *ret_changed = true; /* it is gone */
        } else if (more && had.oid == has.oid) {
            *ret_changed = had.relfilenode != has.relfilenode || had.attached != has.attached;
            more = next_leaf(&before, &had);
        } else {
            TRY(leaf_brings_rows(tables, &has, ret_changed, err));
        }
    }
    *ret_changed = *ret_changed || more;
    return true;
}

/* ---- the catalog ---- */

static bool same_trace(const struct stream_trace *a, const struct stream_trace *b)
{
    return a->oid == b->oid && a->relfilenode == b->relfilenode && a->columns == b->columns && a->rest == b->rest &&
           a->publication == b->publication && strcmp(a->leaves, b->leaves) == 0;
}

static void keep_trace(struct stream_tables *tables, struct stream_table *table, const struct stream_trace *trace)
{
    tables->stamps_old = true;
    char *leaves = text_copy(trace->leaves);
    free((void *)table->trace.leaves);
    table->trace = *trace;
    table->trace.leaves = leaves;
}

/* Why rows changed that nobody told of; NULL: they did not. TRUNCATE, VACUUM FULL and CLUSTER touch no row of pg_attribute. */
static bool find_rewrite(struct stream_tables *tables, const struct stream_table *table, const struct stream_trace *now,
                         const char **ret_reason, struct lf_error *err)
{
    const struct stream_trace *before = &table->trace;
    bool leaves = false;
    *ret_reason = NULL;
    if (before->oid == 0) {
        return true; /* the first look */
    }
    if (now->publication != before->publication) {
        *ret_reason = PUBLICATION_ALTERED;
        return true;
    }
    if (now->relfilenode != before->relfilenode && now->columns != before->columns) {
        *ret_reason = REWRITTEN;
        return true;
    }
    if (now->full_key != before->full_key && now->full_key != 0 && before->full_key != 0) {
        *ret_reason = KEY_REMADE;
        return true;
    }
    if (strcmp(before->leaves, now->leaves) != 0) {
        TRY(compare_leaves(tables, before->leaves, now->leaves, &leaves, err));
    }
    *ret_reason = leaves ? LEAVES_CHANGED : NULL;
    return true;
}

static const char *find_fault(const struct stream_table *table, const struct pg_table *now)
{
    if (now == NULL) {
        return "the table was dropped; the lake keeps its last snapshot";
    }
    if (now->membership == 0) {
        return "the table is no longer in the publication; lakefeed track takes it up again";
    }
    if (now->membership != table->membership) {
        return "the table left the publication and came back, and changes in between were not sent; it comes back as a "
               "new one";
    }
    if (now->refusal != NULL) {
        return now->refusal;
    }
    return now->followed ? NULL
                         : "the publication no longer sends all that happens to the table; run lakefeed track again";
}

/* Whoever makes a key anew drops it first, and a look may come in between. That is no reason to give the table up: as long as it has no
 * key the server refuses updates and deletes, and an insert comes behind a RELATION that shows it. With
 * the identities FULL and NOTHING it does not. */
static bool waits_for_key(struct stream_table *table, const struct pg_table *now)
{
    bool keyless = now != NULL && now->nkey == 0 && (now->identity == 'd' || now->identity == 'i') &&
                   now->membership == table->membership;
    int64_t now_ms = pg_monotonic_ms();
    if (!keyless) {
        table->keyless_ms = 0;
        return false;
    }
    table->keyless_ms = table->keyless_ms == 0 ? now_ms : table->keyless_ms;
    return now_ms - table->keyless_ms < KEYLESS_MS;
}

static void push_shape(struct stream_table *table, const struct pg_table *now)
{
    struct stream_shape *shape = shape_from_catalog(now);
    shape->older = table->shape;
    table->shape = shape;
}

/* Tells what has become of a table, and goes on with that. ret_reload: it was told to be read again. */
static bool tell_change(struct stream_tables *tables, struct stream_table *table, const struct pg_table *now,
                        const struct stream_trace *trace, bool *ret_reload, struct lf_error *err)
{
    const char *reason = NULL;
    const char *rewrite = NULL;
    const char *fault = find_fault(table, now);
    if (fault != NULL) {
        stream_tables_fault(tables, table, LF_SCHEMA, fault);
        return true;
    }
    TRY(find_rewrite(tables, table, trace, &rewrite, err));
    enum pg_change change = pg_schema_compare(&table->shape->layout.schema, now, &tables->batch->arena, &reason);
    push_shape(table, now);
    keep_trace(tables, table, trace);
    const struct lf_schema *schema = change == PG_SAME ? NULL : &table->shape->layout.schema;
    *ret_reload = change == PG_REWRITTEN || change == PG_REPLACED || rewrite != NULL;
    if (*ret_reload) {
        tell_reload(tables, table, schema, rewrite != NULL && change != PG_REPLACED ? rewrite : reason);
    } else if (schema != NULL) {
        stream_batch_add(tables->batch, LF_EVENT_SCHEMA, table->index)->schema = schema;
    }
    return true;
}

static bool look_at(struct stream_tables *tables, const uint32_t *oids, size_t noids, struct stream_look *ret_look,
                    struct lf_error *err)
{
    TRY(stream_look_begin(tables->connection, tables->session->settings.publication, oids, noids, ret_look, err));
    tables->xmax = ret_look->xmax > tables->xmax ? ret_look->xmax : tables->xmax;
    return true;
}

/* A closer look at one table. ret_changed: it is not as it was. */
static bool refresh(struct stream_tables *tables, struct stream_table *table, bool *ret_changed, bool *ret_reload,
                    struct lf_error *err)
{
    CLEANUP(stream_look_done) struct stream_look look = {0};
    CLEANUP(pg_tables_done) struct pg_tables now = {0};
    CLEANUP(pg_rollback) struct pg_connection *open = tables->connection;
    *ret_reload = false;
    TRY(look_at(tables, &table->oid, 1, &look, err));
    table->muted_until = look.at;
    *ret_changed = !same_trace(&look.traces[0], &table->trace);
    if (*ret_changed) {
        TRY(pg_catalog_read(open, &table->oid, 1, &now, err));
        TRY(tell_change(tables, table, pg_tables_find(&now, table->oid), &look.traces[0], ret_reload, err));
    }
    return stream_look_end(open, err);
}

/* ---- RELATION ---- */

/* By the newest shape that it fits. */
static bool place(struct stream_table *table, const struct pgoutput_message *relation)
{
    for (const struct stream_shape *shape = table->shape; shape != NULL; shape = shape->older) {
        if (shape_matches(shape, relation) && shape_place(shape, table->shape, relation, table->places)) {
            return true;
        }
    }
    return shape_place_by_order(table->shape, relation, table->places);
}

static void keep_relation(struct stream_table *table, const struct pgoutput_message *relation, struct lf_slice bytes)
{
    buf_reset(&table->relation);
    buf_append(&table->relation, bytes.ptr, bytes.len);
    table->nplaces = relation->ncolumns;
    table->places = mem_resize(table->places, (size_t)relation->ncolumns + 1, sizeof *table->places);
    table->key = mem_resize(table->key, (size_t)relation->ncolumns + 1, sizeof *table->key);
    for (uint32_t i = 0; i < relation->ncolumns; i++) {
        table->key[i] = relation->columns[i].key;
    }
}

static void mute(struct stream_tables *tables, struct stream_table *table, bool told)
{
    table->muted = true;
    if (!told) {
        tell_reload(tables, table, NULL, "rows come in a shape that the catalog no longer has");
    }
}

/* Afterwards rows can be laid out, or the table is muted, or dead. ret_changed: the catalog had news of it. */
static bool settle(struct stream_tables *tables, struct stream_table *table, const struct pgoutput_message *relation,
                   bool *ret_changed, struct lf_error *err)
{
    bool reload = false;
    bool was_muted = table->muted;
    *ret_changed = false;
    table->muted = false;
    if (shape_matches(table->shape, relation) && shape_place(table->shape, table->shape, relation, table->places)) {
        return true;
    }
    TRY(refresh(tables, table, ret_changed, &reload, err));
    if (!table->dead && !place(table, relation)) {
        mute(tables, table, reload || (was_muted && !*ret_changed));
    }
    return true;
}

bool stream_tables_describe(struct stream_tables *tables, struct stream_table *table,
                            const struct pgoutput_message *relation, struct lf_slice bytes, struct lf_error *err)
{
    bool changed = false;
    if (table->dead || (!table->muted && slice_equal(bytes, buf_slice(&table->relation)))) {
        return true;
    }
    keep_relation(table, relation, bytes);
    return settle(tables, table, relation, &changed, err);
}

static bool place_again(struct stream_tables *tables, struct stream_table *table, bool told, struct lf_error *err)
{
    if (table->dead || table->relation.len == 0) {
        return true;
    }
    TRY(pgoutput_decode(buf_slice(&table->relation), tables->scratch, err));
    table->muted = false;
    if (!place(table, tables->scratch)) {
        mute(tables, table, told);
    }
    return true;
}

bool stream_tables_try_unmute(struct stream_tables *tables, struct stream_table *table, pg_lsn commit,
                              struct lf_error *err)
{
    bool changed = false;
    if (commit <= table->muted_until) {
        return true;
    }
    TRY(pgoutput_decode(buf_slice(&table->relation), tables->scratch, err));
    TRY(settle(tables, table, tables->scratch, &changed, err));
    if (table->muted && !table->dead && !changed) {
        stream_tables_fault(tables, table, LF_SCHEMA,
                            "the stream sends rows that do not fit the table: its key is not part of the replica "
                            "identity, or the publication has a column list; see lakefeed check");
    }
    return true;
}

/* ---- all tables ---- */

static int compare_oids(const void *a, const void *b)
{
    const struct stream_table *left = a, *right = b;
    return (left->oid > right->oid) - (left->oid < right->oid);
}

struct stream_table *stream_tables_find(struct stream_tables *tables, uint32_t oid)
{
    if (tables->last < tables->count && tables->list[tables->last].oid == oid) {
        return &tables->list[tables->last];
    }
    struct stream_table wanted = {.oid = oid};
    struct stream_table *found =
        tables->count == 0 ? NULL : bsearch(&wanted, tables->list, tables->count, sizeof *tables->list, compare_oids);
    tables->last = found == NULL ? tables->last : (size_t)(found - tables->list);
    return found;
}

static uint32_t *live_oids(const struct stream_tables *tables, size_t *ret_count)
{
    uint32_t *oids = mem_new(tables->count + 1, sizeof *oids);
    *ret_count = 0;
    for (size_t i = 0; i < tables->count; i++) {
        if (!tables->list[i].dead) {
            oids[(*ret_count)++] = tables->list[i].oid;
        }
    }
    return oids;
}

static void oids_free(uint32_t **oids)
{
    free(*oids);
}

/* Rows that go on to come under the RELATION of before are laid out for the new schema. */
static bool verify_one(struct stream_tables *tables, const struct stream_trace *trace, pg_lsn at,
                       struct stream_table *table, const struct pg_table *now, struct lf_error *err)
{
    bool reload = false;
    table->muted_until = at;
    if (waits_for_key(table, now)) {
        return true;
    }
    TRY(tell_change(tables, table, now, trace, &reload, err));
    return place_again(tables, table, reload, err);
}

bool stream_tables_verify(struct stream_tables *tables, struct lf_error *err)
{
    CLEANUP(stream_look_done) struct stream_look look = {0};
    CLEANUP(pg_tables_done) struct pg_tables now = {0};
    CLEANUP(pg_rollback) struct pg_connection *open = tables->connection;
    size_t noids = 0;
    size_t nchanged = 0;
    CLEANUP(oids_free) uint32_t *oids = live_oids(tables, &noids);
    CLEANUP(oids_free) uint32_t *changed = mem_new(noids + 1, sizeof *changed);
    TRY(look_at(tables, oids, noids, &look, err));
    for (size_t i = 0; i < noids; i++) {
        if (!same_trace(&look.traces[i], &stream_tables_find(tables, oids[i])->trace)) {
            changed[nchanged++] = oids[i];
        }
    }
    if (nchanged > 0) {
        TRY(pg_catalog_read(open, changed, nchanged, &now, err));
    }
    for (size_t i = 0, k = 0; k < nchanged; i++) {
        if (oids[i] == changed[k]) {
            struct stream_table *table = stream_tables_find(tables, oids[i]);
            TRY(verify_one(tables, &look.traces[i], look.at, table, pg_tables_find(&now, oids[i]), err));
            k++;
        }
    }
    return stream_look_end(open, err);
}

/* ---- open and close ---- */

static void take_states(struct stream_tables *tables, const struct lf_table_state *states, size_t nstates)
{
    tables->list = mem_new(nstates + 1, sizeof *tables->list);
    for (size_t i = 0; i < nstates; i++) {
        struct stream_table *table = &tables->list[i];
        table->index = (uint32_t)i;
        table->name = text_copy(states[i].name);
        table->trace.leaves = text_copy("");
        buf_init(&table->relation, (size_t)1 << 20);
        if (!pg_table_id_parse(states[i].id, &table->oid, &table->membership)) {
            table->oid = 0;
        }
    }
    tables->count = nstates;
    qsort(tables->list, nstates, sizeof *tables->list, compare_oids);
}

/* The first look: what differs from the host's state, and from the stamp in its cursor, came while nobody was looking. */
static void take_first(struct stream_tables *tables, struct stream_table *table, const struct lf_schema *state,
                       const struct pg_table *now, const struct stream_trace *trace, struct lf_slice stamps)
{
    uint64_t stamp = 0;
    const char *reason = NULL;
    const char *fault = find_fault(table, now);
    if (fault != NULL) {
        stream_tables_fault(tables, table, LF_SCHEMA, fault);
        return;
    }
    enum pg_change change = pg_schema_compare(state, now, &tables->batch->arena, &reason);
    table->shape = change == PG_SAME ? NULL : shape_from_state(state, now);
    push_shape(table, now);
    keep_trace(tables, table, trace);
    bool rewritten = stream_stamp_find(stamps, table->oid, &stamp) && stream_stamp_tells_rewrite(stamp, trace);
    if (rewritten || change == PG_REWRITTEN || change == PG_REPLACED) {
        const char *rewrite = trace->partitioned ? LEAVES_CHANGED : REWRITTEN;
        tell_reload(tables, table, change == PG_SAME ? NULL : &table->shape->layout.schema,
                    rewritten && change != PG_REPLACED ? rewrite : reason);
    } else if (change == PG_EVOLVED) {
        stream_batch_add(tables->batch, LF_EVENT_SCHEMA, table->index)->schema = &table->shape->layout.schema;
    }
}

/* Of tables with consecutive places in the list, whose traces these are. */
static bool take_portion(struct stream_tables *tables, size_t from, size_t count, const struct stream_look *look,
                         const struct lf_table_state *states, struct lf_slice stamps, struct lf_error *err)
{
    CLEANUP(pg_tables_done) struct pg_tables now = {0};
    uint32_t oids[PG_PORTION] = {0};
    for (size_t i = 0; i < count; i++) {
        oids[i] = tables->list[from + i].oid;
    }
    TRY(pg_catalog_read(tables->connection, oids, count, &now, err));
    for (size_t i = from; i < from + count; i++) {
        struct stream_table *table = &tables->list[i];
        const struct pg_table *found = pg_tables_find(&now, table->oid);
        take_first(tables, table, &states[table->index].schema, found, &look->traces[i], stamps);
    }
    return true;
}

bool stream_tables_open(struct stream_tables *tables, const struct lf_table_state *states, size_t nstates,
                        struct lf_slice stamps, struct lf_error *err)
{
    CLEANUP(stream_look_done) struct stream_look look = {0};
    CLEANUP(pg_rollback) struct pg_connection *open = tables->connection;
    size_t noids = 0;
    take_states(tables, states, nstates);
    tables->scratch = mem_new(1, sizeof *tables->scratch);
    CLEANUP(oids_free) uint32_t *oids = live_oids(tables, &noids);
    TRY(look_at(tables, oids, noids, &look, err));
    assert(noids == tables->count); /* no fault was told yet */
    for (size_t i = 0; i < noids; i += PG_PORTION) {
        size_t count = noids - i < PG_PORTION ? noids - i : PG_PORTION;
        TRY(take_portion(tables, i, count, &look, states, stamps, err));
    }
    return stream_look_end(open, err);
}

void stream_tables_prune(struct stream_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        struct stream_shape *shape = tables->list[i].shape;
        for (size_t n = 1; shape != NULL && n < SHAPES_KEPT; n++) {
            shape = shape->older;
        }
        if (shape != NULL) {
            shape_free_chain(shape->older);
            shape->older = NULL;
        }
    }
}

struct lf_slice stream_tables_stamps(struct stream_tables *tables)
{
    if (tables->stamps_old) {
        tables->stamps_old = false;
        buf_reset(&tables->stamps);
        for (size_t i = 0; i < tables->count && tables->stamps.len + STAMP_BYTES <= PG_STAMPS_MAX; i++) {
            if (!tables->list[i].dead && tables->list[i].trace.oid != 0) {
                stream_stamp_append(&tables->stamps, &tables->list[i].trace);
            }
        }
    }
    return buf_slice(&tables->stamps);
}

void stream_tables_done(struct stream_tables *tables)
{
    buf_done(&tables->stamps);
    for (size_t i = 0; i < tables->count; i++) {
        struct stream_table *table = &tables->list[i];
        shape_free_chain(table->shape);
        free((void *)table->trace.leaves);
        free(table->name);
        free(table->places);
        free(table->key);
        buf_done(&table->relation);
    }
    free(tables->list);
    free(tables->scratch);
    *tables = (struct stream_tables){0};
}
