/* SPDX-License-Identifier: Apache-2.0
 *
 * Cursors, asOf and tokens that are noise, or were valid before a few bytes changed: an answer or an error, never a crash.
 */
#include "fakes/contract_lake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WRITES_MAX 50
#define FUZZ_ROUNDS 4000
#define FUZZ_BYTES 200

static void check_answer(bool ok, const struct lf_error *err, bool must_fail)
{
    assert_false(ok && must_fail);
    assert_true(ok || (err->kind != LF_NONE && err->msg[0] != '\0'));
}

static void try_pure(struct contract_run *run, struct lf_slice a, struct lf_slice b, bool must_fail)
{
    struct lf_error err = {0};
    char text[64];
    bool yes;
    int order;
    check_answer(run->ops->covers(a, b, &yes, &err), &err, must_fail);
    check_answer(run->ops->includes(a, b, &yes, &err), &err, must_fail);
    check_answer(run->ops->passed(a, b, &yes, &err), &err, must_fail);
    check_answer(run->ops->compare(a, b, &order, &err), &err, must_fail);
    check_answer(run->ops->print(a, text, sizeof text, &err), &err, must_fail);
}

static void try_cursor(struct contract_run *run, struct lf_slice cursor, bool must_fail)
{
    struct lf_error err = {0};
    struct lf_changes *changes = NULL;
    bool ok = run->ops->changes_open(run->session, cursor, run->states, CONTRACT_TABLES, &changes, &err);
    check_answer(ok, &err, must_fail);
    if (ok) {
        run->ops->changes_close(changes);
    }
    if (must_fail) {
        check_answer(run->ops->ack(run->session, &contract_consumer, cursor, &err), &err, true);
    }
}

/* Flips, cuts and adds bytes of something valid. */
static void spoil(struct contract_run *run, const struct contract_bytes *from, unsigned char *ret, size_t *ret_len)
{
    size_t len = from->len < FUZZ_BYTES - 1 ? from->len : FUZZ_BYTES - 1;
    memcpy(ret, from->ptr, len);
    for (uint64_t n = 1 + contract_random(run, 3); n > 0 && len > 0; n--) {
        ret[contract_random(run, len)] = (unsigned char)contract_random(run, 256);
    }
    len = contract_random(run, 3) == 0 ? contract_random(run, len + 1) : len;
    if (contract_random(run, 3) == 0) {
        ret[len++] = (unsigned char)contract_random(run, 256);
    }
    *ret_len = len;
}

/* Copies of exactly the length, so that a sanitizer sees a read past the end. */
static void try_spoiled(struct contract_run *run, const struct contract_bytes *asof, const struct contract_bytes *token)
{
    unsigned char bytes[FUZZ_BYTES];
    struct contract_bytes a = {0}, b = {0}, c = {0};
    size_t len;
    spoil(run, asof, bytes, &len);
    contract_keep(&a, (struct lf_slice){.ptr = bytes, .len = len});
    spoil(run, token, bytes, &len);
    contract_keep(&b, (struct lf_slice){.ptr = bytes, .len = len});
    spoil(run, &run->start, bytes, &len);
    contract_keep(&c, (struct lf_slice){.ptr = bytes, .len = len});
    try_pure(run, contract_slice(asof), contract_slice(&b), false);
    try_pure(run, contract_slice(&a), contract_slice(token), false);
    try_pure(run, contract_slice(&a), contract_slice(&run->start), false);
    try_pure(run, contract_slice(asof), contract_slice(&c), false);
    try_pure(run, contract_slice(&c), contract_slice(&run->start), false);
    try_cursor(run, contract_slice(&c), false);
    contract_forget(&a);
    contract_forget(&b);
    contract_forget(&c);
}

void contract_check_malformed(struct contract_run *run)
{
    unsigned char bytes[FUZZ_BYTES];
    struct contract_chunk chunk = {0};
    struct contract_rows rows = {0};
    struct contract_lake lake = {.rows = *contract_truth(run)};
    contract_keep(&lake.cursor, contract_slice(&run->start));
    for (int i = 0; lake.token.ptr == NULL && i < WRITES_MAX; i++) { /* one alone may not be seen yet */
        contract_write(run);
        contract_follow(run, &lake, NULL, NULL); /* leaves a token */
    }
    assert_non_null(lake.token.ptr);
    contract_load(run, run->session, 0, &chunk, &rows, 0);
    for (int i = 0; i < FUZZ_ROUNDS; i++) {
        size_t len = i == 0 ? 0 : 32 + contract_random(run, sizeof bytes - 32);
        contract_fill(run, bytes, len);
        struct contract_bytes copy = {0};
        contract_keep(&copy, (struct lf_slice){.ptr = bytes, .len = len});
        try_pure(run, contract_slice(&copy), contract_slice(&copy), true);
        try_cursor(run, contract_slice(&copy), true);
        contract_forget(&copy);
        try_spoiled(run, &chunk.asof, &lake.token);
    }
    contract_forget(&chunk.asof);
    contract_lake_done(&lake);
}
