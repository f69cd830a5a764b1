/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the spool share.
 */
#ifndef UNIT_DATA_SPOOL_FIXTURE_H
#define UNIT_DATA_SPOOL_FIXTURE_H

#include "data/spool.h"
#include "unit/data/sorter_oracle.h"

#include <dirent.h>

static inline struct spool *new_spool(size_t memory_bytes, uint64_t max_disk_bytes)
{
    return spool_new(&(struct spool_options){
        .folder = oracle_folder(), .memory_bytes = memory_bytes, .max_disk_bytes = max_disk_bytes});
}

static inline void cut(struct spool *spool, const char *cursor, uint64_t last_seq)
{
    struct lf_error err;
    assert_true(spool_cut(spool, slice_of_text(cursor), last_seq, 7, &err));
}

static inline uint64_t add_token(struct spool *spool, const void *ptr, size_t len)
{
    struct lf_error err;
    uint64_t token = 0;
    assert_true(spool_add_token(spool, (struct lf_slice){ptr, len}, &token, &err));
    assert_int_not_equal(token, 0);
    return token;
}

static inline void expect_token(struct spool *spool, uint64_t token, const void *ptr, size_t len)
{
    struct lf_error err;
    CLEANUP(buf_done) struct buf out = {0};
    assert_true(spool_token(spool, token, &out, &err));
    assert_true(slice_equal(buf_slice(&out), (struct lf_slice){ptr, len}));
}

static inline size_t open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    size_t count = 0;
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

#endif
