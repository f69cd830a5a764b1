/* SPDX-License-Identifier: Apache-2.0 */
#include "shown.h"

#include "cli/command.h"

static void command_then_names_the_same_link_and_can_be_pasted(UNUSED void **state)
{
    static const struct {
        struct cli cli;
        const char *command;
    } cases[] = {
        {{.config_path = "my lake.json", .link = "shop", .state_dir = "/s"},
         "lakefeed run -c 'my lake.json' --link shop --state-dir /s"},
        {{.source = "sqlite:it's.db", .lake = "file:./l", .entities = "a,b", .name = "n"},
         "lakefeed run --source 'sqlite:it'\\''s.db' --lake file:./l --entities a,b --name n"},
        {{0}, "lakefeed run"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_done) struct buf command = {0};
        command_append(&command, &cases[i].cli, "run");
        assert_string_equal(buf_text(&command), cases[i].command);
    }
}

static void message_with_a_command_then_it_stands_alone_and_whole_on_a_terminal(UNUSED void **state)
{
    static const struct {
        const char *message, *lines;
        size_t columns;
    } cases[] = {
        {"not tracked; run: lakefeed track --source 'sqlite:a b.db'",
         "lakefeed: not tracked;\n  run:\n  lakefeed track --source 'sqlite:a b.db'\n", 24},
        {"not tracked; run: lakefeed track --source 'sqlite:a b.db'",
         "lakefeed: not tracked; run: lakefeed track --source 'sqlite:a b.db'\n", SIZE_MAX},
        {"no folder: make it: mkdir -p 'x'", "lakefeed: no folder: make it:\n  mkdir -p 'x'\n", 80},
        {"see lakefeed help run", "lakefeed: see lakefeed help run\n", 80},
        {"a\x1B[2J\nb", "lakefeed: a?[2J?b\n", 80},
        {"", "lakefeed: \n", 80},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(shown_done) struct shown shown;
        command_print_message(shown_open(&shown)->out, cases[i].message, cases[i].columns);
        assert_string_equal(shown_close(&shown), cases[i].lines);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_then_names_the_same_link_and_can_be_pasted),
        cmocka_unit_test(message_with_a_command_then_it_stands_alone_and_whole_on_a_terminal),
    };
    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
