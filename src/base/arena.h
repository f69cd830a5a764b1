/* SPDX-License-Identifier: Apache-2.0
 *
 * Bump allocation with one free. Blocks grow geometrically up to 1 MiB; a larger request has its own block.
 * arena_reset keeps the first block unless that is a larger one. A zeroed struct is an empty arena. Out of memory
 * aborts. Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "lakefeed/schema.h"

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used_bytes; /* handed out since the last reset, with what alignment adds */
};

void arena_done(struct arena *arena);
void arena_reset(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t len); /* aligned for any type, not cleared */
void *arena_copy(struct arena *arena, const void *ptr, size_t len);
char *arena_text(struct arena *arena, const char *text);
struct lf_slice arena_slice(struct arena *arena, struct lf_slice slice);

#endif
