/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

static void print_space(const struct statvfs *space, char ret_text[FILE_SPACE_SIZE])
{
    uint64_t bytes = (uint64_t)space->f_bavail * (space->f_frsize > 0 ? space->f_frsize : space->f_bsize);
    bool no_inodes = space->f_files > 0 && space->f_favail == 0; /* some file systems do not count them */
    (void)snprintf(ret_text, FILE_SPACE_SIZE, "%" PRIu64 " MiB%s free", bytes >> 20, no_inodes ? " and no inode" : "");
}

void file_space_of_fd(int fd, char ret_text[FILE_SPACE_SIZE])
{
    struct statvfs space;
    ret_text[0] = '\0';
    if (fstatvfs(fd, &space) == 0) {
        print_space(&space, ret_text);
    }
}

/* A file that could not be made does not stand there, but its folder does. */
void file_space_of_path(const char *path, char ret_text[FILE_SPACE_SIZE])
{
    struct statvfs space;
    CLEANUP(text_free) char *copy = text_copy(path);
    char *slash = strrchr(copy, '/');
    ret_text[0] = '\0';
    bool found = statvfs(copy, &space) == 0;
    if (!found && slash != NULL && slash > copy) {
        *slash = '\0';
        found = statvfs(copy, &space) == 0;
    }
    if (found) {
        print_space(&space, ret_text);
    }
}
