/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/entra_error.h"

#include "base/macros.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    unsigned code;
    const char *cure;
} cures[] = {
    {50034, "there is no such application in this directory; compare client_id and tenant_id"},
    {50049, "the authority does not know this directory; compare tenant_id and authority"},
    {53003, "a conditional access policy of the directory blocks it; allow this application from here"},
    {65001, "an administrator of the directory has to consent to the application"},
    {70011, "the audience is malformed; leave audience at https://storage.azure.com/"},
    {70021, "no federated credential of the application fits; compare issuer, subject and audience with the token"},
    {90002, "there is no such directory; compare tenant_id and authority"},
    {90014, "the request lacks a field; compare client_id and the secret"},
    {500011, "the directory does not know the audience; leave audience at https://storage.azure.com/"},
    {700016, "there is no such application in this directory; compare client_id and tenant_id"},
    {700024, "the assertion is not valid yet or no more; set the clock of this machine"},
    {700025, "the application is a public client; register it as a confidential one"},
    {700027, "the certificate is not registered with the application, or expired; upload it (public part) there"},
    {700030, "the certificate is not valid; upload the one that is in use to the application"},
    {700211, "no federated credential of the application has this issuer; compare it with the token's iss"},
    {700212, "no federated credential of the application has this audience; use api://AzureADTokenExchange"},
    {700213, "no federated credential of the application has this subject; compare it with the token's sub"},
    {900023, "tenant_id is neither an id nor a domain of a directory"},
    {900382, "the application lives in another cloud; set authority to the one of its cloud"},
    {1002012, "the audience is malformed; leave audience at https://storage.azure.com/"},
    {7000112, "the application is disabled; enable it in the directory"},
    {7000215, "the secret is wrong; give the value of the secret, not its id, and look whether it was replaced"},
    {7000218, "the application has to prove itself; set a secret, a certificate or a federated token"},
    {7000222, "the secret has expired; make a new one for the application and put it in its place"},
    {7000229, "the application has no service principal in this directory; make one: az ad sp create --id CLIENT_ID"},
};

unsigned entra_error_code(const char *description)
{
    const char *at = strstr(description, "AADSTS");
    return at != NULL ? (unsigned)strtoul(at + 6, NULL, 10) : 0;
}

unsigned entra_error_at(size_t i)
{
    return i < ARRAY_LEN(cures) ? cures[i].code : 0;
}

const char *entra_error_cure(unsigned code)
{
    for (size_t i = 0; i < ARRAY_LEN(cures); i++) {
        if (cures[i].code == code) {
            return cures[i].cure;
        }
    }
    return "look the number up at https://login.microsoftonline.com/error and compare tenant_id, client_id and its "
           "secret";
}

bool entra_error_may_pass(unsigned code, const char *error)
{
    static const unsigned passing[] = {50196, 90013, 90033, 90055};
    for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
        if (passing[i] == code) {
            return true;
        }
    }
    return strcmp(error, "temporarily_unavailable") == 0;
}

void entra_error_shorten(const char *description, char *ret_text, size_t size)
{
    static const char trace[] = "Trace ID: ";
    const char *id = strstr(description, trace);
    size_t len = id != NULL ? (size_t)(id - description) : strlen(description);
    while (len > 0 && strchr(" \r\n.", description[len - 1]) != NULL) {
        len--;
    }
    len = len > 400 ? 400 : len;
    if (id == NULL) {
        (void)snprintf(ret_text, size, "%.*s", (int)len, description);
        return;
    }
    id += sizeof trace - 1;
    (void)snprintf(ret_text, size, "%.*s (trace %.*s)", (int)len, description, (int)strcspn(id, " \r\n"), id);
}
