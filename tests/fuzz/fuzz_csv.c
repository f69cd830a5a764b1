/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte gives the number of columns, the next ones their types and scales, one more the step of the input; the rest is
 * a file. Whatever reader, split and parse take must come out as the same text again, and give one key either way.
 */
#include "base/macros.h"
#include "data/csv.h"
#include "data/key.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define COLUMNS_MAX 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct feed {
    const uint8_t *at;
    size_t len;
    size_t step;
};

static bool read_feed(void *context, void *ret, size_t len, size_t *ret_len, struct lf_error *err UNUSED)
{
    struct feed *feed = context;
    size_t n = len < feed->len ? len : feed->len;
    n = n < feed->step ? n : feed->step;
    memcpy(ret, feed->at, n);
    feed->at += n;
    feed->len -= n;
    *ret_len = n;
    return true;
}

static struct lf_column make_column(uint32_t id, uint8_t byte)
{
    struct lf_column column = {.id = id, .name = "c", .source_type = "", .max_length = -1};
    column.type = (enum lf_type)(byte % (LF_TYPE_JSON + 1));
    column.scale = (uint8_t)(byte / (LF_TYPE_JSON + 1) % 8);
    column.precision = column.type == LF_TYPE_DECIMAL ? (uint8_t)(column.scale + 2 * (byte % 8) + 1) : 0;
    return column;
}

/* The first cell as a key: from the text, from the value, and back. */
static void check_key(const struct lf_column *columns, const struct lf_slice *raw, const struct lf_cell *cells)
{
    static const uint32_t first[] = {0};
    const struct lf_schema schema = {.columns = columns, .ncolumns = 1, .key = first, .nkey = 1};
    CLEANUP(buf_done) struct buf from_row = {0};
    CLEANUP(buf_done) struct buf from_cells = {0};
    CLEANUP(buf_done) struct buf scratch = {0};
    struct lf_error err;
    struct lf_cell back;
    bool ok = key_append_from_row(&from_row, &schema, raw, &err);
    assert(ok == key_append_from_cells(&from_cells, &schema, cells, &err));
    assert(slice_equal(buf_slice(&from_row), buf_slice(&from_cells)));
    if (!ok) {
        return;
    }
    ok = key_decode(&schema, buf_slice(&from_row), &back, &scratch, &err);
    assert(ok);
    buf_reset(&from_cells);
    ok = key_append_from_cells(&from_cells, &schema, &back, &err);
    assert(ok && slice_equal(buf_slice(&from_row), buf_slice(&from_cells)));
}

static void check_row(const struct lf_schema *schema, struct lf_slice row)
{
    struct lf_slice raw[COLUMNS_MAX];
    struct lf_cell cells[COLUMNS_MAX];
    struct lf_error err;
    CLEANUP(buf_done) struct buf scratch = {0};
    CLEANUP(buf_done) struct buf again = {0};
    if (!csv_split_row(row, raw, schema->ncolumns, &err)) {
        return;
    }
    (void)buf_reserve(&scratch, row.len);
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        if (!csv_parse_cell(&schema->columns[i], raw[i], &scratch, &cells[i], &err)) {
            return;
        }
    }
    bool ok = csv_append_row(&again, schema, cells, NULL, &err);
    assert(ok && slice_equal(buf_slice(&again), row));
    check_key(schema->columns, raw, cells);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size < 2 + data[0] % COLUMNS_MAX + 1) {
        return 0;
    }
    struct lf_column columns[COLUMNS_MAX];
    struct lf_schema schema = {.columns = columns, .ncolumns = data[0] % COLUMNS_MAX + 1};
    for (uint32_t i = 0; i < schema.ncolumns; i++) {
        columns[i] = make_column(i + 1, data[1 + i]);
    }
    size_t at = 1 + schema.ncolumns;
    struct feed feed = {.at = data + at + 1, .len = size - at - 1, .step = data[at] + 1U};
    CLEANUP(csv_reader_done) struct csv_reader reader;
    csv_reader_init(&reader, read_feed, &feed, "file", 1 + data[at] / 2);
    struct lf_slice row;
    struct lf_error err;
    bool more = true;
    while (csv_reader_next(&reader, &row, &more, &err) && more) {
        check_row(&schema, row);
    }
    return 0;
}
