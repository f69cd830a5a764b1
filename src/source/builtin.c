/* SPDX-License-Identifier: Apache-2.0 */
#include "source/builtin.h"

#include "source/sqlite/sqlite.h"

struct registry source_builtin(void)
{
    static const struct lf_connector *connectors[1];
    connectors[0] = lakefeed_sqlite_connector();
    return (struct registry){.connectors = connectors, .nconnectors = 1};
}
