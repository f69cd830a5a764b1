/* SPDX-License-Identifier: Apache-2.0 */
#include "adls_bench.h"

/* As a merge reads: small blocks until nothing more comes. */
static size_t read_in_blocks(struct lake *lake, size_t block, const char *expected)
{
    CLEANUP(lake_input_done) struct lake_input input = {.lake = lake, .path = FILE_NAME};
    CLEANUP(text_free) char *bytes = mem_new(block, 1);
    struct lf_error err = {0};
    size_t done = 0;
    for (size_t len = 1; len > 0; done += len) {
        must(lake_input_read(&input, bytes, block, &len, &err), &err);
        assert_memory_equal(bytes, expected + done, len);
        assert_int_equal(input.offset, done + len);
    }
    return done;
}

static void input_when_read_in_small_blocks_then_few_large_requests(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    const size_t len = 10 * MIB + 77;
    char *bytes = bench_bytes(len);
    struct budget *budget = bench_budget(256);
    struct lake *lake = bench_open(server, (struct adls_options){.budget = budget});
    must(bench_write(lake, FILE_NAME, bytes, len, &err), &err);
    adls_server_clear(server);
    assert_int_equal(read_in_blocks(lake, 64 * KIB, bytes), len);
    assert_int_equal(adls_server_count(server, NULL), 4); /* 256 KiB, then 4 MiB each */
    assert_int_equal(budget_look(budget).work.used, 0);
    lake_close(&lake);
    budget_free(&budget);
    free(bytes);
}

/* A file of three pieces, of which the first two have been begun. */
struct begun {
    struct budget *budget;
    struct lake *lake;
    char *bytes;
    struct lake_input input;
    char block[64 << 10];
};

#define BEGUN_BYTES (6 * MIB)

static void begun_open(struct adls_server *server, struct begun *begun)
{
    struct lf_error err = {0};
    *begun = (struct begun){.budget = bench_budget(256), .bytes = bench_bytes(BEGUN_BYTES)};
    begun->lake = bench_open(server, (struct adls_options){.budget = begun->budget});
    begun->input = (struct lake_input){.lake = begun->lake, .path = FILE_NAME};
    must(bench_write(begun->lake, FILE_NAME, begun->bytes, BEGUN_BYTES, &err), &err);
    adls_server_clear(server);
}

/* The next block; false when it cannot be read. */
static bool begun_read(struct begun *begun, struct lf_error *err)
{
    size_t got = 0;
    const uint64_t offset = begun->input.offset;
    TRY(lake_input_read(&begun->input, begun->block, sizeof begun->block, &got, err));
    assert_int_equal(got, sizeof begun->block);
    assert_memory_equal(begun->block, begun->bytes + offset, got);
    return true;
}

static void begun_close(struct begun *begun)
{
    lake_input_done(&begun->input);
    assert_int_equal(budget_look(begun->budget).work.used, 0);
    lake_close(&begun->lake);
    budget_free(&begun->budget);
    free(begun->bytes);
}

static void input_when_a_piece_is_at_hand_then_the_next_one_is_asked_for(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct begun begun;
    const struct clock clock = clock_system();
    begun_open(server, &begun);
    must(begun_read(&begun, &err), &err);
    for (int i = 0; adls_server_count(server, "dfs.read") < 2; i++) {
        assert_true(i < 1000);
        clock.sleep_ms(clock.context, 10);
    }
    begun_close(&begun); /* with a request under way */
}

static void input_when_the_piece_ahead_fails_then_its_turn_tells_and_it_can_be_read_again(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct begun begun;
    begun_open(server, &begun);
    adls_server_fault(server, "dfs.read", 2, "{\"action\":\"status\",\"status\":403}");
    while (begun_read(&begun, &err)) {
    }
    assert_int_equal(err.kind, LF_AUTH);
    assert_in_range(begun.input.offset, 256 * KIB, BEGUN_BYTES - 1); /* two are under way: either may meet the fault */
    assert_int_equal(adls_server_fired(server), 1);
    while (begun.input.offset < BEGUN_BYTES) {
        must(begun_read(&begun, &err), &err);
    }
    begun_close(&begun);
}

static void input_when_there_is_no_memory_then_it_still_reads(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    const size_t len = MIB + 1;
    char *bytes = bench_bytes(len);
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(bench_write(lake, FILE_NAME, bytes, len, &err), &err);
    adls_server_clear(server);
    assert_int_equal(read_in_blocks(lake, 100, bytes), len);
    assert_int_equal(adls_server_count(server, NULL), 5);
    lake_close(&lake);
    free(bytes);
}

static void input_when_asked_in_large_blocks_then_nothing_is_copied_twice(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    const size_t len = 6 * MIB;
    char *bytes = bench_bytes(len);
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(bench_write(lake, FILE_NAME, bytes, len, &err), &err);
    adls_server_clear(server);
    assert_int_equal(read_in_blocks(lake, 3 * MIB, bytes), len);
    assert_true(adls_server_count(server, NULL) <= 5);
    lake_close(&lake);
    free(bytes);
}

/* Of what stands on the way and does not know ranges; LIMIT would be said of the file, and freeze its entity. */
static void read_range_when_the_answer_is_longer_than_the_range_then_transient(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    char bytes[8];
    size_t got = 0;
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(lake_text_put(lake, FILE_NAME, "longer than that", &err), &err);
    adls_server_fault(server, "dfs.read", 1, "{\"action\":\"status\",\"status\":200}");
    assert_false(lake->ops->read_range(lake, FILE_NAME, 0, bytes, sizeof bytes, &got, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_non_null(strstr(err.msg, "not the range that was asked for"));
    assert_non_null(strstr(err.msg, FILE_NAME));
    lake_close(&lake);
}

static void input_when_the_file_is_replaced_then_transient_never_a_mixture(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    char block[1000];
    size_t got = 0;
    char *bytes = bench_bytes(MIB);
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(lake_text_replace(lake, MODEL, NULL, bytes, etag, &err), &err);
    struct lake_input input = {.lake = lake, .path = MODEL};
    must(lake_input_read(&input, block, sizeof block, &got, &err), &err);
    CLEANUP(text_free) char *other = text_copy(bytes);
    memset(other, '#', MIB);
    must(lake_text_replace(lake, MODEL, etag, other, etag, &err), &err);
    bool read = true;
    while (read && got > 0) {
        assert_memory_equal(block, bytes + input.offset - got, got);
        read = lake_input_read(&input, block, sizeof block, &got, &err);
    }
    assert_false(read);
    assert_int_equal(err.kind, LF_TRANSIENT);
    lake_input_done(&input);
    lake_close(&lake);
    free(bytes);
}

static void input_when_the_file_is_empty_or_missing_then_said(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct buf out = {0};
    char etag[LAKE_ETAG_SIZE];
    char byte = 0;
    size_t got = 1;
    struct lake_stat status;
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(lake_text_put(lake, "empty", "", &err), &err);
    must(lake_read_all(lake, "empty", 10, &out, etag, &err), &err);
    assert_int_equal(out.len, 0);
    must(lake->ops->stat(lake, "empty", &status, &err), &err);
    assert_string_equal(etag, status.etag);
    must(lake->ops->read_range(lake, "empty", 0, &byte, 1, &got, &err), &err);
    assert_int_equal(got, 0);
    struct lake_input input = {.lake = lake, .path = "missing"};
    assert_false(lake_input_read(&input, &byte, 1, &got, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    lake_input_done(&input);
    buf_done(&out);
    lake_close(&lake);
}

static void document_when_small_then_one_request(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(lake_text_put(lake, "x", "text", &err), &err);
    adls_server_clear(server);
    assert_true(lake_text_is(lake, "x", "text"));
    assert_int_equal(adls_server_count(server, NULL), 1);
    lake_close(&lake);
}

static void folder_when_looked_at_then_it_is_no_object(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake_stat status;
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(lake_text_put(lake, "a/x", "text", &err), &err);
    assert_false(lake->ops->stat(lake, "a", &status, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    lake_close(&lake);
}

static void clock_when_anything_was_asked_before_then_no_request(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake_stat status;
    int64_t before = 0;
    int64_t after = 0;
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(lake->ops->now_ms(lake, &before, &err), &err); /* a file that is missing tells the time as well */
    assert_int_equal(adls_server_count(server, NULL), 1);
    must(lake->ops->now_ms(lake, &after, &err), &err);
    assert_int_equal(adls_server_count(server, NULL), 1);
    assert_true(after >= before && after - before < 60000);
    control(server, "clock", "{\"skew\":86400}");
    (void)lake->ops->stat(lake, MODEL, &status, &err); /* any answer brings it up to date */
    must(lake->ops->now_ms(lake, &after, &err), &err);
    assert_true(after - before > 86000000);
    lake_close(&lake);
}

/* A lake that looks empty, foreign or damaged is loaded anew or left alone; a proxy must not bring that about. */
static void read_when_a_proxy_answers_in_its_place_then_transient(void **state)
{
    static const unsigned statuses[] = {200, 302, 400, 404, 409};
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake_stat status;
    char bytes[8];
    size_t len = 0;
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(lake_text_put(lake, "x", "x", &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        CLEANUP(text_free)
        char *fault = text_printf("{\"action\":\"status\",\"status\":%u,\"plain\":true}", statuses[i]);
        adls_server_fault(server, "dfs.head", 1, fault);
        assert_false(lake->ops->stat(lake, "x", &status, &err));
        assert_int_equal(err.kind, LF_TRANSIENT);
        adls_server_fault(server, "dfs.read", 1, fault);
        assert_false(lake->ops->read_range(lake, "x", 0, bytes, sizeof bytes, &len, &err));
        assert_int_equal(err.kind, LF_TRANSIENT);
    }
    assert_false(lake->ops->stat(lake, "y", &status, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    lake_close(&lake);
}

#define TEST(function) cmocka_unit_test_setup(function, bench_begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(input_when_read_in_small_blocks_then_few_large_requests),
        TEST(input_when_a_piece_is_at_hand_then_the_next_one_is_asked_for),
        TEST(input_when_the_piece_ahead_fails_then_its_turn_tells_and_it_can_be_read_again),
        TEST(input_when_there_is_no_memory_then_it_still_reads),
        TEST(input_when_asked_in_large_blocks_then_nothing_is_copied_twice),
        TEST(read_range_when_the_answer_is_longer_than_the_range_then_transient),
        TEST(input_when_the_file_is_replaced_then_transient_never_a_mixture),
        TEST(input_when_the_file_is_empty_or_missing_then_said),
        TEST(document_when_small_then_one_request),
        TEST(read_when_a_proxy_answers_in_its_place_then_transient),
        TEST(folder_when_looked_at_then_it_is_no_object),
        TEST(clock_when_anything_was_asked_before_then_no_request),
    };
    return cmocka_run_group_tests(tests, bench_start, bench_stop);
}
