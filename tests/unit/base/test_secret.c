/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/secret.h"

#include <string.h>

static void buf_when_reset_then_every_byte_of_its_room_is_overwritten(UNUSED void **state)
{
    static const char nothing[64];
    struct buf buf;
    secret_buf_init(&buf, sizeof nothing);
    buf_append_text(&buf, "a long secret");
    buf_reset(&buf);
    buf_append_text(&buf, "short");
    const char *room = buf.ptr;
    secret_buf_reset(&buf);
    assert_ptr_equal(buf.ptr, room);
    assert_int_equal(buf.len, 0);
    assert_memory_equal(room, nothing, sizeof nothing);
    secret_buf_done(&buf);
    assert_null(buf.ptr);
    secret_buf_done(&buf);
}

static void buf_when_there_is_more_than_its_room_then_it_overflows_instead_of_growing(UNUSED void **state)
{
    struct buf buf;
    secret_buf_init(&buf, 8);
    const char *room = buf.ptr;
    buf_append_text(&buf, "12345678");
    assert_ptr_equal(buf.ptr, room);
    assert_false(buf.overflow);
    buf_append_text(&buf, "9");
    assert_ptr_equal(buf.ptr, room);
    assert_true(buf.overflow);
    secret_buf_done(&buf);
}

static void text_when_freed_then_null_whether_there_was_one_or_not(UNUSED void **state)
{
    char *text = NULL;
    secret_text_free(&text);
    text = text_copy("hush");
    secret_text_free(&text);
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_when_reset_then_every_byte_of_its_room_is_overwritten),
        cmocka_unit_test(buf_when_there_is_more_than_its_room_then_it_overflows_instead_of_growing),
        cmocka_unit_test(text_when_freed_then_null_whether_there_was_one_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
