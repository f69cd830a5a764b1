/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/macros.h"
#include "unit/base/temp_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void error_when_errno_is_known_then_its_kind(void **state)
{
    (void)state;
    static const struct {
        int error_number;
        enum lf_error_kind kind;
    } examples[] = {
        {ENOENT, LF_NOT_FOUND}, {ENOSPC, LF_TRANSIENT}, {EDQUOT, LF_TRANSIENT}, {EMFILE, LF_TRANSIENT},
        {EACCES, LF_CONFIG},    {EPERM, LF_CONFIG},     {EROFS, LF_CONFIG},     {ENOTDIR, LF_CONFIG},
        {EEXIST, LF_CONFLICT},  {EFBIG, LF_LIMIT},      {EBADF, LF_INTERNAL},   {EIO, LF_TRANSIENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct lf_error err;
        assert_false(file_error(&err, examples[i].error_number, "open", "/some/path"));
        assert_int_equal(err.kind, examples[i].kind);
        assert_int_equal(err.code, examples[i].error_number);
        assert_true(strncmp(err.msg, "open /some/path: ", 17) == 0);
        assert_true(strlen(err.msg) > 17);
    }
}

static void close_when_closed_already_then_nothing(void **state)
{
    (void)state;
    int fd = dup(0);
    int copy = fd;
    fd_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(copy, F_GETFD), -1);
    fd_close(&fd);
}

static void write_all_when_written_then_read_at_finds_it(void **state)
{
    struct lf_error err;
    CLEANUP(fd_close) int fd = -1;
    assert_true(file_open_temp(*state, &fd, &err));
    assert_true(file_write_all(fd, "hello world", 11, "t", &err));
    assert_true(file_write_all(fd, NULL, 0, "t", &err));
    assert_true(file_sync(fd, "t", &err));
    char text[20] = {0};
    size_t len = 0;
    assert_true(file_read_at(fd, 6, text, 3, &len, "t", &err));
    assert_int_equal(len, 3);
    assert_memory_equal(text, "wor", 3);
    assert_true(file_read_at(fd, 6, text, sizeof text, &len, "t", &err));
    assert_int_equal(len, 5);
    assert_true(file_read_at(fd, 100, text, sizeof text, &len, "t", &err));
    assert_int_equal(len, 0);
}

static void write_all_when_the_disk_is_full_then_transient(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fd_close) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_false(file_write_all(fd, "x", 1, "/dev/full", &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_int_equal(err.code, ENOSPC);
    assert_non_null(strstr(err.msg, "MiB free"));
    assert_non_null(strstr(err.msg, "make room"));
}

static void error_when_no_space_then_the_room_of_the_nearest_folder_is_told(void **state)
{
    (void)state;
    struct lf_error err;
    assert_false(file_error(&err, EDQUOT, "write", "/tmp/a file that does not exist"));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_non_null(strstr(err.msg, "write /tmp/a file that does not exist: "));
    assert_non_null(strstr(err.msg, "MiB free"));
    assert_false(file_error(&err, ENOSPC, "write", "name"));
    assert_non_null(strstr(err.msg, "how much is free is unknown"));
}

static void calls_when_the_descriptor_is_wrong_then_an_error_with_the_name(void **state)
{
    (void)state;
    struct lf_error err;
    char byte = 0;
    size_t len = 0;
    assert_false(file_write_all(-1, "x", 1, "my file", &err));
    assert_non_null(strstr(err.msg, "write my file: "));
    assert_false(file_read_at(-1, 0, &byte, 1, &len, "my file", &err));
    assert_non_null(strstr(err.msg, "read my file: "));
    assert_false(file_sync(-1, "my file", &err));
    assert_non_null(strstr(err.msg, "sync my file: "));
}

static void put_file(const char *path, size_t len)
{
    struct lf_error err;
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    for (size_t i = 0; i < len; i++) {
        char c = (char)('a' + i % 26);
        assert_true(file_write_all(fd, &c, 1, path, &err));
    }
}

static void read_all_when_it_fits_exactly_then_appended(void **state)
{
    struct lf_error err;
    CLEANUP(text_free) char *path = text_printf("%s/file", (char *)*state);
    put_file(path, 9000);
    CLEANUP(buf_done) struct buf out = {0};
    buf_append_char(&out, '>');
    assert_true(file_read_all(path, 9000, &out, &err));
    assert_int_equal(out.len, 9001);
    assert_int_equal(out.ptr[9000], 'a' + 8999 % 26);
}

static void read_all_when_larger_than_the_maximum_then_limit(void **state)
{
    struct lf_error err;
    CLEANUP(text_free) char *path = text_printf("%s/file", (char *)*state);
    put_file(path, 9000);
    CLEANUP(buf_done) struct buf out = {0};
    assert_false(file_read_all(path, 8999, &out, &err));
    assert_int_equal(err.kind, LF_LIMIT);
    assert_non_null(strstr(err.msg, path));
    CLEANUP(buf_done) struct buf small;
    buf_init(&small, 100);
    assert_false(file_read_all(path, 10000, &small, &err));
    assert_int_equal(err.kind, LF_LIMIT);
}

static void read_all_when_missing_or_a_folder_then_an_error(void **state)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(text_free) char *path = text_printf("%s/missing", (char *)*state);
    assert_false(file_read_all(path, 10, &out, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    assert_false(file_read_all(*state, 10, &out, &err));
    assert_int_equal(err.kind, LF_CONFIG);
}

static void assert_folder(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISDIR(status.st_mode));
}

static void make_folders_when_some_exist_then_all_exist(void **state)
{
    struct lf_error err;
    CLEANUP(text_free) char *path = text_printf("%s/a//b/c/", (char *)*state);
    assert_true(file_make_folders(path, 0700, &err));
    assert_folder(path);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_true(file_make_folders(path, 0700, &err));
    assert_true(file_make_folders("/", 0700, &err));
    assert_true(file_make_folders("/tmp", 0700, &err));
}

static void make_folders_when_the_path_is_relative_then_below_the_working_folder(void **state)
{
    struct lf_error err;
    CLEANUP(fd_close) int before = temp_folder_open(".");
    assert_int_equal(chdir(*state), 0);
    bool ok = file_make_folders("x", 0700, &err) && file_make_folders("y/z", 0700, &err);
    assert_int_equal(fchdir(before), 0);
    assert_true(ok);
    CLEANUP(text_free) char *path = text_printf("%s/y/z", (char *)*state);
    assert_folder(path);
}

static void make_folders_when_a_file_is_in_the_way_then_config(void **state)
{
    struct lf_error err;
    CLEANUP(text_free) char *file = text_printf("%s/file", (char *)*state);
    put_file(file, 1);
    assert_false(file_make_folders(file, 0700, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    CLEANUP(text_free) char *below = text_printf("%s/file/x", (char *)*state);
    assert_false(file_make_folders(below, 0700, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_false(file_make_folders("", 0700, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
}

static void open_temp_when_open_then_without_a_name(void **state)
{
    struct lf_error err;
    CLEANUP(fd_close) int fd = -1;
    assert_true(file_open_temp(*state, &fd, &err));
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_nlink, 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(rmdir(*state), 0); /* the folder is empty */
    assert_int_equal(mkdir(*state, 0700), 0);
}

static void open_temp_when_the_folder_is_missing_then_not_found(void **state)
{
    struct lf_error err;
    int fd = -1;
    CLEANUP(text_free) char *path = text_printf("%s/missing", (char *)*state);
    assert_false(file_open_temp(path, &fd, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_when_errno_is_known_then_its_kind),
        cmocka_unit_test(close_when_closed_already_then_nothing),
        cmocka_unit_test_setup_teardown(write_all_when_written_then_read_at_finds_it, temp_folder_make,
                                        temp_folder_remove),
        cmocka_unit_test(write_all_when_the_disk_is_full_then_transient),
        cmocka_unit_test(error_when_no_space_then_the_room_of_the_nearest_folder_is_told),
        cmocka_unit_test(calls_when_the_descriptor_is_wrong_then_an_error_with_the_name),
        cmocka_unit_test_setup_teardown(read_all_when_it_fits_exactly_then_appended, temp_folder_make,
                                        temp_folder_remove),
        cmocka_unit_test_setup_teardown(read_all_when_larger_than_the_maximum_then_limit, temp_folder_make,
                                        temp_folder_remove),
        cmocka_unit_test_setup_teardown(read_all_when_missing_or_a_folder_then_an_error, temp_folder_make,
                                        temp_folder_remove),
        cmocka_unit_test_setup_teardown(make_folders_when_some_exist_then_all_exist, temp_folder_make,
                                        temp_folder_remove),
        cmocka_unit_test_setup_teardown(make_folders_when_the_path_is_relative_then_below_the_working_folder,
                                        temp_folder_make, temp_folder_remove),
        cmocka_unit_test_setup_teardown(make_folders_when_a_file_is_in_the_way_then_config, temp_folder_make,
                                        temp_folder_remove),
        cmocka_unit_test_setup_teardown(open_temp_when_open_then_without_a_name, temp_folder_make, temp_folder_remove),
        cmocka_unit_test_setup_teardown(open_temp_when_the_folder_is_missing_then_not_found, temp_folder_make,
                                        temp_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
