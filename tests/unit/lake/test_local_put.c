/* SPDX-License-Identifier: Apache-2.0 */
#include "local_bench.h"

#include "base/crypto.h"
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODEL "model.json"
#define PROCESSES 4
#define TRIES 200

/* Puts a file there as somebody would who knows nothing of locks. */
static void overwrite(const struct local_bench *bench, const char *text)
{
    CLEANUP(text_free) char *path = local_bench_path(bench, MODEL);
    CLEANUP(text_free) char *beside = local_bench_path(bench, "beside");
    FILE *file = fopen(beside, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(beside, path), 0);
}

static void etag_when_read_then_hash_inode_and_change_time(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    struct stat status;
    char etag[LAKE_ETAG_SIZE];
    char hex[SHA256_HEX_SIZE];
    CLEANUP(text_free) char *path = local_bench_path(bench, MODEL);
    assert_true(lake_text_replace(bench->lake, MODEL, NULL, "text", etag, &err));
    assert_int_equal(stat(path, &status), 0);
    sha256_of("text", 4, hex);
    CLEANUP(text_free)
    char *expected = text_printf("%s-%llx-%llx", hex, (unsigned long long)status.st_ino,
                                 (unsigned long long)status.st_ctim.tv_sec * 1000000000ULL +
                                     (unsigned long long)status.st_ctim.tv_nsec);
    assert_string_equal(etag, expected);
}

static void etag_when_same_bytes_restored_from_outside_then_new(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    assert_true(lake_text_replace(bench->lake, MODEL, NULL, "same", etag, &err));
    overwrite(bench, "other");
    overwrite(bench, "same");
    assert_false(lake_text_replace(bench->lake, MODEL, etag, "sleeper", NULL, &err));
    assert_int_equal(err.kind, LF_CONFLICT);
    assert_true(lake_text_is(bench->lake, MODEL, "same"));
}

static void overwrite_hook(void *context)
{
    overwrite(context, "foreign");
}

static void put_if_match_when_created_between_check_and_rename_then_conflict(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    power_io_before_rename(bench->power, overwrite_hook, bench);
    assert_false(lake_text_replace(bench->lake, MODEL, NULL, "ours", NULL, &err));
    assert_int_equal(err.kind, LF_CONFLICT);
    assert_true(lake_text_is(bench->lake, MODEL, "foreign"));
}

/* The sync of the folder is the first thing behind the rename: whoever comes then is seen by the second look. */
struct intruder {
    struct local_bench *bench;
    struct local_io table;
    const struct local_io *inner;
    bool renamed;
};

static int intruding_rename(void *context, int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    struct intruder *intruder = context;
    int result = intruder->inner->rename(intruder->inner->context, from_fd, from, to_fd, to, flags);
    overwrite(intruder->bench, "foreign");
    intruder->renamed = result == 0;
    return result;
}

static void put_if_match_when_replaced_right_after_then_outcome_unknown(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    struct lake *lake = NULL;
    struct intruder intruder = {.bench = bench, .table = *local_io_system(), .inner = local_io_system()};
    intruder.table.context = &intruder;
    intruder.table.rename = intruding_rename;
    assert_true(lake_local_open(&(struct lake_local_options){.path = bench->root, .io = &intruder.table}, &lake, &err));
    assert_false(lake_text_replace(lake, MODEL, NULL, "ours", NULL, &err));
    assert_true(intruder.renamed);
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_true(lake_text_is(lake, MODEL, "foreign"));
    lake_close(&lake);
}

static void put_if_match_when_call_fails_then_old_bytes_or_unknown(void **state)
{
    struct local_bench *bench = *state;
    static const char *const calls[] = {"open", "write", "sync", "rename"};
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    assert_true(lake_text_replace(bench->lake, MODEL, NULL, "old", etag, &err));
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        power_io_fail(bench->power, calls[i], 0, 1, EIO);
        assert_false(lake_text_replace(bench->lake, MODEL, etag, "new", NULL, &err));
        assert_int_equal(power_io_failed(bench->power), 1);
        assert_int_equal(err.kind, LF_TRANSIENT);
        assert_true(lake_text_is(bench->lake, MODEL, "old"));
    }
    power_io_fail(bench->power, "sync", 1, 1, EACCES); /* that of the folder, after the rename */
    assert_false(lake_text_replace(bench->lake, MODEL, etag, "new", NULL, &err));
    assert_int_equal(power_io_failed(bench->power), 1);
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_true(lake_text_is(bench->lake, MODEL, "new"));
}

/* Whoever reads back its own commit goes on to tell the source: what was read must be there to stay. */
static void read_when_folder_sync_had_failed_then_what_is_read_outlives_a_power_cut(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    assert_true(lake_text_replace(bench->lake, MODEL, NULL, "old", etag, &err));
    power_io_fail(bench->power, "sync", 1, 1, EIO); /* that of the folder, after the rename */
    assert_false(lake_text_replace(bench->lake, MODEL, etag, "new", NULL, &err));
    assert_int_equal(power_io_failed(bench->power), 1);
    assert_true(lake_text_is(bench->lake, MODEL, "new"));
    lake_close(&bench->lake);
    power_io_cut(bench->power, POWER_LOSES_NAMES);
    bench->lake = local_bench_open(bench);
    assert_true(lake_text_is(bench->lake, MODEL, "new"));
}

static void put_if_absent_when_folder_sync_fails_then_outcome_unknown(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    assert_true(lake_text_put(bench->lake, "a/1", "x", &err));
    power_io_fail(bench->power, "sync", 1, 1, EACCES);
    assert_false(lake_text_put(bench->lake, "a/2", "x", &err));
    assert_int_equal(power_io_failed(bench->power), 1);
    assert_int_equal(err.kind, LF_TRANSIENT);
}

static void put_when_name_is_the_drivers_own_then_refused(void **state)
{
    struct local_bench *bench = *state;
    static const char *const names[] = {"_lakefeed/owner", "_lakefeed/replace", "_lakefeed/tmp", "_lakefeed/tmp/x"};
    struct lf_error err = {0};
    assert_true(bench->lake->ops->lock(bench->lake, "me", &err));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct lake_writer *writer = NULL;
        assert_false(lake_text_put(bench->lake, names[i], "x", &err));
        assert_int_equal(err.kind, LF_CONFIG);
        assert_false(lake_text_replace(bench->lake, names[i], NULL, "x", NULL, &err));
        assert_false(bench->lake->ops->writer_open(bench->lake, names[i], &writer, &err));
        assert_false(bench->lake->ops->remove(bench->lake, names[i], &err));
        assert_int_equal(err.kind, LF_CONFIG);
    }
    assert_true(lake_text_put(bench->lake, "_lakefeed/tmpx", "x", &err));
    assert_true(lake_text_is(bench->lake, "_lakefeed/owner", "me"));
}

/* One win: the version that was replaced and the one that came. */
struct win {
    char from[LAKE_ETAG_SIZE];
    char to[LAKE_ETAG_SIZE];
};

/* In a child: no assertion of cmocka, the exit status tells. Wins are shorter than PIPE_BUF, so that they never mix. */
static int race(const struct local_bench *bench, int out)
{
    struct lake *lake = NULL;
    struct lf_error err = {0};
    if (!lake_local_open(&(struct lake_local_options){.path = bench->root}, &lake, &err)) {
        return 1;
    }
    for (int i = 0; i < TRIES; i++) {
        struct win win = {0};
        CLEANUP(buf_done) struct buf read = {0};
        CLEANUP(text_free) char *text = text_printf("%d-%d", (int)getpid(), i % 3); /* the same bytes come back */
        if (!lake_read_all(lake, MODEL, 100, &read, win.from, &err)) {
            return 2;
        }
        bool won = lake_text_replace(lake, MODEL, win.from, text, win.to, &err);
        if (!won && err.kind != LF_CONFLICT) {
            return 3;
        }
        if (won && write(out, &win, sizeof win) != (ssize_t)sizeof win) {
            return 4;
        }
    }
    lake_close(&lake);
    return 0;
}

static size_t read_wins(int in, struct win *ret_wins, size_t most)
{
    size_t count = 0;
    while (count < most && read(in, &ret_wins[count], sizeof *ret_wins) == (ssize_t)sizeof *ret_wins) {
        count++;
    }
    return count;
}

/* From the first version every win must be reached, one after the other: none was lost, none had two successors. */
static size_t chain_length(const struct win *wins, size_t count, char etag[LAKE_ETAG_SIZE])
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(wins[i].from, etag) == 0) {
            memcpy(etag, wins[i].to, LAKE_ETAG_SIZE);
            length++;
            i = SIZE_MAX; /* from the start again: the increment makes it 0 */
        }
    }
    return length;
}

static void put_if_match_when_processes_race_then_one_winner_for_each_etag(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    struct lake_stat last;
    char etag[LAKE_ETAG_SIZE];
    int ends[2];
    assert_true(lake_text_replace(bench->lake, MODEL, NULL, "start", etag, &err));
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            _exit(race(bench, ends[1]));
        }
    }
    (void)close(ends[1]);
    struct win *wins = mem_new((size_t)PROCESSES * TRIES, sizeof *wins);
    size_t count = read_wins(ends[0], wins, (size_t)PROCESSES * TRIES);
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    (void)close(ends[0]);
    assert_true(count >= TRIES);
    assert_int_equal(chain_length(wins, count, etag), count);
    assert_true(bench->lake->ops->stat(bench->lake, MODEL, &last, &err));
    assert_string_equal(last.etag, etag);
    free(wins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_TEST(etag_when_read_then_hash_inode_and_change_time),
        LOCAL_TEST(etag_when_same_bytes_restored_from_outside_then_new),
        LOCAL_TEST(put_if_match_when_created_between_check_and_rename_then_conflict),
        LOCAL_TEST(put_if_match_when_replaced_right_after_then_outcome_unknown),
        LOCAL_TEST(put_if_match_when_call_fails_then_old_bytes_or_unknown),
        LOCAL_TEST(read_when_folder_sync_had_failed_then_what_is_read_outlives_a_power_cut),
        LOCAL_TEST(put_if_absent_when_folder_sync_fails_then_outcome_unknown),
        LOCAL_TEST(put_when_name_is_the_drivers_own_then_refused),
        LOCAL_TEST(put_if_match_when_processes_race_then_one_winner_for_each_etag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
