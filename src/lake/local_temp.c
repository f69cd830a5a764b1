/* SPDX-License-Identifier: Apache-2.0
 *
 * Files written aside. Their names never matter to anybody else, so that a crash leaves nothing but a file to sweep.
 */
#include "base/file.h"
#include "base/macros.h"
#include "base/random.h"
#include "lake/local_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

bool local_temp_open(struct local_lake *local, struct local_temp *ret_temp, struct lf_error *err)
{
    const struct local_io *io = local->io;
    struct random_source random = random_system();
    char id[17];
    CLEANUP(local_temp_done) struct local_temp temp = {.lake = local, .folder_fd = -1, .fd = -1, .moved = true};
    TRY(local_make_parent(local, LOCAL_TMP "/x", &temp.folder_fd, err));
    random_hex(&random, 8, id);
    (void)snprintf(temp.name, sizeof temp.name, "%s.tmp", id);
    temp.fd = io->open(io->context, temp.folder_fd, temp.name, O_WRONLY | O_CREAT | O_EXCL, local->file_mode);
    if (temp.fd < 0) {
        return local_error(local, err, errno, "create", LOCAL_TMP);
    }
    temp.moved = false;
    (void)flock(temp.fd,
                LOCK_EX | LOCK_NB); /* tells a sweep that the writer lives; without flock there is no sweep either */
    if (fchmod(temp.fd, local->file_mode) != 0) {
        return local_error(local, err, errno, "set the mode of", LOCAL_TMP);
    }
    *ret_temp = temp;
    temp = (struct local_temp){.folder_fd = -1, .fd = -1, .moved = true};
    return true;
}

void local_temp_done(struct local_temp *temp)
{
    if (temp->lake == NULL) {
        return;
    }
    if (!temp->moved) {
        (void)temp->lake->io->unlink(temp->lake->io->context, temp->folder_fd, temp->name);
    }
    fd_close(&temp->fd);
    fd_close(&temp->folder_fd);
    sha256_free(&temp->hash);
    *temp = (struct local_temp){0};
}

bool local_temp_write(struct local_temp *temp, const void *ptr, size_t len, const char *path, struct lf_error *err)
{
    const struct local_io *io = temp->lake->io;
    const char *at = ptr;
    while (len > 0) {
        ssize_t n = io->write(io->context, temp->fd, at, len);
        if (n < 0 && errno != EINTR) {
            return local_error(temp->lake, err, errno, "write", path);
        }
        size_t done = n > 0 ? (size_t)n : 0;
        if (temp->hash != NULL) {
            sha256_update(temp->hash, at, done);
        }
        temp->bytes += done;
        at += done;
        len -= done;
    }
    return true;
}

/* For file systems that cannot rename without replacing: a link does not replace either. */
static int move_by_link(const struct local_temp *temp, int folder_fd, const char *name)
{
    const struct local_io *io = temp->lake->io;
    if (io->link(io->context, temp->folder_fd, temp->name, folder_fd, name) != 0) {
        return -1;
    }
    (void)io->unlink(io->context, temp->folder_fd, temp->name);
    return 0;
}

bool local_temp_move(struct local_temp *temp, int folder_fd, const char *path, bool replace, struct lf_error *err)
{
    const struct local_io *io = temp->lake->io;
    const char *name = local_base_name(path);
    unsigned flags = replace ? 0 : RENAME_NOREPLACE;
    int result = io->rename(io->context, temp->folder_fd, temp->name, folder_fd, name, flags);
    if (result != 0 && !replace && (errno == EINVAL || errno == ENOSYS)) {
        result = move_by_link(temp, folder_fd, name);
    }
    if (result == 0) {
        temp->moved = true;
        return true;
    }
    if (errno == EEXIST) {
        return lf_error_set(err, LF_CONFLICT, errno, "%s exists already in the lake %s", path, temp->lake->root);
    }
    return local_error(temp->lake, err, errno, "move a new file to", path);
}

bool local_temp_publish(struct local_temp *temp, const char *path, struct lf_error *err)
{
    CLEANUP(fd_close) int folder_fd = -1;
    TRY(local_sync(temp->lake, temp->fd, path, err));
    TRY(local_make_parent(temp->lake, path, &folder_fd, err));
    TRY(local_temp_move(temp, folder_fd, path, false, err));
    if (!local_sync(temp->lake, folder_fd, path, err)) {
        err->kind = LF_TRANSIENT; /* the file stands there, but perhaps not after a power cut */
        return false;
    }
    return true;
}

static bool is_temp_name(const char *name)
{
    return strspn(name, "0123456789abcdef") == 16 && strcmp(name + 16, ".tmp") == 0;
}

static void sweep_one(const struct local_lake *local, int folder_fd, const char *name)
{
    struct lf_error ignored;
    CLEANUP(fd_close) int fd = -1;
    if (is_temp_name(name) && file_open_beneath(folder_fd, name, O_RDONLY | O_NONBLOCK, 0, &fd, &ignored) &&
        flock(fd, LOCK_EX | LOCK_NB) == 0) {
        (void)local->io->unlink(local->io->context, folder_fd, name);
    }
}

void local_temp_sweep(struct local_lake *local)
{
    struct lf_error ignored;
    CLEANUP(fd_close) int fd = -1;
    int list_fd = -1;
    if (!local_open(local, LOCAL_TMP, O_RDONLY | O_DIRECTORY, &fd, &ignored) ||
        !local_open(local, LOCAL_TMP, O_RDONLY | O_DIRECTORY, &list_fd, &ignored)) {
        return;
    }
    DIR *folder = fdopendir(list_fd); /* takes list_fd */
    if (folder == NULL) {
        fd_close(&list_fd);
        return;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        sweep_one(local, fd, entry->d_name);
    }
    (void)closedir(folder);
}
