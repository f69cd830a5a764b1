/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts and amounts as they are shown in messages.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

#define VALUE_SHOWN_MAX 64
#define VALUE_SHOWN_SIZE (VALUE_SHOWN_MAX + 4)

/* At most VALUE_SHOWN_MAX bytes, whole characters, "…" when cut, '?' for control characters. Returns ret_text. */
const char *value_shown(const char *text, char ret_text[VALUE_SHOWN_SIZE]);

/* As config_parse_duration and config_parse_bytes read it, in the largest unit that leaves no rest. */
void value_print_duration(uint64_t ms, struct buf *out);
void value_print_bytes(uint64_t bytes, struct buf *out);

#endif
