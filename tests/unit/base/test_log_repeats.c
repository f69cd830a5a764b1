/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/macros.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 5, WINDOW_S = 60, KEYS = 256 }; /* what docs/operations.md promises */

static int64_t wall_us(void *context)
{
    (void)context;
    return 1700049604123456; /* 12:00:04; lines are told apart by the monotonic clock alone */
}

static int64_t monotonic_us(void *context)
{
    return atomic_load((_Atomic int64_t *)context);
}

struct bench {
    _Atomic int64_t us;
    FILE *file;
    struct log *log;
};

static void bench_open(struct bench *bench)
{
    const struct clock clock = {.context = &bench->us, .now_us = wall_us, .monotonic_us = monotonic_us};
    atomic_init(&bench->us, INT64_C(7000000));
    bench->file = tmpfile();
    assert_non_null(bench->file);
    bench->log = log_new(fileno(bench->file), LOG_HUMAN, LOG_INFO, &clock);
}

static void wait_s(struct bench *bench, int64_t s)
{
    atomic_fetch_add(&bench->us, s * 1000000);
}

static void log_retry(struct bench *bench, const char *link, enum lf_error_kind kind, const char *message, int times)
{
    const struct log_where where = {.link = link};
    struct lf_error err;
    for (int i = 1; i <= times; i++) {
        (void)lf_error_set(&err, kind, 5, "%s", message);
        log_failure_with(bench->log, &where, EVENT_link_retry, &err,
                         (struct log_field[]){LOG_NUM("delay_ms", i * 1000), {0}});
    }
}

static void read_lines(struct bench *bench, struct buf *out)
{
    char block[4096];
    size_t n = 0;
    (void)fflush(bench->file);
    rewind(bench->file);
    buf_reset(out);
    while ((n = fread(block, 1, sizeof block, bench->file)) > 0) {
        buf_append(out, block, n);
    }
}

static size_t count_text(struct bench *bench, const char *text)
{
    CLEANUP(buf_done) struct buf out = {0};
    size_t n = 0;
    read_lines(bench, &out);
    for (const char *at = buf_text(&out); (at = strstr(at, text)) != NULL; at += strlen(text)) {
        n++;
    }
    return n;
}

static size_t count_lines(struct bench *bench)
{
    return count_text(bench, "\n");
}

static void bench_close(struct bench *bench)
{
    log_free(&bench->log);
    (void)fclose(bench->file);
}

static void line_when_told_often_within_a_minute_then_held_back(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    for (int i = 0; i < 20; i++) {
        log_retry(&bench, "shop", LF_TRANSIENT, "busy", 1);
        wait_s(&bench, 1);
    }
    assert_int_equal(count_lines(&bench), MOST);
    assert_int_equal(count_text(&bench, "repeated"), 0);
    bench_close(&bench);
}

static void window_when_over_then_the_next_line_tells_the_count_and_begins_anew(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf out = {0};
    struct bench bench;
    bench_open(&bench);
    log_retry(&bench, "shop", LF_TRANSIENT, "busy", MOST + 2);
    wait_s(&bench, WINDOW_S);
    log_retry(&bench, "shop", LF_TRANSIENT, "busy", MOST + 1);
    read_lines(&bench, &out);
    assert_non_null(strstr(buf_text(&out), "12:00:04 WARN  link_retry shop kind=TRANSIENT code=5 message=busy "
                                           "delay_ms=7000 repeated=2\n"
                                           "12:00:04 WARN  link_retry shop kind=TRANSIENT code=5 message=busy "
                                           "delay_ms=1000\n"));
    assert_int_equal(count_lines(&bench), MOST + 1 + MOST);
    bench_close(&bench);
}

static void window_when_not_yet_over_then_nothing_is_told(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    log_retry(&bench, "shop", LF_TRANSIENT, "busy", MOST + 2);
    wait_s(&bench, WINDOW_S - 1);
    log_retry(&bench, "shop", LF_TRANSIENT, "busy", 1);
    assert_int_equal(count_lines(&bench), MOST);
    bench_close(&bench);
}

static void window_when_over_then_a_line_of_another_key_tells_the_count(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    log_retry(&bench, "shop", LF_TRANSIENT, "busy", MOST + 3);
    wait_s(&bench, WINDOW_S);
    log_write(bench.log, NULL, EVENT_link_stopped, NULL);
    log_write(bench.log, NULL, EVENT_link_stopped, NULL);
    assert_int_equal(count_text(&bench, "repeated=3\n"), 1);
    assert_int_equal(count_lines(&bench), MOST + 1 + 2);
    bench_close(&bench);
}

static void window_when_nothing_was_held_back_then_it_ends_silently(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    log_retry(&bench, "shop", LF_TRANSIENT, "busy", MOST);
    wait_s(&bench, WINDOW_S);
    log_retry(&bench, "shop", LF_TRANSIENT, "busy", 1);
    assert_int_equal(count_lines(&bench), MOST + 1);
    assert_int_equal(count_text(&bench, "repeated"), 0);
    bench_close(&bench);
}

static void errors_when_link_kind_or_message_differs_then_none_hides_another(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    log_retry(&bench, "shop", LF_TRANSIENT, "busy", MOST + 1);
    log_retry(&bench, "bank", LF_TRANSIENT, "busy", 1);
    log_retry(&bench, "shop", LF_AUTH, "busy", 1);
    log_retry(&bench, "shop", LF_TRANSIENT, "busy.", 1);
    log_retry(&bench, NULL, LF_TRANSIENT, "busy", 1);
    assert_int_equal(count_lines(&bench), MOST + 4);
    bench_close(&bench);
}

static void errors_when_entity_or_event_differs_then_none_hides_another(void **state)
{
    (void)state;
    const struct log_where orders = {.link = "shop", .entity = "orders"};
    const struct log_where items = {.link = "shop", .entity = "items"};
    const struct log_where no_entity = {.link = "shop"};
    struct bench bench;
    bench_open(&bench);
    for (int i = 0; i <= MOST; i++) {
        log_write(bench.log, &orders, EVENT_source_waiting, NULL);
    }
    assert_int_equal(count_lines(&bench), MOST);
    log_write(bench.log, &items, EVENT_source_waiting, NULL);
    log_write(bench.log, &no_entity, EVENT_source_waiting, NULL);
    log_write(bench.log, &orders, EVENT_ack_failed, NULL);
    assert_int_equal(count_lines(&bench), MOST + 3);
    bench_close(&bench);
}

static void tables_when_left_out_for_one_reason_then_each_is_named(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    for (int i = 0; i < 30; i++) {
        CLEANUP(text_free) char *table = text_printf("t%d", i);
        log_write(bench.log, &(struct log_where){.link = "shop"}, EVENT_entity_skipped,
                  (struct log_field[]){LOG_TEXT("table", table), LOG_TEXT("reason", "no key"), {0}});
    }
    assert_int_equal(count_lines(&bench), 30);
    bench_close(&bench);
}

/* Two messages that the log cuts at the same place look alike; one byte more than what is shown tells them apart. */
static void messages_when_they_differ_in_what_is_shown_then_kept_apart(void **state)
{
    (void)state;
    char shown[513] = {0};
    char cut[514] = {0};
    memset(shown, 'a', 512);
    memset(cut, 'a', 513);
    struct bench bench;
    bench_open(&bench);
    log_retry(&bench, "shop", LF_DATA, shown, MOST + 1);
    log_retry(&bench, "shop", LF_DATA, cut, MOST + 1);
    assert_int_equal(count_lines(&bench), 2 * MOST);
    log_free(&bench.log);
    assert_int_equal(count_lines(&bench), 2 * MOST + 2);
    assert_int_equal(count_text(&bench, "aaa\xE2\x80\xA6"), MOST + 1);
    bench_close(&bench);
}

static void progress_when_repeated_then_never_held_back(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    for (int i = 0; i < 50; i++) {
        log_write(bench.log, &(struct log_where){.link = "shop"}, EVENT_commit_done, NULL);
    }
    assert_int_equal(count_lines(&bench), 50);
    bench_close(&bench);
}

static void log_when_freed_then_all_counts_are_told(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    log_retry(&bench, "shop", LF_TRANSIENT, "busy", MOST + 4);
    log_retry(&bench, "bank", LF_TRANSIENT, "busy", MOST + 6);
    log_retry(&bench, "quiet", LF_TRANSIENT, "busy", 1);
    log_free(&bench.log);
    assert_int_equal(count_text(&bench, "repeated=4\n"), 1);
    assert_int_equal(count_text(&bench, "repeated=6\n"), 1);
    assert_int_equal(count_lines(&bench), 2 * MOST + 1 + 2);
    bench_close(&bench);
}

static void keys_when_too_many_then_the_oldest_tells_its_count_and_goes(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench);
    log_retry(&bench, "oldest", LF_TRANSIENT, "busy", MOST + 3);
    for (int i = 1; i < KEYS; i++) {
        CLEANUP(text_free) char *link = text_printf("link%d", i);
        log_retry(&bench, link, LF_TRANSIENT, "busy", 1);
    }
    assert_int_equal(count_text(&bench, "repeated"), 0);
    log_retry(&bench, "one-more", LF_TRANSIENT, "busy", 1);
    assert_int_equal(count_text(&bench, "oldest kind=TRANSIENT code=5 message=busy delay_ms=8000 repeated=3\n"), 1);
    log_retry(&bench, "oldest", LF_TRANSIENT, "busy", 1); /* known no more: written */
    assert_int_equal(count_text(&bench, " oldest "), MOST + 2);
    log_retry(&bench, "link2", LF_TRANSIENT, "busy", MOST); /* still known: its fifth line is the last */
    assert_int_equal(count_text(&bench, " link2 "), MOST);
    bench_close(&bench);
}

enum { THREADS = 4, LINES = 200 };

static void *retry_often(void *context)
{
    for (int i = 0; i < LINES; i++) {
        log_retry(context, "shop", LF_TRANSIENT, "busy", 1);
    }
    return NULL;
}

static void threads_when_they_repeat_one_line_then_written_and_counted_are_all(void **state)
{
    (void)state;
    struct bench bench;
    pthread_t threads[THREADS];
    bench_open(&bench);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, retry_often, &bench), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    log_free(&bench.log);
    assert_int_equal(count_lines(&bench), MOST + 1);
    assert_int_equal(count_text(&bench, "repeated=795\n"), 1); /* THREADS * LINES - MOST */
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_when_told_often_within_a_minute_then_held_back),
        cmocka_unit_test(window_when_over_then_the_next_line_tells_the_count_and_begins_anew),
        cmocka_unit_test(window_when_not_yet_over_then_nothing_is_told),
        cmocka_unit_test(window_when_over_then_a_line_of_another_key_tells_the_count),
        cmocka_unit_test(window_when_nothing_was_held_back_then_it_ends_silently),
        cmocka_unit_test(errors_when_link_kind_or_message_differs_then_none_hides_another),
        cmocka_unit_test(errors_when_entity_or_event_differs_then_none_hides_another),
        cmocka_unit_test(tables_when_left_out_for_one_reason_then_each_is_named),
        cmocka_unit_test(messages_when_they_differ_in_what_is_shown_then_kept_apart),
        cmocka_unit_test(progress_when_repeated_then_never_held_back),
        cmocka_unit_test(log_when_freed_then_all_counts_are_told),
        cmocka_unit_test(keys_when_too_many_then_the_oldest_tells_its_count_and_goes),
        cmocka_unit_test(threads_when_they_repeat_one_line_then_written_and_counted_are_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
