/* SPDX-License-Identifier: Apache-2.0
 *
 * Options as tables: a connector, a lake driver or a verb declares what it takes once; the parser, the help,
 * the documentation and the checks are made from the table.
 */
#ifndef LAKEFEED_OPTION_H
#define LAKEFEED_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lf_option_type { LF_OPT_STRING, LF_OPT_BOOL, LF_OPT_INT, LF_OPT_BYTES, LF_OPT_DURATION, LF_OPT_SECRET };

/* One option. A table ends with an entry whose name is NULL. */
struct lf_option {
    const char *name;
    enum lf_option_type type;
    const char *fallback; /* the text that stands for an option that was not given; NULL: required */
    const char *help;     /* one line, ends without a full stop */
    int64_t min, max;     /* bounds of INT, BYTES (bytes) and DURATION (ms); both 0: unbounded */
};

/* A value given for an option, as text already checked against its type and bounds. */
struct lf_option_value {
    const char *name;
    const char *text;
};

#endif
