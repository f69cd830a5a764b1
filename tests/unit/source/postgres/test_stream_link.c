/* SPDX-License-Identifier: Apache-2.0
 *
 * The connection of the stream: what keeps it, what ends it, and when it is refused.
 */
#include "stream_fixture.h"

#include <pthread.h>

#define TABLE_A "CREATE TABLE a (id int PRIMARY KEY, t text)"

static void pause_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

static void set_timeout(struct fixture *f, const char *timeout)
{
    server_sql(f->app, "ALTER DATABASE %s SET wal_sender_timeout = '%s'", PQdb(f->app), timeout);
}

static pg_lsn confirmed(struct fixture *f)
{
    char text[40];
    pg_lsn lsn = 0;
    server_get(f->app, text, sizeof text,
               "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'lakefeed_test'");
    assert_true(pg_lsn_parse(text, &lsn));
    return lsn;
}

static int walsender(struct fixture *f)
{
    char text[40];
    server_get(f->app, text, sizeof text,
               "SELECT coalesce(max(active_pid), 0) FROM pg_replication_slots WHERE slot_name = 'lakefeed_test'");
    return (int)strtol(text, NULL, 10);
}

static void wait_confirmed(struct fixture *f, pg_lsn lsn)
{
    for (int i = 0; i < 500 && confirmed(f) != lsn; i++) {
        pause_ms(20);
    }
    assert_true(confirmed(f) == lsn);
}

/* ---- kept ---- */

/* Pitfall 23. The pause is what is tested: nobody calls the stream, and more waits than the socket holds. */
static void host_when_busy_for_longer_than_the_timeout_then_connection_lives(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    set_timeout(f, "2s");
    follow(f, TABLE_A, "a", "a");
    int pid = walsender(f);
    server_sql(f->app, "INSERT INTO a SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i");
    pause_ms(10000);
    assert_int_equal(walsender(f), pid);
    pg_lsn until = lsn_now(f);
    size_t rows = 0;
    while (f->inside || cursor_now(f).lsn < until) {
        struct lf_batch batch;
        check(pg_op_changes_next(f->changes, 10000, &batch, &f->err), f, "next");
        for (size_t i = 0; i < batch.nevents; i++) {
            rows += batch.events[i].kind == LF_EVENT_ROW ? 1 : 0;
            if (batch.events[i].kind != LF_EVENT_ROW) {
                take_event(f, &batch.events[i]);
            }
        }
        if (rows == 20000) {
            server_sql(f->app, "SELECT pg_logical_emit_message(true, '', '')");
        }
    }
    assert_int_equal(rows, 20000);
    assert_int_equal(walsender(f), pid);
}

static void host_when_it_waits_then_keepalives_are_answered(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    set_timeout(f, "1s");
    follow(f, TABLE_A, "a", "a");
    int pid = walsender(f);
    assert_true(next(f, 4000));
    assert_true(next(f, 4000));
    assert_int_equal(walsender(f), pid);
}

/* Rule 31 of the protocol. */
static void status_when_sent_then_never_beyond_what_was_acknowledged(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    set_timeout(f, "1s");
    follow(f, TABLE_A, "a", "a");
    pg_lsn start = confirmed(f);
    server_sql(f->app, "INSERT INTO a VALUES (1, 'x')");
    expect(f, "[ a+1,x ]");
    pg_lsn first = cursor_now(f).lsn;
    server_sql(f->app, "INSERT INTO a VALUES (2, 'x')");
    expect(f, "[ a+2,x ]");
    pause_ms(1500); /* the keeper has told where we stand */
    assert_true(confirmed(f) == start);
    atomic_store(&f->session->acknowledged, first);
    wait_confirmed(f, first);
    atomic_store(&f->session->acknowledged, cursor_now(f).lsn);
    close_stream(f); /* the last word goes out */
    wait_confirmed(f, cursor_now(f).lsn);
}

/* Pitfall 10: what others write moves the boundary although nothing is ours. */
static void slot_when_idle_then_boundary_follows_the_log(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A "; CREATE TABLE other (v text)", "a", "a");
    pg_lsn before = cursor_now(f).lsn;
    server_sql(f->app, "INSERT INTO other SELECT repeat('x', 1000) FROM generate_series(1, 5000)");
    expect(f, "");
    assert_true(cursor_now(f).lsn > before + 5000000);
    atomic_store(&f->session->acknowledged, cursor_now(f).lsn);
    wait_confirmed(f, cursor_now(f).lsn);
}

/* ---- the cursor ---- */

/* Pitfalls 1 and 2. What was acknowledged meanwhile must not matter. */
static void stream_when_opened_at_any_boundary_then_every_row_once(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    for (int i = 1; i <= 30; i++) {
        server_sql(f->app, "INSERT INTO a VALUES (%d, 'x'), (%d, 'y')", 2 * i, 2 * i + 1);
        if (i % 3 == 0) {
            drain(f);
            atomic_store(&f->session->acknowledged, i % 2 == 0 ? cursor_now(f).lsn : 0);
            close_stream(f);
            open_stream(f);
        }
    }
    drain(f);
    CLEANUP(buf_done) struct buf expected = {0};
    for (int i = 1; i <= 30; i++) {
        buf_printf(&expected, "%s[ a+%d,x a+%d,y ]", i > 1 ? " " : "", 2 * i, 2 * i + 1);
    }
    expect_told(f, buf_text(&expected));
}

static size_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %lu", &pages), 1); /* NOLINT: the kernel writes it */
    (void)fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Pitfall 22. libpq keeps the room that its largest message needed, so the connection is made anew behind one. */
static void message_when_huge_then_its_memory_is_given_back(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, "CREATE TABLE a (id int PRIMARY KEY, t text)", "a", "a");
    size_t before = resident_bytes();
    int pid = walsender(f);
    server_sql(f->app, "INSERT INTO a SELECT 1, repeat('x', 100000000)");
    server_sql(f->app, "INSERT INTO a VALUES (2, 'y')");
    expect(f, "[ a+1,! ] [ a+2,y ]");
    server_sql(f->app, "INSERT INTO a VALUES (3, 'z')");
    expect(f, "[ a+3,z ]");
    assert_int_not_equal(walsender(f), pid);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
    assert_true(resident_bytes() < before + ((size_t)64 << 20));
#else
    assert_true(before > 0);
#endif
}

/* ---- refused ---- */

/* Pitfall 8, and rule 32 of the protocol. */
static void slot_when_moved_past_the_cursor_then_lost(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    close_stream(f);
    server_sql(f->app, "INSERT INTO a VALUES (1, 'x')");
    while (walsender(f) != 0) {
        pause_ms(10);
    }
    server_sql(f->app, "SELECT pg_replication_slot_advance('lakefeed_test', pg_current_wal_lsn())");
    expect_no_stream(f, LF_LOST, "past what the lake holds");
}

static void slot_when_dropped_then_lost(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    close_stream(f);
    drop_slots(f->app);
    expect_no_stream(f, LF_LOST, "is gone");
}

static void cursor_when_past_the_end_of_the_log_then_lost(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    close_stream(f);
    set_cursor(f, flushed_now(f) + ((pg_lsn)1 << 32));
    expect_no_stream(f, LF_LOST, "past the end");
}

static void cursor_when_of_another_cluster_database_or_timeline_then_lost(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    close_stream(f);
    const struct pg_cursor good = cursor_now(f);
    struct pg_cursor other = good;
    other.system++;
    f->cursor_len = pg_cursor_print(&other, f->cursor).len;
    expect_no_stream(f, LF_LOST, "another cluster");
    other = good;
    other.timeline++;
    f->cursor_len = pg_cursor_print(&other, f->cursor).len;
    expect_no_stream(f, LF_LOST, "timeline");
    other = good;
    other.database++;
    f->cursor_len = pg_cursor_print(&other, f->cursor).len;
    expect_no_stream(f, LF_LOST, "another database");
}

static void publication_when_gone_then_lost(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    close_stream(f);
    server_sql(f->app, "DROP PUBLICATION lakefeed");
    expect_no_stream(f, LF_LOST, "publication lakefeed is gone");
}

/* Pitfall 16: made again it is there now, but not where the changes stand in the log. */
static void publication_when_made_after_the_changes_then_lost(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "DROP PUBLICATION lakefeed");
    server_sql(f->app, "INSERT INTO a VALUES (1, 'x')");
    server_sql(f->app, "CREATE PUBLICATION lakefeed FOR TABLE a");
    bool ok = true;
    for (int i = 0; ok && i < 20; i++) {
        ok = next(f, 5000);
    }
    assert_false(ok);
    assert_int_equal(f->err.kind, LF_LOST);
    assert_non_null(strstr(f->err.msg, "publication"));
    assert_false(next(f, 0)); /* and stays so */
}

static void slot_when_another_reads_then_it_is_named(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    set_timeout(f, "400ms");
    follow(f, TABLE_A, "a", "a");
    struct lf_changes *first = f->changes;
    char pid[20];
    (void)snprintf(pid, sizeof pid, "%d", walsender(f));
    struct lf_session *session = f->session;
    open_session(f, f->url);
    expect_no_stream(f, LF_TRANSIENT, pid);
    pg_op_close(f->session);
    f->session = session;
    f->changes = first;
}

struct letting_go {
    struct fixture *f;
    PGconn *conn;
};

static void *terminate_later(void *context)
{
    struct letting_go *go = context;
    pause_ms(500);
    server_sql(go->conn, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active");
    return NULL;
}

/* As after a crash of ours that the server has not noticed yet. */
static void slot_when_let_go_soon_then_taken(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    struct lf_changes *first = f->changes;
    struct lf_session *session = f->session;
    struct letting_go go = {.f = f, .conn = connect_app(f)};
    pthread_t thread;
    open_session(f, f->url);
    assert_int_equal(pthread_create(&thread, NULL, terminate_later, &go), 0);
    open_stream(f);
    assert_int_equal(pthread_join(thread, NULL), 0);
    PQfinish(go.conn);
    pg_op_changes_close(first);
    pg_op_close(session);
    server_sql(f->app, "INSERT INTO a VALUES (1, 'x')");
    expect(f, "[ a+1,x ]");
}

/* ---- ended ---- */

static void *stop_later(void *context)
{
    struct fixture *f = context;
    pause_ms(300);
    pg_op_stop(f->session);
    return NULL;
}

static void stop_when_waiting_then_cancelled_soon(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    pthread_t thread;
    follow(f, TABLE_A, "a", "a");
    drain(f);
    assert_int_equal(pthread_create(&thread, NULL, stop_later, f), 0);
    int64_t start = pg_monotonic_ms();
    bool ok = true;
    while (ok && pg_monotonic_ms() - start < 20000) {
        ok = next(f, 60000);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(ok);
    assert_int_equal(f->err.kind, LF_CANCELLED);
    assert_true(pg_monotonic_ms() - start < 10000);
    assert_false(next(f, 60000));
    assert_int_equal(f->err.kind, LF_CANCELLED);
}

static void host_when_it_cancels_then_cancelled(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    f->cancelled = true;
    assert_false(next(f, 60000));
    assert_int_equal(f->err.kind, LF_CANCELLED);
    f->cancelled = false;
}

static void connection_when_cut_then_transient_and_goes_on_after_a_new_start(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "INSERT INTO a VALUES (1, 'x')");
    expect(f, "[ a+1,x ]");
    server_sql(f->app, "SELECT pg_terminate_backend(%d)", walsender(f));
    bool ok = true;
    while (ok) {
        ok = next(f, 5000);
    }
    assert_int_equal(f->err.kind, LF_TRANSIENT);
    close_stream(f);
    server_sql(f->app, "INSERT INTO a VALUES (2, 'y')");
    open_stream(f);
    expect(f, "[ a+2,y ]");
}

/* A server that is shut down waits until its receivers have confirmed everything. We confirm only what is committed, which may be
 * an hour away, so we have to let go. */
static void server_when_shut_down_while_nothing_is_acknowledged_then_it_ends(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "INSERT INTO a VALUES (1, 'x')");
    expect(f, "[ a+1,x ]");
    PQfinish(f->app);
    server_stop(&f->server, "fast"); /* nobody reads the stream meanwhile */
    bool ok = true;
    while (ok) {
        ok = next(f, 5000);
    }
    assert_int_equal(f->err.kind, LF_TRANSIENT);
    close_stream(f);
    pg_op_close(f->session);
    server_start(&f->server);
    f->app = connect_app(f);
    server_sql(f->app, "INSERT INTO a VALUES (2, 'y')");
    open_session(f, f->url);
    open_stream(f);
    expect(f, "[ a+2,y ]");
}

static void server_when_it_crashes_then_goes_on_at_the_cursor(void **state)
{
    (void)state;
    NEED_SERVER();
    struct fixture *f = &fixture;
    follow(f, TABLE_A, "a", "a");
    server_sql(f->app, "INSERT INTO a VALUES (1, 'x')");
    expect(f, "[ a+1,x ]");
    atomic_store(&f->session->acknowledged, cursor_now(f).lsn);
    PQfinish(f->app);
    server_stop(&f->server, "immediate");
    bool ok = true;
    while (ok) {
        ok = next(f, 5000);
    }
    assert_int_equal(f->err.kind, LF_TRANSIENT);
    close_stream(f);
    pg_op_close(f->session);
    server_start(&f->server);
    f->app = connect_app(f);
    server_sql(f->app, "INSERT INTO a VALUES (2, 'y')");
    open_session(f, f->url);
    open_stream(f);
    expect(f, "[ a+2,y ]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(host_when_busy_for_longer_than_the_timeout_then_connection_lives),
        STREAM_TEST(host_when_it_waits_then_keepalives_are_answered),
        STREAM_TEST(status_when_sent_then_never_beyond_what_was_acknowledged),
        STREAM_TEST(slot_when_idle_then_boundary_follows_the_log),
        STREAM_TEST(stream_when_opened_at_any_boundary_then_every_row_once),
        STREAM_TEST(message_when_huge_then_its_memory_is_given_back),
        STREAM_TEST(slot_when_moved_past_the_cursor_then_lost),
        STREAM_TEST(slot_when_dropped_then_lost),
        STREAM_TEST(cursor_when_past_the_end_of_the_log_then_lost),
        STREAM_TEST(cursor_when_of_another_cluster_database_or_timeline_then_lost),
        STREAM_TEST(publication_when_gone_then_lost),
        STREAM_TEST(publication_when_made_after_the_changes_then_lost),
        STREAM_TEST(slot_when_another_reads_then_it_is_named),
        STREAM_TEST(slot_when_let_go_soon_then_taken),
        STREAM_TEST(stop_when_waiting_then_cancelled_soon),
        STREAM_TEST(host_when_it_cancels_then_cancelled),
        STREAM_TEST(connection_when_cut_then_transient_and_goes_on_after_a_new_start),
        STREAM_TEST(server_when_shut_down_while_nothing_is_acknowledged_then_it_ends),
        STREAM_TEST(server_when_it_crashes_then_goes_on_at_the_cursor),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
