/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls of the local lake on a disk that loses, at a power cut, what was not synced: bytes of files and
 * entries of folders alike. It follows real files, so that the real driver runs unchanged above it.
 *
 *   power_io_new → lake_local_open(.io = power_io_table) → power_io_cut_at(n) → work until it fails → lake_close
 *   → power_io_cut (the folder is now what a machine would find) → open again
 *
 * Threads: the table may be used from several; the other functions while none uses it.
 */
#ifndef FAKES_POWER_IO_H
#define FAKES_POWER_IO_H

#include "lake/local_io.h"

#include <stdbool.h>
#include <stdint.h>

struct power_io;

enum power_loss {
    POWER_LOSES_NAMES, /* unsynced bytes and unsynced entries of folders are lost */
    POWER_KEEPS_NAMES  /* entries were written early, unsynced bytes are lost all the same */
};

/* `folder` exists; what is in it now counts as synced. It need not be the lake itself, only hold it. */
struct power_io *power_io_new(const char *folder);
void power_io_free(struct power_io **power); /* for CLEANUP */
const struct local_io *power_io_table(struct power_io *power);

/* The call with this number, counted from now and from 1, and all later ones do nothing and fail with EIO. 0: never. */
void power_io_cut_at(struct power_io *power, uint64_t call);
/* Calls that change something, since power_io_cut_at, power_io_cut or power_io_new. */
uint64_t power_io_calls(const struct power_io *power);
bool power_io_is_off(const struct power_io *power);
/* Rewrites the folder to what is left, and turns the power on. No file below it may be open. */
void power_io_cut(struct power_io *power, enum power_loss loss);

/* From now on the named call ("open", "write", "truncate", "sync", "rename", "link", "unlink", "mkdir") fails with
 * error_number after `skip` more of its kind have worked, `times` times. A NULL name: no failure. */
void power_io_fail(struct power_io *power, const char *name, uint64_t skip, uint64_t times, int error_number);
uint64_t power_io_failed(const struct power_io *power);               /* how often that has happened */
void power_io_set_magic(struct power_io *power, unsigned long magic); /* the file system's type; 0: the real one */
/* Called in front of every rename, so that a test can come between a check and its effect. NULL: none. */
void power_io_before_rename(struct power_io *power, void (*hook)(void *context), void *context);
/* Called instead of every wait for a lock. NULL: the wait is real. */
void power_io_on_pause(struct power_io *power, void (*hook)(void *context), void *context);

#endif
