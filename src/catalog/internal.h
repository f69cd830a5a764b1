/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the catalog share: the object, and the way to its file. All of it under the mutex.
 */
#ifndef CATALOG_INTERNAL_H
#define CATALOG_INTERNAL_H

#include "catalog/catalog.h"
#include "catalog/store.h"

#include <pthread.h>

struct catalog {
    char *path;
    struct clock clock;
    struct log *log;
    bool read_only;
    pthread_mutex_t mutex;
    struct store *store; /* NULL: no file now */
    int64_t file;        /* counts the files of this process from 0, so that an id of an old one is known as such */
    int64_t made_ms;     /* of the file last seen */
    int64_t forgot_ms;   /* when old rows were last looked for */
    int64_t retry_ms;    /* monotonic: no attempt to open before; meaningless while `troubled` is not set */
    bool troubled;
    bool set_aside;        /* this process has renamed one file already */
    struct lf_error cause; /* of the trouble */
};

/* Opens the file when it is not open, or no longer the one at the path. False: `cause` says why there is none. */
bool file_ensure(struct catalog *catalog);
/* After a statement failed: rolls back and closes; a damaged file is set aside, so that the next file_ensure begins a new
 * one, and other trouble is told once and rests for CATALOG_RETRY_MS. */
void file_give_up(struct catalog *catalog, const struct lf_error *err);

/* Both in the caller's transaction. Removes what is too old, at most once a day. */
bool house_forget(struct catalog *catalog, struct lf_error *err) LF_MUST_CHECK;
/* After an insert: removes what is too much, at every hundredth row of the table. */
bool house_trim(struct catalog *catalog, enum store_statement trim, int64_t most, struct lf_error *err) LF_MUST_CHECK;

#endif
