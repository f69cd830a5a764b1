/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <pthread.h>

static char *next_path(struct committer *committer, int64_t now_ms)
{
    struct buf path = {0};
    committer_next_path(committer, "orders", 1, now_ms, &path);
    return path.ptr;
}

static void rule_8_two_processes_in_the_same_second_never_make_the_same_path(UNUSED void **state)
{
    struct world *world = world_new();
    struct process one = process_open(world);
    struct process two = process_open(world);
    struct names names = {0};
    for (int i = 0; i < 20; i++) {
        CLEANUP(text_free) char *path = next_path((i % 2 == 0 ? one : two).committer, START_MS);
        assert_int_equal(lake_path_kind(path), LAKE_PATH_IS_PARTITION);
        assert_non_null(strstr(path, committer_writer((i % 2 == 0 ? one : two).committer)));
        assert_false(names_has(&names, path));
        names_add(&names, path);
    }
    names_done(&names);
    process_close(&one);
    process_close(&two);
    world_free(world);
}

static void writer_id_when_the_process_starts_again_then_another_one(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_open(world);
    CLEANUP(text_free) char *first = text_copy(committer_writer(process.committer));
    assert_int_equal(strlen(first), 16);
    process_close(&process);
    process = process_open(world);
    assert_string_not_equal(committer_writer(process.committer), first);
    process_close(&process);
    world_free(world);
}

static void next_path_when_text_stands_in_front_then_it_is_appended(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_open(world);
    struct buf path = {0};
    buf_append_text(&path, "before ");
    committer_next_path(process.committer, "orders", 1, START_MS, &path);
    assert_memory_equal(path.ptr, "before orders/Snapshot/p00000001_20240131T120000Z_", 50);
    buf_done(&path);
    process_close(&process);
    world_free(world);
}

#define PER_THREAD 200

struct worker {
    pthread_t thread;
    struct committer *committer;
    char *paths[PER_THREAD];
};

static void *work(void *context)
{
    struct worker *worker = context;
    for (int i = 0; i < PER_THREAD; i++) {
        worker->paths[i] = next_path(worker->committer, START_MS);
        if (i % 2 == 1) {
            committer_forget(worker->committer, worker->paths[i]);
        }
    }
    return NULL;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void next_path_when_workers_ask_at_the_same_time_then_no_path_twice(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    struct worker workers[4];
    char *all[4 * PER_THREAD];
    for (size_t i = 0; i < 4; i++) {
        workers[i].committer = process.committer;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    (void)commit_orders(&process);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        memcpy(&all[i * PER_THREAD], workers[i].paths, sizeof workers[i].paths);
    }
    qsort(all, ARRAY_LEN(all), sizeof *all, compare_text);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_true(i == 0 || strcmp(all[i - 1], all[i]) != 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        text_free(&all[i]);
    }
    process_close(&process);
    world_free(world);
}

static void free_of_nothing_then_nothing(UNUSED void **state)
{
    struct committer *committer = NULL;
    committer_free(&committer);
    assert_null(committer);
}

static void wait_when_the_lake_asks_for_more_then_as_long_but_bounded(UNUSED void **state)
{
    struct world *world = world_new();
    struct process process = process_start(world);
    (void)commit_orders(&process);
    refuse(process.lake, "put_if_match", NULL, LF_THROTTLED, 1);
    process.lake->retry_after_ms = 3000;
    (void)commit_orders(&process);
    assert_int_equal(world->slept_ms, 3000);
    world->slept_ms = 0;
    refuse(process.lake, "put_if_match", NULL, LF_THROTTLED, 1);
    process.lake->retry_after_ms = INT64_MAX;
    (void)commit_orders(&process);
    assert_int_equal(world->slept_ms, 60000);
    process_close(&process);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_8_two_processes_in_the_same_second_never_make_the_same_path),
        cmocka_unit_test(writer_id_when_the_process_starts_again_then_another_one),
        cmocka_unit_test(next_path_when_text_stands_in_front_then_it_is_appended),
        cmocka_unit_test(next_path_when_workers_ask_at_the_same_time_then_no_path_twice),
        cmocka_unit_test(free_of_nothing_then_nothing),
        cmocka_unit_test(wait_when_the_lake_asks_for_more_then_as_long_but_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
