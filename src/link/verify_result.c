/* SPDX-License-Identifier: Apache-2.0 */
#include "link/verify_internal.h"

#include "base/macros.h"
#include "base/utf8.h"
#include "data/key.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_CHARACTERS_MAX 80

/* kind, column, and two texts that end with NUL */
#define DETAIL_COLUMN_AT 1
#define DETAIL_TEXTS_AT (DETAIL_COLUMN_AT + sizeof(uint32_t))

/* For people: what is not a printable character of UTF-8 becomes a question mark. */
static void append_clean(struct buf *out, struct lf_slice text)
{
    const char *at = text.ptr;
    size_t left = text.len;
    for (size_t n = 0; left > 0; n++) {
        size_t len = utf8_char_len(at, left);
        bool printable = len > 1 || (len == 1 && (unsigned char)*at >= ' ' && *at != '\x7f');
        if (n == TEXT_CHARACTERS_MAX) {
            buf_append_text(out, "…");
            return;
        }
        len = len == 0 ? 1 : len;
        buf_append(out, printable ? at : "?", printable ? len : 1);
        at += len;
        left -= len;
    }
}

void verify_detail_append(struct buf *out, enum verify_kind kind, uint32_t column, struct lf_slice lake,
                          struct lf_slice source)
{
    buf_append_char(out, (char)kind);
    buf_append(out, &column, sizeof column);
    append_clean(out, lake);
    buf_append_char(out, '\0');
    append_clean(out, source);
    buf_append_char(out, '\0');
}

/* NULL: only to be counted. Files are always kept: there are no more than the model names. */
static struct verify_difference *add(struct verify *verify, struct verify_entity *entity, enum verify_kind kind,
                                     const char *key)
{
    entity->difference_count++;
    if (verify->kept >= VERIFY_DIFFERENCES_MAX && kind != VERIFY_FILE) {
        return NULL;
    }
    verify->kept++;
    mem_grow(&entity->differences, &entity->differences_size, entity->ndifferences + 1, sizeof *entity->differences);
    struct verify_difference *difference = &entity->differences[entity->ndifferences++];
    *difference = (struct verify_difference){.kind = kind, .key = text_copy(key)};
    return difference;
}

void verify_add_row(struct verify *verify, struct verify_entity *entity, const struct lf_schema *schema,
                    struct lf_slice key, struct lf_slice detail)
{
    CLEANUP(buf_done) struct buf text = {0};
    const char *bytes = detail.ptr;
    uint32_t column = 0;
    memcpy(&column, bytes + DETAIL_COLUMN_AT, sizeof column);
    key_print(schema, key, &text);
    struct verify_difference *difference = add(verify, entity, (enum verify_kind)bytes[0], buf_text(&text));
    if (difference != NULL && difference->kind == VERIFY_DIFFERS) {
        const char *lake = bytes + DETAIL_TEXTS_AT;
        difference->column = text_copy(schema->columns[column].name);
        difference->lake = text_copy(lake);
        difference->source = text_copy(lake + strlen(lake) + 1);
    }
}

void verify_add_file(struct verify *verify, struct verify_entity *entity, const char *path, const char *problem)
{
    for (size_t i = 0; i < entity->ndifferences; i++) {
        if (entity->differences[i].kind == VERIFY_FILE && strcmp(entity->differences[i].key, path) == 0) {
            return;
        }
    }
    add(verify, entity, VERIFY_FILE, path)->lake = text_copy(problem);
}

void verify_order_differences(struct verify_entity *entity)
{
    size_t n = 0;
    struct verify_difference *ordered = mem_new(entity->ndifferences + 1, sizeof *ordered);
    for (int files = 0; files <= 1; files++) {
        for (size_t i = 0; i < entity->ndifferences; i++) {
            if ((entity->differences[i].kind == VERIFY_FILE) == (files == 1)) {
                ordered[n++] = entity->differences[i];
            }
        }
    }
    free(entity->differences);
    entity->differences = ordered;
    entity->differences_size = n + 1;
}

static void free_differences(struct verify_entity *entity)
{
    for (size_t i = 0; i < entity->ndifferences; i++) {
        struct verify_difference *difference = &entity->differences[i];
        free(difference->key);
        free(difference->column);
        free(difference->lake);
        free(difference->source);
    }
    free(entity->differences);
    entity->differences = NULL;
    entity->ndifferences = entity->differences_size = 0;
    entity->difference_count = 0;
}

void verify_drop_differences(struct verify *verify, struct verify_entity *entity)
{
    verify->kept -= entity->ndifferences;
    free_differences(entity);
}

void verify_result_done(struct verify_result *result)
{
    for (size_t i = 0; i < result->nentities; i++) {
        struct verify_entity *entity = &result->entities[i];
        free_differences(entity);
        free(entity->name);
        free(entity->skipped);
    }
    free(result->entities);
    *result = (struct verify_result){0};
}
