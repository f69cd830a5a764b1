/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of this folder share: parsing a text, and comparing the whole of a message.
 */
#ifndef UNIT_CONFIG_CONFIG_TEXT_H
#define UNIT_CONFIG_CONFIG_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/macros.h"
#include "config/config.h"

#include <string.h>

#define SOURCE_AND_LAKE "\"source\":{\"url\":\"sqlite:a.db\"},\"lake\":{\"url\":\"file:./lake\"}"

static inline struct config *must_parse(const char *text)
{
    struct config *config = NULL;
    struct lf_error err = {0};
    if (!config_parse("t.json", text, strlen(text), &config, &err)) {
        fail_msg("%s", err.msg);
    }
    return config;
}

static inline void assert_refused(const char *text, const char *message)
{
    struct config *config = NULL;
    struct lf_error err = {0};
    assert_false(config_parse("t.json", text, strlen(text), &config, &err));
    assert_null(config);
    assert_string_equal(err.msg, message);
    assert_int_equal(err.kind, LF_CONFIG);
}

/* A configuration of one link with more members, which begin on line 3. */
static inline struct config *must_parse_link(const char *members)
{
    char *text = text_printf("{\"version\":1,\n\"links\":[{\"name\":\"a\"," SOURCE_AND_LAKE ",\n%s}]}", members);
    struct config *config = must_parse(text);
    text_free(&text);
    return config;
}

static inline void assert_link_refused(const char *members, const char *message)
{
    char *text = text_printf("{\"version\":1,\n\"links\":[{\"name\":\"a\"," SOURCE_AND_LAKE ",\n%s}]}", members);
    assert_refused(text, message);
    text_free(&text);
}

/* The same with the members of "source" beside its URL, from line 3 on. */
static inline char *source_text(const char *members)
{
    return text_printf("{\"version\":1,\"links\":[{\"name\":\"a\",\"lake\":{\"url\":\"file:./lake\"},\n"
                       "\"source\":{\"url\":\"sqlite:a.db\",\n%s}}]}",
                       members);
}

static inline struct config *must_parse_source(const char *members)
{
    char *text = source_text(members);
    struct config *config = must_parse(text);
    text_free(&text);
    return config;
}

static inline void assert_source_refused(const char *members, const char *message)
{
    char *text = source_text(members);
    assert_refused(text, message);
    text_free(&text);
}

#endif
