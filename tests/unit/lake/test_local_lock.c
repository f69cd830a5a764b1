/* SPDX-License-Identifier: Apache-2.0 */
#include "local_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Another process that holds the lake until it is killed. It has said so when this returns. */
static pid_t start_holder(const struct local_bench *bench)
{
    int ends[2];
    char byte = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct lake *lake = NULL;
        struct lf_error err;
        bool held = lake_local_open(&(struct lake_local_options){.path = bench->root}, &lake, &err) &&
                    lake->ops->lock(lake, "pid 99 on elsewhere, link shop\n\x1b[31mred", &err);
        if (!held || write(ends[1], "x", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            (void)pause();
        }
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    return pid;
}

static void lock_when_other_process_has_it_then_conflict_until_it_dies(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    pid_t pid = start_holder(bench);
    bool locked = bench->lake->ops->lock(bench->lake, "me", &err);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(locked);
    assert_int_equal(err.kind, LF_CONFLICT);
    assert_non_null(strstr(err.msg, "pid 99 on elsewhere, link shop;"));
    assert_true(bench->lake->ops->lock(bench->lake, "me", &err));
    assert_true(lake_text_is(bench->lake, "_lakefeed/owner", "me"));
}

static void lock_when_holder_left_no_text_then_still_conflict(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    struct lake *other = local_bench_open(bench);
    assert_true(other->ops->lock(other, "\x07", &err));
    assert_false(bench->lake->ops->lock(bench->lake, "me", &err));
    assert_non_null(strstr(err.msg, "in use by ?;"));
    lake_close(&other);
    other = local_bench_open(bench);
    power_io_fail(bench->power, "write", 0, 1, ENOSPC);
    assert_true(other->ops->lock(other, "text that cannot be written", &err));
    assert_false(bench->lake->ops->lock(bench->lake, "me", &err));
    assert_non_null(strstr(err.msg, "in use by another process;"));
    lake_close(&other);
}

static void lock_when_released_then_file_stays(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    struct stat before;
    struct stat after;
    CLEANUP(text_free) char *path = local_bench_path(bench, "_lakefeed/owner");
    assert_true(bench->lake->ops->lock(bench->lake, "a rather long text of the first owner", &err));
    assert_int_equal(stat(path, &before), 0);
    bench->lake->ops->unlock(bench->lake);
    assert_true(bench->lake->ops->lock(bench->lake, "short", &err));
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_true(lake_text_is(bench->lake, "_lakefeed/owner", "short"));
}

static void lock_when_not_allowed_to_write_then_auth(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    power_io_fail(bench->power, "mkdir", 0, 1, EROFS);
    assert_false(bench->lake->ops->lock(bench->lake, "me", &err));
    assert_int_equal(err.kind, LF_AUTH);
    power_io_fail(bench->power, "open", 0, 1, EACCES);
    assert_false(bench->lake->ops->lock(bench->lake, "me", &err));
    assert_int_equal(err.kind, LF_AUTH);
}

/* A lock file that is unlinked while it is being locked, and made anew: locking the old one would prove nothing. */
struct thief {
    struct local_io table;
    char *path;
};

static int stealing_open(void *context, int folder_fd, const char *name, int flags, mode_t mode)
{
    struct thief *thief = context;
    int fd = local_io_system()->open(NULL, folder_fd, name, flags, mode);
    if (fd >= 0 && strcmp(name, "owner") == 0) {
        (void)unlink(thief->path);
    }
    return fd;
}

static void lock_when_file_was_removed_meanwhile_then_transient(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    struct lake *lake = NULL;
    struct thief thief = {.table = *local_io_system(), .path = local_bench_path(bench, "_lakefeed/owner")};
    thief.table.context = &thief;
    thief.table.open = stealing_open;
    assert_true(lake_local_open(&(struct lake_local_options){.path = bench->root, .io = &thief.table}, &lake, &err));
    assert_false(lake->ops->lock(lake, "me", &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    lake_close(&lake);
    text_free(&thief.path);
}

/* Holds the lock of replacements, and lets go after so many pauses. */
struct waiting {
    int fd;
    int pauses;
    int release_after;
};

static void count_pause(void *context)
{
    struct waiting *waiting = context;
    waiting->pauses++;
    if (waiting->pauses == waiting->release_after) {
        (void)flock(waiting->fd, LOCK_UN);
    }
}

static struct waiting hold_replace(const struct local_bench *bench, int release_after)
{
    struct lf_error err;
    CLEANUP(text_free) char *path = local_bench_path(bench, "_lakefeed/replace");
    assert_true(lake_text_replace(bench->lake, "model.json", NULL, "old", NULL, &err));
    struct waiting waiting = {.fd = open(path, O_RDWR | O_CLOEXEC), .release_after = release_after};
    assert_true(waiting.fd >= 0);
    assert_int_equal(flock(waiting.fd, LOCK_EX | LOCK_NB), 0);
    return waiting;
}

static void put_if_match_when_other_replaces_then_waits_for_it(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    struct lake_stat status;
    struct waiting waiting = hold_replace(bench, 7);
    assert_true(bench->lake->ops->stat(bench->lake, "model.json", &status, &err));
    power_io_on_pause(bench->power, count_pause, &waiting);
    assert_true(lake_text_replace(bench->lake, "model.json", status.etag, "new", NULL, &err));
    assert_true(waiting.pauses >= 7);
    (void)close(waiting.fd);
}

static void put_if_match_when_other_never_ends_then_transient_and_nothing_written(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    struct lake_stat status;
    struct waiting waiting = hold_replace(bench, 0);
    assert_true(bench->lake->ops->stat(bench->lake, "model.json", &status, &err));
    power_io_on_pause(bench->power, count_pause, &waiting);
    assert_false(lake_text_replace(bench->lake, "model.json", status.etag, "new", NULL, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_non_null(strstr(err.msg, "_lakefeed/replace"));
    assert_true(lake_text_is(bench->lake, "model.json", "old"));
    (void)close(waiting.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_TEST(lock_when_other_process_has_it_then_conflict_until_it_dies),
        LOCAL_TEST(lock_when_holder_left_no_text_then_still_conflict),
        LOCAL_TEST(lock_when_released_then_file_stays),
        LOCAL_TEST(lock_when_not_allowed_to_write_then_auth),
        LOCAL_TEST(lock_when_file_was_removed_meanwhile_then_transient),
        LOCAL_TEST(put_if_match_when_other_replaces_then_waits_for_it),
        LOCAL_TEST(put_if_match_when_other_never_ends_then_transient_and_nothing_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
