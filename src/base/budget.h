/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger of memory: whoever needs a large buffer asks first and works with what is granted. All links of a
 * process share one. Thread-safe.
 */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

struct budget;

struct budget *budget_new(size_t total_bytes);
void budget_free(struct budget **budget); /* aborts when grants are still out */

/* Grants between min and want bytes, as much as is free; when less than min is free, min is granted all the same
 * (a merge always gets its minimum) and counted as debt, so that the next ones get less. */
size_t budget_take(struct budget *budget, size_t min_bytes, size_t want_bytes);
/* Grants exactly `bytes` or nothing. */
bool budget_try(struct budget *budget, size_t bytes);
void budget_give(struct budget *budget, size_t bytes);
size_t budget_free_bytes(struct budget *budget);
size_t budget_peak_bytes(struct budget *budget);

#endif
