/* SPDX-License-Identifier: Apache-2.0 */
#include "local_bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int count_temps(const struct local_bench *bench)
{
    CLEANUP(text_free) char *path = local_bench_path(bench, "_lakefeed/tmp");
    DIR *folder = opendir(path);
    int count = 0;
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    (void)closedir(folder);
    return count;
}

static void make_file(const struct local_bench *bench, const char *path)
{
    CLEANUP(text_free) char *full = local_bench_path(bench, path);
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    (void)fclose(file);
}

static void put_when_done_or_failed_then_no_temp_is_left(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    struct lake_writer *writer = NULL;
    assert_true(lake_text_put(bench->lake, "a", "x", &err));
    assert_false(lake_text_put(bench->lake, "a", "y", &err));
    assert_false(lake_text_replace(bench->lake, "a", NULL, "y", NULL, &err));
    power_io_fail(bench->power, "write", 0, 1, ENOSPC);
    assert_false(lake_text_put(bench->lake, "b", "x", &err));
    assert_true(bench->lake->ops->writer_open(bench->lake, "c", &writer, &err));
    assert_int_equal(count_temps(bench), 1);
    bench->lake->ops->writer_abort(writer);
    assert_int_equal(count_temps(bench), 0);
}

static void writer_commit_when_a_write_failed_then_refused(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    struct lake_writer *writer = NULL;
    assert_true(bench->lake->ops->writer_open(bench->lake, "c", &writer, &err));
    power_io_fail(bench->power, "write", 0, 1, ENOSPC);
    assert_false(bench->lake->ops->writer_write(writer, "x", 1, &err));
    assert_true(bench->lake->ops->writer_write(writer, "y", 1, &err));
    assert_false(bench->lake->ops->writer_commit(writer, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_false(lake_text_exists(bench->lake, "c"));
}

static void lock_when_dead_writers_left_files_then_only_those_are_swept(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    struct lake_writer *living = NULL;
    struct lake *other = local_bench_open(bench);
    assert_true(other->ops->writer_open(other, "late", &living, &err));
    make_file(bench, "_lakefeed/tmp/0123456789abcdef.tmp");
    make_file(bench, "_lakefeed/tmp/fedcba9876543210.tmp");
    make_file(bench, "_lakefeed/tmp/somebody-elses");
    assert_int_equal(count_temps(bench), 4);
    assert_true(bench->lake->ops->lock(bench->lake, "me", &err));
    assert_int_equal(count_temps(bench), 2);
    assert_true(other->ops->writer_write(living, "text", 4, &err));
    assert_true(other->ops->writer_commit(living, &err));
    assert_true(lake_text_is(bench->lake, "late", "text"));
    lake_close(&other);
}

static void put_when_rename_cannot_keep_then_linked(void **state)
{
    struct local_bench *bench = *state;
    static const int errors[] = {EINVAL, ENOSYS};
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct lf_error err = {0};
        CLEANUP(text_free) char *path = text_printf("file%zu", i);
        power_io_fail(bench->power, "rename", 0, 2, errors[i]);
        assert_true(lake_text_put(bench->lake, path, "text", &err));
        assert_true(lake_text_is(bench->lake, path, "text"));
        assert_false(lake_text_put(bench->lake, path, "other", &err));
        assert_int_equal(err.kind, LF_CONFLICT);
        assert_int_equal(power_io_failed(bench->power), 2);
        assert_true(lake_text_is(bench->lake, path, "text"));
        assert_int_equal(count_temps(bench), 0);
    }
}

static void put_when_too_many_files_are_open_then_transient(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    power_io_fail(bench->power, "open", 0, 1, EMFILE);
    assert_false(lake_text_put(bench->lake, "a", "x", &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_int_equal(count_temps(bench), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_TEST(put_when_done_or_failed_then_no_temp_is_left),
        LOCAL_TEST(writer_commit_when_a_write_failed_then_refused),
        LOCAL_TEST(lock_when_dead_writers_left_files_then_only_those_are_swept),
        LOCAL_TEST(put_when_rename_cannot_keep_then_linked),
        LOCAL_TEST(put_when_too_many_files_are_open_then_transient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
