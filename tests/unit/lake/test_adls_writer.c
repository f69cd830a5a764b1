/* SPDX-License-Identifier: Apache-2.0 */
#include "adls_bench.h"

#define SMALL (256 * KIB) /* a block without a grant */

static void file_when_of_any_size_then_one_create_and_one_append_for_each_block(void **state)
{
    struct adls_server *server = *state;
    static const struct {
        size_t bytes;
        unsigned appends;
    } sizes[] = {{0, 0}, {1, 1}, {SMALL - 1, 1}, {SMALL, 1}, {SMALL + 1, 2}, {3 * SMALL, 3}, {3 * SMALL + 1, 4}};
    char *bytes = bench_bytes(4 * SMALL);
    struct lake *lake = bench_open(server, (struct adls_options){0});
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct lf_error err = {0};
        CLEANUP(text_free) char *path = text_printf("f/%zu", i);
        adls_server_clear(server);
        must(bench_write(lake, path, bytes, sizes[i].bytes, &err), &err);
        assert_int_equal(adls_server_count(server, "dfs.create_file"), 1);
        assert_int_equal(adls_server_count(server, "dfs.append"), sizes[i].appends);
        assert_int_equal(adls_server_count(server, NULL), 1 + sizes[i].appends);
        bench_check(lake, path, bytes, sizes[i].bytes);
    }
    lake_close(&lake);
    free(bytes);
}

static void file_when_the_ledger_has_memory_then_few_large_blocks_and_all_is_given_back(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    const size_t len = 9 * MIB;
    char *bytes = bench_bytes(len);
    struct budget *budget = bench_budget(256); /* work 74 MiB, a quarter of it for one writer: four blocks of 4 MiB */
    struct lake *lake = bench_open(server, (struct adls_options){.budget = budget});
    must(bench_write(lake, FILE_NAME, bytes, len, &err), &err);
    assert_int_equal(adls_server_count(server, NULL), 4);
    assert_int_equal(budget_look(budget).work.peak, 16 * MIB);
    assert_int_equal(budget_look(budget).work.used, 0);
    bench_check(lake, FILE_NAME, bytes, len);
    assert_int_equal(budget_look(budget).work.used, 0);
    lake_close(&lake);
    budget_free(&budget);
    free(bytes);
}

static void file_when_small_then_the_ledger_is_not_asked(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    char *bytes = bench_bytes(SMALL);
    struct budget *budget = bench_budget(256);
    struct lake *lake = bench_open(server, (struct adls_options){.budget = budget});
    must(bench_write(lake, FILE_NAME, bytes, SMALL, &err), &err);
    assert_int_equal(budget_look(budget).work.peak, 0);
    lake_close(&lake);
    budget_free(&budget);
    free(bytes);
}

static void file_when_memory_is_taken_then_small_blocks_until_it_is_free(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    char *bytes = bench_bytes(4 * MIB);
    struct budget *budget = bench_budget(48);
    struct budget_grant other = {0};
    struct lake_writer *writer = NULL;
    const struct budget_wish all = {.work = BUDGET_LOAD, .least = 12 * MIB, .wanted = 12 * MIB};
    assert_true(budget_try_work(budget, &all, &other));
    struct lake *lake = bench_open(server, (struct adls_options){.budget = budget});
    must(lake->ops->writer_open(lake, FILE_NAME, &writer, &err), &err);
    must(lake->ops->writer_write(writer, bytes, 2 * SMALL + 1, &err), &err);
    assert_int_equal(adls_server_count(server, "dfs.append"), 2);
    budget_give_back(&other);
    must(lake->ops->writer_write(writer, bytes + 2 * SMALL + 1, 4 * MIB - 2 * SMALL - 1, &err), &err);
    must(lake->ops->writer_commit(writer, &err), &err);
    assert_true(adls_server_count(server, "dfs.append") <= 5);
    bench_check(lake, FILE_NAME, bytes, 4 * MIB);
    lake_close(&lake);
    budget_free(&budget);
    free(bytes);
}

static void abort_when_something_was_sent_then_the_file_is_removed(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake_writer *writer = NULL;
    char *bytes = bench_bytes(2 * SMALL);
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(lake->ops->writer_open(lake, FILE_NAME, &writer, &err), &err);
    must(lake->ops->writer_write(writer, bytes, 100, &err), &err);
    lake->ops->writer_abort(writer);
    assert_int_equal(adls_server_count(server, NULL), 0);
    must(lake->ops->writer_open(lake, FILE_NAME, &writer, &err), &err);
    must(lake->ops->writer_write(writer, bytes, 2 * SMALL, &err), &err);
    lake->ops->writer_abort(writer);
    assert_int_equal(adls_server_count(server, "dfs.delete"), 1);
    assert_false(lake_text_exists(lake, FILE_NAME));
    lake_close(&lake);
    free(bytes);
}

static void create_when_its_answer_is_lost_then_the_file_is_ours(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = bench_open(server, (struct adls_options){0});
    adls_server_fault(server, "dfs.create_file", 1, "{\"action\":\"drop_after\"}");
    must(bench_write(lake, "not/of/our/pattern", "text", 4, &err), &err);
    assert_int_equal(adls_server_fired(server), 1);
    assert_true(lake_text_is(lake, "not/of/our/pattern", "text"));
    lake_close(&lake);
}

/* The answer is lost, and what stands there is another's, even an empty file under a name that only we should know. */
static void create_when_another_was_first_then_conflict_whatever_was_lost(void **state)
{
    struct adls_server *server = *state;
    static const char *const texts[] = {"another's", ""};
    struct lake *lake = bench_open(server, (struct adls_options){0});
    struct lake *other = bench_open(server, (struct adls_options){0});
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct lf_error err = {0};
        CLEANUP(text_free)
        char *path = text_printf("orders/Snapshot/p0000000%zu_20240607T095456Z_fedcba9876543210-1.csv", i);
        must(bench_write(other, path, texts[i], strlen(texts[i]), &err), &err);
        adls_server_fault(server, "dfs.create_file", 1, "{\"action\":\"drop_before\"}");
        assert_false(bench_write(lake, path, "ours", 4, &err));
        assert_int_equal(err.kind, LF_CONFLICT);
        assert_int_equal(adls_server_fired(server), 1);
        assert_true(lake_text_is(lake, path, texts[i]));
    }
    lake_close(&other);
    lake_close(&lake);
}

static void flush_when_its_answer_is_lost_then_the_length_tells(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    char *bytes = bench_bytes(2 * SMALL);
    struct lake *lake = bench_open(server, (struct adls_options){0});
    adls_server_fault(server, "dfs.append", 2, "{\"action\":\"reset_after\"}");
    must(bench_write(lake, FILE_NAME, bytes, 2 * SMALL, &err), &err);
    assert_int_equal(adls_server_fired(server), 1);
    assert_int_equal(adls_server_count(server, "dfs.head"), 1);
    bench_check(lake, FILE_NAME, bytes, 2 * SMALL);
    lake_close(&lake);
    free(bytes);
}

static void bytes_when_they_arrive_altered_once_then_sent_again(void **state)
{
    struct adls_server *server = *state;
    char *bytes = bench_bytes(2 * SMALL);
    for (unsigned nth = 1; nth <= 2; nth++) {
        struct lf_error err = {0};
        CLEANUP(text_free) char *path = text_printf("f/%u", nth);
        struct lake *lake = bench_open(server, (struct adls_options){0});
        adls_server_fault(server, "dfs.append", nth, "{\"action\":\"status\",\"status\":400,\"code\":\"Md5Mismatch\"}");
        must(bench_write(lake, path, bytes, 2 * SMALL, &err), &err);
        assert_int_equal(adls_server_fired(server), 1);
        bench_check(lake, path, bytes, 2 * SMALL);
        lake_close(&lake);
    }
    free(bytes);
}

static void bytes_when_they_arrive_altered_twice_then_transient_and_the_file_goes(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    char *bytes = bench_bytes(2 * SMALL);
    struct lake *lake = bench_open(server, (struct adls_options){0});
    control(server, "faults",
            "{\"rules\":[{\"operation\":\"dfs.append\",\"times\":0,"
            "\"do\":{\"action\":\"status\",\"status\":400,\"code\":\"Md5Mismatch\"}}]}");
    assert_false(bench_write(lake, FILE_NAME, bytes, 2 * SMALL, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_non_null(strstr(err.msg, "Md5Mismatch"));
    assert_false(lake_text_exists(lake, FILE_NAME));
    lake_close(&lake);
    free(bytes);
}

static void file_when_removed_while_it_is_written_then_transient(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake_writer *writer = NULL;
    char *bytes = bench_bytes(2 * SMALL);
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(lake->ops->writer_open(lake, FILE_NAME, &writer, &err), &err);
    must(lake->ops->writer_write(writer, bytes, SMALL + 1, &err), &err);
    must(lake->ops->remove(lake, FILE_NAME, &err), &err);
    must(lake->ops->writer_write(writer, bytes, 10, &err), &err);
    assert_false(lake->ops->writer_commit(writer, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_non_null(strstr(err.msg, "somebody else"));
    assert_false(lake_text_exists(lake, FILE_NAME));
    lake_close(&lake);
    free(bytes);
}

static void names_when_of_any_legal_character_then_found_again(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = bench_open(server, (struct adls_options){0});
    for (int c = ' '; c < 127; c++) {
        CLEANUP(text_free) char *path = text_printf("n%c%cn/%d", c, c, c);
        if (c != '/' && c != '\\') {
            must(bench_write(lake, path, path, strlen(path), &err), &err);
            assert_true(lake_text_is(lake, path, path));
        }
    }
    must(bench_write(lake, "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "x", 1, &err), &err);
    assert_true(lake_text_is(lake, "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "x"));
    lake_close(&lake);
}

#define TEST(function) cmocka_unit_test_setup(function, bench_begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(file_when_of_any_size_then_one_create_and_one_append_for_each_block),
        TEST(file_when_the_ledger_has_memory_then_few_large_blocks_and_all_is_given_back),
        TEST(file_when_small_then_the_ledger_is_not_asked),
        TEST(file_when_memory_is_taken_then_small_blocks_until_it_is_free),
        TEST(abort_when_something_was_sent_then_the_file_is_removed),
        TEST(create_when_its_answer_is_lost_then_the_file_is_ours),
        TEST(create_when_another_was_first_then_conflict_whatever_was_lost),
        TEST(flush_when_its_answer_is_lost_then_the_length_tells),
        TEST(bytes_when_they_arrive_altered_once_then_sent_again),
        TEST(bytes_when_they_arrive_altered_twice_then_transient_and_the_file_goes),
        TEST(file_when_removed_while_it_is_written_then_transient),
        TEST(names_when_of_any_legal_character_then_found_again),
    };
    return cmocka_run_group_tests(tests, bench_start, bench_stop);
}
