/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/http_date.h"
#include "base/macros.h"

static void http_date_when_formatted_then_the_form_of_the_standard(void **state)
{
    (void)state;
    char text[HTTP_DATE_SIZE];
    http_date_format(INT64_C(784111777999), text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT"); /* RFC 9110 */
    http_date_format(-1, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    http_date_format(INT64_MAX, text);
    assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void http_date_when_parsed_then_the_time_of_the_text(void **state)
{
    (void)state;
    int64_t ms = 0;
    assert_true(http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT", &ms));
    assert_int_equal(ms, INT64_C(784111777000));
    assert_true(http_date_parse("Thu, 29 Feb 2024 23:59:59 GMT", &ms));
    assert_int_equal(ms, INT64_C(1709251199000));
}

static void http_date_when_it_is_no_date_then_false(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "120",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Mon, 06 Nov 1994 08:49:37 GMT", /* it was a Sunday */
        "Thu, 30 Feb 2024 00:00:00 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sunday, 06-Nov-94 08:49:37 GMT",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        int64_t ms = 0;
        assert_false(http_date_parse(wrong[i], &ms));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_date_when_formatted_then_the_form_of_the_standard),
        cmocka_unit_test(http_date_when_parsed_then_the_time_of_the_text),
        cmocka_unit_test(http_date_when_it_is_no_date_then_false),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
