/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths below a root folder. openat2 does the work in the kernel; where it is missing, or a container's filter
 * forbids it, the path is walked one component at a time.
 */
#include "base/file.h"
#include "base/macros.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool beneath_error(struct lf_error *err, int error_number, const char *what, const char *path)
{
    if (error_number == ELOOP) {
        return lf_error_set(
            err, LF_CONFIG, error_number,
            "%s %s: a symbolic link stands in the way, and none is followed; put the real file or folder there", what,
            path);
    }
    return file_error(err, error_number, what, path);
}

/* The first component of *path, which moves behind it. An empty one: the path is at its end. */
static struct lf_slice next_component(const char **path)
{
    const char *start = *path + strspn(*path, "/");
    size_t len = strcspn(start, "/");
    *path = start + len;
    return (struct lf_slice){start, len};
}

/* The kernel allows "..", as long as it stays below; we never write it, so that it can only be an attack. */
static bool check_inside(const char *path, struct lf_error *err)
{
    bool inside = path[0] != '/' && path[0] != '\0';
    const char *rest = path;
    for (struct lf_slice name = next_component(&rest); name.len > 0; name = next_component(&rest)) {
        inside = inside && !slice_equal(name, slice_of_text(".."));
    }
    if (!inside) {
        return lf_error_set(err, LF_CONFIG, EXDEV, "the path \"%s\" leaves its root folder", path);
    }
    return true;
}

static bool copy_name(struct lf_slice component, char ret_name[NAME_MAX + 1])
{
    if (component.len > NAME_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(ret_name, component.ptr, component.len);
    ret_name[component.len] = '\0';
    return true;
}

/* O_DIRECTORY turns the ELOOP of O_NOFOLLOW into ENOTDIR; the caller wants to know of a link. */
static int open_folder_at(int fd, const char *name)
{
    int folder = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0 && errno == ENOTDIR) {
        struct stat status;
        bool is_link = fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
        errno = is_link ? ELOOP : ENOTDIR;
    }
    return folder;
}

static int open_walking(int root_fd, const char *path, int flags, mode_t mode)
{
    CLEANUP(fd_close) int folder = -1;
    char name[NAME_MAX + 1] = ".";
    struct lf_slice component = next_component(&path);
    while (component.len > 0) {
        if (!copy_name(component, name)) {
            return -1;
        }
        component = next_component(&path);
        if (component.len > 0) {
            int next = open_folder_at(folder >= 0 ? folder : root_fd, name);
            fd_close(&folder);
            folder = next;
        }
        if (component.len > 0 && folder < 0) {
            return -1;
        }
    }
    return openat(folder >= 0 ? folder : root_fd, name, flags | O_NOFOLLOW, mode);
}

static int open_beneath(int root_fd, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)flags,
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
        return open_walking(root_fd, path, flags, mode);
    }
    return fd;
}

bool file_open_beneath(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd, struct lf_error *err)
{
    TRY(check_inside(path, err));
    bool makes = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    int fd = open_beneath(root_fd, path, flags | O_CLOEXEC, makes ? mode : 0);
    if (fd < 0) {
        return beneath_error(err, errno, makes ? "create" : "open", path);
    }
    *ret_fd = fd;
    return true;
}
