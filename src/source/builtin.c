/* SPDX-License-Identifier: Apache-2.0 */
#include "source/builtin.h"

#include "base/macros.h"
#include "source/postgres/postgres.h"
#include "source/sqlite/sqlite.h"

const struct lf_connector *source_builtin_find(const char *scheme_or_name)
{
    const struct lf_connector *const connectors[] = {lakefeed_sqlite_connector(), lakefeed_postgres_connector()};
    const struct registry registry = {.connectors = connectors, .nconnectors = ARRAY_LEN(connectors)};
    return registry_find(&registry, scheme_or_name);
}
