/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "base/secret.h"
#include "net/http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct header {
    char *name;
    char *value;
};

struct http_headers {
    struct header *all;
    size_t count;
    size_t size;
};

struct http_headers *http_headers_new(void)
{
    return mem_new(1, sizeof(struct http_headers));
}

static void header_done(struct header *header)
{
    text_free(&header->name);
    secret_text_free(&header->value); /* may be a token */
}

void http_headers_free(struct http_headers **headers)
{
    if (*headers == NULL) {
        return;
    }
    for (size_t i = 0; i < (*headers)->count; i++) {
        header_done(&(*headers)->all[i]);
    }
    free((*headers)->all);
    free(*headers);
    *headers = NULL;
}

void http_headers_add(struct http_headers *headers, const char *name, const char *value)
{
    mem_grow(&headers->all, &headers->size, headers->count + 1, sizeof headers->all[0]);
    headers->all[headers->count++] = (struct header){.name = text_copy(name), .value = text_copy(value)};
}

static size_t find(const struct http_headers *headers, const char *name)
{
    size_t i = 0;
    while (i < headers->count && strcasecmp(headers->all[i].name, name) != 0) {
        i++;
    }
    return i;
}

void http_headers_remove(struct http_headers *headers, const char *name)
{
    for (size_t i = find(headers, name); i < headers->count; i = find(headers, name)) {
        header_done(&headers->all[i]);
        headers->count--;
        memmove(&headers->all[i], &headers->all[i + 1], (headers->count - i) * sizeof headers->all[0]);
    }
}

void http_headers_set(struct http_headers *headers, const char *name, const char *value)
{
    char *kept = text_copy(value); /* which may stand in the list itself */
    http_headers_remove(headers, name);
    http_headers_add(headers, name, kept);
    secret_text_free(&kept);
}

const char *http_headers_get(const struct http_headers *headers, const char *name)
{
    size_t i = find(headers, name);
    return i < headers->count ? headers->all[i].value : NULL;
}

size_t http_headers_count(const struct http_headers *headers)
{
    return headers->count;
}

void http_headers_at(const struct http_headers *headers, size_t i, const char **ret_name, const char **ret_value)
{
    assert(i < headers->count);
    *ret_name = headers->all[i].name;
    *ret_value = headers->all[i].value;
}

bool http_header_is_shown(const char *name)
{
    static const char *const shown[] = {
        "content-length",
        "content-type",
        "date",
        "etag",
        "last-modified",
        "request-id",
        "retry-after",
        "server",
        "x-ms-error-code",
        "x-ms-client-request-id",
        "x-ms-version",
        "x-ms-request-id",
        "x-ms-date",
        "x-ms-rejected-headers",
    };
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        if (strcasecmp(shown[i], name) == 0) {
            return true;
        }
    }
    return false;
}

const char *http_method_name(enum http_method method)
{
    static const char *const names[] = {
        [HTTP_GET] = "GET",   [HTTP_HEAD] = "HEAD",   [HTTP_PUT] = "PUT",
        [HTTP_POST] = "POST", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
    };
    return names[method];
}

void http_url_show(const char *url, struct buf *out)
{
    size_t len = strcspn(url, "?#");
    const char *mark = memmem(url, len, "://", 3);
    const char *host = mark != NULL ? mark + 3 : url;
    size_t authority = strcspn(host, "/?#");
    const char *user = memrchr(host, '@', authority);
    buf_append(out, url, (size_t)(host - url));
    host = user != NULL ? user + 1 : host;
    buf_append(out, host, len - (size_t)(host - url));
}
