/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/connector_contract.h"
#include "plugin/example_control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Columns id, label, note, as the contract suite wants them. */
static const struct lf_column columns[] = {
    {.name = "id", .source_type = "int8", .type = LF_TYPE_INT64, .max_length = -1},
    {.name = "label", .source_type = "text", .type = LF_TYPE_STRING, .max_length = -1},
    {.name = "note", .source_type = "text", .type = LF_TYPE_STRING, .max_length = -1}};
static const uint32_t id_key[] = {0};
static const struct lf_schema schema = {.columns = columns, .ncolumns = 3, .key = id_key, .nkey = 1};

static struct lf_cell integer(int64_t value)
{
    return (struct lf_cell){.state = LF_CELL_VALUE, .i = value};
}

static struct lf_cell text(const char *value)
{
    if (value == NULL) {
        return (struct lf_cell){.state = LF_CELL_NULL};
    }
    return (struct lf_cell){.state = LF_CELL_VALUE, .bytes = {.ptr = value, .len = strlen(value)}};
}

struct writer {
    struct example_db *db;
    struct example_txn *txn;
    bool late; /* transactions become visible later and in the reverse order */
    uint64_t commits;
};

static bool create_table(void *context, const char *table)
{
    struct writer *w = context;
    struct example_txn *txn = example_begin(w->db);
    bool ok = example_create_table(txn, table, &schema, NULL);
    (void)example_commit_visible(txn);
    return ok;
}

static bool create_refused(void *context, const char *table)
{
    struct writer *w = context;
    struct example_txn *txn = example_begin(w->db);
    struct lf_schema keyless = schema;
    keyless.nkey = 0;
    bool ok = example_create_table(txn, table, &keyless, NULL);
    (void)example_commit_visible(txn);
    return ok;
}

static bool begin(void *context)
{
    struct writer *w = context;
    w->txn = example_begin(w->db);
    return true;
}

static bool insert(void *context, const char *table, int64_t id, const char *label, const char *note)
{
    struct writer *w = context;
    struct lf_cell cells[] = {integer(id), text(label), text(note)};
    return example_insert(w->txn, table, cells, NULL);
}

static bool update(void *context, const char *table, int64_t id, const char *label, const char *note)
{
    struct writer *w = context;
    struct lf_cell cells[] = {integer(id), text(label), text(note)};
    return example_update(w->txn, table, &cells[0], cells, NULL);
}

static bool remove_row(void *context, const char *table, int64_t id)
{
    struct writer *w = context;
    struct lf_cell key = integer(id);
    return example_delete(w->txn, table, &key, NULL);
}

static bool move(void *context, const char *table, int64_t id, int64_t new_id)
{
    struct writer *w = context;
    struct lf_cell key = integer(id), cells[3];
    if (!example_read(w->txn, table, &key, cells, NULL)) {
        return false;
    }
    cells[0] = integer(new_id);
    return example_update(w->txn, table, &key, cells, NULL);
}

static void settle(void *context)
{
    struct writer *w = context;
    example_make_all_visible(w->db);
}

static bool commit(void *context)
{
    struct writer *w = context;
    uint64_t position = example_commit(w->txn);
    if (!w->late || ++w->commits % 7 == 0) {
        settle(w);
    } else if (w->commits % 3 == 0) {
        (void)example_make_visible(w->db, position); /* before its elders */
    }
    return true;
}

static void rollback(void *context)
{
    struct writer *w = context;
    example_rollback(w->txn);
}

static void run_contract(const char *url, bool late)
{
    struct example_db *db = example_db_new("contract", 7), *other = example_db_new("other", 7);
    struct writer w = {.db = db, .late = late};
    const struct contract_setup setup = {.connector = lakefeed_connector(),
                                         .url = url,
                                         .missing_url = "example:missing",
                                         .other_url = "example:other",
                                         .writer = {.context = &w,
                                                    .create_table = create_table,
                                                    .create_refused = create_refused,
                                                    .begin = begin,
                                                    .insert = insert,
                                                    .update = update,
                                                    .remove = remove_row,
                                                    .move = move,
                                                    .commit = commit,
                                                    .rollback = rollback,
                                                    .settle = settle}};
    connector_contract_run(&setup);
    example_db_free(&other);
    example_db_free(&db);
}

static void contract_when_batches_are_large_then_kept(void **state)
{
    (void)state;
    run_contract("example:contract?seed=3", false);
}

static void contract_when_batches_are_single_and_loads_unordered_then_kept(void **state)
{
    (void)state;
    run_contract("example:contract?seed=4&batch=1&ordered=false", false);
}

static void contract_when_visibility_is_late_and_out_of_order_then_kept(void **state)
{
    (void)state;
    run_contract("example:contract?seed=5&batch=5", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contract_when_batches_are_large_then_kept),
        cmocka_unit_test(contract_when_batches_are_single_and_loads_unordered_then_kept),
        cmocka_unit_test(contract_when_visibility_is_late_and_out_of_order_then_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
