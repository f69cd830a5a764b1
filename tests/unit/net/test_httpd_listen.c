/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/net/http_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Stands in for that of the C library, and keeps the mode that the file had until then. */
static mode_t mode_before_chmod;

int chmod(const char *path, mode_t mode)
{
    struct stat status;
    if (stat(path, &status) == 0) {
        mode_before_chmod = status.st_mode & 07777;
    }
    return fchmodat(AT_FDCWD, path, mode, 0);
}

/* A server on the fixture's path, of a loop that does not run. */
static bool try_open(struct fixture *fixture, mode_t mode, struct lf_error *err)
{
    struct httpd_options options = fixture_options(fixture);
    options.mode = mode;
    return httpd_open(&options, &fixture->httpd, err);
}

static void assert_refused(struct fixture *fixture, enum lf_error_kind kind, const char *part)
{
    struct lf_error err = {0};
    assert_false(try_open(fixture, 0660, &err));
    assert_int_equal(err.kind, kind);
    if (strstr(err.msg, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, err.msg);
    }
    assert_null(fixture->httpd);
}

/* The server of another process, which holds it until it is killed. */
static pid_t start_other(struct fixture *fixture)
{
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct lf_error err;
        struct httpd *httpd = NULL;
        struct fixture other = *fixture;
        bool ok = loop_new(&other.loop, &err);
        struct httpd_options options = fixture_options(&other);
        ok = ok && httpd_open(&options, &httpd, &err);
        (void)!write(ready[1], ok ? "y" : "n", 1);
        loop_run(other.loop);
        _exit(0);
    }
    char answer = 0;
    assert_int_equal(read(ready[0], &answer, 1), 1);
    assert_int_equal(answer, 'y');
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void kill_other(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void open_when_another_process_serves_then_conflict(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    pid_t pid = start_other(&fixture);
    assert_refused(&fixture, LF_CONFLICT, fixture.path);
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_true(fixture_call(&fixture, "GET", "/still-there", 0, &reply, &err));
    kill_other(pid);
}

static void open_when_the_process_was_killed_then_its_socket_is_replaced(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    kill_other(start_other(&fixture));
    assert_int_equal(access(fixture.path, F_OK), 0);
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_false(fixture_call(&fixture, "GET", "/x", 0, &reply, &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    assert_true(try_open(&fixture, 0660, &err));
    fixture_start(&fixture);
    assert_true(fixture_call(&fixture, "GET", "/x", 0, &reply, &err));
    assert_int_equal(reply.status, 200);
}

static void open_when_the_lock_file_was_removed_then_a_living_server_is_still_found(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    pid_t pid = start_other(&fixture);
    CLEANUP(text_free) char *lock = text_printf("%s.lock", fixture.path);
    assert_int_equal(unlink(lock), 0);
    assert_refused(&fixture, LF_CONFLICT, fixture.path);
    kill_other(pid);
}

static void open_when_only_the_lock_is_held_then_conflict(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    CLEANUP(text_free) char *lock = text_printf("%s.lock", fixture.path);
    CLEANUP(fd_close) int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_refused(&fixture, LF_CONFLICT, fixture.path);
}

static void open_when_many_processes_race_then_one_wins(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    kill_other(start_other(&fixture)); /* all of them find a stale socket */
    int begin[2];
    int end[2];
    assert_int_equal(pipe2(begin, O_CLOEXEC), 0);
    assert_int_equal(pipe2(end, O_CLOEXEC), 0);
    pid_t pids[8];
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            struct lf_error err = {0};
            char byte = 0;
            (void)close(begin[1]);
            (void)!read(begin[0], &byte, 1); /* the end of the pipe */
            bool ok = try_open(&fixture, 0660, &err);
            (void)!write(end[1], ok ? "w" : err.kind == LF_CONFLICT ? "c" : "?", 1);
            (void)pause();
        }
    }
    (void)close(begin[1]);
    char results[ARRAY_LEN(pids) + 1] = {0};
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        assert_int_equal(read(end[0], &results[i], 1), 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        kill_other(pids[i]);
    }
    assert_int_equal(count_of(results, "w"), 1);
    assert_int_equal(count_of(results, "c"), ARRAY_LEN(pids) - 1);
    (void)close(begin[0]);
    (void)close(end[0]);
    (void)close(end[1]);
}

static void open_when_opened_again_after_close_then_served(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    for (int i = 0; i < 3; i++) {
        assert_true(try_open(&fixture, 0660, &err));
        assert_int_equal(access(fixture.path, F_OK), 0);
        httpd_close(&fixture.httpd);
        assert_int_equal(access(fixture.path, F_OK), -1);
    }
}

static void open_when_any_umask_then_the_mode_asked(void **state)
{
    (void)state;
    struct lf_error err;
    static const mode_t umasks[] = {0, 022, 077, 0777};
    static const mode_t modes[] = {0600, 0660, 0666};
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(umasks) * ARRAY_LEN(modes); i++) {
        mode_t mode = modes[i % ARRAY_LEN(modes)];
        mode_t before = umask(umasks[i / ARRAY_LEN(modes)]);
        bool ok = try_open(&fixture, mode, &err);
        (void)umask(before);
        assert_true(ok);
        struct stat status;
        assert_int_equal(stat(fixture.path, &status), 0);
        assert_true(S_ISSOCK(status.st_mode));
        assert_int_equal(status.st_mode & 07777, mode);
        assert_int_equal(mode_before_chmod & ~mode, 0); /* never wider, not even at first */
        httpd_close(&fixture.httpd);
        CLEANUP(text_free) char *lock = text_printf("%s.lock", fixture.path);
        assert_int_equal(stat(lock, &status), 0);
        assert_int_equal(status.st_mode & 0177, 0);
        assert_int_equal(unlink(lock), 0); /* made again under the next umask */
    }
}

static void open_when_the_name_is_too_long_then_config(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    text_free(&fixture.path);
    char name[120];
    memset(name, 'x', sizeof name);
    fixture.path = text_printf("%s/%.*s", fixture.folder, (int)sizeof name, name);
    assert_refused(&fixture, LF_CONFIG, "is too long");
}

static void open_when_the_folder_is_deep_then_served(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    char name[120];
    memset(name, 'x', sizeof name);
    text_free(&fixture.path);
    CLEANUP(text_free) char *deep = text_printf("%s/%.*s", fixture.folder, (int)sizeof name, name);
    assert_int_equal(mkdir(deep, 0700), 0);
    fixture.path = text_printf("%s/control.sock", deep);
    assert_true(try_open(&fixture, 0660, &err));
    fixture_start(&fixture);
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_true(fixture_call(&fixture, "GET", "/x", 0, &reply, &err));
}

static void open_when_the_path_is_as_long_as_allowed_then_served(void **state)
{
    (void)state;
    struct lf_error err;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    char name[120];
    memset(name, 'x', sizeof name);
    text_free(&fixture.path);
    fixture.path = text_printf("%s/%.*s", fixture.folder, (int)(107 - strlen(fixture.folder) - 1), name);
    assert_int_equal(strlen(fixture.path), 107);
    assert_true(try_open(&fixture, 0660, &err));
    fixture_start(&fixture);
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    assert_true(fixture_call(&fixture, "GET", "/x", 0, &reply, &err));
}

static void open_when_something_else_stands_there_then_config_and_it_stays(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    CLEANUP(fd_close) int fd = open(fixture.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_refused(&fixture, LF_CONFIG, "in the place of a socket");
    assert_int_equal(access(fixture.path, F_OK), 0);
}

static void open_when_the_folder_is_missing_then_the_path_is_named(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    text_free(&fixture.path);
    fixture.path = text_printf("%s/missing/control.sock", fixture.folder);
    assert_refused(&fixture, LF_NOT_FOUND, fixture.path);
}

static void open_when_the_lock_is_a_link_then_refused(void **state)
{
    (void)state;
    CLEANUP(fixture_done) struct fixture fixture = {0};
    fixture_prepare(&fixture);
    CLEANUP(text_free) char *lock = text_printf("%s.lock", fixture.path);
    CLEANUP(text_free) char *target = text_printf("%s/target", fixture.folder);
    assert_int_equal(symlink(target, lock), 0);
    assert_refused(&fixture, LF_CONFIG, lock);
    assert_int_equal(access(target, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_when_another_process_serves_then_conflict),
        cmocka_unit_test(open_when_the_process_was_killed_then_its_socket_is_replaced),
        cmocka_unit_test(open_when_the_lock_file_was_removed_then_a_living_server_is_still_found),
        cmocka_unit_test(open_when_only_the_lock_is_held_then_conflict),
        cmocka_unit_test(open_when_many_processes_race_then_one_wins),
        cmocka_unit_test(open_when_opened_again_after_close_then_served),
        cmocka_unit_test(open_when_any_umask_then_the_mode_asked),
        cmocka_unit_test(open_when_the_name_is_too_long_then_config),
        cmocka_unit_test(open_when_the_folder_is_deep_then_served),
        cmocka_unit_test(open_when_the_path_is_as_long_as_allowed_then_served),
        cmocka_unit_test(open_when_something_else_stands_there_then_config_and_it_stays),
        cmocka_unit_test(open_when_the_folder_is_missing_then_the_path_is_named),
        cmocka_unit_test(open_when_the_lock_is_a_link_then_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
