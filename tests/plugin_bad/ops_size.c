/* SPDX-License-Identifier: Apache-2.0 */
#include "bad.h"

const struct lf_connector *lakefeed_connector(void)
{
    static struct lf_connector_ops ops;
    static struct lf_connector connector;
    bad_fill(&connector, &ops, "ops_size");
    connector.ops_size = offsetof(struct lf_connector_ops, changes_open);
    return &connector;
}
