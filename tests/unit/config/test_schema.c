/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>

#define SCHEMA LAKEFEED_TESTS_DIR "/../config/lakefeed.schema.json"

/* LAKEFEED_REGENERATE=1 writes the file anew. What it accepts is tried by an independent validator in tests/integration. */
static void schema_then_the_file_beside_the_example_is_that_of_the_code(UNUSED void **state)
{
    CLEANUP(buf_done) struct buf schema = {0};
    CLEANUP(buf_done) struct buf file = {0};
    struct lf_error err = {0};
    config_schema(&schema);
    const char *regenerate = getenv("LAKEFEED_REGENERATE");
    if (regenerate != NULL && strcmp(regenerate, "1") == 0) {
        FILE *out = fopen(SCHEMA, "wb");
        assert_non_null(out);
        assert_true(fputs(buf_text(&schema), out) >= 0 && fclose(out) == 0);
        return;
    }
    if (!file_read_all(SCHEMA, 1 << 20, &file, &err)) {
        fail_msg("%s", err.msg);
    }
    if (!slice_equal(buf_slice(&file), buf_slice(&schema))) {
        fail_msg("config/lakefeed.schema.json is out of date: run this test with LAKEFEED_REGENERATE=1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_then_the_file_beside_the_example_is_that_of_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
