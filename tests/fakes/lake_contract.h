/* SPDX-License-Identifier: Apache-2.0
 *
 * Every promise of lake/lake.h as a check that any driver must pass. Inside a cmocka test.
 */
#ifndef FAKES_LAKE_CONTRACT_H
#define FAKES_LAKE_CONTRACT_H

#include "lake/lake.h"

struct lake_contract {
    const char *name; /* of the driver, for messages */
    void *context;
    void (*begin)(void *context);        /* an empty storage */
    struct lake *(*open)(void *context); /* one more handle on it, as another process would have */
    void (*end)(void *context);          /* all handles are closed */
};

void lake_contract_run(const struct lake_contract *contract);

#endif
