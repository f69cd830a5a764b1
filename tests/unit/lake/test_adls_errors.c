/* SPDX-License-Identifier: Apache-2.0 */
#include "lake/adls_errors.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define PAGE LAKEFEED_TESTS_DIR "/../docs/adls-errors.md"
#define BEGIN "<!-- errors: made from the table in src/lake/adls_errors.h; do not edit -->\n"
#define END "<!-- end of errors -->\n"

static const struct adls_error_row rows[] = {
#define ROW(code, kind, meaning, cure) {code, LF_##kind, meaning, cure},
    ADLS_ERRORS(ROW)
#undef ROW
};

static void table_then_sorted_so_that_each_code_stands_once(UNUSED void **state)
{
    for (size_t i = 1; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i - 1].code, rows[i].code) >= 0) {
            fail_msg("%s stands in the wrong place", rows[i].code);
        }
    }
}

static void code_when_known_then_its_row_whatever_the_status(UNUSED void **state)
{
    assert_int_equal(adls_error_find("AuthorizationPermissionMismatch", 403)->kind, LF_AUTH);
    assert_int_equal(adls_error_find("PathNotFound", 404)->kind, LF_NOT_FOUND);
    assert_int_equal(adls_error_find("ConditionNotMet", 412)->kind, LF_CONFLICT);
    assert_int_equal(adls_error_find("LeaseIdMissing", 412)->kind, LF_AUTH); /* a lease is no version */
    assert_int_equal(adls_error_find("FilesystemBeingDeleted", 409)->kind, LF_TRANSIENT);
    assert_int_equal(adls_error_find("ServerBusy", 503)->kind, LF_THROTTLED);
}

static void code_when_unknown_then_the_status_decides(UNUSED void **state)
{
    static const struct {
        unsigned status;
        enum lf_error_kind kind;
    } cases[] = {{400, LF_UNSUPPORTED}, {401, LF_AUTH},      {403, LF_AUTH},      {404, LF_NOT_FOUND},
                 {408, LF_TRANSIENT},   {409, LF_CONFLICT},  {412, LF_CONFLICT},  {413, LF_LIMIT},
                 {418, LF_UNSUPPORTED}, {429, LF_THROTTLED}, {500, LF_TRANSIENT}, {501, LF_UNSUPPORTED},
                 {502, LF_TRANSIENT},   {503, LF_THROTTLED}, {504, LF_TRANSIENT}, {505, LF_UNSUPPORTED}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(adls_error_find("NobodyKnowsThis", cases[i].status)->kind, cases[i].kind);
        assert_int_equal(adls_error_find(NULL, cases[i].status)->kind, cases[i].kind);
    }
}

static void print_table(struct buf *out)
{
    buf_append_text(out, "| code | kind | what it means | what to do |\n|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_printf(out, "| `%s` | %s | %s | %s |\n", rows[i].code, lf_error_kind_name(rows[i].kind), rows[i].meaning,
                   rows[i].cure);
    }
}

/* LAKEFEED_REGENERATE=1 writes the page anew. */
static void page_then_its_table_is_that_of_the_code(UNUSED void **state)
{
    CLEANUP(buf_done) struct buf page = {0};
    CLEANUP(buf_done) struct buf table = {0};
    struct lf_error err = {0};
    if (!file_read_all(PAGE, 1 << 20, &page, &err)) {
        fail_msg("%s", err.msg);
    }
    const char *begin = strstr(page.ptr, BEGIN);
    const char *end = strstr(page.ptr, END);
    assert_true(begin != NULL && end != NULL && begin < end);
    begin += strlen(BEGIN);
    print_table(&table);
    const char *regenerate = getenv("LAKEFEED_REGENERATE");
    if (regenerate != NULL && strcmp(regenerate, "1") == 0) {
        FILE *file = fopen(PAGE, "wb");
        assert_non_null(file);
        (void)fprintf(file, "%.*s%s%s", (int)(begin - page.ptr), page.ptr, buf_text(&table), end);
        assert_int_equal(fclose(file), 0);
        return;
    }
    CLEANUP(text_free) char *old = text_copy_len(begin, (size_t)(end - begin));
    if (strcmp(old, buf_text(&table)) != 0) {
        fail_msg("docs/adls-errors.md is out of date: run this test with LAKEFEED_REGENERATE=1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_then_sorted_so_that_each_code_stands_once),
        cmocka_unit_test(code_when_known_then_its_row_whatever_the_status),
        cmocka_unit_test(code_when_unknown_then_the_status_decides),
        cmocka_unit_test(page_then_its_table_is_that_of_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
