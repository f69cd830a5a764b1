/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: a function that can fail returns bool and, on false, has filled the caller's struct lf_error
 * once, at the origin. The kind decides what happens next (see docs/operations.md); the message says what
 * failed, where, and what to do. Header-only, so that a loadable connector needs no symbol of the host.
 */
#ifndef LAKEFEED_ERROR_H
#define LAKEFEED_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* X(name, what it means to the operator) */
#define LF_ERROR_KINDS(X) \
    X(NONE, "no error") \
    X(CONFIG, "the configuration or the command line is wrong") \
    X(AUTH, "credentials or rights are missing") \
    X(NOT_FOUND, "the named thing does not exist") \
    X(CONFLICT, "a precondition failed: somebody else changed the object") \
    X(FENCED, "another writer owns the lake") \
    X(THROTTLED, "the service asked to slow down") \
    X(TRANSIENT, "may pass when tried again; also: no space left") \
    X(SCHEMA, "the shape of a table cannot be mapped") \
    X(DATA, "a row cannot be taken") \
    X(LIMIT, "a documented limit was exceeded") \
    X(LOST, "the source no longer has the changes after our cursor") \
    X(CANCELLED, "stopped on request") \
    X(UNSUPPORTED, "not supported by this connector or lake") \
    X(INTERNAL, "a defect of lakefeed")

enum lf_error_kind {
#define LF_ERROR_ENUM(name, text) LF_##name,
    LF_ERROR_KINDS(LF_ERROR_ENUM)
#undef LF_ERROR_ENUM
};

struct lf_error {
    enum lf_error_kind kind;
    int code;               /* errno, SQLSTATE class, HTTP status: 0 where there is none */
    int64_t retry_after_ms; /* 0: the caller chooses */
    char msg[1024];
};

#define LF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define LF_MUST_CHECK __attribute__((warn_unused_result))

/* Returns on failure; the locals of the caller clean themselves. The one macro that hides control flow. */
#define TRY(call) \
    do { \
        if (!(call)) { \
            return false; \
        } \
    } while (0)

/* Fills `err` and returns false, so that an origin reads `return lf_error_set(err, LF_DATA, 0, "…")`. */
static inline bool LF_PRINTF(4, 5)
    lf_error_set(struct lf_error *err, enum lf_error_kind kind, int code, const char *fmt, ...)
{
    va_list args;
    err->kind = kind;
    err->code = code;
    err->retry_after_ms = 0;
    va_start(args, fmt);
    (void)vsnprintf(err->msg, sizeof err->msg, fmt, args);
    va_end(args);
    return false;
}

/* Puts what only the caller knows in front of the message ("entity orders: …"); kind and code stay. */
static inline bool LF_PRINTF(2, 3) lf_error_wrap(struct lf_error *err, const char *fmt, ...)
{
    char inner[sizeof err->msg];
    va_list args;
    memcpy(inner, err->msg, sizeof inner);
    va_start(args, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->msg) {
        size_t room = sizeof err->msg - (size_t)n;
        (void)snprintf(err->msg + n, room, ": %.*s", (int)(room > 3 ? room - 3 : 0), inner);
    }
    return false;
}

static inline const char *lf_error_kind_name(enum lf_error_kind kind)
{
    static const char *const names[] = {
#define LF_ERROR_NAME(name, text) #name,
        LF_ERROR_KINDS(LF_ERROR_NAME)
#undef LF_ERROR_NAME
    };
    return (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : "?";
}

/* The kind of a failure by its name; INTERNAL: NULL, or one that only a newer lakefeed knows. */
static inline enum lf_error_kind lf_error_kind_find(const char *name)
{
    for (int kind = LF_NONE + 1; name != NULL && kind < LF_INTERNAL; kind++) {
        if (strcmp(lf_error_kind_name((enum lf_error_kind)kind), name) == 0) {
            return (enum lf_error_kind)kind;
        }
    }
    return LF_INTERNAL;
}

#endif
