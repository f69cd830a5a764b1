/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/macros.h"
#include "lake/local_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_BLOCK ((size_t)64 << 10)

/* A FIFO or a device in a lake must not be waited for. */
static bool open_object(const struct local_lake *local, const char *path, int *ret_fd, struct stat *ret_status,
                        struct lf_error *err)
{
    CLEANUP(fd_close) int fd = -1;
    if (!lake_path_is_valid(path)) {
        return lf_error_set(err, LF_CONFIG, 0, "\"%.250s\" is not the path of an object of a lake", path);
    }
    TRY(local_open(local, path, O_RDONLY | O_NONBLOCK, &fd, err));
    if (fstat(fd, ret_status) != 0) {
        return local_error(local, err, errno, "stat", path);
    }
    if (!S_ISREG(ret_status->st_mode)) {
        return lf_error_set(err, LF_CONFIG, 0, "%s in the lake %s is not a file; move away what stands there", path,
                            local->root);
    }
    *ret_fd = fd;
    fd = -1;
    return true;
}

static bool hash_file(int fd, const char *path, char ret_hex[SHA256_HEX_SIZE], struct lf_error *err)
{
    CLEANUP(sha256_free) struct sha256 *hash = sha256_new();
    CLEANUP(text_free) char *block = mem_new(HASH_BLOCK, 1);
    uint64_t offset = 0;
    size_t got = HASH_BLOCK;
    while (got == HASH_BLOCK) {
        TRY(file_read_at(fd, offset, block, HASH_BLOCK, &got, path, err));
        sha256_update(hash, block, got);
        offset += got;
    }
    sha256_finish(hash, ret_hex);
    return true;
}

/* A partition is never replaced: its ETag does without the hash, so that looking at a large lake stays cheap. */
static bool fill_version(int fd, const char *path, struct local_version *ret_version, struct lf_error *err)
{
    char hex[SHA256_HEX_SIZE] = "partition";
    struct stat status;
    if (lake_path_kind(path) != LAKE_PATH_IS_PARTITION) {
        TRY(hash_file(fd, path, hex, err));
    }
    if (fstat(fd, &status) != 0) {
        return file_error(err, errno, "stat", path);
    }
    *ret_version = (struct local_version){
        .exists = true,
        .bytes = (uint64_t)status.st_size,
        .inode = status.st_ino,
        .changed = status.st_ctim,
    };
    uint64_t changed_ns = (uint64_t)status.st_ctim.tv_sec * UINT64_C(1000000000) + (uint64_t)status.st_ctim.tv_nsec;
    (void)snprintf(ret_version->etag, sizeof ret_version->etag, "%s-%" PRIx64 "-%" PRIx64, hex, ret_version->inode,
                   changed_ns);
    return true;
}

bool local_version_read(const struct local_lake *local, const char *path, struct local_version *ret_version,
                        struct lf_error *err)
{
    CLEANUP(fd_close) int fd = -1;
    struct stat status;
    *ret_version = (struct local_version){0};
    if (!open_object(local, path, &fd, &status, err)) {
        return err->kind == LF_NOT_FOUND;
    }
    return fill_version(fd, path, ret_version, err);
}

/* A name that a power cut could still take back must not be believed: whoever finds its own commit in model.json goes on to tell the
 * source. So what stands in the root is made durable before it is looked at, once after the start and after each failed sync. */
static bool settle_root(struct local_lake *local, const char *path, struct lf_error *err)
{
    if (strchr(path, '/') != NULL || atomic_load(&local->root_synced)) {
        return true;
    }
    TRY(local_sync(local, local->root_fd, path, err));
    atomic_store(&local->root_synced, true);
    return true;
}

bool local_stat(struct lake *lake, const char *path, struct lake_stat *ret_stat, struct lf_error *err)
{
    struct local_version version;
    TRY(settle_root(local_of(lake), path, err));
    TRY(local_version_read(local_of(lake), path, &version, err));
    if (!version.exists) {
        return lf_error_set(err, LF_NOT_FOUND, ENOENT, "%s does not exist in the lake %s", path, local_of(lake)->root);
    }
    ret_stat->bytes = version.bytes;
    memcpy(ret_stat->etag, version.etag, LAKE_ETAG_SIZE);
    return true;
}

bool local_read_range(struct lake *lake, const char *path, uint64_t offset, void *ret, size_t len, size_t *ret_len,
                      struct lf_error *err)
{
    CLEANUP(fd_close) int fd = -1;
    struct stat status = {0};
    TRY(settle_root(local_of(lake), path, err));
    TRY(open_object(local_of(lake), path, &fd, &status, err));
    if (offset >= (uint64_t)status.st_size) {
        *ret_len = 0;
        return true;
    }
    return file_read_at(fd, offset, ret, len, ret_len, path, err);
}

/* Folders still to be read, as a stack of paths, so that a deep tree costs memory and not descriptors. */
struct listing {
    struct local_lake *local;
    lake_visitor visit;
    void *context;
    char **folders;
    size_t nfolders;
    size_t cap;
};

static void listing_done(struct listing *listing)
{
    while (listing->nfolders > 0) {
        text_free(&listing->folders[--listing->nfolders]);
    }
    free(listing->folders);
}

static void listing_push(struct listing *listing, const char *folder)
{
    mem_grow(&listing->folders, &listing->cap, listing->nfolders + 1, sizeof *listing->folders);
    listing->folders[listing->nfolders++] = text_copy(folder);
}

/* Links, devices and names that cannot be objects are nobody's; an entry that vanishes meanwhile was never there. */
static bool visit_entry(struct listing *listing, int folder_fd, const char *folder, const char *name,
                        struct lf_error *err)
{
    CLEANUP(text_free) char *path = folder[0] != '\0' ? text_printf("%s/%s", folder, name) : text_copy(name);
    struct stat status;
    if (!lake_path_is_valid(path) || local_is_private(path) ||
        fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return true;
    }
    if (S_ISDIR(status.st_mode)) {
        listing_push(listing, path);
    }
    return !S_ISREG(status.st_mode) || listing->visit(listing->context, path, (uint64_t)status.st_size, err);
}

static bool visit_entries(struct listing *listing, DIR *entries, const char *folder, struct lf_error *err)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(entries);
        if (entry == NULL) {
            return errno == 0 || local_error(listing->local, err, errno, "list", folder);
        }
        TRY(visit_entry(listing, dirfd(entries), folder, entry->d_name, err));
    }
}

static bool visit_folder(struct listing *listing, const char *folder, struct lf_error *err)
{
    int fd = -1;
    if (!local_open(listing->local, folder[0] != '\0' ? folder : ".", O_RDONLY | O_DIRECTORY, &fd, err)) {
        return err->kind == LF_NOT_FOUND || err->code == ENOTDIR;
    }
    DIR *entries = fdopendir(fd);
    if (entries == NULL) {
        int error_number = errno;
        fd_close(&fd);
        return local_error(listing->local, err, error_number, "list", folder);
    }
    bool ok = visit_entries(listing, entries, folder, err);
    (void)closedir(entries);
    return ok;
}

bool local_list(struct lake *lake, const char *prefix, lake_visitor visit, void *context, struct lf_error *err)
{
    CLEANUP(listing_done) struct listing listing = {.local = local_of(lake), .visit = visit, .context = context};
    if (prefix[0] != '\0' && !lake_path_is_valid(prefix)) {
        return lf_error_set(err, LF_CONFIG, 0, "\"%.250s\" is not the path of a folder of a lake", prefix);
    }
    listing_push(&listing, prefix);
    while (listing.nfolders > 0) {
        CLEANUP(text_free) char *folder = listing.folders[--listing.nfolders];
        TRY(visit_folder(&listing, folder, err));
    }
    return true;
}

bool local_remove(struct lake *lake, const char *path, struct lf_error *err)
{
    struct local_lake *local = local_of(lake);
    CLEANUP(fd_close) int folder_fd = -1;
    TRY(local_check_path(path, err));
    const char *name = local_base_name(path);
    CLEANUP(text_free) char *folder = name == path ? text_copy(".") : text_copy_len(path, (size_t)(name - path) - 1);
    if (!local_open(local, folder, O_RDONLY | O_DIRECTORY, &folder_fd, err)) {
        return err->kind == LF_NOT_FOUND;
    }
    /* Not synced: a file that comes back after a power cut is found and removed again. */
    if (local->io->unlink(local->io->context, folder_fd, name) != 0 && errno != ENOENT) {
        return local_error(local, err, errno, "remove", path);
    }
    return true;
}

bool local_remove_folder(struct lake *lake, const char *path, struct lf_error *err)
{
    struct local_lake *local = local_of(lake);
    TRY(local_check_path(path, err));
    CLEANUP(fd_close) int folder_fd = -1;
    const char *name = local_base_name(path);
    CLEANUP(text_free) char *folder = name == path ? text_copy(".") : text_copy_len(path, (size_t)(name - path) - 1);
    if (!local_open(local, folder, O_RDONLY | O_DIRECTORY, &folder_fd, err)) {
        return err->kind == LF_NOT_FOUND;
    }
    bool expected = unlinkat(folder_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTEMPTY;
    return expected || local_error(local, err, errno, "remove the folder", path);
}
