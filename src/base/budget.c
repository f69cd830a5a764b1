/* SPDX-License-Identifier: Apache-2.0 */
#include "base/budget.h"

#include "base/buf.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

struct budget {
    pthread_mutex_t mutex;
    size_t total;
    size_t taken; /* above total while there is debt */
    size_t peak;
};

struct budget *budget_new(size_t total_bytes)
{
    struct budget *budget = mem_new(1, sizeof *budget);
    budget->total = total_bytes;
    (void)pthread_mutex_init(&budget->mutex, NULL);
    return budget;
}

void budget_free(struct budget **budget)
{
    if (*budget == NULL) {
        return;
    }
    assert((*budget)->taken == 0);
    (void)pthread_mutex_destroy(&(*budget)->mutex);
    free(*budget);
    *budget = NULL;
}

static size_t free_bytes(const struct budget *budget)
{
    return budget->taken < budget->total ? budget->total - budget->taken : 0;
}

static void grant(struct budget *budget, size_t bytes)
{
    assert(bytes <= SIZE_MAX - budget->taken);
    budget->taken += bytes;
    if (budget->taken > budget->peak) {
        budget->peak = budget->taken;
    }
}

size_t budget_take(struct budget *budget, size_t min_bytes, size_t want_bytes)
{
    assert(min_bytes <= want_bytes);
    (void)pthread_mutex_lock(&budget->mutex);
    size_t bytes = free_bytes(budget);
    bytes = bytes < want_bytes ? bytes : want_bytes;
    bytes = bytes > min_bytes ? bytes : min_bytes;
    grant(budget, bytes);
    (void)pthread_mutex_unlock(&budget->mutex);
    return bytes;
}

bool budget_try(struct budget *budget, size_t bytes)
{
    (void)pthread_mutex_lock(&budget->mutex);
    bool fits = bytes <= free_bytes(budget);
    if (fits) {
        grant(budget, bytes);
    }
    (void)pthread_mutex_unlock(&budget->mutex);
    return fits;
}

void budget_give(struct budget *budget, size_t bytes)
{
    (void)pthread_mutex_lock(&budget->mutex);
    assert(bytes <= budget->taken);
    budget->taken -= bytes;
    (void)pthread_mutex_unlock(&budget->mutex);
}

size_t budget_free_bytes(struct budget *budget)
{
    (void)pthread_mutex_lock(&budget->mutex);
    size_t bytes = free_bytes(budget);
    (void)pthread_mutex_unlock(&budget->mutex);
    return bytes;
}

size_t budget_peak_bytes(struct budget *budget)
{
    (void)pthread_mutex_lock(&budget->mutex);
    size_t bytes = budget->peak;
    (void)pthread_mutex_unlock(&budget->mutex);
    return bytes;
}
