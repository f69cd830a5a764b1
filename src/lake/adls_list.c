/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/macros.h"
#include "lake/adls_internal.h"
#include "net/http_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ENTRIES "1000" /* of the 5,000 that there may be: no ledger knows of a page, and each link may have one */
#define PAGE_BYTES_MAX ((size_t)8 << 20) /* so many names of 1,024 characters, escaped */
#define ENTRY_BYTES_MAX ((size_t)64 << 10)

/* ---- a page ---- */

struct page {
    const struct buf *text;
    size_t pos;
    char *below; /* "prefix/", what names begin with that are the lake's; "" */
    size_t below_len;
    char *folder; /* "a/b/": only those below it; "" */
    size_t folder_len;
    lake_visitor visit;
    void *context;
    bool visitor_failed;
    struct lf_error failure; /* of the visitor, as it was */
};

static void page_done(struct page *page)
{
    text_free(&page->below);
    text_free(&page->folder);
}

static bool next_bytes(void *context, char *ret_bytes, size_t size, size_t *ret_len, UNUSED struct lf_error *err)
{
    struct page *page = context;
    const size_t left = page->text->len - page->pos;
    *ret_len = left < size ? left : size;
    if (*ret_len > 0) {
        memcpy(ret_bytes, page->text->ptr + page->pos, *ret_len);
    }
    page->pos += *ret_len;
    return true;
}

/* Numbers and booleans may stand as texts. */
static bool is_true(const struct json *value)
{
    bool truth = false;
    const char *text = json_text(value);
    return text != NULL ? strcasecmp(text, "true") == 0 : json_bool(value, &truth) && truth;
}

static bool read_bytes(const struct json *value, uint64_t *ret_bytes)
{
    int64_t number = 0;
    const char *text = json_text(value);
    char *end = NULL;
    if (text == NULL) {
        *ret_bytes = 0;
        bool found = json_int(value, &number) && number >= 0;
        *ret_bytes = found ? (uint64_t)number : 0;
        return found || value == NULL;
    }
    errno = 0;
    *ret_bytes = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static bool visit_entry(void *context, const char *member, const struct json *piece, struct lf_error *err)
{
    struct page *page = context;
    uint64_t bytes = 0;
    if (strcmp(member, "paths") != 0) {
        return true;
    }
    const char *name = json_text(json_member(piece, "name"));
    if (name == NULL || !read_bytes(json_member(piece, "contentLength"), &bytes)) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "an entry has no name, or a length that is no number");
    }
    if (is_true(json_member(piece, "isDirectory")) || strncmp(name, page->below, page->below_len) != 0 ||
        strncmp(name + page->below_len, page->folder, page->folder_len) != 0) {
        return true;
    }
    page->visitor_failed = !page->visit(page->context, name + page->below_len, bytes, &page->failure);
    return !page->visitor_failed || lf_error_set(err, page->failure.kind, 0, "the visitor stops");
}

bool adls_list_parse(const struct adls_place *place, const char *folder, const struct buf *text, lake_visitor visit,
                     void *context, struct lf_error *err)
{
    static const char *const split[] = {"paths", NULL};
    CLEANUP(page_done)
    struct page page = {.text = text,
                        .below = text_printf("%s%s", place->prefix, place->prefix[0] != '\0' ? "/" : ""),
                        .folder = text_printf("%s%s", folder, folder[0] != '\0' ? "/" : ""),
                        .visit = visit,
                        .context = context};
    page.below_len = strlen(page.below);
    page.folder_len = strlen(page.folder);
    const bool read =
        json_read_pieces("listing of the lake", next_bytes, &page, split, ENTRY_BYTES_MAX, visit_entry, &page, err);
    if (page.visitor_failed) {
        *err = page.failure;
    }
    return read;
}

/* ---- the listing ---- */

static void append_directory(const struct adls_place *place, const char *folder, struct buf *query)
{
    const bool both = place->prefix[0] != '\0' && folder[0] != '\0';
    CLEANUP(text_free) char *directory = text_printf("%s%s%s", place->prefix, both ? "/" : "", folder);
    if (directory[0] != '\0') {
        buf_append_text(query, "&directory=");
        http_encode(query, directory);
    }
}

/* *continuation: where the page begins, then where the next one does; NULL: at the start, or nowhere. */
static bool list_page(struct adls_lake *lake, const char *folder, char **continuation, struct buf *page,
                      bool *ret_found, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    CLEANUP(buf_done) struct buf query = {0};
    buf_append_text(&query, "resource=filesystem&recursive=true&maxResults=" PAGE_ENTRIES);
    append_directory(&lake->place, folder, &query);
    if (*continuation != NULL) {
        buf_append_text(&query, "&continuation=");
        http_encode(&query, *continuation);
    }
    adls_call_init(&call, lake, ADLS_DFS, "list the files of", HTTP_GET, NULL, buf_text(&query));
    call.request.sink_buf = page;
    call.request.sink_size = PAGE_BYTES_MAX;
    TRY(adls_call_run(&call, err));
    const bool first = *continuation == NULL;
    text_free(continuation);
    *ret_found = !(first && adls_call_is_missing(&call));
    if (!*ret_found) {
        return true;
    }
    const char *next = adls_call_header_of(&call, "x-ms-continuation");
    *continuation = next != NULL && next[0] != '\0' ? text_copy(next) : NULL;
    if (!adls_call_ok(&call)) {
        (void)adls_call_fail(&call, err);
        err->kind = !first && err->kind == LF_NOT_FOUND ? LF_TRANSIENT : err->kind; /* half a list is none */
        return false;
    }
    return true;
}

bool adls_list(struct lake *lake, const char *prefix, lake_visitor visit, void *context, struct lf_error *err)
{
    CLEANUP(text_free) char *continuation = NULL;
    CLEANUP(buf_done) struct buf page = {.max = PAGE_BYTES_MAX + 1};
    struct adls_lake *adls = adls_of(lake);
    bool found = true;
    TRY(prefix[0] == '\0' || adls_check_path(prefix, err));
    do {
        TRY(list_page(adls, prefix, &continuation, &page, &found, err));
        if (found) {
            TRY(adls_list_parse(&adls->place, prefix, &page, visit, context, err));
        }
        buf_reset(&page);
    } while (found && continuation != NULL);
    return true;
}

/* ---- removing ---- */

static bool delete_path(struct adls_lake *lake, const char *path, const char *what, bool folder, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    TRY(adls_check_path(path, err));
    TRY(adls_may_write(lake, err));
    adls_call_init(&call, lake, ADLS_DFS, what, HTTP_DELETE, path, "recursive=false");
    TRY(adls_call_run(&call, err));
    const bool expected = adls_call_is_missing(&call) || (folder && adls_call_is(&call, "DirectoryNotEmpty"));
    return adls_call_ok(&call) || expected || adls_call_fail(&call, err);
}

bool adls_remove(struct lake *lake, const char *path, struct lf_error *err)
{
    return delete_path(adls_of(lake), path, "remove", false, err);
}

bool adls_remove_folder(struct lake *lake, const char *path, struct lf_error *err)
{
    return delete_path(adls_of(lake), path, "remove the folder", true, err);
}
