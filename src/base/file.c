/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include "base/macros.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void fd_close(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

static enum lf_error_kind error_kind(int error_number)
{
    switch (error_number) {
    case ENOENT:
        return LF_NOT_FOUND;
    case EEXIST:
        return LF_CONFLICT;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case EXDEV:
    case ENAMETOOLONG:
        return LF_CONFIG;
    case EFBIG:
        return LF_LIMIT;
    case EBADF:
    case EFAULT:
    case EINVAL:
        return LF_INTERNAL;
    default: /* no space, too many files, a failing disk: may pass */
        return LF_TRANSIENT;
    }
}

bool file_error(struct lf_error *err, int error_number, const char *what, const char *path)
{
    char space[FILE_SPACE_SIZE] = "";
    const char *text = strerror(error_number);
    if (error_number != ENOSPC && error_number != EDQUOT) {
        return lf_error_set(err, error_kind(error_number), error_number, "%s %s: %s", what, path, text);
    }
    file_space_of_path(path, space);
    return lf_error_set(err, LF_TRANSIENT, error_number, "%s %s: %s (%s); make room or raise the quota", what, path,
                        text, space[0] != '\0' ? space : "how much is free is unknown");
}

bool file_write_all(int fd, const void *ptr, size_t len, const char *name, struct lf_error *err)
{
    const char *at = ptr;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno != EINTR) {
            return file_error(err, errno, "write", name);
        }
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return true;
}

bool file_read_at(int fd, uint64_t offset, void *ret, size_t len, size_t *ret_len, const char *name,
                  struct lf_error *err)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = pread(fd, (char *)ret + got, len - got, (off_t)(offset + got));
        if (n < 0 && errno != EINTR) {
            return file_error(err, errno, "read", name);
        }
        if (n == 0) {
            break;
        }
        got += n > 0 ? (size_t)n : 0;
    }
    *ret_len = got;
    return true;
}

bool file_read_all(const char *path, size_t max, struct buf *out, struct lf_error *err)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return file_error(err, errno, "open", path);
    }
    char block[8192];
    size_t total = 0;
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno != EINTR) {
            return file_error(err, errno, "read", path);
        }
        if (n == 0) {
            return buf_check(out, path, err);
        }
        size_t got = n > 0 ? (size_t)n : 0;
        if (got > max - total) {
            return lf_error_set(err, LF_LIMIT, 0, "%s is larger than the limit of %zu bytes", path, max);
        }
        buf_append(out, block, got);
        total += got;
    }
}

bool file_sync(int fd, const char *name, struct lf_error *err)
{
    while (fsync(fd) != 0) {
        if (errno != EINTR) {
            return file_error(err, errno, "sync", name);
        }
    }
    return true;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Makes the name of a new folder durable. A parent that may be written but not read cannot be synced. */
static bool sync_parent(char *path, struct lf_error *err)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    const char *parent = slash == NULL ? "." : slash == path ? "/" : path;
    CLEANUP(fd_close) int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd < 0 ? errno == EACCES || file_error(err, errno, "open", parent) : file_sync(fd, parent, err);
    if (slash != NULL) {
        *slash = '/';
    }
    return ok;
}

static bool make_folder(char *path, mode_t mode, struct lf_error *err)
{
    if (mkdir(path, mode) == 0) {
        return sync_parent(path, err);
    }
    int error_number = errno;
    if (is_folder(path)) {
        return true;
    }
    return file_error(err, error_number == EEXIST ? ENOTDIR : error_number, "make the folder", path);
}

bool file_make_folders(const char *path, mode_t mode, struct lf_error *err)
{
    CLEANUP(text_free) char *copy = text_copy(path);
    size_t len = strlen(copy);
    while (len > 1 && copy[len - 1] == '/') {
        copy[--len] = '\0';
    }
    for (char *slash = strchr(copy + (len > 0), '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        if (slash[-1] == '/') {
            continue;
        }
        *slash = '\0';
        bool ok = make_folder(copy, mode, err);
        *slash = '/';
        if (!ok) {
            return false;
        }
    }
    return make_folder(copy, mode, err);
}

/* For file systems without O_TMPFILE. */
static bool open_unlinked(const char *folder, int *ret_fd, struct lf_error *err)
{
    CLEANUP(text_free) char *path = text_printf("%s/.lakefeed-XXXXXX", folder);
    CLEANUP(fd_close) int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0 || unlink(path) != 0) {
        return file_error(err, errno, "make a temporary file in", folder);
    }
    *ret_fd = fd;
    fd = -1;
    return true;
}

bool file_open_temp(const char *folder, int *ret_fd, struct lf_error *err)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        *ret_fd = fd;
        return true;
    }
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
        int error_number = errno;
        if (error_number != EACCES && error_number != EROFS) {
            return file_error(err, error_number, "make a temporary file in", folder);
        }
        return lf_error_set(err, LF_AUTH, error_number,
                            "make a temporary file in %s: %s; give the user of this process the right to write there",
                            folder, strerror(error_number));
    }
    return open_unlinked(folder, ret_fd, err);
}
