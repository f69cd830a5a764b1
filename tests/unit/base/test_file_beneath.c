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
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* From here on, in this process, openat2 and an openat with O_TMPFILE fail with the error numbers given. */
static void refuse_calls(int openat2_error, int tmpfile_error)
{
    const unsigned flags_at = offsetof(struct seccomp_data, args) + 2 * sizeof(uint64_t); /* low half: little endian */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)openat2_error),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, flags_at),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_TMPFILE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, O_TMPFILE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)tmpfile_error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};
    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), 0);
}

static void put_file(int root, const char *path)
{
    struct lf_error err;
    CLEANUP(fd_close) int fd = openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_true(file_write_all(fd, path, strlen(path), path, &err));
}

/* a/b/file, and links of every kind */
static void make_tree(int root)
{
    assert_int_equal(mkdirat(root, "a", 0755), 0);
    assert_int_equal(mkdirat(root, "a/b", 0755), 0);
    put_file(root, "a/b/file");
    assert_int_equal(symlinkat("a", root, "link"), 0);
    assert_int_equal(symlinkat("a/b/file", root, "file-link"), 0);
    assert_int_equal(symlinkat("/tmp", root, "a/out"), 0);
    assert_int_equal(symlinkat("missing", root, "dangling"), 0);
}

struct example {
    const char *path;
    int flags;
    enum lf_error_kind kind;
};

static const struct example examples[] = {
    {"a/b/file", O_RDONLY, LF_NONE},
    {"a//b/file", O_RDONLY, LF_NONE},
    {"./a/b/file", O_RDONLY, LF_NONE},
    {"a/b", O_RDONLY | O_DIRECTORY, LF_NONE},
    {".", O_RDONLY | O_DIRECTORY, LF_NONE},
    {"a/b/new", O_WRONLY | O_CREAT | O_EXCL, LF_NONE},
    {"a/b/new", O_WRONLY | O_CREAT | O_EXCL, LF_CONFLICT},
    {"a/missing", O_RDONLY, LF_NOT_FOUND},
    {"missing/file", O_RDONLY, LF_NOT_FOUND},
    {"missing/file", O_WRONLY | O_CREAT, LF_NOT_FOUND},
    {"a/b/file/x", O_RDONLY, LF_CONFIG},
    {"a/b/file", O_RDONLY | O_DIRECTORY, LF_CONFIG},
    {"link/b/file", O_RDONLY, LF_CONFIG},
    {"file-link", O_RDONLY, LF_CONFIG},
    {"dangling", O_WRONLY | O_CREAT, LF_CONFIG},
    {"a/out/x", O_RDONLY, LF_CONFIG},
    {"a/out", O_RDONLY | O_DIRECTORY, LF_CONFIG},
    {"../x", O_RDONLY, LF_CONFIG},
    {"a/../../x", O_RDONLY, LF_CONFIG},
    {"a/..", O_RDONLY, LF_CONFIG},
    {"/etc/passwd", O_RDONLY, LF_CONFIG},
    {"", O_RDONLY, LF_CONFIG},
};

static int count_wrong_answers(int root)
{
    int wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct lf_error err = {0};
        CLEANUP(fd_close) int fd = -1;
        bool ok = file_open_beneath(root, examples[i].path, examples[i].flags, 0640, &fd, &err);
        bool right = ok ? fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 : fd == -1;
        if (!right || err.kind != examples[i].kind) {
            print_error("%s: %s %s\n", examples[i].path, lf_error_kind_name(err.kind), err.msg);
            wrong++;
        }
    }
    char path[NAME_MAX + 16];
    memset(path, 'x', sizeof path);
    memcpy(path, "a/", 2);
    path[sizeof path - 1] = '\0';
    struct lf_error err = {0};
    int fd = -1;
    wrong += file_open_beneath(root, path, O_RDONLY, 0, &fd, &err) || err.code != ENAMETOOLONG;
    return wrong;
}

static void open_beneath_when_the_kernel_resolves_then_only_real_paths_inside(void **state)
{
    CLEANUP(fd_close) int root = temp_folder_open(*state);
    make_tree(root);
    assert_int_equal(count_wrong_answers(root), 0);
    struct stat status;
    assert_int_equal(fstatat(root, "a/b/new", &status, 0), 0);
    assert_int_equal(status.st_mode & 0777 & ~0640u, 0);
}

/* A filter cannot be taken off again, so that it is put on in a child, which dies by itself. */
static void in_child_without(int openat2_error, const char *folder, int (*count_wrong)(int root))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int root = temp_folder_open(folder);
        refuse_calls(openat2_error, EOPNOTSUPP);
        exit(count_wrong(root) == 0 && close(root) == 0 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void open_beneath_when_the_kernel_has_no_openat2_then_the_same_answers(void **state)
{
    CLEANUP(fd_close) int root = temp_folder_open(*state);
    make_tree(root);
    in_child_without(ENOSYS, *state, count_wrong_answers);
}

static void open_beneath_when_a_container_forbids_openat2_then_the_same_answers(void **state)
{
    CLEANUP(fd_close) int root = temp_folder_open(*state);
    make_tree(root);
    in_child_without(EPERM, *state, count_wrong_answers);
}

static int count_wrong_temp_files(int root)
{
    struct lf_error err;
    struct stat status;
    CLEANUP(fd_close) int fd = -1;
    bool ok = fchdir(root) == 0 && file_open_temp(".", &fd, &err) && file_write_all(fd, "x", 1, "t", &err) &&
              fstat(fd, &status) == 0 && status.st_nlink == 0 && (status.st_mode & 0777) == 0600;
    ok = ok && !file_open_temp("missing", &fd, &err) && err.kind == LF_NOT_FOUND;
    return ok ? 0 : 1;
}

static void open_temp_when_the_file_system_has_no_unnamed_files_then_created_and_unlinked(void **state)
{
    in_child_without(ENOSYS, *state, count_wrong_temp_files);
    assert_int_equal(rmdir(*state), 0); /* nothing was left behind */
    assert_int_equal(mkdir(*state, 0700), 0);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_make, temp_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(open_beneath_when_the_kernel_resolves_then_only_real_paths_inside),
        WITH_FOLDER(open_beneath_when_the_kernel_has_no_openat2_then_the_same_answers),
        WITH_FOLDER(open_beneath_when_a_container_forbids_openat2_then_the_same_answers),
        WITH_FOLDER(open_temp_when_the_file_system_has_no_unnamed_files_then_created_and_unlinked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
