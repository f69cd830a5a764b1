/* SPDX-License-Identifier: Apache-2.0
 *
 * Where load and stream meet, and streams that meet each other.
 */
#include "fixture.h"

#include "source/postgres/session.h"

static const struct lf_bound open_bound = {NULL};

struct following {
    struct lf_session *session;
    struct lf_changes *changes;
    struct buf token, cursor; /* of the transaction that came last */
};

static void follow(struct fixture *f, struct lf_session *session, struct lf_slice cursor, const struct seen *seen,
                   struct following *ret)
{
    struct lf_error err = {0};
    *ret = (struct following){.session = session};
    expect_good(f->ops->changes_open(session, cursor, &seen->state, 1, &ret->changes, &err), &err);
}

static void unfollow(struct fixture *f, struct following *following)
{
    f->ops->changes_close(following->changes);
    buf_done(&following->token);
    buf_done(&following->cursor);
}

/* Until a transaction with a row of the table has come. */
static void take_transaction(struct fixture *f, struct following *following)
{
    bool done = false;
    while (!done) {
        struct lf_batch batch;
        struct lf_error err = {0};
        expect_good(f->ops->changes_next(following->changes, 100, &batch, &err), &err);
        for (size_t i = 0; i < batch.nevents; i++) {
            const struct lf_event *event = &batch.events[i];
            bool begin = event->kind == LF_EVENT_BEGIN;
            struct buf *place = begin ? &following->token : &following->cursor;
            struct lf_slice bytes = begin ? event->token : event->cursor;
            if (begin || event->kind == LF_EVENT_COMMIT) {
                buf_reset(place);
                buf_append(place, bytes.ptr, bytes.len);
                done = !begin;
            }
        }
    }
}

static void register_shop(struct fixture *f, struct buf *ret_cursor)
{
    struct lf_slice cursor;
    struct lf_error err = {0};
    /* Names of slots are unique in the whole cluster. */
    const struct lf_consumer consumer = {.link = "shop", .lake_id = f->database, .location = "/lake"};
    expect_good(f->ops->register_consumer(f->session, &consumer, &cursor, &err), &err);
    buf_append(ret_cursor, cursor.ptr, cursor.len);
}

static void ask_chunk(struct fixture *f, const struct seen *seen, const struct following *following, bool *ret_includes,
                      bool *ret_covers)
{
    struct lf_load *load = NULL;
    struct lf_slice asof;
    struct lf_error err = {0};
    bool ordered = false;
    struct lf_session *session = fixture_open_as(f, "postgres", NULL, 0);
    expect_good(f->ops->load_open(session, &seen->state, open_bound, open_bound, &load, &ordered, &err), &err);
    expect_good(f->ops->load_asof(load, &asof, &err), &err);
    expect_good(f->ops->includes(asof, buf_slice(&following->cursor), ret_includes, &err), &err);
    expect_good(f->ops->covers(asof, buf_slice(&following->token), ret_covers, &err), &err);
    f->ops->load_close(load);
    f->ops->close(session);
}

static void set_standby(struct fixture *f, const char *sql, const char *expected)
{
    server_exec(f->app, sql);
    server_exec(f->app, "SELECT pg_reload_conf()");
    char *now = NULL;
    do {
        free(now);
        PGconn *fresh = server_connect(f->server, f->database);
        now = server_ask(fresh, "SHOW synchronous_standby_names");
        PQfinish(fresh);
    } while (strcmp(now, expected) != 0);
    free(now);
}

/* Rule 15: with synchronous replication a commit is in the log, and so in the stream, for any length of time before snapshots see
 * it. It is the newest transaction, so not even xmax of a snapshot knows of it. */
static void chunk_when_a_streamed_commit_is_not_visible_yet_then_not_accepted(void **state)
{
    struct fixture f;
    struct following following;
    CLEANUP(buf_done) struct buf start = {0};
    bool includes = true;
    bool covers = true;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    register_shop(&f, &start);
    follow(&f, f.session, buf_slice(&start), &seen, &following);
    set_standby(&f, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "nobody");
    PGconn *writer = server_connect(f.server, f.database);
    assert_int_equal(PQsendQuery(writer, "INSERT INTO t VALUES(1)"), 1);
    take_transaction(&f, &following);
    ask_chunk(&f, &seen, &following, &includes, &covers);
    assert_false(includes);
    assert_false(covers);
    set_standby(&f, "ALTER SYSTEM RESET synchronous_standby_names", "");
    PQclear(PQgetResult(writer));
    ask_chunk(&f, &seen, &following, &includes, &covers);
    assert_true(includes);
    assert_true(covers);
    PQfinish(writer);
    unfollow(&f, &following);
    fixture_remove(&f);
}

static void chunk_when_a_transaction_is_open_then_it_is_not_covered(void **state)
{
    struct fixture f;
    struct following following;
    CLEANUP(buf_done) struct buf start = {0};
    bool includes = true;
    bool covers = true;
    struct lf_load *load = NULL;
    struct lf_slice asof;
    struct lf_error err = {0};
    bool ordered = false;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    register_shop(&f, &start);
    follow(&f, f.session, buf_slice(&start), &seen, &following);
    PGconn *late = server_connect(f.server, f.database);
    server_exec(late, "BEGIN; INSERT INTO t VALUES(1)");
    server_exec(f.app, "INSERT INTO t VALUES(2)");
    take_transaction(&f, &following); /* of the app */
    ask_chunk(&f, &seen, &following, &includes, &covers);
    assert_true(covers);
    /* A chunk that was read while the other was open does not have it, although its commit comes before others that it has. */
    struct lf_session *session = fixture_open_as(&f, "postgres", NULL, 0);
    expect_good(f.ops->load_open(session, &seen.state, open_bound, open_bound, &load, &ordered, &err), &err);
    server_exec(late, "COMMIT");
    take_transaction(&f, &following);
    expect_good(f.ops->load_asof(load, &asof, &err), &err);
    expect_good(f.ops->covers(asof, buf_slice(&following.token), &covers, &err), &err);
    assert_false(covers);
    f.ops->load_close(load);
    f.ops->close(session);
    PQfinish(late);
    unfollow(&f, &following);
    fixture_remove(&f);
}

/* verify reads the stream while a daemon does; a slot has one reader. */
static void changes_when_no_consumer_registered_then_read_beside_the_one_who_did(void **state)
{
    struct fixture f;
    struct following owner;
    struct following guest;
    CLEANUP(buf_done) struct buf start = {0};
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    register_shop(&f, &start);
    follow(&f, f.session, buf_slice(&start), &seen, &owner);
    struct lf_session *session = fixture_open_as(&f, "postgres", NULL, 0);
    follow(&f, session, buf_slice(&start), &seen, &guest);
    server_exec(f.app, "INSERT INTO t VALUES(1)");
    take_transaction(&f, &guest);
    take_transaction(&f, &owner);
    assert_string_equal(buf_text(&guest.token), buf_text(&owner.token));
    unfollow(&f, &guest);
    f.ops->close(session);
    server_exec(f.app, "INSERT INTO t VALUES(2)");
    take_transaction(&f, &owner);
    unfollow(&f, &owner);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunk_when_a_streamed_commit_is_not_visible_yet_then_not_accepted),
        cmocka_unit_test(chunk_when_a_transaction_is_open_then_it_is_not_covered),
        cmocka_unit_test(changes_when_no_consumer_registered_then_read_beside_the_one_who_did),
    };
    return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
