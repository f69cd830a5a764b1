/* SPDX-License-Identifier: Apache-2.0 */
#include "local_bench.h"

#include "lake/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool count_visit(void *context, const char *path, uint64_t bytes, struct lf_error *err)
{
    (void)path;
    (void)bytes;
    (void)err;
    ++*(int *)context;
    return true;
}

static int count_objects(struct lake *lake, const char *prefix)
{
    struct lf_error err = {0};
    int count = 0;
    if (!lake->ops->list(lake, prefix, count_visit, &count, &err)) {
        fail_msg("%s", err.msg);
    }
    return count;
}

static void list_when_own_files_and_strangers_then_only_objects(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    struct lake_writer *writer = NULL;
    CLEANUP(text_free) char *link = local_bench_path(bench, "link");
    CLEANUP(text_free) char *loop = local_bench_path(bench, "loop");
    CLEANUP(text_free) char *fifo = local_bench_path(bench, "fifo");
    assert_true(bench->lake->ops->lock(bench->lake, "me", &err));
    assert_true(lake_text_replace(bench->lake, "model.json", NULL, "x", NULL, &err));
    assert_true(bench->lake->ops->writer_open(bench->lake, "a", &writer, &err));
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(symlink(bench->root, loop), 0);
    assert_int_equal(mkfifo(fifo, 0644), 0);
    assert_int_equal(count_objects(bench->lake, ""), 1);
    assert_int_equal(count_objects(bench->lake, "_lakefeed"), 0);
    bench->lake->ops->writer_abort(writer);
}

static void list_when_folder_is_link_then_refused(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    int count = 0;
    CLEANUP(text_free) char *link = local_bench_path(bench, "link");
    assert_int_equal(symlink("/etc", link), 0);
    assert_false(bench->lake->ops->list(bench->lake, "link", count_visit, &count, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_int_equal(count, 0);
}

static void list_when_tree_is_deep_then_all_of_it(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    struct buf path = {0};
    for (int i = 0; i < 100; i++) {
        buf_append_text(&path, "d/");
    }
    buf_append_text(&path, "file");
    assert_true(lake_text_put(bench->lake, buf_text(&path), "x", &err));
    assert_int_equal(count_objects(bench->lake, ""), 1);
    buf_done(&path);
}

static void stat_when_not_a_file_then_config_without_waiting(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    struct lake_stat status;
    CLEANUP(text_free) char *fifo = local_bench_path(bench, "fifo");
    assert_int_equal(mkfifo(fifo, 0644), 0);
    assert_false(bench->lake->ops->stat(bench->lake, "fifo", &status, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_true(lake_text_put(bench->lake, "folder/x", "x", &err));
    assert_false(bench->lake->ops->stat(bench->lake, "folder", &status, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_false(bench->lake->ops->remove(bench->lake, "folder", &err));
    assert_int_equal(err.kind, LF_CONFIG);
}

static void stat_when_partition_then_etag_without_reading_it(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    struct lake_stat status;
    char first[LAKE_ETAG_SIZE];
    struct buf path = {0};
    lake_path_partition("orders", 1, 0, "0123456789abcdef", 1, &path);
    assert_true(lake_text_put(bench->lake, buf_text(&path), "text", &err));
    assert_true(bench->lake->ops->stat(bench->lake, buf_text(&path), &status, &err));
    assert_int_equal(status.bytes, 4);
    assert_memory_equal(status.etag, "partition-", 10);
    memcpy(first, status.etag, sizeof first);
    assert_true(bench->lake->ops->remove(bench->lake, buf_text(&path), &err));
    assert_true(lake_text_put(bench->lake, buf_text(&path), "text", &err));
    assert_true(lake_text_is(bench->lake, buf_text(&path), "text"));
    buf_done(&path);
}

static void now_when_asked_then_the_clock_of_this_machine(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    int64_t now_ms = 0;
    struct timespec before;
    struct timespec after;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &before), 0);
    assert_true(bench->lake->ops->now_ms(bench->lake, &now_ms, &err));
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &after), 0);
    assert_true(now_ms >= (int64_t)before.tv_sec * 1000 && now_ms <= ((int64_t)after.tv_sec + 1) * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_TEST(list_when_own_files_and_strangers_then_only_objects),
        LOCAL_TEST(list_when_folder_is_link_then_refused),
        LOCAL_TEST(list_when_tree_is_deep_then_all_of_it),
        LOCAL_TEST(stat_when_not_a_file_then_config_without_waiting),
        LOCAL_TEST(stat_when_partition_then_etag_without_reading_it),
        LOCAL_TEST(now_when_asked_then_the_clock_of_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
