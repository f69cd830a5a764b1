/* SPDX-License-Identifier: Apache-2.0 */
#include "shown.h"

#include "cli/progress.h"
#include "cli/terminal.h"

static int64_t fixed_us(void *context)
{
    return *(int64_t *)context;
}

struct bench {
    struct progress progress;
    struct link_observer observer;
    struct shown shown;
    int64_t now_us;
};

static void bench_open(struct bench *bench, bool moving, size_t columns)
{
    *bench = (struct bench){.now_us = 1000000};
    progress_init(&bench->progress, shown_open(&bench->shown)->out, /* live= */ true);
    bench->progress.clock.monotonic_us = fixed_us;
    bench->progress.clock.context = &bench->now_us;
    bench->progress.moving = moving;
    bench->progress.columns = columns;
    bench->observer = progress_observer(&bench->progress);
}

static void load(struct bench *bench, const char *entity, uint64_t rows, int64_t estimated)
{
    bench->now_us += 1000000;
    bench->observer.load(bench->observer.context, entity, rows, estimated);
}

static void commit(struct bench *bench)
{
    bench->observer.committed(bench->observer.context, NULL, 0, 0, 0);
}

static void bench_done(struct bench *bench)
{
    progress_done(&bench->progress);
    shown_done(&bench->shown);
}

/* Each picture of a moving line is at most so wide, and nothing but a carriage return steers the terminal. */
static void assert_narrow(const char *shown, size_t columns)
{
    for (const char *at = shown; *at != '\0';) {
        size_t len = strcspn(at, "\r\n");
        CLEANUP(text_free) char *picture = text_copy_len(at, len);
        CLEANUP(buf_done) struct buf clean = {0};
        text_append_clean(&clean, picture);
        assert_string_equal(buf_text(&clean), picture);
        assert_true(text_columns(picture) < columns);
        at += len;
        at += *at != '\0' ? 1 : 0;
    }
}

static void line_of_progress_in_any_width_then_never_wraps(UNUSED void **state)
{
    static const char *const names[] = {"t", "a_table_with_a_name_that_is_longer_than_most_terminals_are_wide",
                                        "注文と顧客のとても長い名前の表です注文と顧客"};
    for (size_t columns = 20; columns < 140; columns++) {
        CLEANUP(bench_done) struct bench bench;
        bench_open(&bench, true, columns);
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            load(&bench, names[i], 1234567, 1000000000000);
            load(&bench, names[i], 1234567, 1000000000000);
        }
        commit(&bench);
        assert_narrow(shown_close(&bench.shown), columns);
    }
}

static void line_when_wide_enough_then_rows_rate_and_what_is_left(UNUSED void **state)
{
    CLEANUP(bench_done) struct bench bench;
    bench_open(&bench, true, 100);
    load(&bench, "orders", 1000, 4000);
    load(&bench, "orders", 1000, 4000);
    commit(&bench);
    assert_string_equal(shown_close(&bench.shown),
                        "\r  orders                          1,000 rows     1,000,000 rows/s   25 %  1 s left"
                        "\r  orders                          2,000 rows         2,000 rows/s   50 %  2 s left"
                        "\r  orders                          2,000 rows         2,000 rows/s                 \n");
}

static void line_when_narrow_then_name_and_rows_remain(UNUSED void **state)
{
    CLEANUP(bench_done) struct bench bench;
    bench_open(&bench, true, 40);
    load(&bench, "a_table_with_a_long_name_indeed", 2000, -1);
    commit(&bench);
    assert_non_null(strstr(shown_close(&bench.shown), "  a_table_with_a_long_name…  2,000 rows\n"));
}

static void terminal_that_cannot_write_over_a_line_then_shows_only_what_is_final(UNUSED void **state)
{
    CLEANUP(bench_done) struct bench bench;
    bench_open(&bench, false, 80);
    load(&bench, "t", 1, 10);
    load(&bench, "t", 2, 10);
    commit(&bench);
    assert_string_equal(shown_close(&bench.shown),
                        "  t                                   3 rows             3 rows/s\n");
}

static void lines_that_stay_then_are_in_the_order_of_names(UNUSED void **state)
{
    CLEANUP(bench_done) struct bench bench;
    bench_open(&bench, false, 80);
    load(&bench, "u", 5, -1); /* loads run side by side */
    load(&bench, "t", 1, -1);
    commit(&bench);
    const char *shown = shown_close(&bench.shown);
    assert_true(strstr(shown, "  t ") < strstr(shown, "  u "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_of_progress_in_any_width_then_never_wraps),
        cmocka_unit_test(line_when_wide_enough_then_rows_rate_and_what_is_left),
        cmocka_unit_test(line_when_narrow_then_name_and_rows_remain),
        cmocka_unit_test(terminal_that_cannot_write_over_a_line_then_shows_only_what_is_final),
        cmocka_unit_test(lines_that_stay_then_are_in_the_order_of_names),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
