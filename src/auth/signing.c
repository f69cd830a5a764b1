/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/signing.h"

#include "base/crypto.h"
#include "base/macros.h"
#include "net/http_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A name and a value to be sorted: a header, or a parameter of the query. */
struct pair {
    char *name;  /* in small letters */
    char *value; /* trimmed, or decoded */
};

struct pairs {
    struct pair *items;
    size_t count, cap;
};

static void pairs_done(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        free(pairs->items[i].value);
    }
    free(pairs->items);
}

static void pairs_add(struct pairs *pairs, const char *name, const char *value)
{
    mem_grow(&pairs->items, &pairs->cap, pairs->count + 1, sizeof *pairs->items);
    struct pair *pair = &pairs->items[pairs->count++];
    pair->name = text_copy(name);
    pair->value = text_copy(value);
    for (char *c = pair->name; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
}

static int pair_compare(const void *a, const void *b)
{
    const struct pair *left = a;
    const struct pair *right = b;
    const int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->value, right->value);
}

static void pairs_sort(struct pairs *pairs)
{
    if (pairs->count > 1) {
        qsort(pairs->items, pairs->count, sizeof *pairs->items, pair_compare);
    }
}

/* The standard headers in the order of the scheme. The date is empty, for x-ms-date carries it. */
static void append_standard(const struct signing_request *request, struct buf *out)
{
    static const char *const names[] = {
        "Content-Encoding",  "Content-Language", "Content-Length", "Content-MD5",         "Content-Type", "Date",
        "If-Modified-Since", "If-Match",         "If-None-Match",  "If-Unmodified-Since", "Range",
    };
    buf_printf(out, "%s\n", http_method_name(request->method));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = http_headers_get(request->headers, names[i]);
        if (strcmp(names[i], "Content-Length") == 0) {
            if (request->body_bytes > 0) {
                buf_printf(out, "%" PRIu64, request->body_bytes);
            }
        } else if (strcmp(names[i], "Date") != 0 && value != NULL) {
            buf_append_text(out, value);
        }
        buf_append_char(out, '\n');
    }
}

static void append_trimmed(struct buf *out, const char *value)
{
    size_t len = strlen(value);
    while (len > 0 && isspace((unsigned char)value[len - 1])) {
        len--;
    }
    while (len > 0 && isspace((unsigned char)*value)) {
        value++;
        len--;
    }
    buf_append(out, value, len);
}

static void append_own_headers(const struct http_headers *headers, struct buf *out)
{
    CLEANUP(pairs_done) struct pairs pairs = {0};
    for (size_t i = 0; i < http_headers_count(headers); i++) {
        const char *name = NULL;
        const char *value = NULL;
        http_headers_at(headers, i, &name, &value);
        if (strncasecmp(name, "x-ms-", 5) == 0) {
            pairs_add(&pairs, name, value);
        }
    }
    pairs_sort(&pairs);
    for (size_t i = 0; i < pairs.count; i++) {
        buf_printf(out, "%s:", pairs.items[i].name);
        append_trimmed(out, pairs.items[i].value);
        buf_append_char(out, '\n');
    }
}

static bool add_parameter(const char *text, size_t len, struct pairs *pairs, struct lf_error *err)
{
    const char *equals = memchr(text, '=', len);
    const size_t name_len = equals != NULL ? (size_t)(equals - text) : len;
    CLEANUP(text_free) char *raw_name = text_copy_len(text, name_len);
    CLEANUP(text_free) char *raw_value = equals != NULL ? text_copy_len(equals + 1, len - name_len - 1) : text_copy("");
    CLEANUP(buf_done) struct buf name = {0};
    CLEANUP(buf_done) struct buf value = {0};
    TRY(http_decode(&name, raw_name, err));
    TRY(http_decode(&value, raw_value, err));
    pairs_add(pairs, buf_text(&name), buf_text(&value));
    return true;
}

static bool append_query(const char *query, struct buf *out, struct lf_error *err)
{
    CLEANUP(pairs_done) struct pairs pairs = {0};
    while (*query != '\0') {
        const size_t len = strcspn(query, "&");
        if (len > 0) {
            TRY(add_parameter(query, len, &pairs, err));
        }
        query += len + (query[len] == '&' ? 1 : 0);
    }
    pairs_sort(&pairs);
    for (size_t i = 0; i < pairs.count; i++) {
        if (i > 0 && strcmp(pairs.items[i - 1].name, pairs.items[i].name) == 0) {
            buf_printf(out, ",%s", pairs.items[i].value);
        } else {
            buf_printf(out, "\n%s:%s", pairs.items[i].name, pairs.items[i].value);
        }
    }
    return true;
}

bool signing_append_text(const struct signing_request *request, const char *account, struct buf *out,
                         struct lf_error *err)
{
    append_standard(request, out);
    append_own_headers(request->headers, out);
    const char *host = strstr(request->url, "://");
    host = host != NULL ? host + 3 : request->url;
    const char *path = host + strcspn(host, "/?#");
    const size_t path_len = strcspn(path, "?#");
    buf_printf(out, "/%s%s", account, path_len == 0 ? "/" : "");
    buf_append(out, path, path_len);
    if (path[path_len] == '?') {
        CLEANUP(text_free) char *query = text_copy_len(path + path_len + 1, strcspn(path + path_len + 1, "#"));
        TRY(append_query(query, out, err));
    }
    return buf_check(out, "the text to be signed", err);
}

void signing_append_authorization(const char *account, const void *key, size_t key_len, struct lf_slice text,
                                  struct buf *out)
{
    unsigned char mac[HMAC_SHA256_BYTES];
    hmac_sha256(key, key_len, text.ptr, text.len, mac);
    buf_printf(out, "SharedKey %s:", account);
    base64_append(out, mac, sizeof mac);
}
