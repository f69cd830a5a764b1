/* SPDX-License-Identifier: Apache-2.0
 *
 * Chunks of a load: their rows, their order, their snapshot, and what happens beside them.
 */
#include "fixture.h"

#include "source/postgres/session.h"

#include <inttypes.h>
#include <pthread.h>

static const struct lf_bound open_bound = {NULL};

struct reading {
    struct buf text; /* rows as lines, cells with blanks between */
    size_t rows;
    bool ordered;
};

static void show_cell(struct buf *out, enum lf_type type, const struct lf_cell *cell)
{
    if (cell->state == LF_CELL_NULL) {
        buf_append_text(out, "NULL");
    } else if (cell->state == LF_CELL_REFUSED) {
        buf_append_text(out, "REFUSED");
    } else if (type == LF_TYPE_INT64 || type == LF_TYPE_BOOLEAN) {
        buf_printf(out, "%" PRId64, cell->i);
    } else if (type == LF_TYPE_DOUBLE) {
        buf_printf(out, "%.17g", cell->d);
    } else if (type == LF_TYPE_BINARY) {
        for (size_t i = 0; i < cell->bytes.len; i++) {
            buf_printf(out, "%02x", ((const unsigned char *)cell->bytes.ptr)[i]);
        }
    } else {
        buf_append(out, cell->bytes.ptr, cell->bytes.len);
    }
}

static bool read_all(struct fixture *f, struct lf_load *load, const struct lf_schema *schema, struct reading *ret,
                     struct lf_error *err)
{
    struct lf_rows rows = {.nrows = 1};
    while (rows.nrows > 0) {
        if (!f->ops->load_next(load, &rows, err)) {
            return false;
        }
        for (size_t i = 0; i < rows.nrows; i++) {
            for (uint32_t c = 0; c < schema->ncolumns; c++) {
                buf_append_text(&ret->text, c > 0 ? " " : "");
                show_cell(&ret->text, schema->columns[c].type, &rows.cells[i * schema->ncolumns + c]);
            }
            buf_append_char(&ret->text, '\n');
        }
        ret->rows += rows.nrows;
    }
    return true;
}

static void read_chunk(struct fixture *f, struct lf_session *session, const struct seen *seen, struct lf_bound lo,
                       struct lf_bound hi, struct reading *ret)
{
    struct lf_load *load = NULL;
    struct lf_error err = {0};
    *ret = (struct reading){0};
    expect_good(f->ops->load_open(session, &seen->state, lo, hi, &load, &ret->ordered, &err), &err);
    expect_good(read_all(f, load, &seen->state.schema, ret, &err), &err);
    f->ops->load_close(load);
}

struct plan {
    int64_t bounds[64];
    size_t count;
};

static bool note_bound(void *context, struct lf_bound bound, struct lf_error *err)
{
    struct plan *plan = context;
    (void)err;
    plan->bounds[plan->count++] = bound.cells[0].i;
    return true;
}

static void plan_when_table_has_rows_then_chunks_cover_it_once(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct plan plan = {.count = 0};
    fixture_make(&f, *state,
                 "CREATE TABLE t(id bigint PRIMARY KEY); INSERT INTO t SELECT i * 7 FROM generate_series(1, 20000) i");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    expect_good(f.ops->load_plan(f.session, &seen.state, 8, note_bound, &plan, &err), &err);
    assert_int_equal(plan.count, 7);
    size_t rows = 0;
    for (size_t i = 0; i <= plan.count; i++) {
        struct reading reading;
        struct lf_cell lo = {.state = LF_CELL_VALUE, .i = plan.bounds[i > 0 ? i - 1 : 0]};
        struct lf_cell hi = {.state = LF_CELL_VALUE, .i = plan.bounds[i < plan.count ? i : 0]};
        read_chunk(&f, f.session, &seen, (struct lf_bound){i > 0 ? &lo : NULL},
                   (struct lf_bound){i < plan.count ? &hi : NULL}, &reading);
        assert_true(reading.ordered);
        assert_in_range(reading.rows, 1000, 5000);
        rows += reading.rows;
        buf_done(&reading.text);
    }
    assert_int_equal(rows, 20000);
    fixture_remove(&f);
}

/* Rule 13: without an index in the order of bytes one chunk, and no promise of an order. */
static void load_when_collation_is_not_bytes_then_one_chunk_unordered(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct plan plan = {.count = 0};
    struct reading reading;
    fixture_make(&f, *state,
                 "CREATE TABLE collated(k text COLLATE \"en-x-icu\" PRIMARY KEY);"
                 "CREATE TABLE padded(k char(5) COLLATE \"C\" PRIMARY KEY);"
                 "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE moods(k mood PRIMARY KEY);"
                 "CREATE TABLE loose(k numeric PRIMARY KEY);"
                 "INSERT INTO collated VALUES('a'), ('B'), ('c')");
    fixture_track(&f, NULL, 0);
    static const char *const tables[] = {"collated", "padded", "moods", "loose"};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        CLEANUP(seen_done) struct seen seen = fixture_see(&f, tables[i]);
        expect_good(f.ops->load_plan(f.session, &seen.state, 8, note_bound, &plan, &err), &err);
        assert_int_equal(plan.count, 0);
        read_chunk(&f, f.session, &seen, open_bound, open_bound, &reading);
        assert_false(reading.ordered);
        assert_int_equal(reading.rows, i == 0 ? 3 : 0);
        buf_done(&reading.text);
    }
    fixture_remove(&f);
}

static void load_when_key_is_of_several_columns_then_in_the_order_of_bytes(void **state)
{
    struct fixture f;
    struct reading reading;
    fixture_make(&f, *state,
                 "CREATE TABLE t(n int, k text COLLATE \"C\", PRIMARY KEY (k, n));"
                 "INSERT INTO t VALUES(2, 'a'), (-1, 'a'), (1, 'B'), (1, ''), (1, 'it''s \\ \u00e9'), (1, 'ab')");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    read_chunk(&f, f.session, &seen, open_bound, open_bound, &reading);
    assert_true(reading.ordered);
    assert_string_equal(buf_text(&reading.text), "1 \n1 B\n-1 a\n2 a\n1 ab\n1 it's \\ \u00e9\n");
    buf_done(&reading.text);
    struct lf_cell lo[] = {{.state = LF_CELL_VALUE, .bytes = {"a", 1}}, {.state = LF_CELL_VALUE, .i = 0}};
    struct lf_cell hi[] = {{.state = LF_CELL_VALUE, .bytes = {"it's \\ \u00e9", 9}}, {.state = LF_CELL_VALUE, .i = 1}};
    read_chunk(&f, f.session, &seen, (struct lf_bound){lo}, (struct lf_bound){hi}, &reading);
    assert_string_equal(buf_text(&reading.text), "2 a\n1 ab\n");
    buf_done(&reading.text);
    fixture_remove(&f);
}

static const char types_sql[] =
    "CREATE DOMAIN posint AS int CHECK (value > 0); CREATE DOMAIN small AS posint; CREATE TYPE mood AS ENUM ('sad', "
    "'ok');"
    "CREATE TYPE pair AS (a int, b text); CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;"
    "CREATE TABLE t(id int PRIMARY KEY, d small, m mood, p pair, b bytea, n numeric(6,2), f float8, f4 float4, bo bool,"
    " da date, ti time, tz timetz, ts timestamp, tt timestamptz, iv interval, u uuid, j json, jb jsonb, a int[], ta "
    "text[],"
    " h hstore, ip inet, mac macaddr, bi bit(3), vb varbit, x xml, tv tsvector, po point, o oid, c char(4), mo money,"
    " r int4range, na name, q \"char\", ls pg_lsn, big numeric);"
    "INSERT INTO t VALUES(1, 5, 'ok', ROW(1, 'x,y'), '\\x00ff', -1.5, 0.1, 0.1, true, '2024-02-29', '01:02:03.5',"
    " '01:02:03+02', '2024-01-02 03:04:05.25', '2024-01-02 03:04:05+02', '1 year 2 mons 3 days 04:05:06.7',"
    " 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{\"a\" : 1}', '{\"b\":1, \"a\":2}', '{1,NULL}', '{\"a,b\"}', 'k=>v',"
    " '10.0.0.1/8', '08:00:2b:01:02:03', B'101', B'1', '<a/>', 'a b', '(1,2)', 4000000000, 'ab', 1234.5, '[1,3)', 'n', "
    "'q',"
    " '16/B374D848', 'NaN')";

static const char types_row[] =
    "1 5 ok (1,\"x,y\") 00ff -1.50 0.10000000000000001 0.10000000000000001 1 2024-02-29 01:02:03.5 01:02:03+02"
    " 2024-01-02T03:04:05.25 2024-01-02T01:04:05Z P1Y2M3DT4H5M6.7S a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 {\"a\" : 1}"
    " {\"a\": 2, \"b\": 1} [1,null] [\"a,b\"] \"k\"=>\"v\" 10.0.0.1/8 08:00:2b:01:02:03 101 1 <a/> 'a' 'b' (1,2) "
    "4000000000"
    " ab   $1,234.50 [1,3) n q 16/B374D848 NaN\n";

/* Pitfall 18: what role, database and server are set to must not leak into the text. */
static void load_when_role_formats_values_its_own_way_then_same_text(void **state)
{
    struct fixture f;
    struct reading reading;
    fixture_make(&f, *state, types_sql);
    fixture_track(&f, NULL, 0);
    server_exec(f.app,
                "CREATE ROLE foreigner LOGIN REPLICATION; GRANT SELECT ON t TO foreigner;"
                "ALTER ROLE foreigner SET datestyle = 'German'; ALTER ROLE foreigner SET timezone = 'Asia/Tokyo';"
                "ALTER ROLE foreigner SET bytea_output = 'escape'; ALTER ROLE foreigner SET extra_float_digits = -3;"
                "ALTER ROLE foreigner SET intervalstyle = 'sql_standard'; ALTER ROLE foreigner SET search_path = 'x'");
    struct lf_session *session = fixture_open_as(&f, "foreigner", NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see_as(&f, session, "t");
    read_chunk(&f, session, &seen, open_bound, open_bound, &reading);
    assert_string_equal(buf_text(&reading.text), types_row);
    buf_done(&reading.text);
    f.ops->close(session);
    fixture_remove(&f);
}

static void load_when_value_does_not_fit_then_refused_with_its_column(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct lf_load *load = NULL;
    struct lf_rows rows;
    bool ordered = false;
    fixture_make(&f, *state,
                 "CREATE TABLE t(id int PRIMARY KEY, d date, n numeric(5,2));"
                 "INSERT INTO t VALUES(7, '0044-03-15 BC', 'NaN')");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    expect_good(f.ops->load_open(f.session, &seen.state, open_bound, open_bound, &load, &ordered, &err), &err);
    expect_good(f.ops->load_next(load, &rows, &err), &err);
    assert_int_equal(rows.cells[1].state, LF_CELL_REFUSED);
    assert_int_equal(rows.cells[2].state, LF_CELL_REFUSED);
    const char *reason = rows.cells[1].refusal->reason;
    assert_non_null(strstr(reason, "table t, column d, row with key id='7': the value '0044-03-15 BC'"));
    assert_non_null(strstr(reason, "\"columns\": {\"d\": {\"type\": \"string\"}}"));
    f.ops->load_close(load);
    const struct lf_option_value options[] = {{"type.t.d", "string"}, {"exclude.t.n", "true"}};
    struct lf_session *session = fixture_open_as(&f, "postgres", options, 2);
    CLEANUP(seen_done) struct seen other = fixture_see_as(&f, session, "t");
    assert_string_equal(other.columns, "id,d");
    struct reading reading;
    read_chunk(&f, session, &other, open_bound, open_bound, &reading);
    assert_string_equal(buf_text(&reading.text), "7 0044-03-15 BC\n");
    buf_done(&reading.text);
    f.ops->close(session);
    fixture_remove(&f);
}

/* Rule 17: while a chunk is read nobody can truncate or rewrite the table, which old snapshots would see. */
static void load_when_open_then_truncate_waits(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct lf_load *load = NULL;
    bool ordered = false;
    struct reading reading = {0};
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 30000)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    expect_good(f.ops->load_open(f.session, &seen.state, open_bound, open_bound, &load, &ordered, &err), &err);
    server_exec(f.app, "SET lock_timeout = '50ms'");
    assert_false(server_try(f.app, "TRUNCATE t"));
    assert_false(server_try(f.app, "ALTER TABLE t ALTER COLUMN id TYPE bigint"));
    expect_good(read_all(&f, load, &seen.state.schema, &reading, &err), &err);
    assert_int_equal(reading.rows, 30000);
    assert_true(server_try(f.app, "TRUNCATE t")); /* at the end of the chunk, not of the load */
    f.ops->load_close(load);
    buf_done(&reading.text);
    fixture_remove(&f);
}

static void load_when_table_changed_then_schema_error(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct lf_load *load = NULL;
    bool ordered = false;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY, a int); CREATE TABLE u(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen t = fixture_see(&f, "t");
    CLEANUP(seen_done) struct seen u = fixture_see(&f, "u");
    server_exec(f.app, "ALTER TABLE t ALTER COLUMN a TYPE bigint; DROP TABLE u");
    expect_failure(f.ops->load_open(f.session, &t.state, open_bound, open_bound, &load, &ordered, &err), &err,
                   LF_SCHEMA, "the type of the column a changed from integer to bigint");
    expect_failure(f.ops->load_open(f.session, &u.state, open_bound, open_bound, &load, &ordered, &err), &err,
                   LF_NOT_FOUND, "dropped");
    fixture_remove(&f);
}

/* What a transaction wrote before the table was published is never sent, so no snapshot may miss it. */
static void load_when_a_writer_is_older_than_the_tracking_then_waits_for_it(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct lf_load *load = NULL;
    bool ordered = false;
    struct reading reading;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    server_exec(f.app, "BEGIN; INSERT INTO t VALUES(1)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    expect_failure(f.ops->load_open(f.session, &seen.state, open_bound, open_bound, &load, &ordered, &err), &err,
                   LF_TRANSIENT, "since before it was tracked");
    server_exec(f.app, "COMMIT");
    server_exec(f.app, "BEGIN; INSERT INTO t VALUES(2)"); /* a later one does not matter: it is streamed */
    read_chunk(&f, f.session, &seen, open_bound, open_bound, &reading);
    assert_string_equal(buf_text(&reading.text), "1\n");
    buf_done(&reading.text);
    fixture_remove(&f);
}

/* An old transaction elsewhere in the cluster holds nothing up. */
static void load_when_an_old_writer_wrote_elsewhere_then_does_not_wait(void **state)
{
    struct fixture f;
    struct reading reading;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY); CREATE TABLE u(id int PRIMARY KEY)");
    server_exec(f.app, "BEGIN; INSERT INTO u VALUES(1)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    read_chunk(&f, f.session, &seen, open_bound, open_bound, &reading);
    buf_done(&reading.text);
    fixture_remove(&f);
}

static void load_when_partitioned_then_rows_of_all_partitions_in_order(void **state)
{
    struct fixture f;
    struct reading reading;
    fixture_make(&f, *state,
                 "CREATE TABLE p(id int PRIMARY KEY) PARTITION BY HASH (id);"
                 "CREATE TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
                 "CREATE TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
                 "INSERT INTO p SELECT generate_series(1, 5); CREATE TABLE parent(id int PRIMARY KEY);"
                 "CREATE TABLE child() INHERITS (parent); INSERT INTO child VALUES(1); INSERT INTO parent VALUES(2)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen p = fixture_see(&f, "p");
    CLEANUP(seen_done) struct seen parent = fixture_see(&f, "parent");
    read_chunk(&f, f.session, &p, open_bound, open_bound, &reading);
    assert_string_equal(buf_text(&reading.text), "1\n2\n3\n4\n5\n");
    buf_done(&reading.text);
    read_chunk(&f, f.session, &parent, open_bound, open_bound, &reading);
    assert_string_equal(buf_text(&reading.text), "2\n"); /* the stream gives a child's rows under the child's name */
    buf_done(&reading.text);
    fixture_remove(&f);
}

struct opening {
    struct fixture *f;
    struct lf_session *session;
    const struct seen *seen;
    struct lf_error err;
    bool good;
};

static void *open_chunk(void *context)
{
    struct opening *opening = context;
    struct lf_load *load = NULL;
    bool ordered = false;
    opening->good = opening->f->ops->load_open(opening->session, &opening->seen->state, open_bound, open_bound, &load,
                                               &ordered, &opening->err);
    return NULL;
}

static void stop_when_a_query_waits_then_cancelled(void **state)
{
    struct fixture f;
    pthread_t thread;
    const struct lf_option_value patient = {"lock_timeout", "1h"};
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    server_exec(f.app, "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
    struct opening opening = {.f = &f, .session = fixture_open_as(&f, "postgres", &patient, 1), .seen = &seen};
    assert_int_equal(pthread_create(&thread, NULL, open_chunk, &opening), 0);
    char *waiting = text_copy("0");
    while (strcmp(waiting, "0") == 0) {
        free(waiting);
        waiting = server_ask(f.app, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'");
    }
    free(waiting);
    f.ops->stop(opening.session);
    assert_int_equal(pthread_join(thread, NULL), 0);
    expect_failure(opening.good, &opening.err, LF_CANCELLED, "stopped");
    f.ops->close(opening.session);
    fixture_remove(&f);
}

static void load_when_closed_in_the_middle_then_session_goes_on(void **state)
{
    struct fixture f;
    struct lf_error err = {0};
    struct lf_load *load = NULL;
    struct lf_rows rows;
    bool ordered = false;
    struct reading reading;
    fixture_make(&f, *state, "CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100000)");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    expect_good(f.ops->load_open(f.session, &seen.state, open_bound, open_bound, &load, &ordered, &err), &err);
    expect_good(f.ops->load_next(load, &rows, &err), &err);
    f.ops->load_close(load);
    read_chunk(&f, f.session, &seen, open_bound, open_bound, &reading);
    assert_int_equal(reading.rows, 100000);
    buf_done(&reading.text);
    fixture_remove(&f);
}

static void load_when_its_rate_is_limited_then_a_small_chunk_takes_its_time_too(void **state)
{
    static const struct lf_option_value slow = {"load_rate", "10240"};
    struct fixture f;
    struct reading reading;
    fixture_make(&f, *state,
                 "CREATE TABLE t(id int PRIMARY KEY, v text);"
                 "INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 100) i");
    fixture_track(&f, NULL, 0);
    CLEANUP(seen_done) struct seen seen = fixture_see(&f, "t");
    struct lf_session *session = fixture_open_as(&f, "postgres", &slow, 1);
    int64_t begun_ms = pg_monotonic_ms();
    read_chunk(&f, session, &seen, open_bound, open_bound, &reading);
    assert_int_equal(reading.rows, 100);
    assert_true(pg_monotonic_ms() - begun_ms >= 900); /* of 1,000 and more: 10 KiB of values */
    f.ops->close(session);
    buf_done(&reading.text);
    fixture_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_when_its_rate_is_limited_then_a_small_chunk_takes_its_time_too),
        cmocka_unit_test(plan_when_table_has_rows_then_chunks_cover_it_once),
        cmocka_unit_test(load_when_collation_is_not_bytes_then_one_chunk_unordered),
        cmocka_unit_test(load_when_key_is_of_several_columns_then_in_the_order_of_bytes),
        cmocka_unit_test(load_when_role_formats_values_its_own_way_then_same_text),
        cmocka_unit_test(load_when_value_does_not_fit_then_refused_with_its_column),
        cmocka_unit_test(load_when_open_then_truncate_waits),
        cmocka_unit_test(load_when_table_changed_then_schema_error),
        cmocka_unit_test(load_when_a_writer_is_older_than_the_tracking_then_waits_for_it),
        cmocka_unit_test(load_when_an_old_writer_wrote_elsewhere_then_does_not_wait),
        cmocka_unit_test(load_when_partitioned_then_rows_of_all_partitions_in_order),
        cmocka_unit_test(stop_when_a_query_waits_then_cancelled),
        cmocka_unit_test(load_when_closed_in_the_middle_then_session_goes_on),
    };
    return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
