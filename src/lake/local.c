/* SPDX-License-Identifier: Apache-2.0 */
#include "lake/local.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/macros.h"
#include "base/random.h"
#include "lake/local_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FILE_MODE_DEFAULT 0644

/* File systems on which another machine, or a process in between, decides what a lock and a rename mean. */
struct foreign_fs {
    unsigned long magic;
    const char *name;
};

static const struct foreign_fs foreign_file_systems[] = {
    {0x6969, "NFS"},       {0x517B, "SMB"},       {0xFE534D42, "SMB"},  {0xFF534D42, "CIFS"},   {0x65735546, "FUSE"},
    {0x00C36400, "Ceph"},  {0x5346414F, "AFS"},   {0x73757245, "Coda"}, {0x01021997, "9p"},     {0x0BD00BD0, "Lustre"},
    {0x47504653, "GPFS"},  {0x7461636F, "OCFS2"}, {0x01161970, "GFS2"}, {0x19830326, "BeeGFS"}, {0x786F4256, "vboxsf"},
    {0xAAD7AAEA, "PanFS"}, {0x564C, "NCP"},
};

static bool check_file_system(const struct local_lake *local, struct lf_error *err)
{
    unsigned long magic = 0;
    if (local->io->fs_magic(local->io->context, local->root_fd, &magic) != 0) {
        return local_error(local, err, errno, "look at the file system of", "the root");
    }
    for (size_t i = 0; i < ARRAY_LEN(foreign_file_systems); i++) {
        if (magic == foreign_file_systems[i].magic) {
            return lf_error_set(
                err, LF_UNSUPPORTED, 0,
                "the lake %s is on %s, where locks and replacements are not safe between machines; use a "
                "local disk, or allow_network when only this machine ever writes there",
                local->root, foreign_file_systems[i].name);
        }
    }
    return true;
}

bool local_check_root(const struct local_lake *local, struct lf_error *err)
{
    struct stat ours;
    struct stat found;
    if (fstat(local->root_fd, &ours) != 0 || lstat(local->root, &found) != 0 || ours.st_dev != found.st_dev ||
        ours.st_ino != found.st_ino) {
        return lf_error_set(err, LF_CONFIG, 0, "the folder of the lake %s was moved, replaced or removed; start again",
                            local->root);
    }
    return true;
}

static void local_close(struct lake *lake)
{
    struct local_lake *local = local_of(lake);
    local_unlock(lake);
    fd_close(&local->root_fd);
    for (size_t i = 0; i < local->ndurable; i++) {
        text_free(&local->durable[i]);
    }
    free(local->durable);
    (void)pthread_mutex_destroy(&local->durable_mutex);
    text_free(&local->root);
    text_free(&local->location);
    free(local);
}

static bool local_now_ms(UNUSED struct lake *lake, int64_t *ret_ms, UNUSED struct lf_error *err)
{
    struct clock clock = clock_system();
    *ret_ms = clock_now_ms(&clock);
    return true;
}

static bool local_free_bytes(struct lake *lake, uint64_t *ret_bytes, struct lf_error *err)
{
    struct local_lake *local = local_of(lake);
    struct statvfs space;
    if (fstatvfs(local->root_fd, &space) != 0) {
        return local_error(local, err, errno, "look at the free space of", ".");
    }
    *ret_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    return true;
}

static bool try_rights(struct local_lake *local, const char *path, struct lf_error *err)
{
    CLEANUP(local_temp_done) struct local_temp temp = {0};
    CLEANUP(fd_close) int lock_fd = -1;
    TRY(local_check_root(local, err));
    TRY(local_lock_replace(local, &lock_fd, err));
    TRY(local_temp_open(local, &temp, err));
    TRY(local_temp_write(&temp, "probe\n", 6, path, err));
    TRY(local_temp_publish(&temp, path, err));
    return local_remove(&local->base, path, err);
}

static bool local_probe(struct lake *lake, struct lake_finding *ret_finding, UNUSED struct lf_error *err)
{
    struct local_lake *local = local_of(lake);
    struct random_source random = random_system();
    struct lf_error found = {0};
    char id[17];
    random_hex(&random, 8, id);
    CLEANUP(text_free) char *path = text_printf("_lakefeed/probe-%s", id);
    ret_finding->ok = try_rights(local, path, &found);
    if (ret_finding->ok) {
        (void)snprintf(ret_finding->text, sizeof ret_finding->text,
                       "the folder %.400s can be written, locked and synced", local->root);
    } else {
        (void)snprintf(ret_finding->text, sizeof ret_finding->text, "%.511s", found.msg);
    }
    return true;
}

static bool local_url(struct lake *lake, const char *path, struct buf *out, struct lf_error *err)
{
    if (!lake_path_is_valid(path)) {
        return lf_error_set(err, LF_CONFIG, 0, "\"%.250s\" is not the path of an object of a lake", path);
    }
    buf_printf(out, "%s/%s", local_of(lake)->location, path);
    return buf_check(out, path, err);
}

static const struct lake_ops local_ops = {
    .close = local_close,
    .lock = local_lock,
    .unlock = local_unlock,
    .put_if_absent = local_put_if_absent,
    .put_if_match = local_put_if_match,
    .writer_open = local_writer_open,
    .writer_write = local_writer_write,
    .writer_commit = local_writer_commit,
    .writer_abort = local_writer_abort,
    .read_range = local_read_range,
    .stat = local_stat,
    .list = local_list,
    .remove = local_remove,
    .remove_folder = local_remove_folder,
    .now_ms = local_now_ms,
    .probe = local_probe,
    .free_bytes = local_free_bytes,
    .url = local_url,
};

/* A copy without "/" at the end: behind one, O_NOFOLLOW would not look at the link. */
static char *without_trailing_slashes(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    return text_copy_len(path, len);
}

static bool is_link(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
}

static bool root_error(struct lf_error *err, int error_number, const char *path)
{
    if (is_link(path)) {
        return lf_error_set(err, LF_CONFIG, error_number,
                            "the lake %s is a symbolic link; name the folder that it points to", path);
    }
    if (error_number == ENOTDIR) {
        return lf_error_set(err, LF_CONFIG, error_number, "the lake %s is not a folder; name another one", path);
    }
    if (error_number == EACCES) {
        return lf_error_set(err, LF_AUTH, error_number,
                            "open the lake %s: %s; give the user of this process the right to read and write there",
                            path, strerror(error_number));
    }
    return file_error(err, error_number, "open the lake", path);
}

static bool make_error(struct lf_error *err, int error_number, const char *path)
{
    if (error_number != EACCES && error_number != EROFS) {
        return file_error(err, error_number, "make the lake", path);
    }
    return lf_error_set(err, LF_AUTH, error_number,
                        "make the lake %s: %s; make the folder yourself and give it to the user of this process", path,
                        strerror(error_number));
}

static bool make_root(const struct local_lake *local, const char *path, struct lf_error *err)
{
    const char *slash = strrchr(path, '/');
    CLEANUP(text_free)
    char *parent = slash == NULL ? text_copy(".") : text_copy_len(path, slash == path ? 1 : (size_t)(slash - path));
    CLEANUP(fd_close) int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        int error_number = errno;
        if (error_number == ENOENT && strchr(parent, '\'') == NULL) {
            return lf_error_set(
                err, LF_NOT_FOUND, error_number,
                "the lake %s cannot be made, because there is no folder %s; make it first: mkdir -p '%s'", path, parent,
                parent);
        }
        (void)file_error(err, error_number, "open", parent);
        return lf_error_wrap(err, "the lake %s cannot be made, because its parent folder is missing or closed", path);
    }
    if (local->io->mkdir(local->io->context, fd, local_base_name(path), local->folder_mode) != 0 && errno != EEXIST) {
        return make_error(err, errno, path);
    }
    return local_sync(local, fd, parent, err);
}

static bool open_root(struct local_lake *local, const char *path, struct lf_error *err)
{
    static const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    local->root_fd = open(path, flags);
    bool make = local->root_fd < 0 && errno == ENOENT;
    if (make) {
        TRY(make_root(local, path, err));
        local->root_fd = open(path, flags);
    }
    if (local->root_fd < 0) {
        return root_error(err, errno, path);
    }
    if (make && fchmod(local->root_fd, local->folder_mode) != 0) {
        return file_error(err, errno, "set the mode of the lake", path);
    }
    text_free(&local->root);
    local->root = realpath(path, NULL);
    return local->root != NULL || file_error(err, errno, "find the real path of the lake", path);
}

static void abandon(struct local_lake **local)
{
    if (*local != NULL) {
        local_close(&(*local)->base);
    }
}

bool lake_local_open(const struct lake_local_options *options, struct lake **ret_lake, struct lf_error *err)
{
    if (options->path == NULL || options->path[0] == '\0') {
        return lf_error_set(err, LF_CONFIG, 0, "the folder of the lake has no name");
    }
    CLEANUP(abandon) struct local_lake *local = mem_new(1, sizeof *local);
    CLEANUP(text_free) char *path = without_trailing_slashes(options->path);
    local->base.ops = &local_ops;
    local->io = options->io != NULL ? options->io : local_io_system();
    local->root_fd = -1;
    local->owner_fd = -1;
    local->root = text_copy(path); /* for errors until the real one is known */
    local->file_mode = options->file_mode != 0 ? options->file_mode : FILE_MODE_DEFAULT;
    local->folder_mode = local->file_mode | (local->file_mode & 0444) >> 2 | 0700;
    (void)pthread_mutex_init(&local->durable_mutex, NULL);
    TRY(open_root(local, path, err));
    if (!options->allow_network) {
        TRY(check_file_system(local, err));
    }
    local->location =
        without_trailing_slashes(options->public_location != NULL ? options->public_location : local->root);
    if (strcmp(local->location, "/") == 0) {
        local->location[0] = '\0';
    }
    *ret_lake = &local->base;
    local = NULL;
    return true;
}
