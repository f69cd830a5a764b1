/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "base/secret.h"
#include "config/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SECRET_MAX_BYTES ((size_t)64 << 10)
#define OTHERS_READ (S_IRGRP | S_IROTH)

/* An access list as the kernel hands it out (see acl(5)): a version, then entries, little-endian. */
#define ACL_NAME "system.posix_acl_access"
#define ACL_HEAD_BYTES ((size_t)4)
#define ACL_ENTRY_BYTES ((size_t)8)
#define ACL_MAX_BYTES (ACL_HEAD_BYTES + 64 * ACL_ENTRY_BYTES)
enum acl_tag { ACL_OWNER = 0x01, ACL_USER = 0x02, ACL_MASK = 0x10 };

static unsigned short_at(const unsigned char *at)
{
    return (unsigned)at[0] | (unsigned)at[1] << 8;
}

/* Whether an entry that may read is for anybody but the owner, root and us. */
static bool opens_to_others(const unsigned char *entry)
{
    const unsigned tag = short_at(entry);
    const bool reads = (short_at(entry + 2) & 4U) != 0;
    const uid_t user = short_at(entry + 4) | short_at(entry + 6) << 16;
    return reads && tag != ACL_OWNER && tag != ACL_MASK && (tag != ACL_USER || (user != 0 && user != geteuid()));
}

/* With an access list the bits of the group are only its mask: credentials of systemd have mode 0440 and are readable for the
 * service's user alone. */
static bool others_may_read(int fd, const struct stat *status)
{
    unsigned char list[ACL_MAX_BYTES];
    const ssize_t len = fgetxattr(fd, ACL_NAME, list, sizeof list);
    bool open = false;
    if ((status->st_mode & OTHERS_READ) == 0 || len < (ssize_t)ACL_HEAD_BYTES) {
        return (status->st_mode & OTHERS_READ) != 0;
    }
    for (size_t at = ACL_HEAD_BYTES; at + ACL_ENTRY_BYTES <= (size_t)len; at += ACL_ENTRY_BYTES) {
        open = open || opens_to_others(list + at);
    }
    return open;
}

static bool check_rights(const char *path, int fd, const struct stat *status, struct lf_error *err)
{
    if (!S_ISREG(status->st_mode)) {
        return lf_error_set(err, LF_CONFIG, 0, "%s is no file", path);
    }
    if (status->st_uid != geteuid() && status->st_uid != 0) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the file %s belongs to user %u, who could exchange the secret; make it belong to the user "
                            "of lakefeed: chown %u %s",
                            path, (unsigned)status->st_uid, (unsigned)geteuid(), path);
    }
    if (others_may_read(fd, status)) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the file %s has mode %04o, so that others than its owner can read the secret; "
                            "type: chmod 600 %s",
                            path, (unsigned)status->st_mode & 07777U, path);
    }
    return true;
}

/* A fifo would stop us for ever, if it were opened without O_NONBLOCK. */
static bool read_file(const char *path, struct buf *out, struct lf_error *err)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        return lf_error_set(err, LF_CONFIG, errno, "the file %s cannot be read: %s", path, strerror(errno));
    }
    TRY(check_rights(path, fd, &status, err));
    char *room = buf_reserve(out, SECRET_MAX_BYTES + 1);
    size_t len = 0;
    if (!file_read_at(fd, 0, room, SECRET_MAX_BYTES + 1, &len, path, err)) {
        err->kind = LF_CONFIG;
        return false;
    }
    buf_commit(out, len);
    return len <= SECRET_MAX_BYTES ||
           lf_error_set(err, LF_CONFIG, 0, "%s is larger than the limit of %zu bytes", path, SECRET_MAX_BYTES);
}

/* The last line end is the editor's. */
static bool read_secret_file(const char *path, char **ret_text, struct lf_error *err)
{
    CLEANUP(secret_buf_done) struct buf text = {0};
    TRY(read_file(path, &text, err));
    size_t len = text.len;
    len -= len > 0 && text.ptr[len - 1] == '\n';
    len -= len > 0 && text.ptr[len - 1] == '\r';
    if (len == 0 || memchr(text.ptr, '\0', len) != NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "the file %s must hold the secret as one line of text", path);
    }
    *ret_text = text_copy_len(text.ptr, len);
    return true;
}

static bool read_secret_variable(const char *name, char **ret_text, struct lf_error *err)
{
    const char *text = getenv(name);
    if (text == NULL || text[0] == '\0') {
        char shown[VALUE_SHOWN_SIZE];
        return lf_error_set(err, LF_CONFIG, 0, "the environment variable %s is not set", value_shown(name, shown));
    }
    *ret_text = text_copy(text);
    return true;
}

bool secret_read(enum config_origin origin, const char *where, char **ret_text, struct lf_error *err)
{
    return origin == CONFIG_FILE ? read_secret_file(where, ret_text, err) : read_secret_variable(where, ret_text, err);
}

enum config_origin secret_origin(const char *member)
{
    return strcmp(member, "file") == 0 ? CONFIG_FILE : strcmp(member, "env") == 0 ? CONFIG_ENV : CONFIG_PLAIN;
}

const char *secret_member(enum config_origin origin)
{
    return origin == CONFIG_FILE ? "file" : "env";
}
