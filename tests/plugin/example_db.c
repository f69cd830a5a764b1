/* SPDX-License-Identifier: Apache-2.0
 *
 * The databases of the process, their log, visibility and consumers.
 */
#include "example_internal.h"

#include <inttypes.h>
#include <stdlib.h>

/* What a server would be: the one thing that sessions of a process share. */
static pthread_mutex_t databases_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct example_db *databases;

static struct example_db *find_locked(const char *name)
{
    struct example_db *db = databases;
    while (db != NULL && strcmp(db->name, name) != 0) {
        db = db->next;
    }
    if (db != NULL) {
        db->references++;
    }
    return db;
}

struct example_db *example_db_find(const char *name)
{
    (void)pthread_mutex_lock(&databases_mutex);
    struct example_db *db = find_locked(name);
    (void)pthread_mutex_unlock(&databases_mutex);
    return db;
}

static struct example_db *make_db(const char *name, uint64_t seed)
{
    struct example_db *db = calloc(1, sizeof *db);
    pthread_condattr_t attributes;
    if (db == NULL || strlen(name) > EXAMPLE_NAME_MAX) {
        abort();
    }
    (void)pthread_mutex_init(&db->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&db->moved, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)snprintf(db->name, sizeof db->name, "%s", name);
    (void)snprintf(db->id, sizeof db->id, "%s-%016" PRIx64, name, seed);
    db->seed = seed;
    db->ack_limit = UINT64_MAX;
    db->head = example_state_new();
    return db;
}

/* One reference for the caller and one for the name. */
struct example_db *example_db_create(const char *name, uint64_t seed, bool *ret_made)
{
    (void)pthread_mutex_lock(&databases_mutex);
    struct example_db *db = find_locked(name);
    *ret_made = db == NULL;
    if (db == NULL) {
        db = make_db(name, seed);
        db->references = 2;
        db->next = databases;
        databases = db;
    }
    (void)pthread_mutex_unlock(&databases_mutex);
    return db;
}

static void free_txn(struct example_txn *txn)
{
    example_state_free(&txn->view);
    free(txn->ops);
    free(txn);
}

static void free_db(struct example_db *db)
{
    for (size_t i = 0; i < db->nlog; i++) {
        free_txn(db->log[i]);
    }
    while (db->open != NULL) {
        struct example_txn *next = db->open->next;
        free_txn(db->open);
        db->open = next;
    }
    while (db->consumers != NULL) {
        struct example_consumer *next = db->consumers->next;
        free(db->consumers->link);
        free(db->consumers->lake_id);
        free(db->consumers->location);
        free(db->consumers);
        db->consumers = next;
    }
    example_state_free(&db->head);
    example_arena_done(&db->arena);
    free(db->log);
    free(db->tables);
    (void)pthread_cond_destroy(&db->moved);
    (void)pthread_mutex_destroy(&db->mutex);
    free(db);
}

void example_db_release(struct example_db *db)
{
    (void)pthread_mutex_lock(&databases_mutex);
    bool last = --db->references == 0;
    (void)pthread_mutex_unlock(&databases_mutex);
    if (last) {
        free_db(db);
    }
}

/* Databases that a URL made (create=true) live as long as the module. */
__attribute__((destructor)) static void free_databases(void)
{
    while (databases != NULL) {
        struct example_db *db = databases;
        db->references++; /* for the call */
        example_db_free(&db);
    }
}

struct example_db *example_db_new(const char *name, uint64_t seed)
{
    bool made;
    struct example_db *db = example_db_create(name, seed, &made);
    if (!made) {
        abort();
    }
    return db;
}

void example_db_free(struct example_db **db)
{
    if (*db == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&databases_mutex);
    struct example_db **at = &databases;
    while (*at != *db) {
        at = &(*at)->next;
    }
    *at = (*db)->next;
    (*db)->references--; /* of the name */
    (void)pthread_mutex_unlock(&databases_mutex);
    example_db_release(*db);
    *db = NULL;
}

struct example_txn *example_begin(struct example_db *db)
{
    struct example_txn *txn = calloc(1, sizeof *txn);
    if (txn == NULL) {
        abort();
    }
    (void)pthread_mutex_lock(&db->mutex);
    txn->db = db;
    txn->next = db->open;
    db->open = txn;
    (void)pthread_mutex_unlock(&db->mutex);
    return txn;
}

static void close_txn(struct example_txn *txn)
{
    struct example_txn **at = &txn->db->open;
    while (*at != txn) {
        at = &(*at)->next;
    }
    *at = txn->next;
    example_state_free(&txn->view);
}

void example_rollback(struct example_txn *txn)
{
    struct example_db *db = txn->db;
    (void)pthread_mutex_lock(&db->mutex);
    close_txn(txn);
    (void)pthread_mutex_unlock(&db->mutex);
    free_txn(txn);
}

uint64_t example_commit(struct example_txn *txn)
{
    struct example_db *db = txn->db;
    (void)pthread_mutex_lock(&db->mutex);
    close_txn(txn);
    example_grow(&db->log, &db->log_cap, db->nlog + 1, sizeof(struct example_txn *));
    db->log[db->nlog++] = txn;
    txn->position = db->nlog;
    for (size_t i = 0; i < txn->nops; i++) {
        example_state_apply(db->head, txn->ops[i]);
    }
    uint64_t position = txn->position;
    (void)pthread_cond_broadcast(&db->moved);
    (void)pthread_mutex_unlock(&db->mutex);
    return position;
}

uint64_t example_commit_visible(struct example_txn *txn)
{
    struct example_db *db = txn->db;
    uint64_t position = example_commit(txn);
    (void)example_make_visible(db, position);
    return position;
}

bool example_make_visible(struct example_db *db, uint64_t position)
{
    (void)pthread_mutex_lock(&db->mutex);
    bool hidden = position > 0 && position <= db->nlog && !db->log[position - 1]->visible;
    if (hidden) {
        db->log[position - 1]->visible = true;
    }
    (void)pthread_mutex_unlock(&db->mutex);
    return hidden;
}

void example_make_all_visible(struct example_db *db)
{
    (void)pthread_mutex_lock(&db->mutex);
    for (size_t i = 0; i < db->nlog; i++) {
        db->log[i]->visible = true;
    }
    (void)pthread_mutex_unlock(&db->mutex);
}

uint64_t example_next_invisible(struct example_db *db, uint64_t after)
{
    uint64_t found = 0;
    (void)pthread_mutex_lock(&db->mutex);
    for (uint64_t i = after; i < db->nlog && found == 0; i++) {
        found = db->log[i]->visible ? 0 : i + 1;
    }
    (void)pthread_mutex_unlock(&db->mutex);
    return found;
}

uint64_t example_end(struct example_db *db)
{
    (void)pthread_mutex_lock(&db->mutex);
    uint64_t end = db->nlog;
    (void)pthread_mutex_unlock(&db->mutex);
    return end;
}

static bool visit_rows(struct example_state *state, const char *name, example_row_visitor visit, void *context,
                       struct lf_error *err)
{
    struct example_table *table = example_state_table(state, example_state_find(state, name));
    if (table == NULL) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "example: table %s did not exist then", name);
    }
    for (size_t i = 0; i < table->nrows; i++) {
        if (!visit(context, table->schema, table->rows[i])) {
            return false;
        }
    }
    return true;
}

bool example_state_at(struct example_db *db, uint64_t position, const char *table, example_row_visitor visit,
                      void *context, struct lf_error *err)
{
    struct lf_error unused;
    (void)pthread_mutex_lock(&db->mutex);
    struct example_state *state = example_state_build(db, position < db->nlog ? position : db->nlog, false);
    bool ok = visit_rows(state, table, visit, context, err != NULL ? err : &unused);
    example_state_free(&state);
    (void)pthread_mutex_unlock(&db->mutex);
    return ok;
}

bool example_schema_at(struct example_db *db, uint64_t position, const char *table, struct lf_schema *ret_schema,
                       struct lf_error *err)
{
    struct lf_error unused;
    (void)pthread_mutex_lock(&db->mutex);
    struct example_state *state = example_state_build(db, position < db->nlog ? position : db->nlog, false);
    struct example_table *found = example_state_table(state, example_state_find(state, table));
    if (found != NULL) {
        *ret_schema = *found->schema;
    } else {
        (void)lf_error_set(err != NULL ? err : &unused, LF_NOT_FOUND, 0, "example: table %s did not exist then", table);
    }
    bool ok = found != NULL;
    example_state_free(&state);
    (void)pthread_mutex_unlock(&db->mutex);
    return ok;
}

/* The schema of the table after `position` transactions; NULL when it did not exist then. */
const struct lf_schema *example_table_history(const struct example_db *db, uint32_t table, uint64_t position,
                                              bool *ret_created)
{
    const struct lf_schema *schema = NULL;
    *ret_created = false;
    for (uint64_t i = 0; i < position; i++) {
        for (size_t k = 0; k < db->log[i]->nops; k++) {
            const struct example_op *op = db->log[i]->ops[k];
            if (op->table != table) {
                continue;
            }
            if (op->kind == EXAMPLE_CREATE || op->kind == EXAMPLE_RESHAPE) {
                schema = op->schema;
                *ret_created = true;
            } else if (op->kind == EXAMPLE_DROP) {
                schema = NULL;
            }
        }
    }
    return schema;
}

bool example_acked(struct example_db *db, const char *link, uint64_t *ret_position)
{
    (void)pthread_mutex_lock(&db->mutex);
    const struct example_consumer *consumer = db->consumers;
    while (consumer != NULL && strcmp(consumer->link, link) != 0) {
        consumer = consumer->next;
    }
    if (consumer != NULL) {
        *ret_position = consumer->acked;
    }
    (void)pthread_mutex_unlock(&db->mutex);
    return consumer != NULL;
}

void example_limit_ack(struct example_db *db, uint64_t position)
{
    (void)pthread_mutex_lock(&db->mutex);
    db->ack_limit = position;
    (void)pthread_mutex_unlock(&db->mutex);
}

uint64_t example_ack_violations(struct example_db *db)
{
    (void)pthread_mutex_lock(&db->mutex);
    uint64_t violations = db->violations;
    (void)pthread_mutex_unlock(&db->mutex);
    return violations;
}

void example_set_pruning(struct example_db *db, bool on)
{
    (void)pthread_mutex_lock(&db->mutex);
    db->keep_all = !on;
    (void)pthread_mutex_unlock(&db->mutex);
}

uint64_t example_pruned(struct example_db *db)
{
    (void)pthread_mutex_lock(&db->mutex);
    uint64_t pruned = db->pruned;
    (void)pthread_mutex_unlock(&db->mutex);
    return pruned;
}

void example_fail_call(struct example_db *db, uint64_t nth, enum lf_error_kind kind)
{
    (void)pthread_mutex_lock(&db->mutex);
    db->fail_in = nth;
    db->fail_kind = kind;
    (void)pthread_mutex_unlock(&db->mutex);
}
