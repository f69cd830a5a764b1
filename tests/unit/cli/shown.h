/* SPDX-License-Identifier: Apache-2.0
 *
 * What a function prints.
 */
#ifndef TESTS_SHOWN_H
#define TESTS_SHOWN_H

/* cmocka.h needs these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/macros.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct shown {
    char *text; /* valid once it was closed */
    size_t len;
    FILE *out;
};

static inline struct shown *shown_open(struct shown *shown)
{
    *shown = (struct shown){0};
    shown->out = open_memstream(&shown->text, &shown->len);
    assert_non_null(shown->out);
    return shown;
}

static inline const char *shown_close(struct shown *shown)
{
    if (shown->out != NULL) {
        assert_int_equal(fclose(shown->out), 0);
        shown->out = NULL;
    }
    return shown->text;
}

static inline void shown_done(struct shown *shown)
{
    (void)shown_close(shown);
    free(shown->text);
}

#endif
