/* SPDX-License-Identifier: Apache-2.0 */
#include "shown.h"

#include "cli/generate.h"

/* Every name in a verb's list of options is an option. */
static void options_of_verbs_then_exist(UNUSED void **state)
{
    for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
        for (const char *at = verb->options + strspn(verb->options, " "); *at != '\0'; at += strspn(at, " ")) {
            CLEANUP(text_free) char *name = text_copy_len(at, strcspn(at, " "));
            const struct cli_option *option = cli_find_option(name);
            assert_non_null(option);
            assert_true(cli_takes(verb, option));
            at += strlen(name);
        }
        assert_true(cli_takes(verb, cli_find_option("help")));
    }
}

static void option_then_is_taken_by_some_verb_and_described(UNUSED void **state)
{
    for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
        bool taken = false;
        for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
            taken = taken || cli_takes(verb, option);
        }
        assert_true(taken);
        assert_true(option->help[0] != '\0' && option->help[strlen(option->help) - 1] != '.');
        assert_int_equal(option->argument == NULL, option->type == CLI_OPTION_FLAG);
    }
}

static void option_whose_name_is_part_of_another_then_is_not_taken_for_it(UNUSED void **state)
{
    const struct cli_verb verb = {.name = "v", .options = "state-directory xlink links"};
    assert_false(cli_takes(&verb, cli_find_option("state-dir")));
    assert_false(cli_takes(&verb, cli_find_option("link")));
}

static void nearest_verb_when_one_slip_then_found_and_else_none(UNUSED void **state)
{
    assert_string_equal(cli_nearest_verb("stauts"), "status");
    assert_string_equal(cli_nearest_verb("rum"), "run");
    assert_null(cli_nearest_verb("nonsense"));
    assert_null(cli_nearest_verb(""));
}

/* Everything that is generated names every verb and every option. */
static void generated_text_then_names_every_verb_and_option(UNUSED void **state)
{
    void (*const makers[])(struct buf *) = {generate_man, generate_page, generate_bash, generate_zsh, generate_fish};
    for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
        CLEANUP(buf_done) struct buf text = {0};
        makers[i](&text);
        for (const struct cli_verb *verb = cli_verbs; verb->name != NULL; verb++) {
            assert_non_null(strstr(buf_text(&text), verb->name));
        }
        for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
            CLEANUP(buf_done) struct buf escaped = {0};
            for (const char *at = option->name; *at != '\0'; at++) {
                buf_printf(&escaped, "%s%c", i == 0 && *at == '-' ? "\\" : "", *at);
            }
            assert_non_null(strstr(buf_text(&text), buf_text(&escaped)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_verbs_then_exist),
        cmocka_unit_test(option_then_is_taken_by_some_verb_and_described),
        cmocka_unit_test(option_whose_name_is_part_of_another_then_is_not_taken_for_it),
        cmocka_unit_test(nearest_verb_when_one_slip_then_found_and_else_none),
        cmocka_unit_test(generated_text_then_names_every_verb_and_option),
    };
    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
