/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

static const size_t size_least = 64;

static size_t buf_max(const struct buf *buf)
{
    return buf->max > 0 ? buf->max : BUF_MAX_DEFAULT;
}

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_done(struct buf *buf)
{
    free(buf->ptr);
    *buf = (struct buf){.max = buf->max};
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    buf->overflow = false;
    if (buf->ptr != NULL) {
        buf->ptr[0] = '\0';
    }
}

void buf_append_quoted(struct buf *buf, const char *text)
{
    buf_append_char(buf, '\'');
    for (; *text != '\0'; text++) {
        buf_append_text(buf, *text == '\'' ? "'\\''" : (char[]){*text, '\0'});
    }
    buf_append_char(buf, '\'');
}

char *buf_reserve(struct buf *buf, size_t len)
{
    size_t max = buf_max(buf);
    if (buf->overflow || buf->len > max || len > max - buf->len) {
        buf->overflow = true;
        return NULL;
    }
    size_t need = buf->len + len + 1; /* the NUL is not counted against the maximum */
    if (need > buf->size) {
        size_t size = buf->size > size_least / 2 ? buf->size : size_least / 2;
        while (size < need) {
            size *= 2;
        }
        size = size > max + 1 ? max + 1 : size;
        buf->ptr = mem_resize(buf->ptr, size, 1);
        buf->size = size;
    }
    return buf->ptr + buf->len;
}

void buf_commit(struct buf *buf, size_t len)
{
    assert(buf->ptr != NULL && len < buf->size - buf->len);
    buf->len += len;
    buf->ptr[buf->len] = '\0';
}

void buf_append(struct buf *buf, const void *ptr, size_t len)
{
    char *room = buf_reserve(buf, len);
    if (room == NULL) {
        return;
    }
    if (len > 0) {
        memcpy(room, ptr, len);
    }
    buf_commit(buf, len);
}

void buf_append_char(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

void buf_append_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(len >= 0); /* a format that cannot be printed is a bug */
    char *room = buf_reserve(buf, (size_t)len);
    if (room == NULL) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(room, (size_t)len + 1, fmt, args);
    va_end(args);
    buf_commit(buf, (size_t)len);
}

struct lf_slice buf_slice(const struct buf *buf)
{
    return (struct lf_slice){buf->ptr, buf->len};
}

const char *buf_text(const struct buf *buf)
{
    return buf->ptr != NULL ? buf->ptr : "";
}

bool buf_check(const struct buf *buf, const char *what, struct lf_error *err)
{
    if (buf->overflow) {
        return lf_error_set(err, LF_LIMIT, 0, "%s is larger than the limit of %zu bytes", what, buf_max(buf));
    }
    return true;
}

bool slice_equal(struct lf_slice a, struct lf_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int slice_compare(struct lf_slice a, struct lf_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

struct lf_slice slice_of_text(const char *text)
{
    return (struct lf_slice){text, strlen(text)};
}

char *text_copy(const char *text)
{
    return text != NULL ? text_copy_len(text, strlen(text)) : NULL;
}

char *text_copy_len(const void *ptr, size_t len)
{
    assert(len < SIZE_MAX);
    char *copy = mem_resize(NULL, len + 1, 1);
    if (len > 0) {
        memcpy(copy, ptr, len);
    }
    copy[len] = '\0';
    return copy;
}

char *text_printf(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int len = vasprintf(&text, fmt, args);
    va_end(args);
    if (len < 0) {
        abort();
    }
    return text;
}

void text_free(char **text)
{
    free(*text);
    *text = NULL;
}

void *mem_new(size_t count, size_t size)
{
    void *ptr = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
    if (ptr == NULL) {
        abort();
    }
    return ptr;
}

void *mem_resize(void *ptr, size_t count, size_t size)
{
    void *resized = reallocarray(ptr, count > 0 ? count : 1, size > 0 ? size : 1);
    if (resized == NULL) {
        abort();
    }
    return resized;
}

void mem_grow(void *ptr_to_array, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) {
        return;
    }
    size_t half_more = *cap + *cap / 2;
    size_t count = need > half_more ? need : half_more;
    count = count < 8 ? 8 : count;
    void *array = NULL;
    memcpy(&array, ptr_to_array, sizeof array); /* the caller's pointer may be of any object type */
    array = mem_resize(array, count, size);
    memcpy(ptr_to_array, &array, sizeof array);
    *cap = count;
}
