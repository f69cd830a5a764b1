/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes are those of a PostgreSQL 15 server, read with pg_logical_slot_get_binary_changes; frames and what no such server
 * sends are written by hand.
 */
#include "source/postgres/pgoutput.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct pgoutput_message message;

struct bytes {
    unsigned char at[512];
    size_t len;
};

static unsigned nibble(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

static struct bytes bytes_of(const char *hex)
{
    struct bytes bytes = {.len = strlen(hex) / 2};
    assert_true(bytes.len <= sizeof bytes.at);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.at[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    }
    return bytes;
}

/* In an allocation of the exact size, so that a sanitizer sees a read past the end. */
static bool decode_some(const struct bytes *bytes, size_t len, struct lf_error *err)
{
    unsigned char *exact = malloc(len + 1); /* one more only because malloc(0) may be NULL */
    assert_non_null(exact);
    memcpy(exact + 1, bytes->at, len);
    bool ok = pgoutput_decode((struct lf_slice){exact + 1, len}, &message, err);
    free(exact);
    return ok;
}

static struct bytes decoded; /* what the message points at */

static void decode(const char *hex)
{
    struct lf_error err;
    decoded = bytes_of(hex);
    if (!pgoutput_decode((struct lf_slice){decoded.at, decoded.len}, &message, &err)) {
        fail_msg("%s", err.msg);
    }
}

static void expect_cell(const struct pgoutput_cell *cell, const char *text)
{
    assert_int_equal(cell->state, PGOUTPUT_TEXT);
    assert_int_equal(cell->len, strlen(text));
    assert_memory_equal(cell->text, text, cell->len);
}

static void begin_when_decoded_then_has_xid_and_time(void **state)
{
    (void)state;
    decode("4200000000015e4650000303ca127fdb54000002e1");
    assert_int_equal(message.kind, PGOUTPUT_BEGIN);
    assert_int_equal(message.xid, 737);
    assert_int_equal(message.commit_lsn, 0x15e4650);
    assert_true(message.commit_time_us == INT64_C(0x303ca127fdb54) + INT64_C(946684800000000));
}

static void commit_when_decoded_then_has_the_end_behind_the_record(void **state)
{
    (void)state;
    decode("430000000000015e549800000000015e54c8000303ca127ffef0");
    assert_int_equal(message.kind, PGOUTPUT_COMMIT);
    assert_int_equal(message.commit_lsn, 0x15e5498);
    assert_int_equal(message.end_lsn, 0x15e54c8);
    assert_true(message.commit_time_us > INT64_C(1700000000000000));
}

static void relation_when_decoded_then_has_names_key_and_types(void **state)
{
    (void)state;
    decode("52000040807075626c69630061006400030169640000000017ffffffff00740000000019ffffffff006e00000006a4000a0006");
    assert_int_equal(message.kind, PGOUTPUT_RELATION);
    assert_int_equal(message.relation, 0x4080);
    assert_string_equal(message.schema, "public");
    assert_string_equal(message.name, "a");
    assert_int_equal(message.identity, 'd');
    assert_int_equal(message.ncolumns, 3);
    assert_true(message.columns[0].key);
    assert_false(message.columns[1].key);
    assert_string_equal(message.columns[2].name, "n");
    assert_int_equal(message.columns[0].type, 23);
    assert_int_equal(message.columns[0].typmod, -1);
    assert_int_equal(message.columns[2].typmod, (10 << 16 | 2) + 4);
}

static void relation_when_names_need_quotes_then_come_plain(void **state)
{
    (void)state;
    decode("52000040a0532070004f646420224e616d65006400010169640000000017ffffffff");
    assert_string_equal(message.schema, "S p");
    assert_string_equal(message.name, "Odd \"Name");
}

static void insert_when_decoded_then_text_and_null_differ(void **state)
{
    (void)state;
    decode("49000040804e000374000000013174000000037809797400000004312e3530");
    assert_int_equal(message.kind, PGOUTPUT_INSERT);
    assert_int_equal(message.relation, 0x4080);
    assert_int_equal(message.ncells, 3);
    expect_cell(&message.cells[0], "1");
    expect_cell(&message.cells[1], "x\ty");
    expect_cell(&message.cells[2], "1.50");
    decode("49000040804e00037400000001326e6e");
    assert_int_equal(message.cells[1].state, PGOUTPUT_NULL);
}

static void update_when_key_stays_then_no_old_row(void **state)
{
    (void)state;
    decode("55000040804e000374000000013174000000007400000004312e3530");
    assert_int_equal(message.kind, PGOUTPUT_UPDATE);
    assert_int_equal(message.old, PGOUTPUT_OLD_NONE);
    assert_int_equal(message.nold_cells, 0);
    expect_cell(&message.cells[1], "");
}

static void update_when_key_changes_then_old_key(void **state)
{
    (void)state;
    decode("55000040804b00037400000001326e6e4e00037400000001336e6e");
    assert_int_equal(message.old, PGOUTPUT_OLD_KEY);
    expect_cell(&message.old_cells[0], "2");
    expect_cell(&message.cells[0], "3");
}

static void update_when_value_is_large_and_stays_then_unchanged(void **state)
{
    (void)state;
    decode("550000408e4b00037400000001316e6e4e000374000000013275740000000132");
    assert_int_equal(message.cells[1].state, PGOUTPUT_UNCHANGED);
    expect_cell(&message.cells[2], "2");
}

static void delete_when_key_only_then_other_cells_null(void **state)
{
    (void)state;
    decode("44000040874b00037400000001317400000001336e");
    assert_int_equal(message.kind, PGOUTPUT_DELETE);
    assert_int_equal(message.old, PGOUTPUT_OLD_KEY);
    assert_int_equal(message.ncells, 0);
    assert_int_equal(message.nold_cells, 3);
    expect_cell(&message.old_cells[1], "3");
    assert_int_equal(message.old_cells[2].state, PGOUTPUT_NULL);
}

static void old_row_when_identity_is_full_then_told_apart_from_a_key(void **state)
{
    (void)state;
    decode("55000040954f000374000000013174000000037676767400000001314e000374000000013175740000000132");
    assert_int_equal(message.old, PGOUTPUT_OLD_ROW);
    expect_cell(&message.old_cells[1], "vvv");
    assert_int_equal(message.cells[1].state, PGOUTPUT_UNCHANGED);
}

static void truncate_when_several_tables_then_all_oids(void **state)
{
    (void)state;
    decode("5400000002030000408000004087");
    assert_int_equal(message.kind, PGOUTPUT_TRUNCATE);
    assert_int_equal(message.ntruncated, 2);
    assert_int_equal(pgoutput_truncated(&message, 0), 0x4080);
    assert_int_equal(pgoutput_truncated(&message, 1), 0x4087);
}

static void others_when_decoded_then_known_and_empty(void **state)
{
    (void)state;
    decode("59000040017075626c6963006873746f726500");
    assert_int_equal(message.kind, PGOUTPUT_TYPE);
    decode("4d0000000000015e9ba07072650000000007636f6e74656e74");
    assert_int_equal(message.kind, PGOUTPUT_MESSAGE);
    decode("4f0000000000015e9b6e6f646500");
    assert_int_equal(message.kind, PGOUTPUT_ORIGIN);
}

/* Every prefix, and every one with a byte behind it, is refused; nothing is read beyond its end. */
static void message_when_cut_or_too_long_then_refused(void **state)
{
    (void)state;
    static const char *const whole[] = {
        "4200000000015e4650000303ca127fdb54000002e1",
        "430000000000015e549800000000015e54c8000303ca127ffef0",
        "52000040807075626c69630061006400030169640000000017ffffffff00740000000019ffffffff006e00000006a4000a0006",
        "49000040804e000374000000013174000000037809797400000004312e3530",
        "55000040804b00037400000001326e6e4e00037400000001336e6e",
        "44000040874b00037400000001317400000001336e",
        "5400000002030000408000004087",
        "59000040017075626c6963006873746f726500",
        "4d0000000000015e9ba07072650000000007636f6e74656e74",
        "4f0000000000015e9b6e6f646500",
    };
    struct lf_error err;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        struct bytes bytes = bytes_of(whole[i]);
        for (size_t len = 0; len < bytes.len; len++) {
            assert_false(decode_some(&bytes, len, &err));
            assert_int_equal(err.kind, LF_INTERNAL);
        }
        assert_true(decode_some(&bytes, bytes.len, &err));
        assert_false(decode_some(&bytes, bytes.len + 1, &err));
    }
}

static void expect_refused(const char *hex, enum lf_error_kind kind, const char *word)
{
    struct lf_error err;
    struct bytes bytes = bytes_of(hex);
    assert_false(decode_some(&bytes, bytes.len, &err));
    assert_int_equal(err.kind, kind);
    if (strstr(err.msg, word) == NULL) {
        fail_msg("%s does not say %s", err.msg, word);
    }
}

static void later_version_when_sent_then_refused_by_its_feature(void **state)
{
    (void)state;
    expect_refused("53000002e101", LF_UNSUPPORTED, "in progress");
    expect_refused("45", LF_UNSUPPORTED, "in progress");
    expect_refused("62000000", LF_UNSUPPORTED, "two-phase");
}

static void nonsense_when_sent_then_refused(void **state)
{
    (void)state;
    expect_refused("7a", LF_INTERNAL, "'z'");
    expect_refused("00", LF_INTERNAL, "'?'");
    expect_refused("49000040804e000162000000013174", LF_INTERNAL, "'I'");     /* a binary cell */
    expect_refused("49000040804e0001747fffffff31", LF_INTERNAL, "'I'");       /* longer than the message */
    expect_refused("49000040804e6fff6e", LF_INTERNAL, "'I'");                 /* more cells than a row can have */
    expect_refused("49000040805800016e", LF_INTERNAL, "'I'");                 /* an insert without a new row */
    expect_refused("44000040874e00016e", LF_INTERNAL, "'D'");                 /* a delete without an old one */
    expect_refused("55000040804b00016e4e00026e6e", LF_INTERNAL, "'U'");       /* rows of two widths */
    expect_refused("5400000003030000408000004087", LF_INTERNAL, "'T'");       /* fewer tables than it says */
    expect_refused("52000040807075626c6963006100780000", LF_INTERNAL, "'R'"); /* an unknown identity */
}

static void frame_when_decoded_then_data_or_keepalive(void **state)
{
    (void)state;
    struct pgoutput_frame frame;
    struct lf_error err;
    struct bytes data = bytes_of("7700000000015e464000000000015e4650000303ca127fdb544200");
    assert_true(pgoutput_decode_frame((struct lf_slice){data.at, data.len}, &frame, &err));
    assert_int_equal(frame.kind, PGOUTPUT_DATA);
    assert_int_equal(frame.wal_end, 0x15e4650);
    assert_int_equal(frame.message.len, 2);
    struct bytes alive = bytes_of("6b00000000015e4650000303ca127fdb5401");
    assert_true(pgoutput_decode_frame((struct lf_slice){alive.at, alive.len}, &frame, &err));
    assert_int_equal(frame.kind, PGOUTPUT_KEEPALIVE);
    assert_int_equal(frame.wal_end, 0x15e4650);
    assert_true(frame.reply_wanted);
    assert_false(pgoutput_decode_frame((struct lf_slice){alive.at, alive.len - 1}, &frame, &err));
    assert_false(pgoutput_decode_frame((struct lf_slice){alive.at + 1, 4}, &frame, &err));
}

static void status_when_encoded_then_flushed_is_never_what_was_received(void **state)
{
    (void)state;
    unsigned char bytes[PGOUTPUT_STATUS_BYTES];
    pgoutput_encode_status(
        &(struct pgoutput_status){.received = 0x200, .flushed = 0x100, .now_us = INT64_C(946684800000001)}, bytes);
    struct bytes expected = bytes_of("72000000000000020000000000000001000000000000000100000000000000000100");
    assert_int_equal(expected.len, sizeof bytes);
    assert_memory_equal(bytes, expected.at, sizeof bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begin_when_decoded_then_has_xid_and_time),
        cmocka_unit_test(commit_when_decoded_then_has_the_end_behind_the_record),
        cmocka_unit_test(relation_when_decoded_then_has_names_key_and_types),
        cmocka_unit_test(relation_when_names_need_quotes_then_come_plain),
        cmocka_unit_test(insert_when_decoded_then_text_and_null_differ),
        cmocka_unit_test(update_when_key_stays_then_no_old_row),
        cmocka_unit_test(update_when_key_changes_then_old_key),
        cmocka_unit_test(update_when_value_is_large_and_stays_then_unchanged),
        cmocka_unit_test(delete_when_key_only_then_other_cells_null),
        cmocka_unit_test(old_row_when_identity_is_full_then_told_apart_from_a_key),
        cmocka_unit_test(truncate_when_several_tables_then_all_oids),
        cmocka_unit_test(others_when_decoded_then_known_and_empty),
        cmocka_unit_test(message_when_cut_or_too_long_then_refused),
        cmocka_unit_test(later_version_when_sent_then_refused_by_its_feature),
        cmocka_unit_test(nonsense_when_sent_then_refused),
        cmocka_unit_test(frame_when_decoded_then_data_or_keepalive),
        cmocka_unit_test(status_when_encoded_then_flushed_is_never_what_was_received),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
