/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses of unix domain sockets. The system limits their length; a path that is longer is reached through its folder.
 */
#ifndef NET_UNIX_PATH_H
#define NET_UNIX_PATH_H

#include "lakefeed/error.h"

#include <sys/un.h>

/* *ret_folder_fd: to be closed once the address is not needed any more; -1 when the path is short enough. CONFIG: the name itself is
 * too long; the folder is missing or closed to us. */
bool unix_path_address(const char *path, struct sockaddr_un *ret_address, int *ret_folder_fd,
                       struct lf_error *err) LF_MUST_CHECK;

#endif
