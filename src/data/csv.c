/* SPDX-License-Identifier: Apache-2.0 */
#include "data/csv.h"

#include "data/csv_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define WORD sizeof(uint64_t)

/* ---- cells of a row ---- */

/* What numbers, booleans and guids are made of. */
static bool is_bare(unsigned char c)
{
    static const bool bare[256] = {
        ['+'] = true, ['-'] = true, ['.'] = true, ['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true,
        ['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true, ['A'] = true, ['B'] = true, ['C'] = true,
        ['D'] = true, ['E'] = true, ['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true,
        ['L'] = true, ['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true, ['R'] = true, ['S'] = true,
        ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true, ['X'] = true, ['Y'] = true, ['Z'] = true, ['a'] = true,
        ['b'] = true, ['c'] = true, ['d'] = true, ['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true,
        ['j'] = true, ['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true, ['o'] = true, ['p'] = true, ['q'] = true,
        ['r'] = true, ['s'] = true, ['t'] = true, ['u'] = true, ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true,
        ['z'] = true,
    };
    return bare[c];
}

/* Where a cell that begins with a quote ends: behind its closing quote; NULL when there is none. */
static const char *skip_quoted(const char *at, const char *end)
{
    at++;
    while (at < end) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        if (quote == NULL) {
            return NULL;
        }
        if (quote + 1 == end || quote[1] != '"') {
            return quote + 1;
        }
        at = quote + 2;
    }
    return NULL;
}

static const char *skip_bare(const char *at, const char *end)
{
    if (at < end && *at == CSV_ABSENT) {
        return at + 1;
    }
    while (at < end && is_bare((unsigned char)*at)) {
        at++;
    }
    return at;
}

bool csv_split_row(struct lf_slice row, struct lf_slice *ret_cells, uint32_t ncells, struct lf_error *err)
{
    const char *at = row.len > 0 ? row.ptr : "";
    const char *end = at + row.len;
    for (uint32_t i = 0; i < ncells; i++) {
        const char *stop = at < end && *at == '"' ? skip_quoted(at, end) : skip_bare(at, end);
        if (stop == NULL || (stop < end && *stop != ',')) {
            return lf_error_set(err, LF_DATA, 0, "cell %" PRIu32 " is not the text of a value; the file was altered",
                                i + 1);
        }
        ret_cells[i] = (struct lf_slice){at, (size_t)(stop - at)};
        bool last = i + 1 == ncells;
        if (last != (stop == end)) {
            return lf_error_set(err, LF_DATA, 0, "the row has %s than the %" PRIu32 " cells of its schema",
                                last ? "more" : "fewer", ncells);
        }
        at = stop + 1;
    }
    return true;
}

/* ---- rows of a file ---- */

void csv_reader_init(struct csv_reader *reader, csv_input input, void *context, const char *name, size_t block_bytes)
{
    *reader = (struct csv_reader){.input = input, .context = context, .name = name, .block_bytes = block_bytes};
    assert(block_bytes > 0 && block_bytes <= CSV_ROW_MAX);
    buf_init(&reader->block, CSV_ROW_MAX);
}

void csv_reader_done(struct csv_reader *reader)
{
    buf_done(&reader->block);
}

static bool refuse_row(const struct csv_reader *reader, enum lf_error_kind kind, const char *reason,
                       struct lf_error *err)
{
    return lf_error_set(err, kind, 0, "%s: row %" PRIu64 " %s", reader->name, reader->row_number + 1, reason);
}

/* What a piece of a row holds. */
struct survey {
    size_t quotes;
    bool control; /* a byte below the blank */
};

static void survey_piece(const char *at, size_t len, struct survey *survey)
{
    uint64_t control = 0;
    for (; len >= WORD; at += WORD, len -= WORD) {
        uint64_t word = 0;
        memcpy(&word, at, WORD);
        survey->quotes += csv_count_bytes(csv_bytes_equal(word, '"'));
        control |= (word - CSV_EACH_BYTE(' ')) & ~word & CSV_HIGH_BITS;
    }
    for (; len > 0; at++, len--) {
        survey->quotes += *at == '"';
        survey->control = survey->control || (unsigned char)*at < ' ';
    }
    survey->control = survey->control || control != 0;
}

/* Whether all control characters stand within quotes. */
static bool controls_are_quoted(const char *at, size_t len)
{
    bool quoted = false;
    for (const char *end = at + len; at < end; at++) {
        if (*at == '"') {
            quoted = !quoted;
        } else if (!quoted && (unsigned char)*at < ' ') {
            return false;
        }
    }
    return true;
}

/* The length of the row at the start of the bytes; *ret_found false when it does not end within them. */
static size_t find_row(const char *bytes, size_t len, struct survey *survey, bool *ret_found)
{
    size_t at = 0;
    *survey = (struct survey){0};
    *ret_found = false;
    while (at < len) {
        const char *end = memchr(bytes + at, '\n', len - at);
        if (end == NULL) {
            survey_piece(bytes + at, len - at, survey);
            return len;
        }
        size_t row_len = (size_t)(end - bytes);
        survey_piece(bytes + at, row_len - at, survey);
        if (survey->quotes % 2 == 0) {
            *ret_found = true;
            return row_len;
        }
        at = row_len + 1;
    }
    return len;
}

/* Moves the unread bytes to the front, of a block that is as large as they need. */
static void compact_block(struct csv_reader *reader)
{
    struct buf *block = &reader->block;
    size_t left = block->len - reader->pos;
    if (left > 0 && reader->pos > 0) {
        memmove(block->ptr, block->ptr + reader->pos, left);
    }
    block->len = left;
    reader->pos = 0;
    size_t size = reader->block_bytes;
    while (size <= left && size < CSV_ROW_MAX) {
        size = size > CSV_ROW_MAX / 2 ? CSV_ROW_MAX : size * 2;
    }
    if (block->size != size + 1) {
        block->ptr = mem_resize(block->ptr, size + 1, 1);
        block->size = size + 1;
    }
}

static bool fill_block(struct csv_reader *reader, struct lf_error *err)
{
    struct buf *block = &reader->block;
    compact_block(reader);
    while (block->len < block->size - 1 && !reader->at_end) {
        size_t len = 0;
        TRY(reader->input(reader->context, block->ptr + block->len, block->size - 1 - block->len, &len, err));
        reader->at_end = len == 0;
        buf_commit(block, len);
    }
    return true;
}

static bool take_row(struct csv_reader *reader, size_t len, const struct survey *survey, struct lf_slice *ret_row,
                     struct lf_error *err)
{
    const char *row = reader->block.ptr + reader->pos;
    if (len == 0) {
        return refuse_row(reader, LF_DATA, "is a blank line; the file was altered", err);
    }
    if (survey->control && !controls_are_quoted(row, len)) {
        return refuse_row(reader, LF_DATA,
                          "has a carriage return or another control character outside quotes; the file was altered",
                          err);
    }
    *ret_row = (struct lf_slice){row, len};
    reader->pos += len + 1;
    reader->row_number++;
    return true;
}

bool csv_reader_next(struct csv_reader *reader, struct lf_slice *ret_row, bool *ret_more, struct lf_error *err)
{
    for (;;) {
        struct survey survey = {0};
        bool found = false;
        size_t left = reader->block.len - reader->pos;
        size_t len = left > 0 ? find_row(reader->block.ptr + reader->pos, left, &survey, &found) : 0;
        if (found) {
            *ret_more = true;
            return take_row(reader, len, &survey, ret_row, err);
        }
        if (reader->at_end) {
            *ret_row = (struct lf_slice){0};
            *ret_more = false;
            return left == 0 ||
                   refuse_row(reader, LF_DATA,
                              survey.quotes % 2 != 0 ? "has a quote that never ends; the file was altered or cut off"
                                                     : "has no line end; the file was cut off",
                              err);
        }
        if (left >= CSV_ROW_MAX) {
            return refuse_row(reader, LF_LIMIT, "exceeds the 8388608 bytes that a row may have", err);
        }
        TRY(fill_block(reader, err));
    }
}
