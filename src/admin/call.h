/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be asked of a running process, and of a command that works alone: one table of operations, and the form of a call as an
 * HTTP request. Pure.
 *
 *   GET  /v1/<operation>, /v1/links/<link>/<operation>?entities=a,b     reads
 *   POST the same, with a body such as {"entities": ["a"], "reason": "…"}    changes
 *
 * docs/formats/control.md has the answers.
 */
#ifndef ADMIN_CALL_H
#define ADMIN_CALL_H

#include "base/buf.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stddef.h>

/* X(name, method, of a link, meaning) */
#define ADMIN_OPERATIONS(X) \
    X(links, GET, false, "the links of this process, whether it holds them, and their states") \
    X(config, GET, false, "the configuration in force, without secrets") \
    X(reload, POST, false, "read the configuration file again") \
    X(status, GET, true, "what the lake holds, where it stands and what the link does") \
    X(artifacts, GET, true, "every file that model.json names") \
    X(failures, GET, true, "what failed in the last 90 days") \
    X(check, GET, true, "findings about source, lake and machine, each with its cure") \
    X(snapshot, POST, true, "bring the lake up to the source's present position and commit") \
    X(resync, POST, true, "load entities again, or all") \
    X(enable, POST, true, "let a disabled link run again") \
    X(disable, POST, true, "stop a link until it is enabled; the lake remembers") \
    X(unlink, POST, true, "let the source forget the link; purge removes its files from the lake too")

enum admin_operation {
#define ADMIN_OPERATION_ENUM(name, method, of_link, meaning) ADMIN_##name,
    ADMIN_OPERATIONS(ADMIN_OPERATION_ENUM)
#undef ADMIN_OPERATION_ENUM
        ADMIN_OPERATION_COUNT
};

const char *admin_operation_name(enum admin_operation operation);
bool admin_operation_is_of_link(enum admin_operation operation);
bool admin_operation_is_change(enum admin_operation operation); /* POST */

struct admin_call {
    enum admin_operation operation;
    char *link; /* NULL: of the process */
    char **entities;
    size_t nentities;
    char *reason;        /* disable; may be NULL */
    bool purge, preview; /* unlink: also the files; only say what would go */
    bool takeover;       /* unlink: also when the consumer belongs to another lake */
};
void admin_call_done(struct admin_call *call); /* for CLEANUP */
void admin_call_add_entity(struct admin_call *call, const char *entity);

/* A request as it came; entities is the decoded query parameter, NULL when absent. */
struct admin_request {
    const char *method, *path, *entities;
    struct lf_slice body;
};
/* NOT_FOUND: no such path; UNSUPPORTED: another method; CONFIG: the body is wrong, which says how. */
bool admin_call_parse(const struct admin_request *request, struct admin_call *ret_call,
                      struct lf_error *err) LF_MUST_CHECK;
/* The same call as method, target (percent-encoded) and body. */
const char *admin_call_print(const struct admin_call *call, struct buf *target, struct buf *body);

/* What came of it: a JSON document, and the exit status that a command ends with. */
struct admin_answer {
    int status;
    struct buf json;
};
void admin_answer_done(struct admin_answer *answer); /* for CLEANUP */

#define ADMIN_STATUS_HEADER "Lakefeed-Status"

/* An error as HTTP status and JSON document, and back. */
unsigned admin_error_print(const struct lf_error *err, struct buf *json);
/* What the document says; INTERNAL when it is none. Always false. */
bool admin_error_parse(const char *json, size_t len, struct lf_error *err);

#endif
