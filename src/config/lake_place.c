/* SPDX-License-Identifier: Apache-2.0 */
#include "config/lake_place.h"

#include "base/buf.h"
#include "base/macros.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Adds one component; `out` ends without a slash. */
static void step(struct buf *out, const char *name, size_t len)
{
    if (len == 0 || (len == 1 && name[0] == '.')) {
        return;
    }
    if (len == 2 && memcmp(name, "..", 2) == 0) {
        const char *slash = out->len > 0 ? memrchr(out->ptr, '/', out->len) : NULL;
        out->len = slash != NULL ? (size_t)(slash - out->ptr) : 0;
        return;
    }
    buf_append_char(out, '/');
    buf_append(out, name, len);
}

static void follow_links(struct buf *out)
{
    CLEANUP(text_free) char *path = text_copy_len(out->ptr, out->len);
    CLEANUP(text_free) char *real = realpath(path, NULL);
    if (real != NULL) {
        out->len = 0;
        buf_append_text(out, strcmp(real, "/") == 0 ? "" : real);
    }
}

static void walk(struct buf *out, const char *path, bool follow)
{
    while (*path != '\0') {
        const size_t len = strcspn(path, "/");
        step(out, path, len);
        if (follow && len > 0 && out->len > 0) {
            follow_links(out);
        }
        path += len + (path[len] == '/');
    }
}

static char *place_of_folder(const char *path)
{
    CLEANUP(buf_done) struct buf out = {0};
    if (path[0] != '/') {
        char *current = getcwd(NULL, 0);
        walk(&out, current != NULL ? current : "", true);
        free(current);
    }
    walk(&out, path, true);
    return text_printf("file:%.*s/", (int)out.len, out.len > 0 ? out.ptr : "");
}

/* Scheme and host in any case; a query or fragment is part of the last name. */
static char *place_of_url(const char *url)
{
    CLEANUP(buf_done) struct buf out = {0};
    const char *authority = strstr(url, "://");
    const char *colon = strchr(url, ':');
    const char *path = authority != NULL ? authority + 3 + strcspn(authority + 3, "/")
                       : colon != NULL   ? colon + 1
                                         : url;
    walk(&out, path, false);
    char *place = text_printf("%.*s%.*s/", (int)(path - url), url, (int)out.len, out.len > 0 ? out.ptr : "");
    for (char *at = place; at < place + (path - url); at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    return place;
}

char *lake_place_of(const char *url)
{
    if (strncmp(url, "file:", 5) != 0) {
        return place_of_url(url);
    }
    return place_of_folder(strncmp(url, "file:///", 8) == 0 ? url + 7 : url + 5);
}

struct entry {
    const char *place;
    size_t index;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    const int order = strcmp(left->place, right->place);
    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

/* A place stands right before the first one that lies in it, because both begin with the same text. */
bool lake_place_find_overlap(const char *const *places, size_t n, struct lake_overlap *ret)
{
    struct entry *entries = mem_new(n, sizeof *entries);
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        entries[i] = (struct entry){places[i], i};
    }
    qsort(entries, n, sizeof *entries, compare_entries);
    for (size_t i = 1; i < n && !found; i++) {
        found = strncmp(entries[i].place, entries[i - 1].place, strlen(entries[i - 1].place)) == 0;
        *ret = (struct lake_overlap){entries[i - 1].index, entries[i].index};
    }
    free(entries);
    return found;
}
