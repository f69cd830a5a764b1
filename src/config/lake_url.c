/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/macros.h"
#include "config/config.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *prefix;
    enum config_lake_form form;
} prefixes[] = {
#define PREFIX_ROW(prefix, form) {prefix, CONFIG_LAKE_##form},
    CONFIG_LAKE_PREFIXES(PREFIX_ROW)
#undef PREFIX_ROW
};

enum config_lake_form config_lake_form(const char *url)
{
    for (size_t i = 0; url != NULL && i < ARRAY_LEN(prefixes); i++) {
        if (strncasecmp(url, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0) {
            return prefixes[i].form;
        }
    }
    return CONFIG_LAKE_ANY;
}

/* "My_Shop" gives lakefeed-my-shop: what a filesystem may be called, at most 63 of a-z 0-9 and single dashes. The name of a
 * link is never too long for that. */
static char *default_filesystem(const char *link)
{
    CLEANUP(buf_done) struct buf name = {0};
    buf_append_text(&name, "lakefeed-");
    for (const char *at = link; *at != '\0'; at++) {
        const unsigned char c = (unsigned char)*at;
        if (isascii(c) && isalnum(c)) {
            buf_append_char(&name, (char)tolower(c));
        } else if (name.ptr[name.len - 1] != '-') {
            buf_append_char(&name, '-');
        }
    }
    while (name.len > 0 && name.ptr[name.len - 1] == '-') {
        name.len--;
    }
    return text_copy_len(name.ptr, name.len);
}

/* Segments of the path that come before the filesystem: the account, where the host does not name it. */
static size_t count_before_filesystem(const char *host, size_t len)
{
    CLEANUP(text_free) char *text = text_copy_len(host, len);
    return strcasestr(text, ".dfs.") != NULL || strcasestr(text, ".blob.") != NULL ? 0 : 1;
}

bool config_lake_has_filesystem(const char *url)
{
    const char *authority = strstr(url, "://");
    if (config_lake_form(url) != CONFIG_LAKE_AZURE || authority == NULL) {
        return true;
    }
    authority += 3;
    const size_t len = strcspn(authority, "/");
    if (strncasecmp(url, "http", 4) != 0) {
        return memchr(authority, '@', len) != NULL;
    }
    size_t segments = 0;
    for (const char *at = authority + len; *at != '\0'; at += strcspn(at, "/")) {
        at += strspn(at, "/");
        segments += *at != '\0';
    }
    return segments > count_before_filesystem(authority, len);
}

char *config_lake_url(const struct config_link *link)
{
    const char *url = link->lake_url;
    if (config_lake_has_filesystem(url)) {
        return text_copy(url);
    }
    CLEANUP(text_free)
    char *name = link->filesystem != NULL ? text_copy(link->filesystem) : default_filesystem(link->name);
    const char *authority = strstr(url, "://") + 3;
    if (strncasecmp(url, "http", 4) != 0) {
        return text_printf("%.*s%s@%s", (int)(authority - url), url, name, authority);
    }
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/') {
        len--;
    }
    return text_printf("%.*s/%s", (int)len, url, name);
}
