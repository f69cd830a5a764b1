/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder lake of a test's own, whose system calls the test can fail.
 */
#ifndef UNIT_LAKE_LOCAL_BENCH_H
#define UNIT_LAKE_LOCAL_BENCH_H

#include "base/buf.h"
#include "base/macros.h"
#include "fakes/lake_text.h"
#include "fakes/power_io.h"
#include "fakes/temp_folder.h"
#include "lake/local.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct local_bench {
    char *folder; /* holds the lake, and what is beside it */
    char *root;
    struct power_io *power;
    struct lake *lake;
};

static inline struct lake *local_bench_open(struct local_bench *bench)
{
    struct lake *lake = NULL;
    struct lf_error err = {0};
    const struct lake_local_options options = {.path = bench->root, .io = power_io_table(bench->power)};
    if (!lake_local_open(&options, &lake, &err)) {
        fail_msg("%s", err.msg);
    }
    return lake;
}

static inline int local_bench_setup(void **state)
{
    struct local_bench *bench = mem_new(1, sizeof *bench);
    bench->folder = temp_folder_make();
    bench->root = text_printf("%s/lake", bench->folder);
    bench->power = power_io_new(bench->folder);
    bench->lake = local_bench_open(bench);
    *state = bench;
    return 0;
}

static inline int local_bench_teardown(void **state)
{
    struct local_bench *bench = *state;
    lake_close(&bench->lake);
    power_io_free(&bench->power);
    temp_folder_remove(&bench->folder);
    text_free(&bench->root);
    free(bench);
    return 0;
}

/* A path below the lake's root; heap text. */
static inline char *local_bench_path(const struct local_bench *bench, const char *path)
{
    return text_printf("%s/%s", bench->root, path);
}

#define LOCAL_TEST(function) cmocka_unit_test_setup_teardown(function, local_bench_setup, local_bench_teardown)

#endif
