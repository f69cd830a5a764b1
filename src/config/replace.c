/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/macros.h"
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file beside the old one, until it takes its place. */
struct replacement {
    char *path; /* of the file itself, links followed */
    char *temp; /* NULL: there is none */
    int fd;
};

static void replacement_done(struct replacement *replacement)
{
    if (replacement->temp != NULL) {
        (void)unlink(replacement->temp);
    }
    fd_close(&replacement->fd);
    text_free(&replacement->temp);
    text_free(&replacement->path);
}

static bool make_temp(struct replacement *replacement, struct lf_error *err)
{
    struct stat status;
    if (stat(replacement->path, &status) != 0) {
        return file_error(err, errno, "look at", replacement->path);
    }
    char *name = text_printf("%s.XXXXXX", replacement->path);
    replacement->fd = mkostemp(name, O_CLOEXEC);
    if (replacement->fd < 0) {
        (void)file_error(err, errno, "make a file beside", replacement->path);
        text_free(&name);
        return false;
    }
    replacement->temp = name;
    const bool foreign = status.st_uid != geteuid() || status.st_gid != getegid();
    if (foreign && fchown(replacement->fd, status.st_uid, status.st_gid) != 0) {
        return file_error(err, errno, "keep the owner of", replacement->path);
    }
    return fchmod(replacement->fd, status.st_mode & 07777U) == 0 ||
           file_error(err, errno, "keep the rights of", replacement->path);
}

static bool check_unchanged(const char *path, struct lf_slice known, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf now = {0};
    TRY(file_read_all(path, CONFIG_FILE_MAX_BYTES, &now, err));
    return slice_equal(buf_slice(&now), known) ||
           lf_error_set(err, LF_CONFLICT, 0, "%s has been changed meanwhile and was left as it is; try again", path);
}

static bool keep_old(const char *path, struct lf_error *err)
{
    CLEANUP(text_free) char *kept = text_printf("%s.bak", path);
    if (unlink(kept) != 0 && errno != ENOENT) {
        return file_error(err, errno, "remove", kept);
    }
    return link(path, kept) == 0 || file_error(err, errno, "keep the old file as", kept);
}

static bool sync_folder(const char *path, struct lf_error *err)
{
    const char *slash = strrchr(path, '/');
    CLEANUP(text_free) char *folder = text_copy_len(path, slash == path ? 1 : (size_t)(slash - path));
    CLEANUP(fd_close) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? file_sync(fd, folder, err) : file_error(err, errno, "open", folder);
}

bool config_replace_file(const char *path, struct lf_slice known, struct lf_slice text, struct lf_error *err)
{
    CLEANUP(replacement_done) struct replacement replacement = {realpath(path, NULL), NULL, -1};
    if (replacement.path == NULL) {
        return file_error(err, errno, "open", path);
    }
    TRY(make_temp(&replacement, err));
    TRY(file_write_all(replacement.fd, text.ptr, text.len, replacement.temp, err));
    TRY(file_sync(replacement.fd, replacement.temp, err));
    TRY(check_unchanged(replacement.path, known, err));
    TRY(keep_old(replacement.path, err));
    if (rename(replacement.temp, replacement.path) != 0) {
        return file_error(err, errno, "replace", replacement.path);
    }
    text_free(&replacement.temp);
    return sync_folder(replacement.path, err);
}
