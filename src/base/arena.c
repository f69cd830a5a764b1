/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/buf.h"

#include <stdalign.h>
#include <stdlib.h>

static const size_t block_least = 4096;
static const size_t block_most = (size_t)1 << 20;

/* The newest block stands first and is the one that is filled. */
struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) char data[];
};

static struct arena_block *block_new(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct arena_block)) {
        abort();
    }
    struct arena_block *block = mem_resize(NULL, sizeof(struct arena_block) + size, 1);
    *block = (struct arena_block){.size = size};
    return block;
}

/* Frees blocks up to, not including, `end`. */
static void free_blocks(struct arena_block *block, const struct arena_block *end)
{
    while (block != end) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_done(struct arena *arena)
{
    free_blocks(arena->blocks, NULL);
    *arena = (struct arena){0};
}

void arena_reset(struct arena *arena)
{
    struct arena_block *first = arena->blocks;
    while (first != NULL && first->next != NULL) {
        first = first->next;
    }
    free_blocks(arena->blocks, first);
    arena->blocks = first;
    arena->used_bytes = 0;
    if (first == NULL) {
        return;
    }
    first->used = 0;
    if (first->size > block_most) { /* one large request must not stay for the life of the arena */
        arena_done(arena);
    }
}

/* A block of its own goes behind the one being filled, which keeps its room. */
static void *alloc_large(struct arena *arena, size_t len)
{
    struct arena_block *block = block_new(len);
    block->used = len;
    if (arena->blocks == NULL) {
        arena->blocks = block;
        return block->data;
    }
    block->next = arena->blocks->next;
    arena->blocks->next = block;
    return block->data;
}

static void add_block(struct arena *arena, size_t len)
{
    size_t size = arena->blocks != NULL ? arena->blocks->size * 2 : block_least;
    while (size < len) {
        size *= 2;
    }
    struct arena_block *block = block_new(size < block_most ? size : block_most);
    block->next = arena->blocks;
    arena->blocks = block;
}

void *arena_alloc(struct arena *arena, size_t len)
{
    const size_t align = alignof(max_align_t);
    if (len > SIZE_MAX - align) {
        abort();
    }
    len = (len + align - 1) / align * align;
    arena->used_bytes += len;
    if (len > block_most) {
        return alloc_large(arena, len);
    }
    if (arena->blocks == NULL || len > arena->blocks->size - arena->blocks->used) {
        add_block(arena, len);
    }
    void *ptr = arena->blocks->data + arena->blocks->used;
    arena->blocks->used += len;
    return ptr;
}

void *arena_copy(struct arena *arena, const void *ptr, size_t len)
{
    void *copy = arena_alloc(arena, len);
    if (len > 0) {
        memcpy(copy, ptr, len);
    }
    return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text) + 1);
}

struct lf_slice arena_slice(struct arena *arena, struct lf_slice slice)
{
    return (struct lf_slice){arena_copy(arena, slice.ptr, slice.len), slice.len};
}
