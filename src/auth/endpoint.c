/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/endpoint.h"

#include "base/macros.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum reach { REACH_MACHINE, REACH_PLATFORM, REACH_ANYWHERE };

/* The host of an URL: without user, port and brackets. */
static bool copy_host(const char *url, char *ret_host, size_t size)
{
    const char *begin = strstr(url, "://");
    if (begin == NULL) {
        return false;
    }
    begin += 3;
    size_t len = strcspn(begin, "/?#");
    if (memchr(begin, '@', len) != NULL || memchr(begin, '\\', len) != NULL) {
        return false;
    }
    if (*begin == '[') {
        begin++;
        len = strcspn(begin, "]");
    } else {
        const size_t host_len = strcspn(begin, ":");
        len = host_len < len ? host_len : len;
    }
    if (len == 0 || len >= size) {
        return false;
    }
    memcpy(ret_host, begin, len);
    ret_host[len] = '\0';
    return true;
}

static enum reach reach_of_v4(uint32_t address)
{
    static const struct {
        uint32_t network, mask;
    } private_networks[] = {
        {0xA9FE0000, 0xFFFF0000}, /* 169.254.0.0/16 */
        {0x0A000000, 0xFF000000}, /* 10.0.0.0/8 */
        {0xAC100000, 0xFFF00000}, /* 172.16.0.0/12 */
        {0xC0A80000, 0xFFFF0000}, /* 192.168.0.0/16 */
    };
    if ((address & 0xFF000000) == 0x7F000000) {
        return REACH_MACHINE;
    }
    for (size_t i = 0; i < ARRAY_LEN(private_networks); i++) {
        if ((address & private_networks[i].mask) == private_networks[i].network) {
            return REACH_PLATFORM;
        }
    }
    return REACH_ANYWHERE;
}

static enum reach reach_of(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcasecmp(host, "localhost") == 0) {
        return REACH_MACHINE;
    }
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return reach_of_v4(ntohl(v4.s_addr));
    }
    if (inet_pton(AF_INET6, host, &v6) == 1) {
        return IN6_IS_ADDR_LOOPBACK(&v6) ? REACH_MACHINE : IN6_IS_ADDR_LINKLOCAL(&v6) ? REACH_PLATFORM : REACH_ANYWHERE;
    }
    return REACH_ANYWHERE;
}

static bool check(const char *url, const char *what, enum reach most, struct lf_error *err)
{
    char host[256];
    if (!copy_host(url, host, sizeof host)) {
        return lf_error_set(err, LF_CONFIG, 0, "%s cannot be sent: the URL has no usable host", what);
    }
    if (strncasecmp(url, "https://", 8) == 0) {
        return true;
    }
    if (strncasecmp(url, "http://", 7) == 0 && reach_of(host) <= most) {
        return true;
    }
    return lf_error_set(err, LF_CONFIG, 0,
                        "%s is not sent to %s over plain http, where others can read it; use an https:// endpoint",
                        what, host);
}

bool endpoint_check_private(const char *url, const char *what, struct lf_error *err)
{
    return check(url, what, REACH_MACHINE, err);
}

bool endpoint_check_platform(const char *url, const char *what, struct lf_error *err)
{
    return check(url, what, REACH_PLATFORM, err);
}
