/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "base/random.h"
#include "config/document.h"

#include <stdlib.h>

static struct document must_open(const char *text)
{
    struct document document;
    struct lf_error err = {0};
    if (!document_open(&document, "t.json", text, strlen(text), &err)) {
        fail_msg("%s", err.msg);
    }
    return document;
}

static void open_when_comments_then_blanked_and_lines_stay(UNUSED void **state)
{
    CLEANUP(document_done)
    struct document document = must_open("// a\n{/* b\r\n c */\"k\":1,// \"\n\"m\"://\n2/**/}//");
    assert_string_equal(document.text, "    \n{     \n     \"k\":1,    \n\"m\":  \n2    }  ");
    const struct place root = {0};
    const struct place k = {&root, "k", 0};
    const struct place m = {&root, "m", 1};
    assert_int_equal(document_line(&document, &root), 2);
    assert_int_equal(document_line(&document, &k), 3);
    assert_int_equal(document_line(&document, &m), 4);
}

static void open_when_strings_look_like_comments_then_they_stay(UNUSED void **state)
{
    CLEANUP(document_done) struct document document = must_open("{\"a//b\":\"/* \\\" // */ \\\\\",\"c\":\"/\"}// \"");
    assert_string_equal(json_text(json_member(document.root, "a//b")), "/* \" // */ \\");
    assert_string_equal(json_text(json_member(document.root, "c")), "/");
}

static void open_when_a_byte_order_mark_then_ignored(UNUSED void **state)
{
    CLEANUP(document_done) struct document document = must_open("\xEF\xBB\xBF{}");
    assert_true(json_is_object(document.root));
}

static void open_when_a_comment_never_ends_then_refused_with_its_line(UNUSED void **state)
{
    assert_refused("{\n\n /* x\n\n", "t.json: line 3: this comment never ends; close it with */");
    assert_refused("{}\n/*/", "t.json: line 2: this comment never ends; close it with */");
}

static void open_when_a_string_never_ends_then_the_fault_is_not_put_on_a_comment(UNUSED void **state)
{
    struct document document;
    struct lf_error err = {0};
    static const char text[] = "{\"a\":\"x,\n\"b\":\"/*\"}";
    assert_false(document_open(&document, "t.json", text, sizeof text - 1, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_null(strstr(err.msg, "comment"));
    document_done(&document);
}

static void open_of_cut_texts_then_never_read_past_the_end(UNUSED void **state)
{
    static const char text[] = "{\"a\\\\\":\"\\\"/\"/*x*/,//\n\"b\":[1]}/";
    for (size_t len = 0; len < sizeof text; len++) {
        char *exact = mem_new(len, 1); /* an address sanitizer sees a read behind it */
        struct document document;
        struct lf_error err = {0};
        memcpy(exact, text, len);
        const bool good = document_open(&document, "t.json", exact, len, &err);
        assert_true(good == (len == sizeof text - 2)); /* without the slash at its end */
        document_done(&document);
        free(exact);
    }
}

/* A random tree, printed with a line break before every key and every element, whose lines are noted. */
struct printer {
    struct random_seeded random;
    struct buf text;
    size_t *lines; /* of the keys and elements, in order */
    size_t count, size;
};

static void note_line(struct printer *printer)
{
    buf_append_text(&printer->text, random_seeded_below(&printer->random, 2) == 0 ? "\n" : "\n\t\v\f\r \n");
    size_t line = 1;
    for (size_t i = 0; i < printer->text.len; i++) {
        line += printer->text.ptr[i] == '\n';
    }
    mem_grow(&printer->lines, &printer->size, printer->count + 1, sizeof *printer->lines);
    printer->lines[printer->count++] = line;
}

static void print_value(struct printer *printer, unsigned depth)
{
    static const char *const scalars[] = {"1",     "-2.5e3",   "true",       "null",    "\"\"",
                                          "\"]\"", "\"\\\"\"", "\"{,\\\\\"", "\"a:b\"", "\"\\u0041\""};
    const uint64_t kind = random_seeded_below(&printer->random, depth < 5 ? 4 : 2);
    if (kind < 2) {
        buf_append_text(&printer->text, scalars[random_seeded_below(&printer->random, ARRAY_LEN(scalars))]);
        return;
    }
    const bool object = kind == 2;
    const uint64_t n = random_seeded_below(&printer->random, 5);
    buf_append_char(&printer->text, object ? '{' : '[');
    for (uint64_t i = 0; i < n; i++) {
        note_line(printer);
        if (object) {
            buf_printf(&printer->text, "\"%c\\\"}\" \n:", (char)('a' + i));
        }
        print_value(printer, depth + 1);
        buf_append_text(&printer->text, i + 1 < n ? " ," : " ");
    }
    buf_append_char(&printer->text, object ? '}' : ']');
}

static void compare_lines(struct printer *printer, const struct document *document, const struct json *value,
                          const struct place *place, size_t *next)
{
    if (!json_is_object(value) && !json_is_array(value)) {
        return;
    }
    size_t index = 0;
    for (const struct json *child = json_first(value); child != NULL; child = json_next(child)) {
        const struct place here = {place, json_name(child), index++};
        assert_int_equal(document_line(document, &here), printer->lines[(*next)++]);
        compare_lines(printer, document, child, &here, next);
    }
}

static void line_of_every_value_of_random_trees_then_where_it_was_printed(UNUSED void **state)
{
    const char *given = getenv("LAKEFEED_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 1;
    print_message("LAKEFEED_SEED=%llu\n", (unsigned long long)seed);
    struct printer printer = {0};
    random_seeded_init(&printer.random, seed);
    for (int i = 0; i < 200; i++) {
        size_t next = 0;
        buf_reset(&printer.text);
        printer.count = 0;
        print_value(&printer, 0);
        CLEANUP(document_done) struct document document = must_open(buf_text(&printer.text));
        const struct place root = {0};
        compare_lines(&printer, &document, document.root, &root, &next);
        assert_int_equal(next, printer.count);
    }
    buf_done(&printer.text);
    free(printer.lines);
}

static void fail_then_file_line_and_path_in_front(UNUSED void **state)
{
    CLEANUP(document_done) struct document document = must_open("{\"a\":[0,\n{\"b c\":1}]}");
    const struct place root = {0};
    const struct place a = {&root, "a", 0};
    const struct place element = {&a, NULL, 1};
    const struct place b = {&element, "b c", 0};
    struct lf_error err = {.kind = LF_CONFIG, .msg = "is wrong"};
    assert_false(document_fail(&document, &b, &err));
    assert_string_equal(err.msg, "t.json: line 2: a[1].b c: is wrong");
    err = (struct lf_error){.kind = LF_CONFIG, .msg = "is wrong"};
    assert_false(document_fail(&document, &root, &err));
    assert_string_equal(err.msg, "t.json: line 1: is wrong");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_when_comments_then_blanked_and_lines_stay),
        cmocka_unit_test(open_when_strings_look_like_comments_then_they_stay),
        cmocka_unit_test(open_when_a_byte_order_mark_then_ignored),
        cmocka_unit_test(open_when_a_comment_never_ends_then_refused_with_its_line),
        cmocka_unit_test(open_when_a_string_never_ends_then_the_fault_is_not_put_on_a_comment),
        cmocka_unit_test(open_of_cut_texts_then_never_read_past_the_end),
        cmocka_unit_test(line_of_every_value_of_random_trees_then_where_it_was_printed),
        cmocka_unit_test(fail_then_file_line_and_path_in_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
