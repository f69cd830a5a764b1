/* SPDX-License-Identifier: Apache-2.0
 *
 * Cursors, asOfs and tokens are bytes that come back from a lake. The input is two of them, parted by a line feed: whatever they
 * are, the pure ops answer or refuse, and answer consistently.
 */
#include "source/sqlite/sqlite.h"

#include <stdlib.h>
#include <string.h>

static void expect(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void check_order(const struct lf_connector_ops *ops, struct lf_slice a, struct lf_slice b)
{
    struct lf_error err;
    char text[512];
    int forth = 0, back = 0;
    if (ops->compare(a, b, &forth, &err)) {
        expect(ops->compare(b, a, &back, &err) && (forth < 0) == (back > 0) && (forth == 0) == (back == 0));
        expect(ops->print(a, text, sizeof text, &err) && ops->print(b, text, sizeof text, &err));
    }
}

static void check_asof(const struct lf_connector_ops *ops, struct lf_slice asof, struct lf_slice other)
{
    struct lf_error err;
    bool includes = false, passed = false, covers = false;
    if (ops->includes(asof, other, &includes, &err)) {
        expect(ops->passed(asof, other, &passed, &err));
    }
    (void)ops->covers(asof, other, &covers, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct lf_connector_ops *ops = lakefeed_sqlite_connector()->ops;
    const uint8_t *cut = size == 0 ? NULL : memchr(data, '\n', size);
    size_t first = cut == NULL ? size : (size_t)(cut - data);
    struct lf_slice a = {.ptr = data, .len = first};
    struct lf_slice b = {.ptr = cut == NULL ? data + size : cut + 1, .len = cut == NULL ? 0 : size - first - 1};
    check_order(ops, a, b);
    check_asof(ops, a, b);
    check_asof(ops, b, a);
    return 0;
}
