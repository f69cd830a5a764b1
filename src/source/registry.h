/* SPDX-License-Identifier: Apache-2.0
 *
 * Where connectors come from: a table of built-in ones that the application passes in, and plug-ins loaded from one
 * folder. Both are checked to the same ABI. Nothing here is global; a plug-in belongs to the caller.
 */
#ifndef SOURCE_REGISTRY_H
#define SOURCE_REGISTRY_H

#include "lakefeed/connector.h"

#include <stdbool.h>
#include <stddef.h>

/* The connectors that a process knows; borrowed. */
struct registry {
    const struct lf_connector *const *connectors;
    size_t nconnectors;
};

/* By name, or by the scheme of its URLs. NULL: none. */
const struct lf_connector *registry_find(const struct registry *registry, const char *scheme_or_name);

struct registry_folder {
    const char *path;
    bool any_owner; /* for tests: the folder and its files need not belong to root */
};

struct registry_plugin; /* a loaded plug-in */

/* Loads lakefeed_<name>.so. The folder and the file must belong to root, and neither group nor others may write them.
 * Kinds: CONFIG (name, owner or mode), NOT_FOUND (no such file), UNSUPPORTED (not a connector of our ABI; the message
 * says what is wrong). */
bool registry_load(const struct registry_folder *folder, const char *name, struct registry_plugin **ret_plugin,
                   struct lf_error *err) LF_MUST_CHECK;
/* Complete: ops that the plug-in was built without are NULL. Lives as long as the plug-in. */
const struct lf_connector *registry_connector(const struct registry_plugin *plugin);
/* Only after all sessions were closed. For CLEANUP; NULL is allowed. */
void registry_unload(struct registry_plugin **plugin);

/* What registry_load checks of a descriptor; `origin` names it in messages. For built-ins: a test calls it. */
bool registry_check(const struct lf_connector *connector, const char *origin, struct lf_error *err) LF_MUST_CHECK;

#endif
