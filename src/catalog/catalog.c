/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/macros.h"
#include "base/utf8.h"
#include "catalog/internal.h"

#include <stdlib.h>

#define FILE_SHIFT 40 /* an id that we give out: count of the file above, row below */

/* ---- writing ---- */

typedef bool (*catalog_work)(struct catalog *catalog, void *context, struct lf_error *err);

static bool transact(struct catalog *catalog, catalog_work work, void *context, struct lf_error *err)
{
    TRY(store_run(catalog->store, STORE_BEGIN, NULL, 0, NULL, NULL, err));
    TRY(work(catalog, context, err));
    TRY(house_forget(catalog, err));
    return store_run(catalog->store, STORE_COMMIT, NULL, 0, NULL, NULL, err);
}

/* In one transaction; a file that turns out to be damaged is begun anew, and the work is done there. */
static bool write_locked(struct catalog *catalog, catalog_work work, void *context)
{
    struct lf_error err = {0};
    for (int tries = 0; tries < 2 && file_ensure(catalog); tries++) {
        if (transact(catalog, work, context, &err)) {
            return true;
        }
        file_give_up(catalog, &err);
    }
    return false;
}

static bool write_work(struct catalog *catalog, catalog_work work, void *context)
{
    if (catalog == NULL || catalog->read_only) {
        return false;
    }
    (void)pthread_mutex_lock(&catalog->mutex);
    bool ok = write_locked(catalog, work, context);
    (void)pthread_mutex_unlock(&catalog->mutex);
    return ok;
}

/* Valid UTF-8 of at most max bytes; NULL stays NULL. */
static char *clean(const char *text, size_t max)
{
    char *copy = utf8_copy(text);
    if (copy != NULL && strlen(copy) > max) {
        size_t len = max;
        while (len > 0 && ((unsigned char)copy[len] & 0xC0) == 0x80) {
            len--;
        }
        copy[len] = '\0';
    }
    return copy;
}

static char *clean_name(const char *text)
{
    return clean(text != NULL ? text : "", CATALOG_NAME_MAX);
}

/* ---- life ---- */

static bool no_work(UNUSED struct catalog *catalog, UNUSED void *context, UNUSED struct lf_error *err)
{
    return true;
}

struct catalog *catalog_open(const struct catalog_options *options)
{
    struct catalog *catalog = mem_new(1, sizeof *catalog);
    catalog->path = text_copy(options->path);
    catalog->clock = options->clock;
    catalog->log = options->log;
    catalog->read_only = options->read_only;
    (void)pthread_mutex_init(&catalog->mutex, NULL);
    catalog->file = -1;
    (void)write_work(catalog, no_work, NULL); /* old rows go */
    return catalog;
}

void catalog_close(struct catalog **catalog)
{
    if (*catalog == NULL) {
        return;
    }
    store_close(&(*catalog)->store);
    (void)pthread_mutex_destroy(&(*catalog)->mutex);
    text_free(&(*catalog)->path);
    free(*catalog);
    *catalog = NULL;
}

/* ---- operations ---- */

struct begin {
    const char *link, *operation;
    unsigned attempt;
    int64_t id;
};

static bool begin(struct catalog *catalog, void *context, struct lf_error *err)
{
    struct begin *work = context;
    int64_t now_ms = clock_now_ms(&catalog->clock);
    TRY(store_run(catalog->store, STORE_INTERRUPT, STORE_VALUES(STORE_TEXT(work->link), STORE_TEXT(work->operation)),
                  NULL, NULL, err));
    TRY(store_run(
        catalog->store, STORE_ADD_OPERATION,
        STORE_VALUES(STORE_TEXT(work->link), STORE_TEXT(work->operation), STORE_NUM(work->attempt), STORE_NUM(now_ms)),
        NULL, NULL, err));
    work->id = (catalog->file << FILE_SHIFT) | store_last_id(catalog->store);
    return house_trim(catalog, STORE_TRIM_OPERATIONS, CATALOG_OPERATIONS_MAX, err);
}

int64_t catalog_begin(struct catalog *catalog, const char *link, const char *operation, unsigned attempt)
{
    CLEANUP(text_free) char *link_text = clean_name(link);
    CLEANUP(text_free) char *operation_text = clean_name(operation);
    struct begin work = {.link = link_text, .operation = operation_text, .attempt = attempt};
    return write_work(catalog, begin, &work) ? work.id : 0;
}

/* The row of an id in the file that is open; 0: none. */
static int64_t row_of(const struct catalog *catalog, int64_t id)
{
    return id > 0 && id >> FILE_SHIFT == catalog->file ? id & ((INT64_C(1) << FILE_SHIFT) - 1) : 0;
}

struct end {
    int64_t id;
    const char *outcome;
    uint64_t commit;
};

static bool end(struct catalog *catalog, void *context, struct lf_error *err)
{
    const struct end *work = context;
    return store_run(catalog->store, STORE_END_OPERATION,
                     STORE_VALUES(STORE_NUM(row_of(catalog, work->id)), STORE_NUM(clock_now_ms(&catalog->clock)),
                                  STORE_TEXT(work->outcome), STORE_NUM(work->commit)),
                     NULL, NULL, err);
}

void catalog_end(struct catalog *catalog, int64_t id, const char *outcome, uint64_t commit)
{
    CLEANUP(text_free) char *outcome_text = clean_name(outcome);
    struct end work = {.id = id, .outcome = outcome_text, .commit = commit};
    if (id > 0) {
        (void)write_work(catalog, end, &work);
    }
}

/* ---- failures ---- */

/* ?2 of both statements: the operation's row, or NULL, which is a text that is none. */
static struct store_value operation_of(const struct catalog *catalog, int64_t id)
{
    int64_t row = row_of(catalog, id);
    return (struct store_value){.is_text = row == 0, .number = row};
}

static bool add_failure(struct catalog *catalog, void *context, struct lf_error *err)
{
    const struct catalog_failure *failure = context;
    int64_t now_ms = clock_now_ms(&catalog->clock);
    const struct store_value values[] = {STORE_TEXT(failure->link),
                                         operation_of(catalog, failure->operation),
                                         STORE_NUM(failure->attempt),
                                         STORE_TEXT(failure->phase),
                                         STORE_TEXT(lf_error_kind_name(failure->kind)),
                                         STORE_NUM(failure->code),
                                         STORE_TEXT(failure->entity),
                                         STORE_TEXT(failure->key),
                                         STORE_TEXT(failure->message),
                                         STORE_NUM(failure->orphan_files),
                                         STORE_NUM(failure->orphan_bytes),
                                         STORE_NUM(now_ms),
                                         STORE_NUM(now_ms - CATALOG_MERGE_MS)};
    const int count = ARRAY_LEN(values);
    TRY(store_run(catalog->store, STORE_REPEAT_FAILURE, values, count, NULL, NULL, err));
    if (store_changes(catalog->store) > 0) {
        return true;
    }
    TRY(store_run(catalog->store, STORE_ADD_FAILURE, values, count - 1, NULL, NULL, err));
    return house_trim(catalog, STORE_TRIM_FAILURES, CATALOG_FAILURES_MAX, err);
}

void catalog_fail(struct catalog *catalog, const struct catalog_failure *failure)
{
    CLEANUP(text_free) char *link = clean_name(failure->link);
    CLEANUP(text_free) char *phase = clean_name(failure->phase);
    CLEANUP(text_free) char *entity = clean(failure->entity, CATALOG_NAME_MAX);
    CLEANUP(text_free) char *key = clean(failure->key, CATALOG_KEY_MAX);
    CLEANUP(text_free) char *message = clean(failure->message != NULL ? failure->message : "", CATALOG_MESSAGE_MAX);
    struct catalog_failure work = *failure;
    work.link = link;
    work.phase = phase;
    work.entity = entity;
    work.key = key;
    work.message = message;
    (void)write_work(catalog, add_failure, &work);
}
