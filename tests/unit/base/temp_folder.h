/* SPDX-License-Identifier: Apache-2.0
 *
 * Setup and teardown of cmocka: a fresh folder for each test, whose path is the state.
 */
#ifndef UNIT_BASE_TEMP_FOLDER_H
#define UNIT_BASE_TEMP_FOLDER_H

#include "base/buf.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int temp_folder_make(void **state)
{
    char *folder = text_copy("/tmp/lakefeed-test-XXXXXX");
    *state = folder;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static inline int temp_folder_remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static inline int temp_folder_remove(void **state)
{
    int result = nftw(*state, temp_folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return result;
}

static inline int temp_folder_open(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

#endif
