/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

static int64_t fixed_us(void *context)
{
    (void)context;
    return 1700049604123456; /* 2023-11-15T12:00:04.123456Z */
}

static const struct clock fixed_clock = {.now_us = fixed_us, .monotonic_us = fixed_us};

struct pipe_log {
    int fds[2];
    struct log *log;
};

static struct pipe_log open_log(enum log_format format, enum log_level least)
{
    struct pipe_log result;
    assert_int_equal(pipe(result.fds), 0);
    result.log = log_new(result.fds[1], format, least, &fixed_clock);
    return result;
}

/* All that was written; ends the log. */
static void read_log(struct pipe_log *pipe_log, struct buf *out)
{
    log_free(&pipe_log->log);
    (void)close(pipe_log->fds[1]);
    char block[4096];
    ssize_t n = 0;
    while ((n = read(pipe_log->fds[0], block, sizeof block)) > 0) {
        buf_append(out, block, (size_t)n);
    }
    (void)close(pipe_log->fds[0]);
}

static void json_when_written_then_one_object_and_a_line_end(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf out = {0};
    struct pipe_log pipe_log = open_log(LOG_JSON, LOG_INFO);
    struct log_where where = {.link = "shop", .entity = "orders", .run = "r1"};
    log_write(pipe_log.log, &where, EVENT_commit_done,
              (struct log_field[]){LOG_NUM("commit", -7), LOG_TEXT("cursor", "0/1F"), {0}});
    read_log(&pipe_log, &out);
    assert_string_equal(buf_text(&out),
                        "{\"ts\":\"2023-11-15T12:00:04.123Z\",\"level\":\"info\",\"event\":\"commit_done\","
                        "\"link\":\"shop\",\"entity\":\"orders\",\"run\":\"r1\",\"commit\":-7,"
                        "\"cursor\":\"0/1F\"}\n");
}

static void json_when_no_context_and_no_fields_then_left_out(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf out = {0};
    struct pipe_log pipe_log = open_log(LOG_JSON, LOG_INFO);
    log_write(pipe_log.log, NULL, EVENT_fenced, NULL);
    read_log(&pipe_log, &out);
    assert_string_equal(buf_text(&out),
                        "{\"ts\":\"2023-11-15T12:00:04.123Z\",\"level\":\"error\",\"event\":\"fenced\"}\n");
}

static void json_when_text_is_hostile_then_escaped_and_still_one_valid_line(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    struct pipe_log pipe_log = open_log(LOG_JSON, LOG_INFO);
    log_write(pipe_log.log, NULL, EVENT_connector_note,
              (struct log_field[]){LOG_TEXT("text", "a\n\"}\x1B[2J\xFFz\xED\xA0\x80"), {0}});
    read_log(&pipe_log, &out);
    CLEANUP(json_free) struct json *root = NULL;
    assert_true(json_parse("line", buf_text(&out), out.len, &root, &err));
    assert_string_equal(json_text(json_member(root, "text")),
                        "a\n\"}\x1B[2J\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_ptr_equal(strchr(buf_text(&out), '\n'), buf_text(&out) + out.len - 1);
    assert_null(strchr(buf_text(&out), '\x1B'));
}

static void json_when_text_is_long_then_cut_at_512_bytes_between_characters(void **state)
{
    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        struct lf_error err;
        CLEANUP(buf_done) struct buf text = {0};
        CLEANUP(buf_done) struct buf out = {0};
        buf_append(&text, "abc", lead);
        for (int i = 0; i < 300; i++) {
            buf_append_text(&text, "\xC3\xA4");
        }
        struct pipe_log pipe_log = open_log(LOG_JSON, LOG_INFO);
        log_write(pipe_log.log, NULL, EVENT_connector_note,
                  (struct log_field[]){LOG_TEXT("text", buf_text(&text)), {0}});
        read_log(&pipe_log, &out);
        CLEANUP(json_free) struct json *root = NULL;
        assert_true(json_parse("line", buf_text(&out), out.len, &root, &err));
        const char *logged = json_text(json_member(root, "text"));
        size_t len = strlen(logged);
        assert_in_range(len, 511, 512);
        assert_memory_equal(logged, buf_text(&text), len - 3);
        assert_string_equal(logged + len - 3, "\xE2\x80\xA6");
    }
}

static void json_when_text_has_512_bytes_then_whole(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf expected = {0};
    CLEANUP(buf_done) struct buf out = {0};
    buf_printf(&expected, "%0512d", 1);
    struct pipe_log pipe_log = open_log(LOG_JSON, LOG_INFO);
    log_write(pipe_log.log, NULL, EVENT_connector_note,
              (struct log_field[]){LOG_TEXT("text", buf_text(&expected)), {0}});
    read_log(&pipe_log, &out);
    assert_non_null(strstr(buf_text(&out), buf_text(&expected)));
}

static void human_when_written_then_time_level_event_place_and_fields(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf out = {0};
    struct pipe_log pipe_log = open_log(LOG_HUMAN, LOG_INFO);
    struct log_where where = {.link = "shop", .entity = "orders", .run = "r1"};
    log_write(pipe_log.log, &where, EVENT_entity_reload,
              (struct log_field[]){LOG_TEXT("reason", "a \"new\" column"), LOG_NUM("rows", 5), LOG_TEXT("x", ""), {0}});
    log_write(pipe_log.log, &(struct log_where){.link = "shop"}, EVENT_link_started, NULL);
    log_write(pipe_log.log, NULL, EVENT_link_failed, (struct log_field[]){LOG_TEXT("kind", "AUTH"), {0}});
    read_log(&pipe_log, &out);
    assert_string_equal(buf_text(&out),
                        "12:00:04 WARN  entity_reload shop/orders reason=\"a \\\"new\\\" column\" rows=5 "
                        "x=\"\"\n"
                        "12:00:04 INFO  link_started shop\n"
                        "12:00:04 ERROR link_failed kind=AUTH\n");
}

static void human_when_text_is_hostile_then_no_control_character_reaches_the_terminal(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf out = {0};
    struct pipe_log pipe_log = open_log(LOG_HUMAN, LOG_INFO);
    log_write(pipe_log.log, NULL, EVENT_connector_note,
              (struct log_field[]){LOG_TEXT("t", "a\n\x1B[2J\x7F\xC2\x9B"
                                                 "b\xFF\xC2\xA0\\"),
                                   {0}});
    read_log(&pipe_log, &out);
    assert_string_equal(buf_text(&out),
                        "12:00:04 INFO  connector_note t=\"a\\x0a\\x1b[2J\\x7f\\x9bb\xEF\xBF\xBD\xC2\xA0"
                        "\\\\\"\n");
}

static void write_when_below_the_least_level_then_nothing(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf out = {0};
    struct pipe_log pipe_log = open_log(LOG_HUMAN, LOG_ERROR);
    log_write(pipe_log.log, NULL, EVENT_entity_reload, NULL);
    log_write(pipe_log.log, NULL, EVENT_fenced, NULL);
    log_write(NULL, NULL, EVENT_fenced, NULL);
    read_log(&pipe_log, &out);
    assert_string_equal(buf_text(&out), "12:00:04 ERROR fenced\n");
}

static void failure_when_logged_then_kind_code_and_message(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf out = {0};
    struct pipe_log pipe_log = open_log(LOG_HUMAN, LOG_INFO);
    struct lf_error err;
    (void)lf_error_set(&err, LF_NOT_FOUND, 2, "open x: no such file");
    log_failure(pipe_log.log, NULL, EVENT_link_failed, &err);
    read_log(&pipe_log, &out);
    assert_string_equal(buf_text(&out), "12:00:04 ERROR link_failed kind=NOT_FOUND code=2 message=\"open x: no such "
                                        "file\"\n");
}

static void failure_when_it_has_fields_of_its_own_then_they_follow(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf out = {0};
    struct pipe_log pipe_log = open_log(LOG_HUMAN, LOG_INFO);
    struct lf_error err;
    (void)lf_error_set(&err, LF_TRANSIENT, 28, "full");
    log_failure_with(pipe_log.log, NULL, EVENT_link_retry, &err,
                     (struct log_field[]){LOG_NUM("delay_ms", 4000), LOG_TEXT("x", "y"), {0}});
    read_log(&pipe_log, &out);
    assert_string_equal(buf_text(&out),
                        "12:00:04 WARN  link_retry kind=TRANSIENT code=28 message=full delay_ms=4000 x=y\n");
}

static void write_when_the_reader_is_gone_then_it_returns(void **state)
{
    (void)state;
    struct log *log = log_new(-1, LOG_JSON, LOG_DEBUG, &fixed_clock);
    log_write(log, NULL, EVENT_fenced, NULL);
    log_free(&log);
    assert_null(log);
    log_free(&log);
}

enum { THREADS = 4, LINES = 50 };

static void *write_lines(void *context)
{
    CLEANUP(buf_done) struct buf text = {0};
    buf_printf(&text, "%0500d", 7);
    for (int i = 0; i < LINES; i++) {
        log_write(context, NULL, EVENT_connector_note,
                  (struct log_field[]){LOG_TEXT("a", buf_text(&text)), LOG_TEXT("b", buf_text(&text)), {0}});
    }
    return NULL;
}

static void write_when_threads_log_at_once_then_every_line_is_whole(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    struct log *log = log_new(fileno(file), LOG_HUMAN, LOG_DEBUG, &fixed_clock);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    log_free(&log);
    rewind(file);
    char line[2048];
    int count = 0;
    size_t len = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        assert_true(strncmp(line, "12:00:04 INFO  connector_note a=000", 35) == 0);
        len = len > 0 ? len : strlen(line);
        assert_int_equal(strlen(line), len);
        count++;
    }
    assert_int_equal(count, THREADS * LINES);
    (void)fclose(file);
}

static void events_when_looked_up_then_name_level_fields_and_meaning(void **state)
{
    (void)state;
    assert_string_equal(log_event_name(EVENT_waiting_for_owner), "waiting_for_owner");
    assert_int_equal(log_event_level(EVENT_waiting_for_owner), LOG_WARN);
    assert_string_equal(log_event_fields(EVENT_waiting_for_owner), "kind, code, message");
    assert_string_equal(log_event_fields(EVENT_entity_added), "");
    for (int i = 0; i < LOG_EVENT_COUNT; i++) {
        assert_true(strlen(log_event_meaning((enum log_event)i)) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_when_written_then_one_object_and_a_line_end),
        cmocka_unit_test(json_when_no_context_and_no_fields_then_left_out),
        cmocka_unit_test(json_when_text_is_hostile_then_escaped_and_still_one_valid_line),
        cmocka_unit_test(json_when_text_is_long_then_cut_at_512_bytes_between_characters),
        cmocka_unit_test(json_when_text_has_512_bytes_then_whole),
        cmocka_unit_test(human_when_written_then_time_level_event_place_and_fields),
        cmocka_unit_test(human_when_text_is_hostile_then_no_control_character_reaches_the_terminal),
        cmocka_unit_test(write_when_below_the_least_level_then_nothing),
        cmocka_unit_test(failure_when_logged_then_kind_code_and_message),
        cmocka_unit_test(failure_when_it_has_fields_of_its_own_then_they_follow),
        cmocka_unit_test(write_when_the_reader_is_gone_then_it_returns),
        cmocka_unit_test(write_when_threads_log_at_once_then_every_line_is_whole),
        cmocka_unit_test(events_when_looked_up_then_name_level_fields_and_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
