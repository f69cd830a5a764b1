/* SPDX-License-Identifier: Apache-2.0
 *
 * Not a bad one: built against later headers of the same ABI, with more at the end of both structs.
 */
#include "bad.h"

struct later_ops {
    struct lf_connector_ops ops;
    void (*more[4])(void);
};

struct later_connector {
    struct lf_connector connector;
    const char *more[4];
};

const struct lf_connector *lakefeed_connector(void)
{
    static struct later_ops ops;
    static struct later_connector later;
    bad_fill(&later.connector, &ops.ops, "longer");
    later.connector.struct_size = sizeof later;
    later.connector.ops_size = sizeof ops;
    ops.ops.nudge = NULL;
    return &later.connector;
}
