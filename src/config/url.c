/* SPDX-License-Identifier: Apache-2.0 */
#include "config/url.h"

#include "base/macros.h"
#include "config/config.h"

#include <string.h>
#include <strings.h>

const char *const url_password_names[] = {"password", "passwd", "pwd", "sslpassword", NULL};

bool url_is_password_name(struct lf_slice name)
{
    for (const char *const *known = url_password_names; *known != NULL; known++) {
        if (strlen(*known) == name.len && strncasecmp(*known, name.ptr, name.len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_key_name(struct lf_slice name)
{
    static const char *const names[] = {"sig", "accountkey", "account_key", "sharedaccesssignature"};
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        found = found || (strlen(names[i]) == name.len && strncasecmp(names[i], name.ptr, name.len) == 0);
    }
    return found;
}

/* name=value anywhere, in a query or between blanks as some libraries take it. */
static bool has_parameter(const char *url, bool (*is_meant)(struct lf_slice name))
{
    static const char separators[] = "?&; \t\r\n";
    const char *at = url;
    while (*at != '\0') {
        const size_t len = strcspn(at, separators);
        const char *equals = memchr(at, '=', len);
        if (equals != NULL && equals + 1 < at + len && is_meant((struct lf_slice){at, (size_t)(equals - at)})) {
            return true;
        }
        at += at[len] != '\0' ? len + 1 : len;
    }
    return false;
}

/* scheme://user:password@host. A password may itself hold a slash that ought to have been escaped: a colon that begins no
 * port, and an @ somewhere behind it, are taken for one too. */
static bool has_password_in_host(const char *url)
{
    const char *scheme_end = strstr(url, "://");
    if (scheme_end == NULL) {
        return false;
    }
    const char *host = scheme_end + 3;
    const size_t len = strcspn(host, "/?#");
    const char *colon = memchr(host, ':', len);
    const char *at_sign = memrchr(host, '@', len);
    if (colon == NULL) {
        return false;
    }
    if (at_sign != NULL) {
        return colon + 1 < at_sign;
    }
    const size_t port = strspn(colon + 1, "0123456789");
    return host[0] != '[' && colon + 1 + port != host + len && strchr(host + len, '@') != NULL;
}

bool config_check_url(const char *url, struct lf_error *err)
{
    const bool password = has_password_in_host(url) || has_parameter(url, url_is_password_name);
    if (has_parameter(url, is_key_name) || (password && strncasecmp(url, "abfs", 4) == 0)) {
        return lf_error_set(
            err, LF_CONFIG, 0,
            "a key or SAS inside a URL is refused, because lists of processes and logs show it; take it out and put it "
            "into the configuration: \"auth\" of the lake with \"kind\": \"sas\" and \"sas\": {\"file\": \"PATH\"} or "
            "{\"env\": \"NAME\"} (a key: \"shared_key\" and \"account_key\"), or use an identity that needs no secret");
    }
    if (password && strncasecmp(url, "http", 4) == 0) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "a password inside a URL is refused, because lists of processes and logs show it; take it "
                            "out: who a link is "
                            "towards its lake belongs into \"auth\" of the lake, a proxy that asks for a password into "
                            "https_proxy in the "
                            "environment");
    }
    if (password) {
        return lf_error_set(
            err, LF_CONFIG, 0,
            "a password inside a URL is refused, because lists of processes and logs show it; take it out "
            "and put it into ~/.pgpass, into the environment variable PGPASSWORD, or into the configuration "
            "as the option \"password\" of the source: {\"file\": \"PATH\"} or {\"env\": \"NAME\"}");
    }
    return true;
}
