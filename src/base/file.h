/* SPDX-License-Identifier: Apache-2.0
 *
 * Files by descriptor: whole reads and writes, durable folders, and paths below a root that follow no link.
 * Errors, each with the path: NOT_FOUND for a missing file, CONFLICT for one that exists already, CONFIG for rights,
 * links and files in the place of folders, TRANSIENT for no space and whatever else may pass.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "lakefeed/error.h"

#include <stdint.h>
#include <sys/types.h>

void fd_close(int *fd); /* for CLEANUP; -1 is allowed, sets -1 */

/* "12 MiB free" on the file system of an open file, or of the path or its folder; empty when it cannot be told. */
#define FILE_SPACE_SIZE 64
void file_space_of_fd(int fd, char ret_text[FILE_SPACE_SIZE]);
void file_space_of_path(const char *path, char ret_text[FILE_SPACE_SIZE]);

/* Maps errno to a kind and says "<what> <path>: <text>"; without space, also how much is free. Always false. */
bool file_error(struct lf_error *err, int error_number, const char *what, const char *path);

bool file_write_all(int fd, const void *ptr, size_t len, const char *name, struct lf_error *err) LF_MUST_CHECK;
bool file_read_at(int fd, uint64_t offset, void *ret, size_t len, size_t *ret_len, const char *name,
                  struct lf_error *err) LF_MUST_CHECK; /* short only at the end of the file */
bool file_read_all(const char *path, size_t max, struct buf *out,
                   struct lf_error *err) LF_MUST_CHECK; /* LIMIT over max */
bool file_sync(int fd, const char *name, struct lf_error *err) LF_MUST_CHECK;

/* Makes the folder and its parents, each new one synced into its own parent; existing ones are fine. */
bool file_make_folders(const char *path, mode_t mode, struct lf_error *err) LF_MUST_CHECK;
/* An unnamed temporary file in the folder (O_TMPFILE, or created and unlinked). AUTH: no right to write there. */
bool file_open_temp(const char *folder, int *ret_fd, struct lf_error *err) LF_MUST_CHECK;

/* Below root_fd, without following links or leaving the root (openat2 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, or
 * step by step where the kernel has none). CONFIG: a link or ".." in the path. Always O_CLOEXEC. */
bool file_open_beneath(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd,
                       struct lf_error *err) LF_MUST_CHECK;

#endif
