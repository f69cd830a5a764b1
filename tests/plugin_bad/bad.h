/* SPDX-License-Identifier: Apache-2.0
 *
 * A descriptor that is right in all things; each plug-in of this folder spoils one of them.
 */
#ifndef PLUGIN_BAD_H
#define PLUGIN_BAD_H

#include "lakefeed/connector.h"

const struct lf_connector *lakefeed_connector(void);

/* The ops are never called, only looked at. */
static inline void bad_fill_ops(struct lf_connector_ops *ops)
{
    unsigned char *bytes = (unsigned char *)ops;
    memset(bytes, 0x55, sizeof *ops);
}

static inline void bad_fill(struct lf_connector *connector, struct lf_connector_ops *ops, const char *name)
{
    bad_fill_ops(ops);
    *connector = (struct lf_connector){.abi_version = LF_CONNECTOR_ABI,
                                       .struct_size = sizeof *connector,
                                       .name = name,
                                       .scheme = name,
                                       .summary = "a plug-in that must be refused",
                                       .ops = ops,
                                       .ops_size = sizeof *ops};
}

#endif
