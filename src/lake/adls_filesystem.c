/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "lake/adls_internal.h"

#include <string.h>

bool adls_filesystem_create(struct adls_lake *lake, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    adls_call_init(&call, lake, ADLS_DFS, "create the filesystem", HTTP_PUT, NULL, "resource=filesystem");
    TRY(adls_call_run(&call, err));
    const bool exists = adls_call_is(&call, "FilesystemAlreadyExists") || adls_call_is(&call, "ContainerAlreadyExists");
    if (adls_call_ok(&call)) {
        log_write(lake->log, &lake->where, EVENT_filesystem_created,
                  (struct log_field[]){LOG_TEXT("filesystem", lake->place.filesystem), {0}});
    }
    return exists || adls_call_ok(&call) || adls_call_fail(&call, err);
}

/* Whoever may not look at the filesystem, such as a signature for one folder, may look at what lies in it: only a hierarchical
 * namespace has access control lists. */
static bool look_at_root(struct adls_lake *lake, bool *ret_hierarchical, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    adls_call_init(&call, lake, ADLS_DFS, "look at the folder of the lake", HTTP_HEAD, "", "action=getAccessControl");
    TRY(adls_call_run(&call, err));
    *ret_hierarchical = adls_call_ok(&call) || adls_call_is_missing(&call);
    return *ret_hierarchical || call.reply.status == 400 || adls_call_fail(&call, err);
}

bool adls_filesystem_look(struct adls_lake *lake, bool *ret_hierarchical, struct lf_error *err)
{
    CLEANUP(adls_call_done) struct adls_call call = {0};
    adls_call_init(&call, lake, ADLS_DFS, "look at the filesystem", HTTP_HEAD, NULL, "resource=filesystem");
    TRY(adls_call_run(&call, err));
    const char *answer = adls_call_header_of(&call, "x-ms-namespace-enabled");
    if (adls_call_ok(&call) && answer != NULL) {
        *ret_hierarchical = strcasecmp(answer, "true") == 0;
        return true;
    }
    if (adls_call_ok(&call) || call.reply.status == 403) {
        return look_at_root(lake, ret_hierarchical, err);
    }
    return adls_call_fail(&call, err);
}
