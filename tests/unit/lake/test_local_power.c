/* SPDX-License-Identifier: Apache-2.0
 *
 * A power cut in front of every system call of a small history, on a disk that keeps only what was synced.
 */
#include "local_bench.h"

#include "base/file.h"

#include <fcntl.h>

#define MODEL "model.json"
#define CUTS_MAX 400

/* What the driver has promised before the power went. */
struct promises {
    bool partition;
    bool second;
    bool record;
    bool model;
};

static bool write_partition(struct lake *lake, const char *path, struct lf_error *err)
{
    struct lake_writer *writer = NULL;
    TRY(lake->ops->writer_open(lake, path, &writer, err));
    if (!lake->ops->writer_write(writer, "one,two,", 8, err) || !lake->ops->writer_write(writer, "three", 5, err)) {
        lake->ops->writer_abort(writer);
        return false;
    }
    return lake->ops->writer_commit(writer, err);
}

/* A commit, as far as the lake sees it. Goes on after failures: each promise counts for itself. */
static struct promises commit(struct lake *lake, const char *etag)
{
    struct lf_error err;
    struct promises made = {0};
    (void)lake->ops->lock(lake, "me", &err);
    made.partition = write_partition(lake, "orders/Snapshot/1.csv", &err);
    made.second = lake_text_put(lake, "orders/Snapshot/2.csv", "second", &err);
    made.record = lake_text_put(lake, "_lakefeed/commits/2", "record", &err);
    made.model = lake_text_replace(lake, MODEL, etag, "new", NULL, &err);
    (void)lake->ops->remove(lake, "_lakefeed/commits/1", &err);
    return made;
}

static void assert_kept(struct lake *lake, const char *path, const char *text, bool promised)
{
    bool is_there = lake_text_exists(lake, path);
    if (promised && !is_there) {
        fail_msg("%s was promised and is gone", path);
    }
    if (is_there && !lake_text_is(lake, path, text)) {
        fail_msg("%s is torn", path);
    }
}

/* True: the power went before the end. */
static bool cut_once(uint64_t call, enum power_loss loss, const char *old)
{
    void *state = NULL;
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    (void)local_bench_setup(&state);
    struct local_bench *bench = state;
    assert_true(lake_text_put(bench->lake, "_lakefeed/commits/1", "record of the first", &err));
    if (old != NULL) {
        assert_true(lake_text_replace(bench->lake, MODEL, NULL, old, etag, &err));
    }
    power_io_cut_at(bench->power, call);
    struct promises made = commit(bench->lake, old != NULL ? etag : NULL);
    bool was_cut = power_io_is_off(bench->power);
    assert_true(was_cut || (made.partition && made.second && made.record && made.model));
    lake_close(&bench->lake);
    power_io_cut(bench->power, loss);
    bench->lake = local_bench_open(bench);
    assert_kept(bench->lake, "orders/Snapshot/1.csv", "one,two,three", made.partition);
    assert_kept(bench->lake, "orders/Snapshot/2.csv", "second", made.second);
    assert_kept(bench->lake, "_lakefeed/commits/2", "record", made.record);
    CLEANUP(text_free) char *model = lake_text_read(bench->lake, MODEL);
    bool is_new = model != NULL && strcmp(model, "new") == 0;
    bool is_old = old == NULL ? model == NULL : model != NULL && strcmp(model, old) == 0;
    assert_true(is_new || is_old);
    assert_true(is_new || !made.model);
    /* The next process goes on as if nothing had been. */
    assert_true(bench->lake->ops->lock(bench->lake, "after", &err));
    assert_true(lake_text_put(bench->lake, "orders/Snapshot/3.csv", "third", &err));
    (void)local_bench_teardown(&state);
    return was_cut;
}

static void walk_all_cuts(enum power_loss loss, const char *old)
{
    uint64_t call = 1;
    while (cut_once(call, loss, old)) {
        call++;
        assert_true(call < CUTS_MAX);
    }
    print_message("           %d cuts\n", (int)call - 1);
    assert_true(call > 15); /* the faults have happened */
}

static void commit_when_power_is_cut_and_names_lost_then_promises_kept(void **state)
{
    (void)state;
    walk_all_cuts(POWER_LOSES_NAMES, "old");
}

static void commit_when_power_is_cut_and_names_kept_then_promises_kept(void **state)
{
    (void)state;
    walk_all_cuts(POWER_KEEPS_NAMES, "old");
}

static void first_commit_when_power_is_cut_then_promises_kept(void **state)
{
    (void)state;
    walk_all_cuts(POWER_LOSES_NAMES, NULL);
    walk_all_cuts(POWER_KEEPS_NAMES, NULL);
}

/* The disk of the test itself: it must lose what is not synced, or the tests above prove nothing. */
static void power_cut_when_nothing_is_synced_then_lost(void **state)
{
    struct local_bench *bench = *state;
    const struct local_io *io = power_io_table(bench->power);
    struct lf_error err;
    CLEANUP(text_free) char *unsynced = local_bench_path(bench, "unsynced");
    assert_true(lake_text_put(bench->lake, "kept", "text", &err));
    int fd = io->open(io->context, -1, unsynced, O_CREAT | O_RDWR, 0644);
    assert_true(fd >= 0);
    assert_int_equal(io->write(io->context, fd, "text", 4), 4);
    lake_close(&bench->lake);
    power_io_cut(bench->power, POWER_LOSES_NAMES);
    bench->lake = local_bench_open(bench);
    assert_false(lake_text_exists(bench->lake, "unsynced"));
    assert_true(lake_text_is(bench->lake, "kept", "text"));
    fd_close(&fd);
}

static void power_cut_when_only_the_name_is_early_then_file_empty(void **state)
{
    struct local_bench *bench = *state;
    const struct local_io *io = power_io_table(bench->power);
    CLEANUP(text_free) char *unsynced = local_bench_path(bench, "unsynced");
    int fd = io->open(io->context, -1, unsynced, O_CREAT | O_RDWR, 0644);
    assert_true(fd >= 0);
    assert_int_equal(io->write(io->context, fd, "text", 4), 4);
    lake_close(&bench->lake);
    power_io_cut(bench->power, POWER_KEEPS_NAMES);
    bench->lake = local_bench_open(bench);
    assert_true(lake_text_is(bench->lake, "unsynced", ""));
    fd_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_TEST(power_cut_when_nothing_is_synced_then_lost),
        LOCAL_TEST(power_cut_when_only_the_name_is_early_then_file_empty),
        cmocka_unit_test(commit_when_power_is_cut_and_names_lost_then_promises_kept),
        cmocka_unit_test(commit_when_power_is_cut_and_names_kept_then_promises_kept),
        cmocka_unit_test(first_commit_when_power_is_cut_then_promises_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
