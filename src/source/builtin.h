/* SPDX-License-Identifier: Apache-2.0
 *
 * The connectors that are part of the binary. They enter by the same door as loaded ones: a descriptor in a registry.
 */
#ifndef SOURCE_BUILTIN_H
#define SOURCE_BUILTIN_H

#include "source/registry.h"

struct registry source_builtin(void);

#endif
