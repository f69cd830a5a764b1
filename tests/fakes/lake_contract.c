/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/lake_contract.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/macros.h"
#include "fakes/lake_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ALL_MAX ((size_t)8 << 20)
#define MODEL "model.json"
#define RACERS 4
#define RACE_ROUNDS 25

/* Two handles on one storage. */
struct bench {
    struct lake *a;
    struct lake *b;
};

static void describe(struct lake_content *ret_content, char ret_hex[SHA256_HEX_SIZE], const void *ptr, size_t len)
{
    struct lf_error err;
    struct buf bytes = {0};
    buf_append(&bytes, ptr, len);
    assert_true(lake_content_from_buf("/tmp", &bytes, ret_content, ret_hex, &err));
    buf_done(&bytes);
}

static bool replace(struct lake *lake, const char *etag, const char *text, char ret_etag[LAKE_ETAG_SIZE],
                    struct lf_error *err)
{
    return lake_text_replace(lake, MODEL, etag, text, ret_etag, err);
}

static void assert_text(struct lake *lake, const char *path, const char *text)
{
    struct lf_error err = {0};
    struct buf out = {0};
    if (!lake_read_all(lake, path, ALL_MAX, &out, NULL, &err)) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(buf_text(&out), text);
    buf_done(&out);
}

static void assert_missing(struct lake *lake, const char *path)
{
    struct lf_error err = {0};
    struct lake_stat status;
    assert_false(lake->ops->stat(lake, path, &status, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
}

static void put_makes_object_once(const struct bench *bench)
{
    struct lf_error err = {0};
    assert_true(lake_text_put(bench->a, "orders/Snapshot/a.csv", "one", &err));
    assert_text(bench->b, "orders/Snapshot/a.csv", "one");
    assert_false(lake_text_put(bench->b, "orders/Snapshot/a.csv", "two", &err));
    assert_int_equal(err.kind, LF_CONFLICT);
    assert_text(bench->a, "orders/Snapshot/a.csv", "one");
}

static void put_takes_empty_object(const struct bench *bench)
{
    struct lf_error err = {0};
    struct lake_stat status;
    assert_true(lake_text_put(bench->a, "empty", "", &err));
    assert_text(bench->a, "empty", "");
    assert_true(bench->a->ops->stat(bench->a, "empty", &status, &err));
    assert_int_equal(status.bytes, 0);
}

static void put_refuses_content_that_is_not_as_described(const struct bench *bench)
{
    struct lf_error err = {0};
    struct lake_content content;
    char hex[SHA256_HEX_SIZE];
    char etag[LAKE_ETAG_SIZE];
    describe(&content, hex, "whole", 5);
    content.bytes = 4;
    assert_false(bench->a->ops->put_if_absent(bench->a, "torn", &content, &err));
    content.bytes = 6;
    assert_false(bench->a->ops->put_if_absent(bench->a, "torn", &content, &err));
    content.bytes = 5;
    hex[0] = hex[0] == '0' ? '1' : '0';
    assert_false(bench->a->ops->put_if_match(bench->a, "torn", NULL, &content, etag, &err));
    assert_int_equal(err.kind, LF_INTERNAL);
    fd_close(&content.fd);
    assert_missing(bench->a, "torn");
}

static void match_without_etag_needs_absence(const struct bench *bench)
{
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    assert_true(replace(bench->a, NULL, "first", etag, &err));
    assert_false(replace(bench->b, NULL, "second", etag, &err));
    assert_int_equal(err.kind, LF_CONFLICT);
    assert_text(bench->a, MODEL, "first");
}

static void match_replaces_only_expected_version(const struct bench *bench)
{
    struct lf_error err = {0};
    char first[LAKE_ETAG_SIZE];
    char second[LAKE_ETAG_SIZE];
    char other[LAKE_ETAG_SIZE];
    assert_true(replace(bench->a, NULL, "1", first, &err));
    assert_true(replace(bench->b, first, "2", second, &err));
    assert_string_not_equal(first, second);
    assert_false(replace(bench->a, first, "3", other, &err));
    assert_int_equal(err.kind, LF_CONFLICT);
    assert_text(bench->a, MODEL, "2");
    assert_true(replace(bench->a, second, "3", other, &err));
    assert_text(bench->b, MODEL, "3");
}

static void match_of_removed_object_conflicts(const struct bench *bench)
{
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    assert_true(replace(bench->a, NULL, "1", etag, &err));
    assert_true(bench->b->ops->remove(bench->b, MODEL, &err));
    assert_false(replace(bench->a, etag, "2", etag, &err));
    assert_int_equal(err.kind, LF_CONFLICT);
    assert_missing(bench->a, MODEL);
}

static void etag_is_new_when_same_bytes_come_back(const struct bench *bench)
{
    struct lf_error err = {0};
    char first[LAKE_ETAG_SIZE];
    char middle[LAKE_ETAG_SIZE];
    char again[LAKE_ETAG_SIZE];
    assert_true(replace(bench->a, NULL, "same", first, &err));
    for (int i = 0; i < 20; i++) {
        assert_true(replace(bench->a, i == 0 ? first : again, "between", middle, &err));
        assert_true(replace(bench->a, middle, "same", again, &err));
        assert_string_not_equal(first, again);
    }
    assert_false(replace(bench->b, first, "sleeper", middle, &err));
    assert_int_equal(err.kind, LF_CONFLICT);
}

static void etag_of_stat_and_read_is_that_of_the_write(const struct bench *bench)
{
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    char read[LAKE_ETAG_SIZE];
    struct lake_stat status;
    struct buf out = {0};
    assert_true(replace(bench->a, NULL, "text", etag, &err));
    assert_true(bench->b->ops->stat(bench->b, MODEL, &status, &err));
    assert_string_equal(status.etag, etag);
    assert_int_equal(status.bytes, 4);
    assert_true(lake_read_all(bench->b, MODEL, 4, &out, read, &err));
    assert_string_equal(read, etag);
    buf_done(&out);
}

struct racer {
    struct lake *lake;
    int wins;
};

/* Counts up what model.json says; each win is one that nobody else had. */
static void *race(void *context)
{
    struct racer *racer = context;
    for (int i = 0; i < RACE_ROUNDS; i++) {
        struct lf_error err = {0};
        struct buf out = {0};
        char etag[LAKE_ETAG_SIZE];
        char text[32];
        if (lake_read_all(racer->lake, MODEL, 100, &out, etag, &err)) {
            (void)snprintf(text, sizeof text, "%ld", strtol(buf_text(&out), NULL, 10) + 1);
            racer->wins += replace(racer->lake, etag, text, etag, &err) ? 1 : 0;
        }
        buf_done(&out);
    }
    return NULL;
}

static void match_has_one_winner_among_threads(const struct bench *bench)
{
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    char text[32];
    pthread_t threads[RACERS];
    struct racer racers[RACERS] = {0};
    int wins = 0;
    assert_true(replace(bench->a, NULL, "0", etag, &err));
    for (size_t i = 0; i < RACERS; i++) {
        racers[i].lake = i % 2 == 0 ? bench->a : bench->b;
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        wins += racers[i].wins;
    }
    (void)snprintf(text, sizeof text, "%d", wins);
    assert_true(wins >= RACE_ROUNDS);
    assert_text(bench->a, MODEL, text);
}

static struct lake_writer *start_writer(struct lake *lake, const char *path, const char *text)
{
    struct lf_error err = {0};
    struct lake_writer *writer = NULL;
    assert_true(lake->ops->writer_open(lake, path, &writer, &err));
    assert_true(lake->ops->writer_write(writer, text, strlen(text), &err));
    return writer;
}

static void writer_shows_object_only_at_commit(const struct bench *bench)
{
    struct lf_error err = {0};
    struct lake_writer *writer = start_writer(bench->a, "e/Snapshot/w.csv", "one,");
    assert_missing(bench->b, "e/Snapshot/w.csv");
    assert_true(bench->a->ops->writer_write(writer, "two", 3, &err));
    assert_true(bench->a->ops->writer_commit(writer, &err));
    assert_text(bench->b, "e/Snapshot/w.csv", "one,two");
}

static void writer_that_aborts_leaves_nothing(const struct bench *bench)
{
    bench->a->ops->writer_abort(start_writer(bench->a, "e/w.csv", "text"));
    bench->a->ops->writer_abort(NULL);
    assert_missing(bench->b, "e/w.csv");
}

static void writer_commit_conflicts_with_existing_object(const struct bench *bench)
{
    struct lf_error err = {0};
    struct lake_writer *writer = start_writer(bench->a, "w", "late");
    assert_true(lake_text_put(bench->b, "w", "early", &err));
    assert_false(bench->a->ops->writer_commit(writer, &err));
    assert_int_equal(err.kind, LF_CONFLICT);
    assert_text(bench->a, "w", "early");
}

static void writers_of_one_lake_do_not_mix(const struct bench *bench)
{
    struct lf_error err = {0};
    struct lake_writer *one = start_writer(bench->a, "one", "1");
    struct lake_writer *two = start_writer(bench->a, "two", "2");
    assert_true(bench->a->ops->writer_write(one, "1", 1, &err));
    assert_true(bench->a->ops->writer_commit(two, &err));
    assert_true(bench->a->ops->writer_commit(one, &err));
    assert_text(bench->b, "one", "11");
    assert_text(bench->b, "two", "2");
}

static void read_range_is_short_only_at_the_end(const struct bench *bench)
{
    struct lf_error err = {0};
    char bytes[8] = "";
    size_t len = 0;
    struct lake *lake = bench->b;
    assert_true(lake_text_put(bench->a, "r", "0123456789", &err));
    assert_true(lake->ops->read_range(lake, "r", 2, bytes, 4, &len, &err));
    assert_int_equal(len, 4);
    assert_memory_equal(bytes, "2345", 4);
    assert_true(lake->ops->read_range(lake, "r", 8, bytes, 8, &len, &err));
    assert_int_equal(len, 2);
    assert_true(lake->ops->read_range(lake, "r", 10, bytes, 8, &len, &err));
    assert_int_equal(len, 0);
    assert_true(lake->ops->read_range(lake, "r", UINT64_MAX, bytes, 8, &len, &err));
    assert_int_equal(len, 0);
    assert_false(lake->ops->read_range(lake, "none", 0, bytes, 8, &len, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    assert_false(lake->ops->read_range(lake, "no/folder", 0, bytes, 8, &len, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
}

static void large_object_comes_back_whole(const struct bench *bench)
{
    enum { COUNT = 300 * 1024 };
    struct lf_error err = {0};
    struct buf bytes = {0};
    struct buf back = {0};
    struct lake_content content;
    char hex[SHA256_HEX_SIZE];
    char block[10000];
    size_t len = 1;
    for (unsigned i = 0; i < COUNT; i++) {
        buf_append_char(&bytes, (char)(i * 2654435761U >> 24));
    }
    describe(&content, hex, bytes.ptr, bytes.len);
    assert_true(bench->a->ops->put_if_absent(bench->a, "large", &content, &err));
    fd_close(&content.fd);
    CLEANUP(lake_input_done) struct lake_input input = {.lake = bench->b, .path = "large"};
    while (len > 0) {
        assert_true(lake_input_read(&input, block, sizeof block, &len, &err));
        buf_append(&back, block, len);
    }
    assert_true(slice_equal(buf_slice(&bytes), buf_slice(&back)));
    buf_done(&bytes);
    buf_done(&back);
}

static bool collect(void *context, const char *path, uint64_t bytes, struct lf_error *err)
{
    (void)err;
    buf_printf(context, "%s=%d;", path, (int)bytes);
    return true;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A listing in order, since drivers may give it in any. */
static void assert_listing(struct lake *lake, const char *prefix, const char *expected)
{
    struct lf_error err = {0};
    struct buf found = {0};
    struct buf sorted = {0};
    char *parts[16];
    size_t count = 0;
    char *rest = NULL;
    if (!lake->ops->list(lake, prefix, collect, &found, &err)) {
        fail_msg("%s", err.msg);
    }
    CLEANUP(text_free) char *text = text_copy(buf_text(&found));
    for (char *part = strtok_r(text, ";", &rest); part != NULL; part = strtok_r(NULL, ";", &rest)) {
        assert_true(count < ARRAY_LEN(parts));
        parts[count++] = part;
    }
    qsort(parts, count, sizeof *parts, compare_text);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&sorted, "%s;", parts[i]);
    }
    assert_string_equal(buf_text(&sorted), expected);
    buf_done(&found);
    buf_done(&sorted);
}

static void list_shows_what_is_below_the_folder(const struct bench *bench)
{
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    assert_true(lake_text_put(bench->a, "a/Snapshot/1", "x", &err));
    assert_true(lake_text_put(bench->a, "a/Snapshot/2", "xx", &err));
    assert_true(lake_text_put(bench->a, "ab/Snapshot/3", "", &err));
    assert_true(lake_text_put(bench->a, "_lakefeed/commits/4", "xxxx", &err));
    assert_true(replace(bench->a, NULL, "xxxxx", etag, &err));
    assert_listing(bench->b, "a", "a/Snapshot/1=1;a/Snapshot/2=2;");
    assert_listing(bench->b, "a/Snapshot", "a/Snapshot/1=1;a/Snapshot/2=2;");
    assert_listing(bench->b, "none/at/all", "");
    assert_listing(bench->b, MODEL, "");
    assert_listing(bench->b, "", "_lakefeed/commits/4=4;a/Snapshot/1=1;a/Snapshot/2=2;ab/Snapshot/3=0;model.json=5;");
}

static void list_hides_unfinished_objects(const struct bench *bench)
{
    struct lake_writer *writer = start_writer(bench->a, "a/1", "text");
    assert_listing(bench->b, "", "");
    bench->a->ops->writer_abort(writer);
    assert_listing(bench->b, "", "");
}

static bool stop_at_once(void *context, const char *path, uint64_t bytes, struct lf_error *err)
{
    (void)bytes;
    ++*(int *)context;
    return lf_error_set(err, LF_DATA, 7, "enough of %s", path);
}

static void list_stops_when_the_visitor_says_so(const struct bench *bench)
{
    struct lf_error err = {0};
    int visits = 0;
    assert_true(lake_text_put(bench->a, "a/1", "x", &err));
    assert_true(lake_text_put(bench->a, "a/2", "x", &err));
    assert_false(bench->a->ops->list(bench->a, "a", stop_at_once, &visits, &err));
    assert_int_equal(visits, 1);
    assert_int_equal(err.kind, LF_DATA);
    assert_int_equal(err.code, 7);
}

static void remove_of_missing_object_is_no_error(const struct bench *bench)
{
    struct lf_error err = {0};
    assert_true(lake_text_put(bench->a, "a/1", "x", &err));
    assert_true(bench->b->ops->remove(bench->b, "a/1", &err));
    assert_missing(bench->a, "a/1");
    assert_true(bench->b->ops->remove(bench->b, "a/1", &err));
    assert_true(bench->b->ops->remove(bench->b, "no/folder", &err));
    assert_true(lake_text_put(bench->a, "a/1", "again", &err));
    assert_text(bench->b, "a/1", "again");
}

static void lock_belongs_to_one_handle(const struct bench *bench)
{
    struct lf_error err = {0};
    assert_true(bench->a->ops->lock(bench->a, "pid 4711 on host-a", &err));
    assert_true(bench->a->ops->lock(bench->a, "pid 4711 on host-a", &err));
    assert_true(bench->a->ops->check_lock == NULL || bench->a->ops->check_lock(bench->a, &err));
    assert_false(bench->b->ops->lock(bench->b, "pid 12", &err));
    assert_int_equal(err.kind, LF_CONFLICT);
    assert_non_null(strstr(err.msg, "pid 4711 on host-a"));
    bench->b->ops->unlock(bench->b);
    assert_false(bench->b->ops->lock(bench->b, "pid 12", &err));
    bench->a->ops->unlock(bench->a);
    assert_true(bench->b->ops->lock(bench->b, "pid 12", &err));
}

static void paths_outside_are_refused(const struct bench *bench)
{
    static const char *const bad[] = {"", "/etc/x", "../x", "a/../../x", "a//b", "./a", "a/.", "a/"};
    struct lake *lake = bench->a;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct lf_error err = {0};
        struct lake_stat status;
        struct lake_writer *writer = NULL;
        char byte = 0;
        size_t len = 0;
        assert_false(lake_text_put(lake, bad[i], "x", &err));
        assert_int_equal(err.kind, LF_CONFIG);
        assert_false(lake->ops->writer_open(lake, bad[i], &writer, &err));
        assert_false(lake->ops->stat(lake, bad[i], &status, &err));
        assert_int_equal(err.kind, LF_CONFIG);
        assert_false(lake->ops->read_range(lake, bad[i], 0, &byte, 1, &len, &err));
        assert_false(lake->ops->remove(lake, bad[i], &err));
        if (bad[i][0] != '\0') {
            assert_false(lake->ops->list(lake, bad[i], stop_at_once, &len, &err));
            assert_int_equal(err.kind, LF_CONFIG);
        }
    }
    assert_listing(lake, "", "");
}

static void odd_names_work(const struct bench *bench)
{
    static const char *const names[] = {"a b", "...", "a'b\"c", "ä/ö", "%2e%2e", "-x", ".hidden/x"};
    struct lf_error err = {0};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_true(lake_text_put(bench->a, names[i], names[i], &err));
        assert_text(bench->b, names[i], names[i]);
    }
}

/* Some services take a backslash for a slash: two names would be one. */
static void backslash_is_a_character_or_refused(const struct bench *bench)
{
    struct lf_error err = {0};
    if (lake_text_put(bench->a, "a\\b", "x", &err)) {
        assert_text(bench->b, "a\\b", "x");
        assert_missing(bench->b, "a/b");
    } else {
        assert_int_equal(err.kind, LF_CONFIG);
        assert_listing(bench->b, "", "");
    }
}

static void read_all_keeps_its_limit(const struct bench *bench)
{
    struct lf_error err = {0};
    struct buf out = {0};
    assert_true(lake_text_put(bench->a, "r", "12345", &err));
    buf_append_text(&out, "before ");
    assert_false(lake_read_all(bench->b, "r", 4, &out, NULL, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    assert_string_equal(buf_text(&out), "before ");
    assert_true(lake_read_all(bench->b, "r", 5, &out, NULL, &err));
    assert_string_equal(buf_text(&out), "before 12345");
    assert_false(lake_read_all(bench->b, "none", 5, &out, NULL, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    buf_done(&out);
}

static void url_is_absolute_and_ends_with_the_path(const struct bench *bench)
{
    struct lf_error err = {0};
    struct buf one = {0};
    struct buf two = {0};
    assert_true(bench->a->ops->url(bench->a, "e/Snapshot/1.csv", &one, &err));
    assert_true(bench->b->ops->url(bench->b, "e/Snapshot/1.csv", &two, &err));
    assert_string_equal(buf_text(&one), buf_text(&two));
    assert_true(buf_text(&one)[0] == '/' || strstr(buf_text(&one), "://") != NULL);
    assert_non_null(strstr(buf_text(&one), "/e/Snapshot/1.csv"));
    assert_false(bench->a->ops->url(bench->a, "../x", &one, &err));
    buf_done(&one);
    buf_done(&two);
}

static void probe_and_clock_leave_nothing_behind(const struct bench *bench)
{
    struct lf_error err = {0};
    struct lake_finding finding = {0};
    int64_t ms = 0;
    assert_true(bench->a->ops->probe(bench->a, &finding, &err));
    assert_true(finding.ok);
    assert_true(finding.text[0] != '\0');
    assert_true(bench->a->ops->now_ms(bench->a, &ms, &err));
    assert_true(ms > 0);
    assert_listing(bench->b, "", "");
}

struct promise {
    const char *name;
    void (*check)(const struct bench *bench);
};
#define PROMISE(function) \
    { \
#function, function \
    }

static const struct promise promises[] = {
    PROMISE(put_makes_object_once),
    PROMISE(put_takes_empty_object),
    PROMISE(put_refuses_content_that_is_not_as_described),
    PROMISE(match_without_etag_needs_absence),
    PROMISE(match_replaces_only_expected_version),
    PROMISE(match_of_removed_object_conflicts),
    PROMISE(etag_is_new_when_same_bytes_come_back),
    PROMISE(etag_of_stat_and_read_is_that_of_the_write),
    PROMISE(match_has_one_winner_among_threads),
    PROMISE(writer_shows_object_only_at_commit),
    PROMISE(writer_that_aborts_leaves_nothing),
    PROMISE(writer_commit_conflicts_with_existing_object),
    PROMISE(writers_of_one_lake_do_not_mix),
    PROMISE(read_range_is_short_only_at_the_end),
    PROMISE(large_object_comes_back_whole),
    PROMISE(list_shows_what_is_below_the_folder),
    PROMISE(list_hides_unfinished_objects),
    PROMISE(list_stops_when_the_visitor_says_so),
    PROMISE(remove_of_missing_object_is_no_error),
    PROMISE(lock_belongs_to_one_handle),
    PROMISE(paths_outside_are_refused),
    PROMISE(odd_names_work),
    PROMISE(backslash_is_a_character_or_refused),
    PROMISE(read_all_keeps_its_limit),
    PROMISE(url_is_absolute_and_ends_with_the_path),
    PROMISE(probe_and_clock_leave_nothing_behind),
};

void lake_contract_run(const struct lake_contract *contract)
{
    for (size_t i = 0; i < ARRAY_LEN(promises); i++) {
        print_message("           %s: %s\n", contract->name, promises[i].name);
        contract->begin(contract->context);
        struct bench bench = {.a = contract->open(contract->context), .b = contract->open(contract->context)};
        promises[i].check(&bench);
        lake_close(&bench.a);
        lake_close(&bench.b);
        contract->end(contract->context);
    }
}
