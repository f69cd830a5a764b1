/* SPDX-License-Identifier: Apache-2.0
 *
 * For LD_PRELOAD: a failing disk and a wrong clock for the real program, switched while it runs. Only the tests use it.
 *
 * LAKEFEED_FAULTS names a file of rules that is read at every call; it may be absent. A line is
 *     ENOSPC write,sync /folder
 * an error, the calls that fail (write, truncate, create, mkdir, rename, sync; or "all") and the folder below which they do. A large write
 * that fails for want of space writes a half first, as a disk does. Free space below the folder reads as 0 while ENOSPC stands. Each fault
 * leaves a line in <file>.fired.
 *
 * LAKEFEED_CLOCK names a file with seconds, added to the time of day; the monotonic clock goes on as it is.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RULES_SIZE 4096
#define LARGE_WRITE 4096

/* Declared here, because a header that defines the names with 64 would rename ours. */
int open64(const char *path, int flags, ...);
int openat64(int folder_fd, const char *path, int flags, ...);
ssize_t pwrite64(int fd, const void *ptr, size_t len, off_t offset);
int ftruncate64(int fd, off_t len);
int fallocate64(int fd, int mode, off_t offset, off_t len);
int posix_fallocate64(int fd, off_t offset, off_t len);

/* ---- rules ---- */

static size_t read_small(const char *variable, char *ret, size_t size)
{
    const char *path = getenv(variable);
    ssize_t len = 0;
    if (path != NULL) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
        if (fd >= 0) {
            len = read(fd, ret, size - 1);
            (void)close(fd);
        }
    }
    ret[len > 0 ? len : 0] = '\0';
    return len > 0 ? (size_t)len : 0;
}

static int error_of(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } errors[] = {{"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EIO", EIO},
                  {"EROFS", EROFS},   {"EACCES", EACCES}, {"EMFILE", EMFILE}};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (strcmp(errors[i].name, name) == 0) {
            return errors[i].number;
        }
    }
    abort(); /* a test with a typing error must not pass */
}

static bool is_named(const char *list, const char *call)
{
    size_t len = strlen(call);
    const char *found = strstr(list, call);
    return strcmp(list, "all") == 0 ||
           (found != NULL && (found == list || found[-1] == ',') && (found[len] == ',' || found[len] == '\0'));
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static void note(const char *error, const char *call, const char *path)
{
    char name[PATH_MAX];
    char line[PATH_MAX + 64];
    (void)snprintf(name, sizeof name, "%s.fired", getenv("LAKEFEED_FAULTS"));
    int len = snprintf(line, sizeof line, "%s %s %s\n", error, call, path);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0) {
        (void)syscall(SYS_write, fd, line, (size_t)len);
        (void)close(fd);
    }
}

/* The error of the first rule for this call and path; 0: the call may go on. `call` NULL: whether the disk is full there. */
static int fault_at(const char *call, const char *path)
{
    char rules[RULES_SIZE];
    int saved = errno;
    int number = 0;
    char *rest = rules;
    (void)read_small("LAKEFEED_FAULTS", rules, sizeof rules);
    for (char *line = strsep(&rest, "\n"); line != NULL && number == 0; line = strsep(&rest, "\n")) {
        const char *error = strsep(&line, " ");
        const char *calls = strsep(&line, " ");
        if (calls == NULL || line == NULL || !is_below(path, line)) {
            continue;
        }
        if (call == NULL) {
            number = error_of(error) == ENOSPC ? ENOSPC : 0;
        } else if (is_named(calls, call)) {
            number = error_of(error);
            note(error, call, path);
        }
    }
    errno = saved;
    return number;
}

/* ---- the path of a call ---- */

static bool path_of_fd(int fd, char ret[PATH_MAX])
{
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, ret, PATH_MAX - 1);
    ret[len > 0 ? len : 0] = '\0';
    return len > 0;
}

static void path_at(int folder_fd, const char *path, char ret[PATH_MAX])
{
    char folder[PATH_MAX] = "";
    if (path[0] == '/') {
        (void)snprintf(ret, PATH_MAX, "%s", path);
        return;
    }
    if (folder_fd == AT_FDCWD ? getcwd(folder, sizeof folder) == NULL : !path_of_fd(folder_fd, folder)) {
        folder[0] = '\0';
    }
    (void)snprintf(ret, PATH_MAX, "%.2000s/%.2000s", folder, path);
}

static int fault_of_fd(const char *call, int fd)
{
    char path[PATH_MAX];
    return path_of_fd(fd, path) ? fault_at(call, path) : 0;
}

static int fault_of_path(const char *call, int folder_fd, const char *path)
{
    char whole[PATH_MAX];
    path_at(folder_fd, path, whole);
    return fault_at(call, whole);
}

static bool fails(int fault)
{
    if (fault != 0) {
        errno = fault;
    }
    return fault != 0;
}

/* How much of a write is done; 0: it fails. */
static size_t allowed(int fd, size_t len)
{
    int fault = fault_of_fd("write", fd);
    if (fault == ENOSPC && len >= LARGE_WRITE) {
        return len / 2;
    }
    return fails(fault) ? 0 : len;
}

/* ---- calls that write ---- */

ssize_t write(int fd, const void *ptr, size_t len)
{
    size_t n = len == 0 ? 0 : allowed(fd, len);
    return n == 0 && len > 0 ? -1 : (ssize_t)syscall(SYS_write, fd, ptr, n);
}

ssize_t pwrite(int fd, const void *ptr, size_t len, off_t offset)
{
    size_t n = len == 0 ? 0 : allowed(fd, len);
    return n == 0 && len > 0 ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, ptr, n, offset);
}

ssize_t pwrite64(int fd, const void *ptr, size_t len, off_t offset)
{
    return pwrite(fd, ptr, len, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int nparts)
{
    return fails(fault_of_fd("write", fd)) ? -1 : (ssize_t)syscall(SYS_writev, fd, parts, nparts);
}

int ftruncate(int fd, off_t len)
{
    return fails(fault_of_fd("truncate", fd)) ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int ftruncate64(int fd, off_t len)
{
    return ftruncate(fd, len);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    return fails(fault_of_fd("truncate", fd)) ? -1 : (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

int fallocate64(int fd, int mode, off_t offset, off_t len)
{
    return fallocate(fd, mode, offset, len);
}

int posix_fallocate(int fd, off_t offset, off_t len)
{
    return fallocate(fd, 0, offset, len) == 0 ? 0 : errno;
}

int posix_fallocate64(int fd, off_t offset, off_t len)
{
    return posix_fallocate(fd, offset, len);
}

int fsync(int fd)
{
    return fails(fault_of_fd("sync", fd)) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fails(fault_of_fd("sync", fd)) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

/* ---- calls that make names ---- */

static int open_at(int folder_fd, const char *path, int flags, mode_t mode)
{
    bool makes = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    if (makes && fails(fault_of_path("create", folder_fd, path))) {
        return -1;
    }
    return (int)syscall(SYS_openat, folder_fd, path, flags, mode);
}

static mode_t mode_of(va_list args, int flags)
{
    bool makes = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    return makes ? va_arg(args, mode_t) : 0;
}

#define WITH_MODE(flags, call) \
    do { \
        va_list args; \
        va_start(args, flags); \
        mode_t mode = mode_of(args, flags); \
        va_end(args); \
        return call; \
    } while (0)

int open(const char *path, int flags, ...)
{
    WITH_MODE(flags, open_at(AT_FDCWD, path, flags, mode));
}

int open64(const char *path, int flags, ...)
{
    WITH_MODE(flags, open_at(AT_FDCWD, path, flags, mode));
}

int openat(int folder_fd, const char *path, int flags, ...)
{
    WITH_MODE(flags, open_at(folder_fd, path, flags, mode));
}

int openat64(int folder_fd, const char *path, int flags, ...)
{
    WITH_MODE(flags, open_at(folder_fd, path, flags, mode));
}

int mkdirat(int folder_fd, const char *path, mode_t mode)
{
    return fails(fault_of_path("mkdir", folder_fd, path)) ? -1 : (int)syscall(SYS_mkdirat, folder_fd, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    return fails(fault_of_path("rename", to_fd, to)) ? -1
                                                     : (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return renameat2(from_fd, from, to_fd, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    return fails(fault_of_path("rename", to_fd, to)) ? -1 : (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
}

/* ---- free space ---- */

int fstatvfs(int fd, struct statvfs *ret)
{
    int (*next)(int, struct statvfs *) = NULL;
    *(void **)&next = dlsym(RTLD_NEXT, "fstatvfs");
    int result = next(fd, ret);
    if (result == 0 && fault_of_fd(NULL, fd) != 0) {
        ret->f_bavail = ret->f_bfree = 0;
    }
    return result;
}

int statvfs(const char *path, struct statvfs *ret)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
    int result = fd < 0 ? -1 : fstatvfs(fd, ret);
    int saved = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = saved;
    return result;
}

/* ---- the time of day ---- */

static int64_t clock_offset_s(void)
{
    char text[32];
    int saved = errno;
    int64_t offset = read_small("LAKEFEED_CLOCK", text, sizeof text) > 0 ? strtoll(text, NULL, 10) : 0;
    errno = saved;
    return offset;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int result = (int)syscall(SYS_clock_gettime, clock, ret);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        ret->tv_sec += clock_offset_s();
    }
    return result;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (ret != NULL) {
        *ret = now.tv_sec;
    }
    return now.tv_sec;
}
