/* SPDX-License-Identifier: Apache-2.0
 *
 * The triggers that log keys. AFTER triggers log every row that a statement names. REPLACE removes further rows without
 * firing any trigger; BEFORE triggers log those: all that collide with the new row in a unique index, partial ones and
 * ones on expressions included, in a key that compares otherwise than by bytes, or in a rowid that is not the key.
 *
 * The triggers mention only columns of the key and of unique indexes, which an application cannot drop anyway.
 */
#ifndef SOURCE_SQLITE_TRIGGER_H
#define SOURCE_SQLITE_TRIGGER_H

#include "source/sqlite/catalog.h"

#define TRIGGERS_MAX 5

struct trigger {
    char name[48];
    const char *head;        /* up to BEGIN */
    const char **statements; /* without their semicolons */
    size_t nstatements;
};

struct trigger_set {
    struct trigger triggers[TRIGGERS_MAX];
    size_t count;
};

enum trigger_state {
    TRIGGERS_CURRENT,
    TRIGGERS_EXCESSIVE, /* they log more than is needed, such as after DROP INDEX */
    TRIGGERS_LACKING    /* changes can be missed, such as after CREATE UNIQUE INDEX */
};

/* What the table needs if its number is `tab`; lives in the arena. */
bool trigger_plan(struct connection *connection, const struct table *table, int64_t tab, struct arena *arena,
                  struct trigger_set *ret_set, struct lf_error *err) LF_MUST_CHECK;
/* Compares what is installed under table->tab with what is needed. */
bool trigger_compare(struct connection *connection, const struct table *table, struct arena *arena,
                     enum trigger_state *ret_state, struct lf_error *err) LF_MUST_CHECK;
bool trigger_install(struct connection *connection, const struct trigger_set *set, struct lf_error *err) LF_MUST_CHECK;
/* Drops the triggers of one number, or of all with 0. */
bool trigger_drop(struct connection *connection, int64_t tab, struct lf_error *err) LF_MUST_CHECK;

#endif
