/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/internal.h"

struct listing {
    catalog_failure_visitor visit_failure;
    catalog_operation_visitor visit_operation;
    void *context;
};

static const char *text_at(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

/* Columns as LIST_FAILURES names them. */
static void visit_failure(void *context, sqlite3_stmt *row)
{
    const struct listing *listing = context;
    const struct catalog_entry entry = {.id = sqlite3_column_int64(row, 0),
                                        .at_ms = sqlite3_column_int64(row, 1),
                                        .last_ms = sqlite3_column_int64(row, 2),
                                        .times = (uint64_t)sqlite3_column_int64(row, 3),
                                        .operation = text_at(row, 4),
                                        .failure = {.link = text_at(row, 5),
                                                    .operation = sqlite3_column_int64(row, 6),
                                                    .attempt = (unsigned)sqlite3_column_int(row, 7),
                                                    .phase = text_at(row, 8),
                                                    .kind = lf_error_kind_find(text_at(row, 9)),
                                                    .code = sqlite3_column_int(row, 10),
                                                    .entity = text_at(row, 11),
                                                    .key = text_at(row, 12),
                                                    .message = text_at(row, 13),
                                                    .orphan_files = (uint64_t)sqlite3_column_int64(row, 14),
                                                    .orphan_bytes = (uint64_t)sqlite3_column_int64(row, 15)}};
    listing->visit_failure(listing->context, &entry);
}

/* Columns as LIST_OPERATIONS names them. */
static void visit_operation(void *context, sqlite3_stmt *row)
{
    const struct listing *listing = context;
    const struct catalog_operation operation = {.id = sqlite3_column_int64(row, 0),
                                                .link = text_at(row, 1),
                                                .operation = text_at(row, 2),
                                                .attempt = (unsigned)sqlite3_column_int(row, 3),
                                                .began_ms = sqlite3_column_int64(row, 4),
                                                .ended_ms = sqlite3_column_int64(row, 5),
                                                .outcome = text_at(row, 6),
                                                .commit = (uint64_t)sqlite3_column_int64(row, 7)};
    listing->visit_operation(listing->context, &operation);
}

struct query {
    enum store_statement which;
    const char *link;
    int64_t since_ms;
    size_t most;
};

static bool list_locked(struct catalog *catalog, const struct query *query, store_visitor visit,
                        struct listing *listing, struct lf_error *err)
{
    if (!file_ensure(catalog)) {
        *err = catalog->cause;
        return catalog->read_only && err->kind == LF_NOT_FOUND; /* nobody has written yet */
    }
    int64_t most = query->most < INT64_MAX ? (int64_t)query->most : INT64_MAX;
    if (store_run(catalog->store, query->which,
                  STORE_VALUES(STORE_TEXT(query->link), STORE_NUM(query->since_ms), STORE_NUM(most)), visit, listing,
                  err)) {
        return true;
    }
    file_give_up(catalog, err);
    return false;
}

static bool list(struct catalog *catalog, const struct query *query, store_visitor visit, struct listing *listing,
                 struct lf_error *err)
{
    if (catalog == NULL) {
        return true;
    }
    (void)pthread_mutex_lock(&catalog->mutex);
    bool ok = list_locked(catalog, query, visit, listing, err);
    (void)pthread_mutex_unlock(&catalog->mutex);
    return ok;
}

bool catalog_failures(struct catalog *catalog, const char *link, int64_t since_ms, size_t most,
                      catalog_failure_visitor visit, void *context, struct lf_error *err)
{
    const struct query query = {.which = STORE_LIST_FAILURES, .link = link, .since_ms = since_ms, .most = most};
    struct listing listing = {.visit_failure = visit, .context = context};
    return list(catalog, &query, visit_failure, &listing, err);
}

bool catalog_operations(struct catalog *catalog, const char *link, int64_t since_ms, size_t most,
                        catalog_operation_visitor visit, void *context, struct lf_error *err)
{
    const struct query query = {.which = STORE_LIST_OPERATIONS, .link = link, .since_ms = since_ms, .most = most};
    struct listing listing = {.visit_operation = visit, .context = context};
    return list(catalog, &query, visit_operation, &listing, err);
}
