/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "lake/adls_internal.h"
#include "net/http_text.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define FORM "abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/PREFIX"
#define ONELAKE_FORM "https://onelake.dfs.fabric.microsoft.com/WORKSPACE/ITEM.Lakehouse/Files/PREFIX"
#define NAME_LEAST 3u
#define NAME_MOST 63u
#define PORT_MOST 65535ul

/* A URL cut into its parts, all owned. */
struct parts {
    char *scheme; /* "https" */
    char *user;   /* in front of an @; NULL: none */
    char *host;   /* with its port */
    char *path;   /* decoded, without slashes at its ends */
};

static void parts_done(struct parts *parts)
{
    text_free(&parts->scheme);
    text_free(&parts->user);
    text_free(&parts->host);
    text_free(&parts->path);
}

static char *without_slashes(const char *text)
{
    text += strspn(text, "/");
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '/') {
        len--;
    }
    return text_copy_len(text, len);
}

static bool decode(const char *text, char **ret_text, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf out = {0};
    if (!http_decode(&out, text, err)) {
        err->kind = LF_CONFIG;
        return lf_error_wrap(err, "the lake's URL");
    }
    *ret_text = text_copy(buf_text(&out));
    return true;
}

/* "host", "host:443", "[::1]:10000". The client would take an empty port, and find nobody there. */
static bool check_host(const char *host, struct lf_error *err)
{
    const char *bracket = host[0] == '[' ? strchr(host, ']') : NULL;
    const char *end = bracket != NULL ? bracket + 1 : host + strcspn(host, ":");
    if (end == host) {
        return lf_error_set(err, LF_CONFIG, 0, "the lake's URL names no host; write " FORM);
    }
    const size_t digits = end[0] == ':' ? strspn(end + 1, "0123456789") : 0;
    const unsigned long port = digits > 0 && end[1 + digits] == '\0' ? strtoul(end + 1, NULL, 10) : 0;
    return end[0] == '\0' || (port > 0 && port <= PORT_MOST) ||
           lf_error_set(err, LF_CONFIG, 0,
                        "\"%.200s\" in the lake's URL is not HOST or HOST:PORT; write a port from 1 to %lu, or none",
                        host, PORT_MOST);
}

static bool cut(const char *url, struct parts *ret_parts, struct lf_error *err)
{
    const char *mark = strstr(url, "://");
    if (mark == NULL || mark == url) {
        return lf_error_set(err, LF_CONFIG, 0, "the lake's URL has no scheme; write " FORM);
    }
    if (strpbrk(url, "?#") != NULL) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the lake's URL must end with its path, without \"?\" or \"#\"; a shared access signature "
                            "belongs into the lake's auth");
    }
    const char *authority = mark + 3;
    const size_t len = strcspn(authority, "/");
    const char *at = memchr(authority, '@', len);
    const size_t user_len = at != NULL ? (size_t)(at - authority) : 0;
    CLEANUP(text_free) char *user = at != NULL ? text_copy_len(authority, user_len) : NULL;
    CLEANUP(text_free) char *path = without_slashes(authority + len);
    ret_parts->scheme = text_copy_len(url, (size_t)(mark - url));
    ret_parts->host = at != NULL ? text_copy_len(at + 1, len - user_len - 1) : text_copy_len(authority, len);
    for (char *c = ret_parts->host; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    TRY(user == NULL || decode(user, &ret_parts->user, err));
    TRY(decode(path, &ret_parts->path, err));
    return check_host(ret_parts->host, err);
}

static bool is_scheme(const struct parts *parts, const char *scheme)
{
    return parts->scheme != NULL && strcasecmp(parts->scheme, scheme) == 0;
}

/* `host` with its service label replaced ("acct.dfs.x" → "acct.blob.x"); NULL when it has none. */
static char *with_service(const char *host, const char *service)
{
    static const char *const labels[] = {".dfs.", ".blob."};
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        const char *found = strstr(host, labels[i]);
        if (found != NULL && found != host) {
            return text_printf("%.*s.%s.%s", (int)(found - host), host, service, found + strlen(labels[i]));
        }
    }
    return NULL;
}

static bool is_onelake(const char *dfs)
{
    static const char suffix[] = "onelake.dfs.fabric.microsoft.com";
    const size_t len = strcspn(dfs, ":");
    const size_t suffix_len = sizeof suffix - 1;
    return len >= suffix_len && strncmp(dfs + len - suffix_len, suffix, suffix_len) == 0 &&
           (len == suffix_len || dfs[len - suffix_len - 1] == '-');
}

/* Takes the first segment off a path. */
static char *take_segment(char **path)
{
    const size_t len = strcspn(*path, "/");
    char *segment = text_copy_len(*path, len);
    char *rest = without_slashes(*path + len);
    text_free(path);
    *path = rest;
    return segment;
}

/* Of a host that has the label of a service. */
static void place_hosts(struct adls_place *place, const char *scheme, const char *host)
{
    CLEANUP(text_free) char *dfs = with_service(host, "dfs");
    CLEANUP(text_free) char *blob = with_service(host, "blob");
    assert(dfs != NULL && blob != NULL);
    place->onelake = is_onelake(dfs);
    place->account = place->onelake ? text_copy("onelake") : text_copy_len(host, strcspn(host, "."));
    place->dfs = text_printf("%s://%s", scheme, dfs);
    place->blob = text_printf("%s://%s", scheme, blob);
}

/* One endpoint for both services, with the account as the first part of its path. */
static void place_path_style(struct adls_place *place, const char *scheme, const char *host, const char *path)
{
    CLEANUP(text_free) char *base = text_printf("%s://%s%s%s", scheme, host, path[0] != '\0' ? "/" : "", path);
    const char *last = strrchr(base, '/');
    const bool named = path[0] != '\0' && strcmp(last + 1, place->account) == 0;
    place->path_style = true;
    place->dfs = named ? text_copy(base) : text_printf("%s/%s", base, place->account);
    place->blob = text_copy(place->dfs);
}

static bool apply_endpoint(struct adls_place *place, const char *endpoint, struct lf_error *err)
{
    CLEANUP(parts_done) struct parts parts = {0};
    if (!cut(endpoint, &parts, err) || parts.user != NULL ||
        !(is_scheme(&parts, "https") || is_scheme(&parts, "http"))) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the endpoint of the lake is not of the form https://HOST or http://HOST:PORT");
    }
    CLEANUP(text_free) char *dfs = with_service(parts.host, "dfs");
    text_free(&place->dfs);
    text_free(&place->blob);
    assert(parts.host != NULL && parts.path != NULL);
    if (dfs == NULL) {
        place_path_style(place, parts.scheme, parts.host, parts.path);
        return true;
    }
    CLEANUP(text_free) char *account = place->account;
    place_hosts(place, parts.scheme, parts.host);
    text_free(&place->account);
    place->account = account;
    account = NULL;
    place->path_style = false;
    return true;
}

static bool parse_abfss(struct adls_place *place, struct parts *parts, struct lf_error *err)
{
    CLEANUP(text_free) char *dfs = with_service(parts->host, "dfs");
    if (dfs == NULL) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "\"%.200s\" is not the host of a storage account; write " FORM
                            ", and an emulator's address as endpoint of the lake",
                            parts->host);
    }
    place_hosts(place, "https", parts->host);
    place->filesystem = text_copy(parts->user != NULL ? parts->user : "");
    place->prefix = text_copy(parts->path);
    return true;
}

static bool parse_https(struct adls_place *place, struct parts *parts, struct lf_error *err)
{
    assert(parts->path != NULL);
    if (parts->user != NULL) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the lake's URL must hold no user or password; credentials belong into the lake's auth");
    }
    CLEANUP(text_free) char *dfs = with_service(parts->host, "dfs");
    if (dfs != NULL) {
        place_hosts(place, parts->scheme, parts->host);
    } else {
        place->account = take_segment(&parts->path);
        if (place->account[0] == '\0') {
            return lf_error_set(err, LF_CONFIG, 0,
                                "the lake's URL names no account; write " FORM
                                ", or of an emulator http://HOST:PORT/ACCOUNT/FILESYSTEM/PREFIX");
        }
        place_path_style(place, parts->scheme, parts->host, "");
    }
    place->filesystem = take_segment(&parts->path);
    place->prefix = text_copy(parts->path);
    return true;
}

/* The service takes "\\" for "/", and control characters not at all. */
bool adls_path_fits(const char *path)
{
    bool fits = lake_path_is_valid(path);
    for (const char *at = path; fits && *at != '\0'; at++) {
        fits = (unsigned char)*at >= ' ' && *at != '\x7f' && *at != '\\';
    }
    return fits;
}

static bool is_filesystem_name(const char *name)
{
    const size_t len = strlen(name);
    bool fits =
        len >= NAME_LEAST && len <= NAME_MOST && name[0] != '-' && name[len - 1] != '-' && strstr(name, "--") == NULL;
    return fits && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool check_onelake(const struct adls_place *place, struct lf_error *err)
{
    const char *slash = strchr(place->prefix, '/');
    const bool in_files = slash != NULL && strncmp(slash, "/Files", 6) == 0 && (slash[6] == '/' || slash[6] == '\0');
    return (place->filesystem[0] != '\0' && in_files) ||
           lf_error_set(err, LF_CONFIG, 0, "a lake in OneLake lies below the Files of an item; write " ONELAKE_FORM);
}

static bool check(const struct adls_place *place, struct lf_error *err)
{
    assert(place->prefix != NULL && place->filesystem != NULL);
    if (place->prefix[0] != '\0' && !adls_path_fits(place->prefix)) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the lake's path must have no empty part, no \".\", no \"..\", no backslash and no control "
                            "character");
    }
    if (place->onelake) {
        return check_onelake(place, err);
    }
    return place->filesystem[0] == '\0' || is_filesystem_name(place->filesystem) ||
           lf_error_set(err, LF_CONFIG, 0,
                        "\"%.100s\" is not the name of a filesystem: 3 to 63 of a-z, 0-9 and single \"-\" between "
                        "them; write " FORM,
                        place->filesystem);
}

static bool parse(struct adls_place *place, const char *url, const char *endpoint, struct lf_error *err)
{
    CLEANUP(parts_done) struct parts parts = {0};
    TRY(cut(url, &parts, err));
    if (is_scheme(&parts, "abfss")) {
        TRY(parse_abfss(place, &parts, err));
    } else if (is_scheme(&parts, "https") || is_scheme(&parts, "http")) {
        TRY(parse_https(place, &parts, err));
    } else {
        return lf_error_set(err, LF_CONFIG, 0, "a lake's URL cannot begin with \"%.20s://\"; write " FORM,
                            parts.scheme);
    }
    TRY(endpoint == NULL || apply_endpoint(place, endpoint, err));
    return check(place, err);
}

bool adls_place_parse(const char *url, const char *endpoint, struct adls_place *ret_place, struct lf_error *err)
{
    struct adls_place place = {0};
    if (!parse(&place, url, endpoint, err)) {
        adls_place_done(&place);
        return false;
    }
    *ret_place = place;
    return true;
}

void adls_place_done(struct adls_place *place)
{
    text_free(&place->dfs);
    text_free(&place->blob);
    text_free(&place->account);
    text_free(&place->filesystem);
    text_free(&place->prefix);
    *place = (struct adls_place){0};
}

struct adls_place adls_place_copy(const struct adls_place *place)
{
    return (struct adls_place){
        .dfs = text_copy(place->dfs),
        .blob = text_copy(place->blob),
        .account = text_copy(place->account),
        .filesystem = text_copy(place->filesystem),
        .prefix = text_copy(place->prefix),
        .onelake = place->onelake,
        .path_style = place->path_style,
    };
}

static void append_encoded_path(struct buf *out, const char *path)
{
    CLEANUP(text_free) char *text = text_copy(path);
    char *rest = NULL;
    for (char *part = strtok_r(text, "/", &rest); part != NULL; part = strtok_r(NULL, "/", &rest)) {
        buf_append_char(out, '/');
        http_encode(out, part);
    }
}

void adls_place_path(const struct adls_place *place, const char *path, struct buf *out)
{
    append_encoded_path(out, place->filesystem);
    append_encoded_path(out, place->prefix);
    append_encoded_path(out, path != NULL ? path : "");
}

void adls_place_url(const struct adls_place *place, bool blob, const char *path, struct buf *out)
{
    buf_append_text(out, blob ? place->blob : place->dfs);
    adls_place_path(place, path, out);
}

void adls_place_filesystem_url(const struct adls_place *place, bool blob, struct buf *out)
{
    buf_append_text(out, blob ? place->blob : place->dfs);
    append_encoded_path(out, place->filesystem);
}
