/* SPDX-License-Identifier: Apache-2.0 */
#include "lake/adls_errors.h"

#include "base/macros.h"

#include <stddef.h>

static const struct adls_error_row rows[] = {
#define ROW(code, kind, meaning, cure) {code, LF_##kind, meaning, cure},
    ADLS_ERRORS(ROW)
#undef ROW
};

struct status_row {
    unsigned first, last;
    struct adls_error_row row;
};

static const struct status_row statuses[] = {
    {401, 401, {"", LF_AUTH, "the service does not accept the credentials", "check the lake's auth"}},
    {403, 403, {"", LF_AUTH, "the service refuses the identity", "check its role, and the firewall of the account"}},
    {404, 404, {"", LF_NOT_FOUND, "it does not exist", "check account, filesystem and path of the lake"}},
    {408, 408, {"", LF_TRANSIENT, "the service did not get the request in time", "wait; it is tried again"}},
    {409, 409, {"", LF_CONFLICT, "it stands in conflict with what is there", "find out who else writes to this lake"}},
    {412, 412, {"", LF_CONFLICT, "it was changed by somebody else", "find out who else writes to this lake"}},
    {413, 413, {"", LF_LIMIT, "it is too large for one request", "make the file smaller"}},
    {429, 429, {"", LF_THROTTLED, "the service is busy", "wait; it is tried again more slowly"}},
    {501, 501, {"", LF_UNSUPPORTED, "the service does not support this", "check the endpoint of the lake"}},
    {503, 503, {"", LF_THROTTLED, "the service is busy", "wait; it is tried again more slowly"}},
    {505, 505, {"", LF_UNSUPPORTED, "the service does not support this", "check the endpoint of the lake"}},
    {500, 599, {"", LF_TRANSIENT, "the service had an internal error", "wait; it is tried again"}},
};

const struct adls_error_row *adls_error_find(const char *code, unsigned status)
{
    static const struct adls_error_row unexpected = {"", LF_UNSUPPORTED, "the service does not understand the request",
                                                     "check that the endpoint is Azure Data Lake Storage Gen2"};
    for (size_t i = 0; code != NULL && i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].code, code) == 0) {
            return &rows[i];
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        if (status >= statuses[i].first && status <= statuses[i].last) {
            return &statuses[i].row;
        }
    }
    return &unexpected;
}
