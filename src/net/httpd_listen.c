/* SPDX-License-Identifier: Apache-2.0
 *
 * Who holds the lock owns the socket's name: it may remove what a dead process left there. The lock file is never
 * unlinked, or a second process could lock a new one of that name.
 */
#include "base/file.h"
#include "base/macros.h"
#include "net/httpd_internal.h"
#include "net/unix_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG SOMAXCONN /* a client that connects without blocking sees a full one as an error */

static bool served_elsewhere(const char *path, struct lf_error *err)
{
    return lf_error_set(err, LF_CONFLICT, EADDRINUSE, "another process serves the socket %s; end it first", path);
}

static bool lock(struct httpd_listener *listener, struct lf_error *err)
{
    CLEANUP(text_free) char *path = text_printf("%s.lock", listener->path);
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return file_error(err, errno, "open the lock file", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? served_elsewhere(listener->path, err) : file_error(err, errno, "lock", path);
    }
    struct stat ours;
    struct stat found;
    if (fstat(fd, &ours) != 0 || stat(path, &found) != 0 || ours.st_dev != found.st_dev ||
        ours.st_ino != found.st_ino) {
        return lf_error_set(err, LF_TRANSIENT, 0, "the lock file %s was removed while it was being locked", path);
    }
    listener->lock_fd = fd;
    fd = -1;
    return true;
}

/* The lock says that nobody serves it. A lock file that somebody removed would lie, so the socket is asked too. */
static bool is_served(const struct sockaddr_un *address)
{
    CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN);
}

static bool remove_stale(const char *path, const struct sockaddr_un *address, struct lf_error *err)
{
    struct stat status;
    if (lstat(path, &status) != 0) {
        return errno == ENOENT || file_error(err, errno, "look at the socket", path);
    }
    if (!S_ISSOCK(status.st_mode)) {
        return lf_error_set(err, LF_CONFIG, EEXIST, "%s is in the place of a socket; move it away", path);
    }
    if (is_served(address)) {
        return served_elsewhere(path, err);
    }
    return unlink(path) == 0 || file_error(err, errno, "remove the stale socket", path);
}

/* bind gives the file the mode of the descriptor less the umask, so it is narrow at first and made exact afterwards. */
static bool bind_with_mode(int fd, const char *path, const struct sockaddr_un *address, mode_t mode,
                           struct lf_error *err)
{
    if (fchmod(fd, mode) != 0 || bind(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        return errno == EADDRINUSE ? served_elsewhere(path, err) : file_error(err, errno, "make the socket", path);
    }
    if (chmod(path, mode) != 0 || listen(fd, BACKLOG) != 0) {
        (void)file_error(err, errno, "open the socket", path);
        (void)unlink(path);
        return false;
    }
    return true;
}

static bool listen_locked(struct httpd_listener *listener, const struct sockaddr_un *address, mode_t mode,
                          struct lf_error *err)
{
    TRY(remove_stale(listener->path, address, err));
    CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return file_error(err, errno, "make the socket", listener->path);
    }
    TRY(bind_with_mode(fd, listener->path, address, mode, err));
    listener->fd = fd;
    fd = -1;
    return true;
}

bool httpd_listener_open(struct httpd_listener *listener, const char *path, mode_t mode, struct lf_error *err)
{
    *listener = (struct httpd_listener){.fd = -1, .lock_fd = -1};
    CLEANUP(fd_close) int folder_fd = -1;
    struct sockaddr_un address;
    TRY(unix_path_address(path, &address, &folder_fd, err));
    listener->path = text_copy(path);
    if (!lock(listener, err) || !listen_locked(listener, &address, mode, err)) {
        fd_close(&listener->lock_fd);
        text_free(&listener->path);
        return false;
    }
    return true;
}

void httpd_listener_close(struct httpd_listener *listener)
{
    if (listener->lock_fd >= 0) {
        (void)unlink(listener->path);
    }
    fd_close(&listener->fd);
    fd_close(&listener->lock_fd);
    text_free(&listener->path);
}
