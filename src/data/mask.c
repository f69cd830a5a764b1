/* SPDX-License-Identifier: Apache-2.0 */
#include "data/mask.h"

#include "base/buf.h"
#include "base/crypto.h"
#include "base/macros.h"
#include "base/utf8.h"
#include "data/csv_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "masked "

static const char *const words[] = {
#define MASK_KIND_WORD(name, word) word,
    MASK_KINDS(MASK_KIND_WORD)
#undef MASK_KIND_WORD
};

static const char *const type_names[] = {
#define TYPE_NAME(name, cdm) #name,
    LF_TYPES(TYPE_NAME)
#undef TYPE_NAME
};

const char *mask_word(enum mask_kind kind)
{
    return words[kind];
}

static bool find_text(const char *const *list, size_t count, const char *text, size_t len, size_t *ret)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(list[i]) == len && memcmp(list[i], text, len) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

bool mask_find_word(const char *word, enum mask_kind *ret_kind)
{
    size_t found = 0;
    TRY(find_text(words, ARRAY_LEN(words), word, strlen(word), &found));
    *ret_kind = (enum mask_kind)found;
    return true;
}

static void print_hex(const unsigned char *bytes, size_t n, char *ret_hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        ret_hex[2 * i] = digits[bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[bytes[i] & 0xF];
    }
    ret_hex[2 * n] = '\0';
}

struct mask mask_make(enum mask_kind kind, const char *text, struct lf_slice key)
{
    /* No lake text has a NUL, so this is the hash of no value. */
    static const char constant[] = "lakefeed\0mask";
    struct mask mask = {.kind = kind, .sign = "-"};
    if (kind == MASK_FIXED) {
        char hex[SHA256_HEX_SIZE];
        mask.text = text;
        sha256_of(text, strlen(text), hex);
        memcpy(mask.sign, hex, MASK_SIGN_SIZE - 1);
    } else if (kind == MASK_HASH) {
        unsigned char mac[HMAC_SHA256_BYTES];
        mask.key = key;
        hmac_sha256(key.ptr, key.len, constant, sizeof constant - 1, mac);
        print_hex(mac, (MASK_SIGN_SIZE - 1) / 2, mask.sign);
    }
    return mask;
}

bool mask_is_same(const struct mask *a, const struct mask *b)
{
    return a->kind == b->kind && strcmp(a->sign, b->sign) == 0;
}

const char *mask_refuse_key(const struct mask *mask, const struct lf_column *column, struct arena *arena)
{
    const char *why = NULL;
    if (mask->kind != MASK_HASH) {
        why = "rows could not be told apart any more; mask it with \"hash\"";
    } else if (column->type == LF_TYPE_DOUBLE) {
        why = "equal numbers of this type can have different texts, which would have different hashes";
    } else {
        return NULL;
    }
    CLEANUP(text_free)
    char *text = text_printf("the column %.200s is part of the key and cannot be masked with \"%s\": %s", column->name,
                             mask_word(mask->kind), why);
    return arena_text(arena, text);
}

/* ---- columns ---- */

static int32_t count_characters(const char *text)
{
    int32_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return n;
}

struct lf_column mask_column(const struct mask *mask, const struct lf_column *column, struct arena *arena)
{
    struct lf_column masked = *column;
    const char *declared = column->source_type != NULL ? column->source_type : "";
    /* The length stands where schema comparison takes it for one: a longer varchar is the same type. */
    CLEANUP(text_free)
    char *type =
        text_printf(PREFIX "%s %s %s %u %u %s(%d)", mask_word(mask->kind), mask->sign, type_names[column->type],
                    (unsigned)column->precision, (unsigned)column->scale, declared, column->max_length);
    masked.source_type = arena_text(arena, type);
    if (mask->kind != MASK_NULL) {
        masked.type = LF_TYPE_STRING;
        masked.max_length = mask->kind == MASK_HASH ? MASK_HASH_CHARS : count_characters(mask->text);
        masked.precision = 0;
        masked.scale = 0;
    }
    return masked;
}

static bool take_word(const char **at, struct lf_slice *ret)
{
    size_t len = strcspn(*at, " ");
    *ret = (struct lf_slice){*at, len};
    *at += len;
    if (**at != ' ') {
        return false;
    }
    (*at)++;
    return len > 0;
}

static bool take_number(const char **at, uint8_t *ret)
{
    struct lf_slice word;
    TRY(take_word(at, &word));
    *ret = (uint8_t)strtoul(word.ptr, NULL, 10);
    return true;
}

static bool take_length(const char *text, size_t *ret_declared_len, int32_t *ret_length)
{
    const char *open = strrchr(text, '(');
    if (open == NULL) {
        return false;
    }
    *ret_declared_len = (size_t)(open - text);
    *ret_length = (int32_t)strtol(open + 1, NULL, 10);
    return true;
}

bool mask_read_column(const struct lf_column *masked, struct arena *arena, struct mask *ret_mask,
                      struct lf_column *ret_column)
{
    struct mask mask = {0};
    struct lf_column column = *masked;
    struct lf_slice kind, sign, type;
    size_t kind_at = 0, type_at = 0, declared_len = 0;
    const char *at = masked->source_type != NULL ? masked->source_type : "";
    TRY(strncmp(at, PREFIX, strlen(PREFIX)) == 0);
    at += strlen(PREFIX);
    TRY(take_word(&at, &kind) && take_word(&at, &sign) && take_word(&at, &type));
    TRY(find_text(words, ARRAY_LEN(words), kind.ptr, kind.len, &kind_at) && sign.len < MASK_SIGN_SIZE);
    TRY(kind_at != MASK_NONE);
    TRY(find_text(type_names, ARRAY_LEN(type_names), type.ptr, type.len, &type_at));
    TRY(take_number(&at, &column.precision) && take_number(&at, &column.scale));
    TRY(take_length(at, &declared_len, &column.max_length));
    mask.kind = (enum mask_kind)kind_at;
    memcpy(mask.sign, sign.ptr, sign.len);
    column.type = (enum lf_type)type_at;
    if (ret_mask != NULL) {
        *ret_mask = mask;
    }
    if (ret_column != NULL) {
        CLEANUP(text_free) char *declared = text_copy_len(at, declared_len);
        column.source_type = arena_text(arena, declared);
        *ret_column = column;
    }
    return true;
}

/* ---- cells ---- */

/* Without the value, and without the row: its key may be masked, too. */
static struct lf_cell refuse(const char *table, const struct lf_column *column, struct arena *arena)
{
    struct lf_refusal *refusal = arena_alloc(arena, sizeof *refusal);
    CLEANUP(text_free)
    char *reason = text_printf("table %.200s: a value of the masked column %.200s does not fit its type (not shown)",
                               table, column->name);
    *refusal = (struct lf_refusal){.kind = LF_DATA, .reason = arena_text(arena, reason)};
    return (struct lf_cell){.state = LF_CELL_REFUSED, .refusal = refusal};
}

static struct lf_cell hash_text(const struct mask *mask, struct lf_slice text, struct arena *arena)
{
    unsigned char mac[HMAC_SHA256_BYTES];
    char *hex = arena_alloc(arena, MASK_HASH_CHARS + 1);
    hmac_sha256(mask->key.ptr, mask->key.len, text.ptr != NULL ? text.ptr : "", text.len, mac);
    print_hex(mac, sizeof mac, hex);
    return (struct lf_cell){.state = LF_CELL_VALUE, .bytes = {hex, MASK_HASH_CHARS}};
}

static void wipe(struct buf *text)
{
    if (text->ptr != NULL) {
        explicit_bzero(text->ptr, text->len);
    }
    buf_done(text);
}

static struct lf_cell hash_cell(const struct mask *mask, const char *table, const struct lf_column *column,
                                const struct lf_cell *cell, struct arena *arena)
{
    if (cell->state == LF_CELL_NULL || cell->state == LF_CELL_ABSENT) {
        return (struct lf_cell){.state = cell->state};
    }
    if (cell->state == LF_CELL_REFUSED) {
        return refuse(table, column, arena);
    }
    if (csv_is_text(column->type)) { /* also what is not UTF-8: it never comes into the lake */
        return hash_text(mask, cell->bytes, arena);
    }
    if (column->type == LF_TYPE_BINARY) {
        CLEANUP(wipe) struct buf text = {0};
        base64_append(&text, cell->bytes.ptr, cell->bytes.len);
        return text.overflow ? refuse(table, column, arena) : hash_text(mask, buf_slice(&text), arena);
    }
    char text[CSV_FIXED_SIZE];
    size_t len = 0;
    struct lf_cell made = csv_print_fixed(column, cell, text, &len) == NULL
                              ? hash_text(mask, (struct lf_slice){text, len}, arena)
                              : refuse(table, column, arena);
    explicit_bzero(text, sizeof text);
    return made;
}

struct lf_cell mask_cell(const struct mask *mask, const char *table, const struct lf_column *column,
                         const struct lf_cell *cell, struct arena *arena)
{
    switch (mask->kind) {
    case MASK_FIXED:
        return (struct lf_cell){.state = LF_CELL_VALUE, .bytes = {mask->text, strlen(mask->text)}};
    case MASK_HASH:
        return hash_cell(mask, table, column, cell, arena);
    default:
        return (struct lf_cell){.state = LF_CELL_NULL};
    }
}
