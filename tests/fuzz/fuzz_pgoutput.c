/* SPDX-License-Identifier: Apache-2.0
 *
 * A frame of the replication protocol from a server that may be anything: it is refused, or everything that it points at lies
 * within its bytes.
 */
#include "source/postgres/pgoutput.h"

#include <stdlib.h>
#include <string.h>

static struct pgoutput_message message;

static void expect(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void check_within(struct lf_slice whole, const char *at, size_t len)
{
    const char *start = whole.ptr;
    expect(at >= start && at + len <= start + whole.len);
}

static void check_cells(struct lf_slice whole, const struct pgoutput_cell *cells, uint32_t ncells)
{
    expect(ncells <= PGOUTPUT_COLUMNS_MAX);
    for (uint32_t i = 0; i < ncells; i++) {
        if (cells[i].state == PGOUTPUT_TEXT) {
            check_within(whole, cells[i].text, cells[i].len);
        } else {
            expect(cells[i].state == PGOUTPUT_NULL || cells[i].state == PGOUTPUT_UNCHANGED);
        }
    }
}

static void check_relation(struct lf_slice whole)
{
    check_within(whole, message.schema, strlen(message.schema) + 1);
    check_within(whole, message.name, strlen(message.name) + 1);
    for (uint32_t i = 0; i < message.ncolumns; i++) {
        check_within(whole, message.columns[i].name, strlen(message.columns[i].name) + 1);
    }
}

static void check_message(struct lf_slice bytes)
{
    struct lf_error err;
    if (!pgoutput_decode(bytes, &message, &err)) {
        expect(err.kind == LF_INTERNAL || err.kind == LF_UNSUPPORTED);
        return;
    }
    if (message.kind == PGOUTPUT_RELATION) {
        check_relation(bytes);
    } else {
        check_cells(bytes, message.cells, message.ncells);
        check_cells(bytes, message.old_cells, message.nold_cells);
    }
    for (uint32_t i = 0; message.kind == PGOUTPUT_TRUNCATE && i < message.ntruncated; i++) {
        (void)pgoutput_truncated(&message, i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pgoutput_frame frame;
    struct lf_error err;
    struct lf_slice bytes = {data, size};
    if (pgoutput_decode_frame(bytes, &frame, &err) && frame.kind == PGOUTPUT_DATA) {
        check_message(frame.message);
    }
    check_message(bytes);
    return 0;
}
