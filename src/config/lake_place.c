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

/* A name that is escaped in one URL and not in the other is one name. */
static char *unescape(const char *text)
{
    char *plain = text_copy(text);
    char *to = plain;
    for (const char *at = plain; *at != '\0'; at++, to++) {
        *to = *at;
        if (at[0] == '%' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2])) {
            const char digits[] = {at[1], at[2], '\0'};
            *to = (char)strtol(digits, NULL, 16);
            at += 2;
        }
    }
    *to = '\0';
    return plain;
}

/* Both endpoints of an account are one place, and so is a port that goes without saying. */
static void append_host(struct buf *out, const char *host, size_t len)
{
    static const char *const endpoints[] = {".dfs.", ".blob."};
    CLEANUP(text_free) char *lower = text_copy_len(host, len);
    for (char *at = lower; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    char *port = strrchr(lower, ':');
    if (port != NULL && (strcmp(port, ":443") == 0 || strcmp(port, ":80") == 0)) {
        *port = '\0';
    }
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        char *found = strstr(lower, endpoints[i]);
        if (found != NULL) {
            *found = '\0';
            buf_printf(out, "%s.%s", lower, found + strlen(endpoints[i]));
            return;
        }
    }
    buf_append_text(out, lower);
}

/* scheme://filesystem@host/folder and scheme://host/filesystem/folder */
static char *place_in_azure(const char *url)
{
    CLEANUP(text_free) char *plain = unescape(url);
    CLEANUP(buf_done) struct buf host = {0};
    CLEANUP(buf_done) struct buf path = {0};
    const char *authority = strstr(plain, "://");
    authority = authority != NULL ? authority + 3 : plain;
    const size_t len = strcspn(authority, "/");
    const char *at_sign = memchr(authority, '@', len);
    const char *name = at_sign != NULL ? at_sign + 1 : authority;
    append_host(&host, name, len - (size_t)(name - authority));
    if (at_sign != NULL) {
        step(&path, authority, (size_t)(at_sign - authority));
    }
    CLEANUP(buf_done) struct buf folder = {0};
    walk(&folder, authority + len, false);
    buf_append_text(&path, buf_text(&folder));
    return text_printf("azure:%s%s/", buf_text(&host), buf_text(&path));
}

char *lake_place_of(const struct config_link *link)
{
    const char *url = link->lake_url;
    CLEANUP(text_free) char *whole = config_lake_url(link);
    switch (config_lake_form(url)) {
    case CONFIG_LAKE_FOLDER:
        return place_of_folder(strncmp(url, "file:///", 8) == 0 ? url + 7 : url + 5);
    case CONFIG_LAKE_AZURE:
        return place_in_azure(whole);
    default:
        return place_of_url(url);
    }
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
