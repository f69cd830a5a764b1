/* SPDX-License-Identifier: Apache-2.0 */
#include "net/unix_path.h"

#include "base/file.h"
#include "base/macros.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* /proc/self/fd/N/name is the same file, and short. */
static bool address_through_folder(const char *path, struct sockaddr_un *address, int *ret_folder_fd,
                                   struct lf_error *err)
{
    const char *slash = strrchr(path, '/');
    CLEANUP(text_free) char *folder = slash == NULL ? text_copy(".") : text_copy_len(path, (size_t)(slash - path));
    CLEANUP(fd_close) int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return file_error(err, errno, "open the folder of the socket", path);
    }
    int len = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", fd,
                       slash == NULL ? path : slash + 1);
    if (len < 0 || (size_t)len >= sizeof address->sun_path) {
        return lf_error_set(err, LF_CONFIG, ENAMETOOLONG, "the name of the socket %s is too long", path);
    }
    *ret_folder_fd = fd;
    fd = -1;
    return true;
}

bool unix_path_address(const char *path, struct sockaddr_un *ret_address, int *ret_folder_fd, struct lf_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    *ret_folder_fd = -1;
    if (len >= sizeof address.sun_path) {
        TRY(address_through_folder(path, &address, ret_folder_fd, err));
    } else {
        memcpy(address.sun_path, path, len);
    }
    *ret_address = address;
    return true;
}
