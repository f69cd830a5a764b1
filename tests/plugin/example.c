/* SPDX-License-Identifier: Apache-2.0
 *
 * The example connector: sessions, catalog and consumers. docs/connector-abi.md walks through it.
 */
#include "example_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define BATCH_MAX 100000

static const struct lf_option example_options[] = {
    {.name = "seed", .type = LF_OPT_INT, .fallback = "1", .help = "seed of batch sizes, chunk bounds and content"},
    {.name = "batch", .type = LF_OPT_INT, .fallback = "100", .help = "most events or rows of a batch", 1, BATCH_MAX},
    {.name = "ordered", .type = LF_OPT_BOOL, .fallback = "true", .help = "rows of a load come in key order"},
    {.name = "create", .type = LF_OPT_BOOL, .fallback = "false", .help = "make the database if there is none"},
    {.name = "steps", .type = LF_OPT_INT, .fallback = "100", .help = "random steps to fill it with", 0, 1000000},
    {0}};

struct settings {
    char name[EXAMPLE_NAME_MAX + 1];
    uint64_t seed, batch, steps;
    bool ordered, create;
};

static bool parse_count(const char *text, uint64_t *ret)
{
    char *end;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0';
}

static bool parse_flag(const char *text, bool *ret)
{
    *ret = strcmp(text, "true") == 0;
    return *ret || strcmp(text, "false") == 0;
}

static bool apply_setting(struct settings *settings, const char *name, const char *text, struct lf_error *err)
{
    bool ok = false;
    if (strcmp(name, "seed") == 0) {
        ok = parse_count(text, &settings->seed);
    } else if (strcmp(name, "batch") == 0) {
        ok = parse_count(text, &settings->batch) && settings->batch >= 1 && settings->batch <= BATCH_MAX;
    } else if (strcmp(name, "steps") == 0) {
        ok = parse_count(text, &settings->steps);
    } else if (strcmp(name, "ordered") == 0) {
        ok = parse_flag(text, &settings->ordered);
    } else if (strcmp(name, "create") == 0) {
        ok = parse_flag(text, &settings->create);
    }
    return ok || lf_error_set(err, LF_CONFIG, 0, "example: option %s=%s is unknown or out of range", name, text);
}

static bool valid_name(const char *name)
{
    return *name != '\0' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(name);
}

/* example:<name>[?option=value[&option=value]…] */
static bool parse_url(const char *url, struct settings *settings, struct lf_error *err)
{
    char text[512];
    static const char scheme[] = "example:";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0 || strlen(url) >= sizeof text) {
        return lf_error_set(err, LF_CONFIG, 0, "example: the URL must read example:<name>[?option=value&…]");
    }
    (void)snprintf(text, sizeof text, "%s", url + sizeof scheme - 1);
    char *rest = strchr(text, '?');
    if (rest != NULL) {
        *rest++ = '\0';
    }
    if (!valid_name(text) || strlen(text) > EXAMPLE_NAME_MAX) {
        return lf_error_set(err, LF_CONFIG, 0, "example: a name has 1 to %d letters, digits, - or _", EXAMPLE_NAME_MAX);
    }
    memcpy(settings->name, text, strlen(text) + 1);
    for (char *option = rest != NULL ? strtok_r(rest, "&", &rest) : NULL; option != NULL;
         option = strtok_r(NULL, "&", &rest)) {
        char *equal = strchr(option, '=');
        if (equal == NULL) {
            return lf_error_set(err, LF_CONFIG, 0, "example: option %s of the URL has no value", option);
        }
        *equal = '\0';
        TRY(apply_setting(settings, option, equal + 1, err));
    }
    return true;
}

static struct example_db *find_or_create(const struct settings *settings)
{
    struct example_rng rng = {.state = settings->seed};
    bool made = false;
    if (!settings->create) {
        return example_db_find(settings->name);
    }
    struct example_db *db = example_db_create(settings->name, settings->seed, &made);
    if (made) {
        example_random_tables(db, &rng);
        for (uint64_t i = 0; i < settings->steps; i++) {
            example_random_step(db, &rng, 0);
        }
        example_random_settle(db);
    }
    return db;
}

static bool session_open(const struct lf_host *host, const char *url, const struct lf_option_value *options,
                         size_t noptions, struct lf_session **ret_session, struct lf_error *err)
{
    struct settings settings = {.seed = 1, .batch = 100, .steps = 100, .ordered = true};
    TRY(parse_url(url, &settings, err));
    for (size_t i = 0; i < noptions; i++) {
        TRY(apply_setting(&settings, options[i].name, options[i].text, err));
    }
    struct example_db *db = find_or_create(&settings);
    if (db == NULL) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "example: this process has no database %s; create=true makes one",
                            settings.name);
    }
    struct lf_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        abort();
    }
    session->db = db;
    session->host = host;
    session->unordered = !settings.ordered;
    session->batch = settings.batch;
    session->rng.state = settings.seed;
    *ret_session = session;
    return true;
}

static void session_close(struct lf_session *session)
{
    if (session == NULL) {
        return;
    }
    example_db_release(session->db);
    example_arena_done(&session->scratch);
    free(session);
}

static void session_stop(struct lf_session *session)
{
    (void)pthread_mutex_lock(&session->db->mutex);
    session->stopped = true;
    (void)pthread_cond_broadcast(&session->db->moved);
    (void)pthread_mutex_unlock(&session->db->mutex);
}

static bool cancelled(const struct lf_session *session)
{
    return session->stopped || session->host->cancelled(session->host->context);
}

static bool injected(struct example_db *db)
{
    return db->fail_in > 0 && --db->fail_in == 0;
}

bool example_enter(struct lf_session *session, struct lf_error *err)
{
    (void)pthread_mutex_lock(&session->db->mutex);
    bool ok = true;
    if (cancelled(session)) {
        ok = lf_error_set(err, LF_CANCELLED, 0, "example: stopped on request");
    } else if (injected(session->db)) {
        ok = lf_error_set(err, session->db->fail_kind, 0, "example: this call was told to fail");
    }
    if (!ok) {
        example_leave(session);
    }
    return ok;
}

void example_leave(struct lf_session *session)
{
    (void)pthread_mutex_unlock(&session->db->mutex);
}

static bool session_identity(struct lf_session *session, const char **ret_identity, struct lf_error *err)
{
    TRY(example_enter(session, err));
    (void)snprintf(session->text, sizeof session->text, "example:%s", session->db->id);
    example_leave(session);
    *ret_identity = session->text;
    return true;
}

static const char *refusal(const struct example_table *table)
{
    return table->schema->nkey > 0 ? NULL : "the table has no key; give it a primary key";
}

static bool session_discover(struct lf_session *session, lf_table_visitor visit, void *context, struct lf_error *err)
{
    bool ok = true;
    TRY(example_enter(session, err));
    struct example_state *state = example_state_build(session->db, session->db->nlog, true);
    example_leave(session);
    for (size_t i = 0; ok && i < state->ntables; i++) {
        const struct example_table *found = &state->tables[i];
        char id[24];
        if (!found->exists) {
            continue;
        }
        (void)snprintf(id, sizeof id, "%zu", i + 1);
        struct lf_table table = {.name = found->name,
                                 .id = {.ptr = id, .len = strlen(id)},
                                 .schema = *found->schema,
                                 .tracked = true,
                                 .refusal = refusal(found),
                                 .estimated_rows = (int64_t)found->nrows};
        ok = visit(context, &table, err);
    }
    example_state_free(&state);
    return ok;
}

struct checking {
    const char *const *tables;
    size_t ntables;
    bool *seen;
    lf_finding_visitor visit;
    void *context;
};

static bool wanted(struct checking *checking, const char *name)
{
    bool found = checking->tables == NULL;
    for (size_t i = 0; checking->tables != NULL && i < checking->ntables; i++) {
        if (strcmp(checking->tables[i], name) == 0) {
            checking->seen[i] = found = true;
        }
    }
    return found;
}

static bool check_table(void *context, const struct lf_table *table, struct lf_error *err)
{
    struct checking *checking = context;
    char text[256];
    (void)err;
    if (wanted(checking, table->name)) {
        (void)snprintf(text, sizeof text, "table %s", table->name);
        checking->visit(checking->context, table->refusal != NULL ? "error" : "ok", text, table->refusal);
    }
    return true;
}

static bool session_check(struct lf_session *session, const char *const *tables, size_t ntables,
                          lf_finding_visitor visit, void *context, struct lf_error *err)
{
    struct example_arena arena = {0};
    struct checking checking = {.tables = tables, .ntables = ntables, .visit = visit, .context = context};
    checking.seen = example_alloc(&arena, ntables * sizeof *checking.seen);
    bool ok = session_discover(session, check_table, &checking, err);
    for (size_t i = 0; ok && tables != NULL && i < ntables; i++) {
        if (!checking.seen[i]) {
            visit(context, "error", tables[i], "there is no such table; correct the name");
        }
    }
    example_arena_done(&arena);
    return ok;
}

static struct lf_slice session_cursor(struct lf_session *session, uint64_t position)
{
    size_t len = example_cursor_write(session->db, position, session->text);
    return (struct lf_slice){.ptr = session->text, .len = len};
}

static struct example_consumer **find_consumer(struct example_db *db, const char *link)
{
    struct example_consumer **at = &db->consumers;
    while (*at != NULL && strcmp((*at)->link, link) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static void remove_consumer(struct example_consumer **at)
{
    struct example_consumer *gone = *at;
    *at = gone->next;
    free(gone->link);
    free(gone->lake_id);
    free(gone->location);
    free(gone);
}

/* A lake that is gone and was begun again at its place leaves no consumer behind. */
static void remove_predecessors(struct example_db *db, const struct lf_consumer *consumer)
{
    for (struct example_consumer **at = &db->consumers; *at != NULL;) {
        if (strcmp((*at)->location, consumer->location) == 0 && strcmp((*at)->lake_id, consumer->lake_id) != 0) {
            remove_consumer(at);
        } else {
            at = &(*at)->next;
        }
    }
}

static void add_consumer(struct example_db *db, const struct lf_consumer *from, uint64_t start)
{
    struct example_consumer *consumer = calloc(1, sizeof *consumer);
    if (consumer == NULL) {
        abort();
    }
    consumer->link = strdup(from->link);
    consumer->lake_id = strdup(from->lake_id);
    consumer->location = strdup(from->location);
    consumer->acked = start;
    if (from->cursor.len > 0) {
        (void)example_cursor_position(from->cursor, &consumer->acked);
    }
    consumer->next = db->consumers;
    db->consumers = consumer;
}

/* CONFLICT when the name is another lake's, unless that is to be taken over. */
static bool may_act_for(const struct example_consumer *known, const struct lf_consumer *consumer, bool takeover,
                        struct lf_error *err)
{
    if (known == NULL || takeover || strcmp(known->lake_id, consumer->lake_id) == 0) {
        return true;
    }
    return lf_error_set(err, LF_CONFLICT, 0, "example: consumer %s belongs to lake %s at %s; --takeover replaces it",
                        consumer->link, known->lake_id, known->location);
}

/* A new consumer begins where its lake stands, or at the end of the log. */
static bool start_of(const struct example_db *db, const struct lf_consumer *consumer, uint64_t *ret_start,
                     struct lf_error *err)
{
    *ret_start = db->nlog;
    return consumer->cursor.len == 0 || example_check_cursor(db, consumer->cursor, ret_start, err);
}

static bool register_locked(struct example_db *db, const struct lf_consumer *consumer, struct lf_error *err)
{
    uint64_t start = 0;
    const struct example_consumer *known = *find_consumer(db, consumer->link);
    bool same_place = known != NULL && strcmp(known->location, consumer->location) == 0;
    TRY(may_act_for(known, consumer, consumer->takeover || same_place, err));
    if (known != NULL && strcmp(known->lake_id, consumer->lake_id) == 0) {
        return true;
    }
    TRY(start_of(db, consumer, &start, err));
    remove_predecessors(db, consumer);
    struct example_consumer **at = find_consumer(db, consumer->link);
    if (*at != NULL) {
        remove_consumer(at);
    }
    add_consumer(db, consumer, start);
    return true;
}

static bool register_consumer(struct lf_session *session, const struct lf_consumer *consumer,
                              struct lf_slice *ret_cursor, struct lf_error *err)
{
    TRY(example_enter(session, err));
    bool ok = register_locked(session->db, consumer, err);
    if (ok) {
        *ret_cursor = session_cursor(session, (*find_consumer(session->db, consumer->link))->acked);
    }
    example_leave(session);
    return ok;
}

static bool unregister_consumer(struct lf_session *session, const struct lf_consumer *consumer, struct lf_error *err)
{
    TRY(example_enter(session, err));
    struct example_consumer **at = find_consumer(session->db, consumer->link);
    bool ok = may_act_for(*at, consumer, consumer->takeover, err);
    if (ok && *at != NULL) {
        remove_consumer(at);
    }
    example_leave(session);
    return ok;
}

static bool session_position(struct lf_session *session, struct lf_slice *ret_cursor, struct lf_error *err)
{
    TRY(example_enter(session, err));
    *ret_cursor = session_cursor(session, session->db->nlog);
    example_leave(session);
    return true;
}

static bool session_nudge(struct lf_session *session, struct lf_error *err)
{
    TRY(example_enter(session, err));
    session->db->nudges++;
    (void)pthread_cond_broadcast(&session->db->moved);
    example_leave(session);
    return true;
}

static void prune(struct example_db *db)
{
    uint64_t least = db->nlog;
    for (const struct example_consumer *consumer = db->consumers; consumer != NULL; consumer = consumer->next) {
        least = consumer->acked < least ? consumer->acked : least;
    }
    if (!db->keep_all && least > db->pruned) {
        db->pruned = least;
    }
}

static bool ack_locked(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice cursor,
                       struct lf_error *err)
{
    struct example_db *db = session->db;
    struct example_place place;
    TRY(example_cursor_parse(cursor, &place, err));
    if (place.db.len != strlen(db->id) || memcmp(place.db.ptr, db->id, place.db.len) != 0 ||
        place.position > db->nlog) {
        return lf_error_set(err, LF_LOST, 0, "example: the log of %s never had the acknowledged cursor", db->id);
    }
    struct example_consumer *known = *find_consumer(db, consumer->link);
    if (known == NULL) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "example: consumer %s is not registered", consumer->link);
    }
    TRY(may_act_for(known, consumer, false, err));
    db->violations += place.position > db->ack_limit ? 1 : 0;
    known->acked = place.position > known->acked ? place.position : known->acked;
    prune(db);
    return true;
}

static bool session_ack(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice cursor,
                        struct lf_error *err)
{
    TRY(example_enter(session, err));
    bool ok = ack_locked(session, consumer, cursor, err);
    example_leave(session);
    return ok;
}

static bool lag_locked(struct lf_session *session, const struct lf_consumer *consumer, struct lf_lag *ret_lag,
                       struct lf_error *err)
{
    const struct example_db *db = session->db;
    const struct example_consumer *known = *find_consumer(session->db, consumer->link);
    if (known == NULL) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "example: consumer %s is not registered", consumer->link);
    }
    *ret_lag = (struct lf_lag){.beyond_bytes = (int64_t)(db->nlog - known->acked) * EXAMPLE_LOG_BYTES,
                               .retained_bytes = (int64_t)(db->nlog - db->pruned) * EXAMPLE_LOG_BYTES,
                               .left_bytes = -1,
                               .text = "the log in memory"};
    return true;
}

static bool session_lag(struct lf_session *session, const struct lf_consumer *consumer, struct lf_lag *ret_lag,
                        struct lf_error *err)
{
    TRY(example_enter(session, err));
    bool ok = lag_locked(session, consumer, ret_lag, err);
    example_leave(session);
    return ok;
}

static const struct lf_connector_ops example_ops = {
    .open = session_open,
    .close = session_close,
    .stop = session_stop,
    .identity = session_identity,
    .discover = session_discover,
    .check = session_check,
    .register_consumer = register_consumer,
    .unregister_consumer = unregister_consumer,
    .position = session_position,
    .nudge = session_nudge,
    .ack = session_ack,
    .load_plan = example_load_plan,
    .load_open = example_load_open,
    .load_asof = example_load_asof,
    .load_next = example_load_next,
    .load_close = example_load_close,
    .covers = example_covers,
    .includes = example_includes,
    .passed = example_passed,
    .compare = example_compare,
    .print = example_print,
    .changes_open = example_changes_open,
    .changes_next = example_changes_next,
    .verify_catalog = example_verify_catalog,
    .changes_close = example_changes_close,
    .lag = session_lag,
};

const struct lf_connector *lakefeed_connector(void)
{
    static const struct lf_connector connector = {
        .abi_version = LF_CONNECTOR_ABI,
        .struct_size = sizeof(struct lf_connector),
        .name = "example",
        .scheme = "example",
        .summary = "a small database in memory, for tests and as a pattern for connectors",
        .capabilities = LF_CAP_SPLITS | LF_CAP_PARALLEL | LF_CAP_ABSENT | LF_CAP_COLUMN_IDS,
        .options = example_options,
        .ops = &example_ops,
        .ops_size = sizeof(struct lf_connector_ops),
    };
    return &connector;
}
