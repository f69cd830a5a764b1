/* SPDX-License-Identifier: Apache-2.0
 *
 * The promises of lake.h, kept by the folder, by memory, and through a fault lake without faults.
 */
#include "base/macros.h"
#include "fakes/fault_lake.h"
#include "fakes/lake_contract.h"
#include "fakes/memory_lake.h"
#include "fakes/temp_folder.h"
#include "lake/local.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct place {
    char *folder;
    struct memory_store *store;
};

static void begin_folder(void *context)
{
    ((struct place *)context)->folder = temp_folder_make();
}

static void end_folder(void *context)
{
    temp_folder_remove(&((struct place *)context)->folder);
}

static struct lake *open_folder(void *context)
{
    const struct place *place = context;
    struct lake *lake = NULL;
    struct lf_error err = {0};
    const struct lake_local_options options = {.path = place->folder};
    if (!lake_local_open(&options, &lake, &err)) {
        fail_msg("%s", err.msg);
    }
    return lake;
}

static void begin_memory(void *context)
{
    struct clock clock = clock_system();
    ((struct place *)context)->store = memory_store_new(&clock);
}

static void end_memory(void *context)
{
    memory_store_free(&((struct place *)context)->store);
}

static struct lake *open_memory(void *context)
{
    return memory_lake_open(((struct place *)context)->store);
}

static struct lake *open_memory_with_faults(void *context)
{
    return fault_lake_open(open_memory(context));
}

static void local_lake_keeps_the_contract(void **state)
{
    (void)state;
    struct place place = {0};
    lake_contract_run(&(struct lake_contract){"folder", &place, begin_folder, open_folder, end_folder});
}

static void memory_lake_keeps_the_contract(void **state)
{
    (void)state;
    struct place place = {0};
    lake_contract_run(&(struct lake_contract){"memory", &place, begin_memory, open_memory, end_memory});
}

static void fault_lake_without_faults_keeps_the_contract(void **state)
{
    (void)state;
    struct place place = {0};
    lake_contract_run(&(struct lake_contract){"faults", &place, begin_memory, open_memory_with_faults, end_memory});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(local_lake_keeps_the_contract),
        cmocka_unit_test(memory_lake_keeps_the_contract),
        cmocka_unit_test(fault_lake_without_faults_keeps_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
