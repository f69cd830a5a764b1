/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/connector_contract.h"

#include "fakes/contract_lake.h"

#include <ctype.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define ROUNDS 12
#define DROPPED_ROUNDS 3
#define WRITES 60

const struct lf_consumer contract_consumer = {.link = "contract", .lake_id = "1f0e", .location = "/lake/one"};
static const struct lf_consumer stranger = {.link = "contract", .lake_id = "2b7c", .location = "/lake/two"};

static bool never_cancelled(void *context)
{
    (void)context;
    return false;
}

static int64_t fixed_time(void *context)
{
    (void)context;
    return INT64_C(1714521600000000);
}

static bool random_bytes(void *context, void *ret_bytes, size_t len)
{
    contract_fill(context, ret_bytes, len);
    return true;
}

static void no_log(void *context, const char *level, const char *event, const char *text)
{
    (void)context;
    (void)level;
    (void)event;
    (void)text;
}

static uint64_t choose_seed(void)
{
    const char *given = getenv("LAKEFEED_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("contract: LAKEFEED_SEED=%" PRIu64 "\n", seed);
    return seed * 2 + 1; /* never 0 */
}

/* --- opening and identity --- */

static void check_opening(struct contract_run *run)
{
    struct lf_session *session = NULL;
    struct lf_error err = {0};
    if (run->setup->missing_url != NULL) {
        bool ok = run->ops->open(&run->host, run->setup->missing_url, run->setup->options, run->setup->noptions,
                                 &session, &err);
        contract_expect_error(ok, &err, LF_NOT_FOUND);
    }
    contract_expect_error(run->ops->open(&run->host, "no-such-scheme://", NULL, 0, &session, &err), &err, LF_CONFIG);
    run->ops->close(NULL);
    run->ops->load_close(NULL);
    run->ops->changes_close(NULL);
}

static void check_identity(struct contract_run *run)
{
    const char *identity;
    struct lf_error err = {0};
    char first[256];
    contract_expect(run->ops->identity(run->session, &identity, &err), "identity", &err);
    assert_in_range(strlen(identity), 1, 200);
    for (const char *c = identity; *c != '\0'; c++) {
        assert_true(isprint((unsigned char)*c));
    }
    (void)snprintf(first, sizeof first, "%s", identity);
    struct lf_session *second = contract_open(run, run->setup->url);
    contract_expect(run->ops->identity(second, &identity, &err), "identity", &err);
    assert_string_equal(identity, first);
    run->ops->close(second);
    if (run->setup->other_url != NULL) {
        struct lf_session *other = contract_open(run, run->setup->other_url);
        contract_expect(run->ops->identity(other, &identity, &err), "identity", &err);
        assert_string_not_equal(identity, first);
        run->ops->close(other);
    }
}

/* --- consumers --- */

static void check_same_cursor(struct contract_run *run, struct lf_slice a, struct lf_slice b)
{
    int order = 1;
    struct lf_error err = {0};
    contract_expect(run->ops->compare(a, b, &order, &err), "compare", &err);
    assert_int_equal(order, 0);
}

/* A consumer that has to be made begins where its lake stands, or says that it cannot. */
static void check_late_registration(struct contract_run *run)
{
    struct lf_consumer late = contract_consumer;
    struct contract_bytes stands = {0};
    struct lf_slice cursor;
    struct lf_error err = {0};
    contract_expect(run->ops->position(run->session, &cursor, &err), "position", &err);
    contract_keep(&stands, cursor);
    contract_write(run);
    late.cursor = contract_slice(&stands);
    bool ok = run->ops->register_consumer(run->session, &late, &cursor, &err);
    if (run->setup->begins_at_end) {
        contract_expect_error(ok, &err, LF_LOST);
    } else {
        contract_expect(ok, "register late", &err);
        check_same_cursor(run, cursor, contract_slice(&stands));
    }
    contract_expect(run->ops->unregister_consumer(run->session, &late, &err), "unregister", &err);
    contract_forget(&stands);
}

static void check_registration(struct contract_run *run)
{
    struct lf_slice cursor;
    struct lf_error err = {0};
    struct lf_consumer taking = stranger;
    taking.takeover = true;
    contract_expect(run->ops->register_consumer(run->session, &contract_consumer, &cursor, &err), "register", &err);
    contract_keep(&run->start, cursor);
    contract_expect(run->ops->register_consumer(run->session, &contract_consumer, &cursor, &err), "register again",
                    &err);
    check_same_cursor(run, cursor, contract_slice(&run->start));
    contract_expect_error(run->ops->register_consumer(run->session, &stranger, &cursor, &err), &err, LF_CONFLICT);
    contract_expect(run->ops->register_consumer(run->session, &taking, &cursor, &err), "takeover", &err);
    contract_expect_error(run->ops->register_consumer(run->session, &contract_consumer, &cursor, &err), &err,
                          LF_CONFLICT);
    contract_expect(run->ops->unregister_consumer(run->session, &taking, &err), "unregister", &err);
    contract_expect(run->ops->register_consumer(run->session, &contract_consumer, &cursor, &err), "register anew",
                    &err);
    contract_keep(&run->start, cursor);
}

/* --- load --- */

struct planning {
    struct contract_chunk *chunks;
    size_t n;
};

static bool visit_bound(void *context, struct lf_bound bound, struct lf_error *err)
{
    struct planning *plan = context;
    (void)err;
    assert_true(plan->n < CONTRACT_CHUNKS);
    assert_non_null(bound.cells);
    assert_int_equal(bound.cells[0].state, LF_CELL_VALUE);
    struct contract_chunk *below = &plan->chunks[plan->n - 1], *above = &plan->chunks[plan->n++];
    assert_true(!below->has_lo || bound.cells[0].i > below->lo); /* ascending */
    below->has_hi = above->has_lo = true;
    below->hi = above->lo = bound.cells[0].i;
    return true;
}

static void plan_chunks(struct contract_run *run, struct contract_lake *lake, size_t table, uint32_t want)
{
    struct planning plan = {.chunks = lake->chunks[table], .n = 1};
    struct lf_error err = {0};
    bool ok = run->ops->load_plan(run->session, &run->states[table], want, visit_bound, &plan, &err);
    contract_expect(ok, "load_plan", &err);
    lake->nchunks[table] = plan.n;
    bool splits = (run->setup->connector->capabilities & LF_CAP_SPLITS) != 0;
    assert_true(plan.n == 1 || (splits && want > 1));
}

static void check_load(struct contract_run *run)
{
    static const uint32_t wants[] = {1, 2, 3, 8, 64};
    for (size_t w = 0; w < sizeof wants / sizeof wants[0]; w++) {
        struct contract_lake lake = {0};
        for (size_t t = 0; t < CONTRACT_TABLES; t++) {
            plan_chunks(run, &lake, t, wants[w]);
            for (size_t i = lake.nchunks[t]; i > 0; i--) { /* any order, and each by a session of its own */
                struct lf_session *session = contract_open(run, run->setup->url);
                contract_load(run, session, t, &lake.chunks[t][i - 1], &lake.rows, 0);
                run->ops->close(session);
            }
        }
        assert_memory_equal(&lake.rows, contract_truth(run), sizeof lake.rows);
        contract_lake_done(&lake);
    }
}

static void check_stale_schema(struct contract_run *run)
{
    struct lf_load *load = NULL;
    struct lf_error err = {0};
    bool ordered;
    struct lf_table_state state = run->states[0];
    struct lf_column columns[CONTRACT_COLUMNS];
    memcpy(columns, state.schema.columns, sizeof columns);
    columns[CONTRACT_COLUMNS - 1].name = "before_it_was_renamed";
    state.schema.columns = columns;
    struct lf_bound open_end = {.cells = NULL};
    contract_expect_error(run->ops->load_open(run->session, &state, open_end, open_end, &load, &ordered, &err), &err,
                          LF_SCHEMA);
}

static void check_passed(struct contract_run *run, const struct contract_lake *lake)
{
    struct lf_error err = {0};
    for (size_t t = 0; t < CONTRACT_TABLES; t++) {
        for (size_t i = 0; i < lake->nchunks[t]; i++) {
            bool passed = false;
            bool ok = run->ops->passed(contract_slice(&lake->chunks[t][i].asof), contract_slice(&lake->cursor), &passed,
                                       &err);
            contract_expect(ok, "passed", &err);
            assert_true(passed);
        }
    }
}

/* Chunks of different snapshots and the stream from before all of them make one state. */
static void check_handoff(struct contract_run *run, int rounds)
{
    for (int round = 0; round < rounds; round++) {
        struct contract_lake lake = {0};
        contract_keep(&lake.cursor, contract_slice(&run->start));
        for (size_t t = 0; t < CONTRACT_TABLES; t++) {
            plan_chunks(run, &lake, t, 1 + (uint32_t)contract_random(run, 6));
            for (size_t i = 0; i < lake.nchunks[t]; i++) {
                contract_write(run);
                contract_load(run, run->session, t, &lake.chunks[t][i], &lake.rows, (unsigned)contract_random(run, 4));
                contract_write(run);
            }
        }
        contract_follow(run, &lake, NULL, NULL);
        assert_memory_equal(&lake.rows, contract_truth(run), sizeof lake.rows);
        check_passed(run, &lake);
        contract_lake_done(&lake);
    }
}

/* A state with dropped columns (first, middle, last, all over): rows of loads and of the stream carry the others alone. */
static void check_dropped(struct contract_run *run)
{
    static const unsigned gaps[] = {1U, 1U << 1, 1U << 2, 1U << (CONTRACT_GAPS - 1), (1U << CONTRACT_GAPS) - 1};
    for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
        contract_hand_dropped(run, gaps[i]);
        check_handoff(run, DROPPED_ROUNDS);
    }
    contract_hand_dropped(run, 0);
}

/* --- stream --- */

struct boundary {
    struct contract_bytes cursor;
    size_t at; /* in the history */
};

struct walking {
    struct boundary *boundaries;
    size_t n, at;
};

/* Every boundary shows a state that the source had, in its order. */
static void at_boundary(struct contract_run *run, struct contract_lake *lake, void *context)
{
    struct walking *walk = context;
    while (walk->at < run->nhistory && memcmp(&run->history[walk->at], &lake->rows, sizeof lake->rows) != 0) {
        walk->at++;
    }
    assert_true(walk->at < run->nhistory);
    walk->boundaries = reallocarray(walk->boundaries, walk->n + 1, sizeof *walk->boundaries);
    assert_non_null(walk->boundaries);
    walk->boundaries[walk->n] = (struct boundary){.at = walk->at};
    contract_keep(&walk->boundaries[walk->n++].cursor, contract_slice(&lake->cursor));
}

static void check_resume(struct contract_run *run, size_t start_at)
{
    struct walking walk = {.at = start_at};
    struct contract_lake whole = {.rows = run->history[start_at]};
    contract_keep(&whole.cursor, contract_slice(&run->start));
    contract_follow(run, &whole, at_boundary, &walk);
    assert_memory_equal(&whole.rows, contract_truth(run), sizeof whole.rows);
    assert_true(walk.n > 0);
    for (size_t i = 0; i < walk.n; i++) {
        if (walk.n > 40 && contract_random(run, walk.n) >= 40) {
            continue; /* some of many */
        }
        struct contract_lake rest = {.rows = run->history[walk.boundaries[i].at]};
        contract_keep(&rest.cursor, contract_slice(&walk.boundaries[i].cursor));
        contract_follow(run, &rest, NULL, NULL);
        assert_memory_equal(&rest.rows, contract_truth(run), sizeof rest.rows);
        contract_lake_done(&rest);
    }
    for (size_t i = 0; i < walk.n; i++) {
        contract_forget(&walk.boundaries[i].cursor);
    }
    free(walk.boundaries);
    contract_lake_done(&whole);
}

static void check_print(struct contract_run *run)
{
    char text[256], cut[8];
    struct lf_error err = {0};
    memset(cut, '#', sizeof cut);
    contract_expect(run->ops->print(contract_slice(&run->start), text, sizeof text, &err), "print", &err);
    assert_in_range(strlen(text), 1, sizeof text - 1);
    for (const char *c = text; *c != '\0'; c++) {
        assert_true(isprint((unsigned char)*c));
    }
    if (run->ops->print(contract_slice(&run->start), cut, 4, &err)) { /* cut, or refused */
        assert_in_range(strlen(cut), 0, 3);
    }
    assert_int_equal(cut[4], '#');
}

static void check_compare(struct contract_run *run)
{
    struct lf_slice position;
    struct contract_bytes end = {0};
    struct lf_error err = {0};
    int order = 0;
    check_same_cursor(run, contract_slice(&run->start), contract_slice(&run->start));
    contract_expect(run->ops->position(run->session, &position, &err), "position", &err);
    contract_keep(&end, position);
    contract_expect(run->ops->compare(contract_slice(&end), contract_slice(&run->start), &order, &err), "compare",
                    &err);
    assert_true(order > 0);
    contract_expect(run->ops->compare(contract_slice(&run->start), contract_slice(&end), &order, &err), "compare",
                    &err);
    assert_true(order < 0);
    contract_forget(&end);
}

/* --- acknowledgement --- */

static void acknowledge(struct contract_run *run, struct lf_slice cursor)
{
    struct lf_error err = {0};
    contract_expect(run->ops->ack(run->session, &contract_consumer, cursor, &err), "ack", &err);
}

static int64_t read_beyond(struct contract_run *run)
{
    struct lf_error err = {0};
    struct lf_lag lag = {-1, -1, -1, NULL};
    if (run->ops->lag == NULL) {
        return -1;
    }
    contract_expect(run->ops->lag(run->session, &contract_consumer, &lag, &err), "lag", &err);
    assert_true(lag.retained_bytes == -1 || lag.retained_bytes >= lag.beyond_bytes);
    assert_true(lag.beyond_bytes >= -1 && lag.left_bytes >= -1);
    return lag.beyond_bytes;
}

/* What is acknowledged is no longer beyond. */
static void check_lag(struct contract_run *run, struct lf_slice end)
{
    int64_t before = read_beyond(run);
    acknowledge(run, end);
    int64_t after = read_beyond(run);
    assert_true(before == -1 || (before > 0 && after < before));
}

static void check_ack(struct contract_run *run)
{
    struct contract_lake lake = {.rows = *contract_truth(run)};
    struct lf_slice cursor;
    struct lf_error err = {0};
    contract_expect(run->ops->position(run->session, &cursor, &err), "position", &err);
    contract_keep(&lake.cursor, cursor);
    check_lag(run, contract_slice(&lake.cursor));
    contract_write(run);
    acknowledge(run, contract_slice(&lake.cursor));
    acknowledge(run, contract_slice(&run->start)); /* an old one does not move it back */
    contract_expect(run->ops->register_consumer(run->session, &contract_consumer, &cursor, &err), "register", &err);
    check_same_cursor(run, cursor, contract_slice(&lake.cursor));
    contract_follow(run, &lake, NULL, NULL);
    assert_memory_equal(&lake.rows, contract_truth(run), sizeof lake.rows);
    contract_keep(&run->start, contract_slice(&lake.cursor));
    contract_lake_done(&lake);
}

/* --- stop --- */

struct waiting {
    const struct contract_run *run;
    struct lf_session *session;
    struct lf_changes *changes;
    struct lf_error err;
};

static void *wait_for_changes(void *context)
{
    struct waiting *waiting = context;
    struct lf_batch batch;
    while (waiting->run->ops->changes_next(waiting->changes, 60000, &batch, &waiting->err)) {
    }
    return NULL;
}

static void check_stop(struct contract_run *run)
{
    struct waiting waiting = {.run = run, .session = contract_open(run, run->setup->url)};
    struct lf_error err = {0};
    struct lf_slice position;
    pthread_t thread;
    bool ok = run->ops->changes_open(waiting.session, contract_slice(&run->start), run->states, CONTRACT_TABLES,
                                     &waiting.changes, &err);
    contract_expect(ok, "changes_open", &err);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_changes, &waiting), 0);
    run->ops->stop(waiting.session);
    assert_int_equal(pthread_join(thread, NULL), 0);
    contract_expect_error(false, &waiting.err, LF_CANCELLED);
    contract_expect_error(run->ops->position(waiting.session, &position, &err), &err, LF_CANCELLED);
    run->ops->changes_close(waiting.changes);
    run->ops->close(waiting.session);
}

static void check_foreign_cursor(struct contract_run *run)
{
    struct lf_changes *changes = NULL;
    struct lf_error err = {0};
    if (run->setup->other_url == NULL) {
        return;
    }
    struct lf_session *other = contract_open(run, run->setup->other_url);
    bool ok = run->ops->changes_open(other, contract_slice(&run->start), NULL, 0, &changes, &err);
    contract_expect_error(ok, &err, LF_LOST);
    run->ops->close(other);
}

static void check_end(struct contract_run *run)
{
    struct lf_error err = {0};
    if (run->ops->untrack != NULL) {
        contract_expect_error(run->ops->untrack(run->session, &err), &err, LF_CONFLICT);
    }
    contract_expect(run->ops->unregister_consumer(run->session, &contract_consumer, &err), "unregister", &err);
    if (run->ops->untrack != NULL) {
        contract_expect(run->ops->untrack(run->session, &err), "untrack", &err);
    }
}

void connector_contract_run(const struct contract_setup *setup)
{
    struct contract_run run = {.setup = setup, .ops = setup->connector->ops, .random = choose_seed()};
    run.host = (struct lf_host){.context = &run,
                                .cancelled = never_cancelled,
                                .now_us = fixed_time,
                                .random = random_bytes,
                                .log = no_log,
                                .state_dir = setup->state_dir};
    run.history = calloc(1, sizeof *run.history);
    assert_non_null(run.history);
    run.nhistory = 1;
    check_opening(&run);
    run.session = contract_open(&run, setup->url);
    contract_check_catalog(&run);
    check_identity(&run);
    for (int i = 0; i < WRITES; i++) {
        contract_write(&run);
    }
    check_late_registration(&run);
    check_registration(&run);
    size_t start_at = run.nhistory - 1;
    check_load(&run);
    check_stale_schema(&run);
    check_handoff(&run, ROUNDS);
    check_dropped(&run);
    check_resume(&run, start_at);
    check_print(&run);
    check_compare(&run);
    check_ack(&run);
    check_stop(&run);
    contract_check_malformed(&run);
    check_foreign_cursor(&run);
    check_end(&run);
    run.ops->close(run.session);
    contract_forget_catalog(&run);
    contract_forget(&run.start);
    free(run.history);
}
