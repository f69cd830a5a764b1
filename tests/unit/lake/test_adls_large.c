/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that no memory holds. LAKEFEED_LARGE_MIB says how large it is: scripts/soak writes 5 GiB, which the server keeps as
 * holes.
 */
#include "adls_bench.h"

#define DEFAULT_MIB 40
#define BLOCK_MIB 4

static uint64_t large_mib(void)
{
    const char *given = getenv("LAKEFEED_LARGE_MIB");
    return given != NULL ? strtoull(given, NULL, 10) : DEFAULT_MIB;
}

/* Zeros, but for the first byte of each mebibyte of the beginning and the end. */
static char mark_of(uint64_t mib, uint64_t count)
{
    return (char)(mib < 3 || mib + 3 > count ? 'a' + mib % 26 : 0);
}

static void write_large(struct lake *lake, uint64_t count)
{
    struct lf_error err = {0};
    struct lake_writer *writer = NULL;
    CLEANUP(text_free) char *block = mem_new(MIB, 1);
    must(lake->ops->writer_open(lake, FILE_NAME, &writer, &err), &err);
    for (uint64_t i = 0; i < count; i++) {
        block[0] = mark_of(i, count);
        must(lake->ops->writer_write(writer, block, MIB, &err), &err);
    }
    must(lake->ops->writer_write(writer, "!", 1, &err), &err);
    must(lake->ops->writer_commit(writer, &err), &err);
}

/* Front to back from there on, as a merge reads. */
static uint64_t read_from(struct lake *lake, uint64_t mib, uint64_t count)
{
    struct lf_error err = {0};
    CLEANUP(text_free) char *block = mem_new(MIB, 1);
    CLEANUP(lake_input_done) struct lake_input input = {.lake = lake, .path = FILE_NAME, .offset = mib * MIB};
    size_t got = MIB;
    for (; got == MIB; mib++) {
        must(lake_input_read(&input, block, MIB, &got, &err), &err);
        assert_int_equal(block[0], mib < count ? mark_of(mib, count) : '!');
    }
    return input.offset;
}

static void file_when_larger_than_memory_then_written_in_large_blocks_and_read_back(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake_stat status;
    const uint64_t count = large_mib();
    struct budget *budget = bench_budget(256);
    struct lake *lake = bench_open(server, (struct adls_options){.budget = budget, .patience_ms = 60000});
    write_large(lake, count);
    assert_int_equal(adls_server_count(server, "dfs.create_file"), 1);
    assert_int_equal(adls_server_count(server, "dfs.append"), count / BLOCK_MIB + 1);
    must(lake->ops->stat(lake, FILE_NAME, &status, &err), &err);
    assert_int_equal(status.bytes, count * MIB + 1);
    assert_int_equal(read_from(lake, count - 5, count), status.bytes);
    assert_int_equal(budget_look(budget).work.used, 0);
    lake_close(&lake);
    budget_free(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(file_when_larger_than_memory_then_written_in_large_blocks_and_read_back, bench_begin),
    };
    return cmocka_run_group_tests(tests, bench_start, bench_stop);
}
