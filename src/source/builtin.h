/* SPDX-License-Identifier: Apache-2.0
 *
 * The connectors that are part of the binary. They enter by the same door as loaded ones: a descriptor in a registry.
 */
#ifndef SOURCE_BUILTIN_H
#define SOURCE_BUILTIN_H

#include "source/registry.h"

/* By name, or by the scheme of its URLs; from any thread. NULL: none. */
const struct lf_connector *source_builtin_find(const char *scheme_or_name);

#endif
