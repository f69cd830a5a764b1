/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process.h"

#include <malloc.h>
#include <sys/resource.h>

#define HEAPS_MOST 2
#define MAPPED_BYTES (128 << 10)

void process_prepare(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)mallopt(M_ARENA_MAX, HEAPS_MOST);
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES); /* else it grows with what is freed */
}
