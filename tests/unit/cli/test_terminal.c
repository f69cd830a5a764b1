/* SPDX-License-Identifier: Apache-2.0 */
#include "shown.h"

#include "cli/terminal.h"

#include <sys/wait.h>

static void columns_of_a_text_then_as_a_terminal_shows_it(UNUSED void **state)
{
    assert_int_equal(text_columns(""), 0);
    assert_int_equal(text_columns("orders"), 6);
    assert_int_equal(text_columns("año"), 3);
    assert_int_equal(text_columns("e\xCC\x81"), 1); /* a combining accent */
    assert_int_equal(text_columns("注文"), 4);
    assert_int_equal(text_columns("a\xFF"), 2);
}

static void fit_when_a_wide_character_is_at_the_edge_then_it_is_left_out(UNUSED void **state)
{
    assert_int_equal(text_fit("注文表", 5), strlen("注文"));
    assert_int_equal(text_fit("注文表", 6), strlen("注文表"));
    assert_int_equal(text_fit("abc", 0), 0);
}

static void cut_when_too_long_then_an_ellipsis_stands_within_the_columns(UNUSED void **state)
{
    static const struct {
        const char *text, *cut;
    } cases[] = {{"abcdef", "abcdef"}, {"abcdefg", "abcde…"}, {"注文表x", "注文…"}, {"注文表", "注文表"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_done) struct buf out = {0};
        text_append_cut(&out, cases[i].text, 6);
        assert_string_equal(buf_text(&out), cases[i].cut);
        assert_true(text_columns(buf_text(&out)) <= 6);
    }
}

static void clean_when_text_would_steer_a_terminal_then_marks_stand_there(UNUSED void **state)
{
    CLEANUP(buf_done) struct buf out = {0};
    text_append_clean(&out, "a\x1B[2Jb\nc\xC2\x9B"
                            "d\x7F\xFF注");
    assert_string_equal(buf_text(&out), "a?[2Jb?c?d??注");
}

/* What a shell makes of a word. */
static void read_word(const char *word, char ret_text[64])
{
    int ends[2];
    CLEANUP(buf_done) struct buf command = {0};
    buf_printf(&command, "printf %%s %s", word);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execl("/bin/sh", "sh", "-c", buf_text(&command), (char *)NULL);
        _exit(127);
    }
    assert_true(child > 0);
    (void)close(ends[1]);
    ssize_t n = 0;
    size_t len = 0;
    while ((n = read(ends[0], ret_text + len, 63 - len)) > 0) {
        len += (size_t)n;
    }
    ret_text[len] = '\0';
    (void)close(ends[0]);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void quoted_when_a_shell_reads_it_then_the_same_text(UNUSED void **state)
{
    static const char *const texts[] = {"sqlite:shop.db", "a b", "it's", "", "$HOME", "a\nb", "*", "~/x", "注"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(buf_done) struct buf word = {0};
        char got[64];
        text_append_quoted(&word, texts[i]);
        read_word(buf_text(&word), got);
        assert_string_equal(got, texts[i]);
    }
    CLEANUP(buf_done) struct buf plain = {0};
    text_append_quoted(&plain, "sqlite:shop.db");
    assert_string_equal(buf_text(&plain), "sqlite:shop.db");
}

static void wrapped_then_broken_at_blanks_and_long_words_stay_whole(UNUSED void **state)
{
    static const struct {
        const char *text, *lines;
        size_t used, indent, columns;
    } cases[] = {
        {"one two three", "one two\n  three\n", 0, 2, 8},
        {"one two three", "one two three\n", 0, 2, SIZE_MAX},
        {"one two", "one\n    two\n", 4, 4, 9},
        {"abcdefghijkl m", "abcdefghijkl\n m\n", 0, 1, 5},
        {"  注文 ab", "注文\nab\n", 0, 0, 6},
        {"", "\n", 0, 0, 6},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(shown_done) struct shown shown;
        text_print_wrapped(shown_open(&shown)->out, cases[i].text, cases[i].used, cases[i].indent, cases[i].columns);
        assert_string_equal(shown_close(&shown), cases[i].lines);
    }
}

static void columns_without_a_terminal_then_those_of_the_environment_within_bounds(UNUSED void **state)
{
    static const struct {
        const char *given;
        size_t columns;
    } cases[] = {{"132", 132}, {"3", 20}, {"99999", 1000}, {"nonsense", 80}, {"-5", 80}, {"", 80}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(setenv("COLUMNS", cases[i].given, 1), 0);
        assert_int_equal(terminal_columns(-1), cases[i].columns);
    }
    assert_int_equal(unsetenv("COLUMNS"), 0);
    assert_int_equal(terminal_columns(-1), 80);
    assert_false(terminal_can_rewrite(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_of_a_text_then_as_a_terminal_shows_it),
        cmocka_unit_test(fit_when_a_wide_character_is_at_the_edge_then_it_is_left_out),
        cmocka_unit_test(cut_when_too_long_then_an_ellipsis_stands_within_the_columns),
        cmocka_unit_test(clean_when_text_would_steer_a_terminal_then_marks_stand_there),
        cmocka_unit_test(quoted_when_a_shell_reads_it_then_the_same_text),
        cmocka_unit_test(wrapped_then_broken_at_blanks_and_long_words_stay_whole),
        cmocka_unit_test(columns_without_a_terminal_then_those_of_the_environment_within_bounds),
    };
    return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
