/* SPDX-License-Identifier: Apache-2.0
 *
 * What discover and track say of the tables of the suite, and of one that cannot be replicated.
 */
#include "fakes/contract_lake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define REFUSED_TABLE "contract_refused"

struct discovery {
    struct contract_run *run;
    unsigned seen[CONTRACT_TABLES];
    unsigned refused;
};

static struct lf_schema copy_schema(const struct lf_schema *from)
{
    struct lf_column *columns = calloc(from->ncolumns, sizeof *columns);
    uint32_t *key = calloc(from->nkey + 1, sizeof *key);
    if (columns == NULL || key == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < from->ncolumns; i++) {
        columns[i] = from->columns[i];
        columns[i].name = strdup(from->columns[i].name);
        columns[i].source_type = strdup(from->columns[i].source_type);
    }
    memcpy(key, from->key, from->nkey * sizeof *key);
    return (struct lf_schema){.columns = columns, .ncolumns = from->ncolumns, .key = key, .nkey = from->nkey};
}

static void free_schema(struct lf_schema *schema)
{
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        free((void *)schema->columns[i].name);
        free((void *)schema->columns[i].source_type);
    }
    free((void *)schema->columns);
    free((void *)schema->key);
    *schema = (struct lf_schema){0};
}

static void check_shape(const struct lf_schema *schema)
{
    assert_int_equal(schema->ncolumns, CONTRACT_COLUMNS);
    assert_int_equal(schema->nkey, 1);
    assert_string_equal(schema->columns[schema->key[0]].name, "id");
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        const struct lf_column *column = &schema->columns[i];
        bool id = strcmp(column->name, "id") == 0;
        assert_int_equal(column->type, id ? LF_TYPE_INT64 : LF_TYPE_STRING);
        assert_non_null(column->source_type);
        assert_false(column->dropped);
        assert_int_not_equal(column->id, 0);
        for (uint32_t k = 0; k < i; k++) {
            assert_int_not_equal(column->id, schema->columns[k].id);
        }
    }
}

static void take_table(struct contract_run *run, size_t t, const struct lf_table *table)
{
    if (run->schema[t].ncolumns > 0) { /* known from before: it has not changed */
        for (uint32_t i = 0; i < table->schema.ncolumns; i++) {
            assert_int_equal(table->schema.columns[i].id, run->schema[t].columns[i].id);
            assert_string_equal(table->schema.columns[i].name, run->schema[t].columns[i].name);
        }
        assert_int_equal(table->id.len, run->id[t].len);
        assert_memory_equal(table->id.ptr, run->id[t].ptr, table->id.len);
        return;
    }
    check_shape(&table->schema);
    assert_true(table->tracked && table->id.len > 0);
    run->schema[t] = copy_schema(&table->schema);
    contract_keep(&run->id[t], table->id);
    run->states[t] = (struct lf_table_state){
        .name = contract_tables[t], .id = contract_slice(&run->id[t]), .schema = run->schema[t]};
}

static bool visit_table(void *context, const struct lf_table *table, struct lf_error *err)
{
    struct discovery *d = context;
    (void)err;
    for (size_t t = 0; t < CONTRACT_TABLES; t++) {
        if (strcmp(table->name, contract_tables[t]) == 0) {
            assert_null(table->refusal);
            d->seen[t]++;
            take_table(d->run, t, table);
        }
    }
    if (strcmp(table->name, REFUSED_TABLE) == 0) {
        assert_true(table->refusal != NULL && table->refusal[0] != '\0');
        d->refused++;
    }
    return true;
}

static bool refuse_to_go_on(void *context, const struct lf_table *table, struct lf_error *err)
{
    (void)context;
    (void)table;
    return lf_error_set(err, LF_LIMIT, 0, "enough");
}

void contract_check_catalog(struct contract_run *run)
{
    const struct contract_writer *writer = &run->setup->writer;
    struct lf_error err = {0};
    for (size_t t = 0; t < CONTRACT_TABLES; t++) {
        assert_true(writer->create_table(writer->context, contract_tables[t]));
    }
    bool refused = writer->create_refused != NULL;
    assert_true(!refused || writer->create_refused(writer->context, REFUSED_TABLE));
    if (run->ops->track != NULL) {
        bool ok = run->ops->track(run->session, contract_tables, CONTRACT_TABLES, &err);
        contract_expect(ok, "track", &err);
        ok = run->ops->track(run->session, contract_tables, CONTRACT_TABLES, &err);
        contract_expect(ok, "track again", &err);
    }
    for (int round = 0; round < 2; round++) {
        struct discovery d = {.run = run};
        contract_expect(run->ops->discover(run->session, visit_table, &d, &err), "discover", &err);
        assert_true(d.seen[0] == 1 && d.seen[1] == 1 && d.refused == (refused ? 1 : 0));
    }
    contract_expect_error(run->ops->discover(run->session, refuse_to_go_on, NULL, &err), &err, LF_LIMIT);
}

void contract_forget_catalog(struct contract_run *run)
{
    for (size_t t = 0; t < CONTRACT_TABLES; t++) {
        free_schema(&run->schema[t]);
        contract_forget(&run->id[t]);
    }
}
