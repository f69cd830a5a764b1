/* SPDX-License-Identifier: Apache-2.0 */
#include "app/instance.h"

#include "base/buf.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/macros.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NUMBER_BYTES ((size_t)16)
#define NUMBER_DIGITS (2 * NUMBER_BYTES)
#define PART_MAX_BYTES ((size_t)4096)

/* ---- the machine ---- */

/* What cannot be read, or is not there, says nothing. */
static void append_file(const char *path, struct buf *out)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct lf_error ignored;
    if (file_read_all(path, PART_MAX_BYTES, &text, &ignored)) {
        buf_append(out, text.ptr, text.len);
    }
    buf_append_char(out, '\n');
}

/* Addresses of real network cards: those of containers and bridges come and go. */
static void append_cards(const char *root, struct buf *out)
{
    CLEANUP(text_free) char *pattern = text_printf("%s/sys/class/net/*/device", root);
    glob_t found = {0};
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            const char *folder = found.gl_pathv[i];
            CLEANUP(text_free)
            char *address = text_printf("%.*s/address", (int)(strlen(folder) - strlen("/device")), folder);
            append_file(address, out);
        }
    }
    globfree(&found);
}

static void append_machine(const char *root, struct buf *out)
{
    static const char *const files[] = {"/etc/machine-id", "/sys/class/dmi/id/product_uuid"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        CLEANUP(text_free) char *path = text_printf("%s%s", root, files[i]);
        append_file(path, out);
    }
    append_cards(root, out);
}

/* ---- the number ---- */

static bool is_number(const struct buf *text)
{
    return text->len == NUMBER_DIGITS + 1 && text->ptr[NUMBER_DIGITS] == '\n' &&
           strspn(buf_text(text), "0123456789abcdef") == NUMBER_DIGITS;
}

static bool write_number(const char *path, struct lf_error *err)
{
    const struct random_source random = random_system();
    char line[NUMBER_DIGITS + 2];
    random_hex(&random, NUMBER_BYTES, line);
    line[NUMBER_DIGITS] = '\n';
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return file_error(err, errno, "make", path);
    }
    return file_write_all(fd, line, NUMBER_DIGITS + 1, path, err) && file_sync(fd, path, err);
}

/* Whole or not at all; of two processes that make it, the first one's stays. */
static bool make_number(const char *path, struct lf_error *err)
{
    CLEANUP(text_free) char *temp = text_printf("%s.%ld", path, (long)getpid());
    TRY(write_number(temp, err));
    const int status = link(temp, path);
    const int error_number = errno;
    (void)unlink(temp);
    return status == 0 || error_number == EEXIST || file_error(err, error_number, "make", path);
}

bool instance_read(const char *state_dir, const char *root, char **ret_text, struct lf_error *err)
{
    CLEANUP(text_free) char *path = text_printf("%s/instance", state_dir);
    CLEANUP(buf_done) struct buf number = {0};
    char hex[SHA256_HEX_SIZE];
    const bool there = file_read_all(path, NUMBER_DIGITS + 1, &number, err);
    if (!there && err->kind != LF_NOT_FOUND && err->kind != LF_LIMIT) {
        return false;
    }
    if (!there || !is_number(&number)) {
        (void)unlink(path); /* damaged, if it is there: it is only a name */
        buf_reset(&number);
        TRY(make_number(path, err) && file_read_all(path, NUMBER_DIGITS + 1, &number, err));
    }
    append_machine(root, &number);
    sha256_of(number.ptr, number.len, hex);
    *ret_text = text_copy(hex);
    return true;
}
