/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders of the local lake. A new name is durable only when its folder has been synced, and a new folder only
 * when its parent has.
 */
#include "base/file.h"
#include "base/macros.h"
#include "lake/local_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

bool local_error(const struct local_lake *local, struct lf_error *err, int error_number, const char *what,
                 const char *path)
{
    char space[FILE_SPACE_SIZE] = "";
    switch (error_number) {
    case ENOSPC:
    case EDQUOT:
        file_space_of_fd(local->root_fd, space);
        return lf_error_set(
            err, LF_TRANSIENT, error_number,
            "no space left on the file system of the lake %s (%s %s; %s): make room or raise the quota; readers keep "
            "the last snapshot meanwhile",
            local->root, what, path, space[0] != '\0' ? space : "how much is free is unknown");
    case EACCES:
    case EPERM:
    case EROFS:
        return lf_error_set(err, LF_AUTH, error_number,
                            "%s %s in the lake %s: %s; give the user of this process the right to write there", what,
                            path, local->root, strerror(error_number));
    case ENOENT: /* a folder vanished while it was in use: the next try makes it again */
        return lf_error_set(err, LF_TRANSIENT, error_number,
                            "%s %s in the lake %s: a file or folder was removed meanwhile", what, path, local->root);
    default:
        (void)file_error(err, error_number, what, path);
        return lf_error_wrap(err, "lake %s", local->root);
    }
}

bool local_is_private(const char *path)
{
    static const size_t tmp_len = sizeof LOCAL_TMP - 1;
    bool in_tmp = strncmp(path, LOCAL_TMP, tmp_len) == 0 && (path[tmp_len] == '/' || path[tmp_len] == '\0');
    return in_tmp || strcmp(path, LAKE_PATH_OWNER) == 0 || strcmp(path, LOCAL_REPLACE) == 0;
}

bool local_check_path(const char *path, struct lf_error *err)
{
    if (!lake_path_is_valid(path) || local_is_private(path)) {
        return lf_error_set(err, LF_CONFIG, 0, "\"%.250s\" is not the path of an object of a lake", path);
    }
    return true;
}

const char *local_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static int sync_fd(const struct local_io *io, int fd)
{
#ifdef LAKEFEED_MUTANT_no_fsync
    (void)io;
    (void)fd;
    return 0;
#else
    int result = io->sync(io->context, fd);
    while (result != 0 && errno == EINTR) {
        result = io->sync(io->context, fd);
    }
    return result;
#endif
}

bool local_sync(const struct local_lake *local, int fd, const char *path, struct lf_error *err)
{
    return sync_fd(local->io, fd) == 0 || local_error(local, err, errno, "sync", path);
}

bool local_open(const struct local_lake *local, const char *path, int flags, int *ret_fd, struct lf_error *err)
{
    if (file_open_beneath(local->root_fd, path, flags | O_NOCTTY, 0, ret_fd, err)) {
        return true;
    }
    if (err->code == EACCES) {
        return lf_error_set(err, err->kind, err->code,
                            "open %s in the lake %s: %s; give the user of this process the right to read it", path,
                            local->root, strerror(EACCES));
    }
    return lf_error_wrap(err, "lake %s", local->root);
}

static bool is_durable(struct local_lake *local, const char *folder)
{
    bool found = false;
    (void)pthread_mutex_lock(&local->durable_mutex);
    for (size_t i = 0; i < local->ndurable && !found; i++) {
        found = strcmp(local->durable[i], folder) == 0;
    }
    (void)pthread_mutex_unlock(&local->durable_mutex);
    return found;
}

static void remember_durable(struct local_lake *local, const char *folder)
{
    if (is_durable(local, folder)) {
        return;
    }
    (void)pthread_mutex_lock(&local->durable_mutex);
    mem_grow(&local->durable, &local->durable_cap, local->ndurable + 1, sizeof *local->durable);
    local->durable[local->ndurable++] = text_copy(folder);
    (void)pthread_mutex_unlock(&local->durable_mutex);
}

/* The umask has no say. A set-group-ID bit that the new folder has inherited stays. */
static bool set_folder_mode(const struct local_lake *local, int fd, const char *path, struct lf_error *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || fchmod(fd, local->folder_mode | (status.st_mode & S_ISGID)) != 0) {
        return local_error(local, err, errno, "set the mode of", path);
    }
    return true;
}

/* Moves *folder_fd down to its child `name`. An existing one is synced as well: who made it may have died before. */
static bool make_child(const struct local_lake *local, int *folder_fd, const char *name, const char *path,
                       struct lf_error *err)
{
    const struct local_io *io = local->io;
    bool made = io->mkdir(io->context, *folder_fd, name, local->folder_mode) == 0;
    if (!made && errno != EEXIST) {
        return local_error(local, err, errno, "make the folder of", path);
    }
    CLEANUP(fd_close) int child = -1;
    if (!file_open_beneath(*folder_fd, name, O_RDONLY | O_DIRECTORY, 0, &child, err)) {
        return lf_error_wrap(err, "lake %s: the folder of %s", local->root, path);
    }
    if (made) {
        TRY(set_folder_mode(local, child, path, err));
    }
    TRY(local_sync(local, *folder_fd, path, err));
    fd_close(folder_fd);
    *folder_fd = child;
    child = -1;
    return true;
}

static bool make_folders(struct local_lake *local, const char *folder, int *ret_fd, struct lf_error *err)
{
    CLEANUP(fd_close) int fd = -1;
    TRY(local_open(local, ".", O_RDONLY | O_DIRECTORY, &fd, err));
    CLEANUP(text_free) char *names = text_copy(folder);
    char *rest = NULL;
    for (char *name = strtok_r(names, "/", &rest); name != NULL; name = strtok_r(NULL, "/", &rest)) {
        TRY(make_child(local, &fd, name, folder, err));
    }
    remember_durable(local, folder);
    *ret_fd = fd;
    fd = -1;
    return true;
}

bool local_make_parent(struct local_lake *local, const char *path, int *ret_fd, struct lf_error *err)
{
    const char *name = local_base_name(path);
    if (name == path) {
        return local_open(local, ".", O_RDONLY | O_DIRECTORY, ret_fd, err);
    }
    CLEANUP(text_free) char *folder = text_copy_len(path, (size_t)(name - path) - 1);
    if (!is_durable(local, folder)) {
        return make_folders(local, folder, ret_fd, err);
    }
    bool opened = local_open(local, folder, O_RDONLY | O_DIRECTORY, ret_fd, err);
    if (!opened && err->kind == LF_NOT_FOUND) { /* somebody removed it */
        return make_folders(local, folder, ret_fd, err);
    }
    return opened;
}
