/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/power_io.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "fakes/temp_folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file or folder as it stands on the disk. Nodes live until the power_io ends: an old entry may still lead to one. */
struct power_node {
    struct power_node *next;
    bool is_folder;
    mode_t mode;
    struct buf bytes;
    struct power_entry *entries;
    size_t nentries;
};

struct power_entry {
    char *name;
    struct power_node *node;
};

struct power_known {
    ino_t inode;
    struct power_node *node;
};

struct power_io {
    struct local_io table;
    pthread_mutex_t mutex;
    char *folder;
    struct power_node *nodes;
    struct power_known *known; /* inodes that exist now */
    size_t nknown;
    size_t known_cap;
    uint64_t calls;
    uint64_t cut_at;
    bool off;
    const char *fail_name;
    uint64_t fail_skip;
    uint64_t fail_times;
    uint64_t failed;
    int fail_errno;
    unsigned long magic;
    void (*before_rename)(void *context);
    void *before_rename_context;
    void (*on_pause)(void *context);
    void *on_pause_context;
};

static struct power_node *find_node(const struct power_io *power, ino_t inode)
{
    for (size_t i = 0; i < power->nknown; i++) {
        if (power->known[i].inode == inode) {
            return power->known[i].node;
        }
    }
    return NULL;
}

static void forget_inode(struct power_io *power, ino_t inode)
{
    for (size_t i = 0; i < power->nknown; i++) {
        if (power->known[i].inode == inode) {
            power->known[i] = power->known[--power->nknown];
            return;
        }
    }
}

static struct power_node *add_node(struct power_io *power, const struct stat *status)
{
    struct power_node *node = mem_new(1, sizeof *node);
    *node = (struct power_node){
        .next = power->nodes, .is_folder = S_ISDIR(status->st_mode), .mode = status->st_mode & 07777};
    power->nodes = node;
    forget_inode(power, status->st_ino);
    mem_grow(&power->known, &power->known_cap, power->nknown + 1, sizeof *power->known);
    power->known[power->nknown++] = (struct power_known){status->st_ino, node};
    return node;
}

static void clear_entries(struct power_node *node)
{
    for (size_t i = 0; i < node->nentries; i++) {
        text_free(&node->entries[i].name);
    }
    free(node->entries);
    node->entries = NULL;
    node->nentries = 0;
}

static void free_nodes(struct power_io *power)
{
    while (power->nodes != NULL) {
        struct power_node *node = power->nodes;
        power->nodes = node->next;
        clear_entries(node);
        buf_done(&node->bytes);
        free(node);
    }
    power->nknown = 0;
}

/* The descriptor may be open for writing only. */
static void keep_bytes(struct power_node *node, int fd)
{
    struct lf_error err;
    CLEANUP(text_free) char *path = text_printf("/proc/self/fd/%d", fd);
    struct stat status;
    buf_reset(&node->bytes);
    bool read = fstat(fd, &status) == 0 && file_read_all(path, BUF_MAX_DEFAULT, &node->bytes, &err);
    assert(read);
    node->mode = status.st_mode & 07777;
}

static void keep_entries(struct power_io *power, struct power_node *node, int folder_fd);

/* Something that was there before us, or was put there behind our back: it counts as synced. */
static struct power_node *adopt(struct power_io *power, int folder_fd, const char *name, const struct stat *status)
{
    struct power_node *node = add_node(power, status);
    CLEANUP(fd_close) int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    assert(fd >= 0);
    if (node->is_folder) {
        keep_entries(power, node, fd);
    } else {
        keep_bytes(node, fd);
    }
    return node;
}

static void keep_entry(struct power_io *power, struct power_node *node, int folder_fd, const char *name)
{
    struct stat status;
    bool is_dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    if (is_dots || fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !(S_ISDIR(status.st_mode) || S_ISREG(status.st_mode))) {
        return;
    }
    struct power_node *child = find_node(power, status.st_ino);
    if (child == NULL) {
        child = adopt(power, folder_fd, name, &status);
    }
    node->entries = mem_resize(node->entries, node->nentries + 1, sizeof *node->entries);
    node->entries[node->nentries++] = (struct power_entry){text_copy(name), child};
}

static void keep_entries(struct power_io *power, struct power_node *node, int folder_fd)
{
    DIR *folder = fdopendir(openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert(folder != NULL);
    clear_entries(node);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        keep_entry(power, node, folder_fd, entry->d_name);
    }
    (void)closedir(folder);
}

/* Takes the mutex. True: the call may have its effect; else errno is set and the mutex is free again. */
static bool begin(struct power_io *power, const char *name)
{
    (void)pthread_mutex_lock(&power->mutex);
    power->calls++;
    power->off = power->off || power->calls == power->cut_at;
    int error_number = power->off ? EIO : 0;
    if (error_number == 0 && power->fail_name != NULL && strcmp(name, power->fail_name) == 0) {
        if (power->fail_skip > 0) {
            power->fail_skip--;
        } else if (power->fail_times > 0) {
            power->fail_times--;
            power->failed++;
            error_number = power->fail_errno;
        }
    }
    if (error_number != 0) {
        (void)pthread_mutex_unlock(&power->mutex);
        errno = error_number;
    }
    return error_number == 0;
}

static void end(struct power_io *power)
{
    int error_number = errno;
    (void)pthread_mutex_unlock(&power->mutex);
    errno = error_number;
}

static int power_open(void *context, int folder_fd, const char *name, int flags, mode_t mode)
{
    struct power_io *power = context;
    struct stat status;
    if (!begin(power, "open")) {
        return -1;
    }
    bool is_new = fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0;
    int fd = local_io_system()->open(NULL, folder_fd, name, flags, mode);
    if (fd >= 0 && is_new && fstat(fd, &status) == 0) {
        (void)add_node(power, &status);
    }
    end(power);
    return fd;
}

static ssize_t power_write(void *context, int fd, const void *ptr, size_t len)
{
    struct power_io *power = context;
    if (!begin(power, "write")) {
        return -1;
    }
    ssize_t n = local_io_system()->write(NULL, fd, ptr, len);
    end(power);
    return n;
}

static int power_truncate(void *context, int fd, off_t len)
{
    struct power_io *power = context;
    if (!begin(power, "truncate")) {
        return -1;
    }
    int result = local_io_system()->truncate(NULL, fd, len);
    end(power);
    return result;
}

static int power_sync(void *context, int fd)
{
    struct power_io *power = context;
    struct stat status;
    if (!begin(power, "sync")) {
        return -1;
    }
    struct power_node *node = fstat(fd, &status) == 0 ? find_node(power, status.st_ino) : NULL;
    if (node != NULL && node->is_folder) {
        keep_entries(power, node, fd);
    } else if (node != NULL) {
        keep_bytes(node, fd);
    }
    end(power);
    return 0; /* the disk of the test is memory */
}

/* Its inode may soon be another file's. */
static void forget_last_name(struct power_io *power, const struct stat *status)
{
    if (status->st_nlink == 1) {
        forget_inode(power, status->st_ino);
    }
}

static int power_rename(void *context, int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    struct power_io *power = context;
    struct stat replaced;
    if (power->before_rename != NULL) {
        power->before_rename(power->before_rename_context);
    }
    if (!begin(power, "rename")) {
        return -1;
    }
    bool replaces = fstatat(to_fd, to, &replaced, AT_SYMLINK_NOFOLLOW) == 0;
    int result = local_io_system()->rename(NULL, from_fd, from, to_fd, to, flags);
    if (result == 0 && replaces) {
        forget_last_name(power, &replaced);
    }
    end(power);
    return result;
}

static int power_link(void *context, int from_fd, const char *from, int to_fd, const char *to)
{
    struct power_io *power = context;
    if (!begin(power, "link")) {
        return -1;
    }
    int result = local_io_system()->link(NULL, from_fd, from, to_fd, to);
    end(power);
    return result;
}

static int power_unlink(void *context, int folder_fd, const char *name)
{
    struct power_io *power = context;
    struct stat status;
    if (!begin(power, "unlink")) {
        return -1;
    }
    bool found = fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    int result = local_io_system()->unlink(NULL, folder_fd, name);
    if (result == 0 && found) {
        forget_last_name(power, &status);
    }
    end(power);
    return result;
}

static int power_mkdir(void *context, int folder_fd, const char *name, mode_t mode)
{
    struct power_io *power = context;
    struct stat status;
    if (!begin(power, "mkdir")) {
        return -1;
    }
    int result = local_io_system()->mkdir(NULL, folder_fd, name, mode);
    if (result == 0 && fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        (void)add_node(power, &status);
    }
    end(power);
    return result;
}

static int power_fs_magic(void *context, int fd, unsigned long *ret_magic)
{
    const struct power_io *power = context;
    if (power->magic != 0) {
        *ret_magic = power->magic;
        return 0;
    }
    return local_io_system()->fs_magic(NULL, fd, ret_magic);
}

static void power_pause(void *context, long ms)
{
    const struct power_io *power = context;
    if (power->on_pause != NULL) {
        power->on_pause(power->on_pause_context);
    } else {
        local_io_system()->pause(NULL, ms);
    }
}

/* All that is in the folder now is safe. */
static void adopt_folder(struct power_io *power)
{
    struct stat status;
    free_nodes(power);
    int found = stat(power->folder, &status);
    assert(found == 0);
    (void)adopt(power, AT_FDCWD, power->folder, &status);
}

struct power_io *power_io_new(const char *folder)
{
    struct power_io *power = mem_new(1, sizeof *power);
    *power = (struct power_io){
        .table =
            {
                .context = power,
                .open = power_open,
                .write = power_write,
                .truncate = power_truncate,
                .sync = power_sync,
                .rename = power_rename,
                .link = power_link,
                .unlink = power_unlink,
                .mkdir = power_mkdir,
                .fs_magic = power_fs_magic,
                .pause = power_pause,
            },
        .folder = text_copy(folder),
    };
    (void)pthread_mutex_init(&power->mutex, NULL);
    adopt_folder(power);
    return power;
}

void power_io_free(struct power_io **power)
{
    if (*power != NULL) {
        free_nodes(*power);
        free((*power)->known);
        text_free(&(*power)->folder);
        (void)pthread_mutex_destroy(&(*power)->mutex);
        free(*power);
    }
    *power = NULL;
}

const struct local_io *power_io_table(struct power_io *power)
{
    return &power->table;
}

void power_io_cut_at(struct power_io *power, uint64_t call)
{
    power->calls = 0;
    power->cut_at = call;
}

uint64_t power_io_calls(const struct power_io *power)
{
    return power->calls;
}

bool power_io_is_off(const struct power_io *power)
{
    return power->off;
}

static void write_node(const struct power_node *node, const char *path)
{
    struct lf_error err;
    if (node->is_folder) {
        (void)mkdir(path, 0700); /* the root exists */
        for (size_t i = 0; i < node->nentries; i++) {
            CLEANUP(text_free) char *child = text_printf("%s/%s", path, node->entries[i].name);
            write_node(node->entries[i].node, child);
        }
    } else {
        CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        bool written = fd >= 0 && file_write_all(fd, node->bytes.ptr, node->bytes.len, path, &err);
        assert(written);
    }
    int result = chmod(path, node->mode);
    assert(result == 0);
}

/* Gives every folder that exists the entries that it has now. */
static void walk_names(struct power_io *power, const char *path)
{
    struct stat status;
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert(fd >= 0);
    int found = fstat(fd, &status);
    assert(found == 0);
    struct power_node *node = find_node(power, status.st_ino);
    assert(node != NULL);
    keep_entries(power, node, fd);
    for (size_t i = 0; i < node->nentries; i++) {
        if (node->entries[i].node->is_folder) {
            CLEANUP(text_free) char *child = text_printf("%s/%s", path, node->entries[i].name);
            walk_names(power, child);
        }
    }
}

void power_io_cut(struct power_io *power, enum power_loss loss)
{
    struct stat status;
    if (loss == POWER_KEEPS_NAMES) {
        walk_names(power, power->folder);
    }
    int found = stat(power->folder, &status);
    assert(found == 0);
    temp_folder_clear(power->folder);
    write_node(find_node(power, status.st_ino), power->folder);
    adopt_folder(power);
    power->off = false;
    power_io_cut_at(power, 0);
}

void power_io_fail(struct power_io *power, const char *name, uint64_t skip, uint64_t times, int error_number)
{
    power->fail_name = name;
    power->fail_skip = skip;
    power->fail_times = times;
    power->fail_errno = error_number;
    power->failed = 0;
}

uint64_t power_io_failed(const struct power_io *power)
{
    return power->failed;
}

void power_io_set_magic(struct power_io *power, unsigned long magic)
{
    power->magic = magic;
}

void power_io_before_rename(struct power_io *power, void (*hook)(void *context), void *context)
{
    power->before_rename = hook;
    power->before_rename_context = context;
}

void power_io_on_pause(struct power_io *power, void (*hook)(void *context), void *context)
{
    power->on_pause = hook;
    power->on_pause_context = context;
}
