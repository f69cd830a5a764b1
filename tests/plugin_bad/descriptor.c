/* SPDX-License-Identifier: Apache-2.0 */
#include "bad.h"

const struct lf_connector *lakefeed_connector(void)
{
    static struct lf_connector_ops ops;
    static struct lf_connector connector;
    bad_fill(&connector, &ops, "descriptor");
    connector.struct_size = 24;
    return &connector;
}
