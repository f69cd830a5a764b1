/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/environment.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *environment_get(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

const char *environment_or(const char *option, const char *name)
{
    return option != NULL && *option != '\0' ? option : environment_get(name);
}

bool environment_is_true(const char *name)
{
    const char *value = environment_get(name);
    return value != NULL && (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0);
}
