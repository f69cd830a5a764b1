/* SPDX-License-Identifier: Apache-2.0 */
#include "local_bench.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* What an attacker, or a careless administrator, puts in the way: a link at `at` that leads to a folder outside. */
static char *plant_link(const struct local_bench *bench, const char *at)
{
    char *outside = text_printf("%s/outside", bench->folder);
    CLEANUP(text_free) char *link = local_bench_path(bench, at);
    assert_int_equal(mkdir(outside, 0755), 0);
    assert_int_equal(symlink(outside, link), 0);
    return outside;
}

static void put_when_folder_is_link_then_refused(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    CLEANUP(text_free) char *outside = plant_link(bench, "orders");
    assert_false(lake_text_put(bench->lake, "orders/1", "x", &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_non_null(strstr(err.msg, "symbolic link"));
    assert_false(lake_text_put(bench->lake, "orders/Snapshot/1", "x", &err));
    assert_int_equal(rmdir(outside), 0); /* still empty */
}

static void put_when_tmp_is_link_then_refused(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    CLEANUP(text_free) char *outside = plant_link(bench, "_lakefeed");
    assert_false(lake_text_put(bench->lake, "x", "x", &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_false(bench->lake->ops->lock(bench->lake, "me", &err));
    assert_int_equal(rmdir(outside), 0);
}

static void read_when_file_is_link_then_refused(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    struct lake_stat status;
    CLEANUP(text_free) char *link = local_bench_path(bench, "model.json");
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_false(bench->lake->ops->stat(bench->lake, "model.json", &status, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_non_null(strstr(err.msg, bench->root));
    assert_false(lake_text_replace(bench->lake, "model.json", NULL, "x", NULL, &err));
    assert_int_equal(err.kind, LF_CONFIG);
}

static void put_when_file_stands_for_folder_then_config(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    assert_true(lake_text_put(bench->lake, "orders", "x", &err));
    assert_false(lake_text_put(bench->lake, "orders/1", "x", &err));
    assert_int_equal(err.kind, LF_CONFIG);
}

static void put_when_known_folder_was_removed_then_made_again(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    CLEANUP(text_free) char *entity = local_bench_path(bench, "orders");
    assert_true(lake_text_put(bench->lake, "orders/1", "x", &err));
    temp_folder_clear(entity);
    assert_int_equal(rmdir(entity), 0);
    assert_true(lake_text_put(bench->lake, "orders/2", "x", &err));
    assert_true(lake_text_is(bench->lake, "orders/2", "x"));
}

static void put_when_group_is_inherited_then_new_folder_inherits_it(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    struct stat status;
    CLEANUP(text_free) char *entity = local_bench_path(bench, "orders");
    assert_int_equal(chmod(bench->root, 02755), 0);
    assert_true(lake_text_put(bench->lake, "orders/1", "x", &err));
    assert_int_equal(stat(entity, &status), 0);
    assert_int_equal(status.st_mode & 07777, 02755);
}

/* Each row: a call that fails, and how the driver must say it. */
struct failure {
    const char *call;
    int error_number;
    enum lf_error_kind kind;
    const char *text;
};

static void put_when_system_call_fails_then_kind_fits(void **state)
{
    struct local_bench *bench = *state;
    static const struct failure failures[] = {
        {"write", ENOSPC, LF_TRANSIENT, "no space left"},
        {"write", EDQUOT, LF_TRANSIENT, "no space left"},
        {"open", ENOSPC, LF_TRANSIENT, "no space left"},
        {"mkdir", ENOSPC, LF_TRANSIENT, "no space left"},
        {"rename", ENOSPC, LF_TRANSIENT, "no space left"},
        {"write", EIO, LF_TRANSIENT, "write"},
        {"sync", EIO, LF_TRANSIENT, "sync"},
        {"sync", ENOSPC, LF_TRANSIENT, "no space left"},
        {"write", ENOSPC, LF_TRANSIENT, " MiB free"},
        {"mkdir", EACCES, LF_AUTH, "right to write"},
        {"open", EACCES, LF_AUTH, "right to write"},
        {"open", EROFS, LF_AUTH, "right to write"},
        {"rename", EPERM, LF_AUTH, "right to write"},
        {"rename", ENOENT, LF_TRANSIENT, "removed meanwhile"},
        {"rename", EXDEV, LF_CONFIG, "move"},
    };
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        struct lf_error err = {0};
        CLEANUP(text_free) char *path = text_printf("folder%zu/x", i);
        power_io_fail(bench->power, failures[i].call, 0, 1, failures[i].error_number);
        assert_false(lake_text_put(bench->lake, path, "text", &err));
        assert_int_equal(power_io_failed(bench->power), 1);
        assert_int_equal(err.kind, failures[i].kind);
        assert_int_equal(err.code, failures[i].error_number);
        assert_non_null(strstr(err.msg, bench->root));
        assert_non_null(strstr(err.msg, failures[i].text));
        assert_false(lake_text_exists(bench->lake, path));
        assert_true(lake_text_put(bench->lake, path, "text", &err));
    }
}

static void put_when_interrupted_then_goes_on(void **state)
{
    struct local_bench *bench = *state;
    static const char *const calls[] = {"write", "sync"};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        struct lf_error err;
        CLEANUP(text_free) char *path = text_printf("file%zu", i);
        power_io_fail(bench->power, calls[i], 0, 3, EINTR);
        assert_true(lake_text_put(bench->lake, path, "text", &err));
        assert_int_equal(power_io_failed(bench->power), 3);
        assert_true(lake_text_is(bench->lake, path, "text"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_TEST(put_when_folder_is_link_then_refused),
        LOCAL_TEST(put_when_tmp_is_link_then_refused),
        LOCAL_TEST(read_when_file_is_link_then_refused),
        LOCAL_TEST(put_when_file_stands_for_folder_then_config),
        LOCAL_TEST(put_when_known_folder_was_removed_then_made_again),
        LOCAL_TEST(put_when_group_is_inherited_then_new_folder_inherits_it),
        LOCAL_TEST(put_when_system_call_fails_then_kind_fits),
        LOCAL_TEST(put_when_interrupted_then_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
