/* SPDX-License-Identifier: Apache-2.0 */
#include "lake/lake.h"

#include "base/file.h"
#include "base/macros.h"
#include "fakes/fault_lake.h"
#include "fakes/lake_text.h"
#include "fakes/memory_lake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

/* Somebody who replaces the object in front of every second look at it, until `left` is used up. */
struct meddler {
    struct memory_store *store;
    int left;
    const char *op;
};

static bool meddle(void *context, const char *op, const char *path)
{
    struct meddler *meddler = context;
    if (strcmp(op, meddler->op) == 0 && meddler->left > 0) {
        CLEANUP(text_free) char *text = text_printf("version %d", meddler->left--);
        memory_store_put(meddler->store, path, text, strlen(text));
    }
    return true;
}

static struct lake *open_meddled(struct meddler *meddler)
{
    struct clock clock = clock_system();
    meddler->store = memory_store_new(&clock);
    memory_store_put(meddler->store, "x", "first", 5);
    struct lake *lake = fault_lake_open(memory_lake_open(meddler->store));
    fault_lake_plan(lake, &(struct fault_plan){.before_call = meddle, .context = meddler});
    return lake;
}

static void read_all_when_replaced_in_between_then_bytes_fit_the_etag(void **state)
{
    (void)state;
    static const char *const ops[] = {"read_range", "stat"};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        struct meddler meddler = {.left = 3, .op = ops[i]};
        struct lf_error err;
        struct buf out = {0};
        char etag[LAKE_ETAG_SIZE];
        char expected[LAKE_ETAG_SIZE];
        struct lake *lake = open_meddled(&meddler);
        assert_true(lake_read_all(lake, "x", 100, &out, etag, &err));
        assert_string_equal(buf_text(&out), "version 1");
        assert_true(memory_store_etag(meddler.store, "x", expected));
        assert_string_equal(etag, expected);
        buf_done(&out);
        lake_close(&lake);
        memory_store_free(&meddler.store);
    }
}

static void read_all_when_it_never_stands_still_then_transient(void **state)
{
    (void)state;
    struct meddler meddler = {.left = 1000, .op = "read_range"};
    struct lf_error err = {0};
    struct buf out = {0};
    struct lake *lake = open_meddled(&meddler);
    assert_false(lake_read_all(lake, "x", 100, &out, NULL, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_int_equal(out.len, 0);
    buf_done(&out);
    lake_close(&lake);
    memory_store_free(&meddler.store);
}

static void read_all_when_any_call_fails_then_nothing_appended(void **state)
{
    (void)state;
    struct meddler meddler = {.op = ""};
    struct lake *lake = open_meddled(&meddler);
    for (uint64_t n = 1; n <= 3; n++) {
        struct lf_error err = {0};
        struct buf out = {0};
        buf_append_text(&out, "before");
        fault_lake_plan(lake, &(struct fault_plan){.kind = FAULT_ERROR, .fail_at = n});
        assert_false(lake_read_all(lake, "x", 100, &out, NULL, &err));
        assert_int_equal(fault_lake_fired(lake), 1);
        assert_string_equal(buf_text(&out), "before");
        buf_done(&out);
    }
    lake_close(&lake);
    memory_store_free(&meddler.store);
}

static void read_all_when_buffer_too_small_then_limit(void **state)
{
    (void)state;
    struct meddler meddler = {.op = ""};
    struct lf_error err = {0};
    struct buf out = {.max = 3};
    struct lake *lake = open_meddled(&meddler);
    assert_false(lake_read_all(lake, "x", 100, &out, NULL, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    buf_done(&out);
    lake_close(&lake);
    memory_store_free(&meddler.store);
}

static void input_when_read_in_blocks_then_whole_object_once(void **state)
{
    (void)state;
    struct meddler meddler = {.op = ""};
    struct lf_error err;
    char block[3];
    size_t len = 0;
    struct buf out = {0};
    struct lake *lake = open_meddled(&meddler);
    struct lake_input input = {.lake = lake, .path = "x"};
    do {
        assert_true(lake_input_read(&input, block, sizeof block, &len, &err));
        buf_append(&out, block, len);
    } while (len > 0);
    assert_string_equal(buf_text(&out), "first");
    assert_int_equal(input.offset, 5);
    fault_lake_plan(lake, &(struct fault_plan){.kind = FAULT_ERROR, .fail_at = 1});
    assert_false(lake_input_read(&input, block, sizeof block, &len, &err));
    assert_int_equal(input.offset, 5);
    buf_done(&out);
    lake_close(&lake);
    memory_store_free(&meddler.store);
}

static void content_when_made_then_described_and_readable_again(void **state)
{
    (void)state;
    struct lf_error err = {0};
    struct lake_content content = {.fd = -1};
    struct buf bytes = {0};
    char hex[65];
    char back[8] = "";
    size_t len = 0;
    buf_append_text(&bytes, "abc");
    assert_true(lake_content_from_buf("/tmp", &bytes, &content, hex, &err));
    assert_int_equal(content.bytes, 3);
    assert_ptr_equal(content.sha256, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    for (int i = 0; i < 2; i++) {
        assert_true(file_read_at(content.fd, 0, back, sizeof back, &len, "content", &err));
        assert_int_equal(len, 3);
        assert_memory_equal(back, "abc", 3);
    }
    fd_close(&content.fd);
    assert_false(lake_content_from_buf("/none/such", &bytes, &content, hex, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    buf_done(&bytes);
}

static void close_when_nothing_is_open_then_nothing_happens(void **state)
{
    (void)state;
    struct lake *lake = NULL;
    lake_close(&lake);
    assert_null(lake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_all_when_replaced_in_between_then_bytes_fit_the_etag),
        cmocka_unit_test(read_all_when_it_never_stands_still_then_transient),
        cmocka_unit_test(read_all_when_any_call_fails_then_nothing_appended),
        cmocka_unit_test(read_all_when_buffer_too_small_then_limit),
        cmocka_unit_test(input_when_read_in_blocks_then_whole_object_once),
        cmocka_unit_test(content_when_made_then_described_and_readable_again),
        cmocka_unit_test(close_when_nothing_is_open_then_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
