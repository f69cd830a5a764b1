/* SPDX-License-Identifier: Apache-2.0 */
#include "lake/path.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/macros.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

#define SUFFIX_LEN 9u /* "-" and 8 hex digits */
#define ATTRIBUTE_CHARS_MAX 256u
#define COMMIT_ID_LEN (LAKE_COMMIT_ID_SIZE - 1)
#define WRITER_ID_LEN (LAKE_WRITER_ID_SIZE - 1)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_entity_name(const char *name, size_t len)
{
    if (len == 0 || len > LAKE_NAME_MAX || !is_alnum(name[0])) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(name[i]) && name[i] != '_' && name[i] != '-') {
            return false;
        }
    }
    return true;
}

/* Upper case letters and the distance to their lower case: every `step`th code point from first to last. Enough for the
 * scripts in which readers fold case; the others have no case or are never folded. */
struct case_range {
    uint32_t first;
    uint32_t last;
    uint32_t step;
    uint32_t distance;
};

static const struct case_range case_ranges[] = {
    {'A', 'Z', 1, 32},     {0xC0, 0xD6, 1, 32},    {0xD8, 0xDE, 1, 32},    {0x100, 0x136, 2, 1},
    {0x139, 0x147, 2, 1},  {0x14A, 0x176, 2, 1},   {0x179, 0x17D, 2, 1},   {0x391, 0x3A1, 1, 32},
    {0x3A3, 0x3A9, 1, 32}, {0x400, 0x40F, 1, 80},  {0x410, 0x42F, 1, 32},  {0x460, 0x480, 2, 1},
    {0x531, 0x556, 1, 48}, {0x1E00, 0x1E94, 2, 1}, {0x1EA0, 0x1EFE, 2, 1}, {0xFF21, 0xFF3A, 1, 32},
};

static uint32_t fold_case(uint32_t code_point)
{
    for (size_t i = 0; i < ARRAY_LEN(case_ranges); i++) {
        const struct case_range *range = &case_ranges[i];
        if (code_point >= range->first && code_point <= range->last) {
            return (code_point - range->first) % range->step == 0 ? code_point + range->distance : code_point;
        }
    }
    return code_point;
}

/* The next character in lower case, 0 at the end; a byte that is not UTF-8 stands for itself. */
static uint32_t next_folded(const char **text)
{
    static const uint8_t lead_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    const char *at = *text;
    size_t len = utf8_char_len(at, strnlen(at, 4));
    size_t bytes = len > 0 ? len : (size_t)(*at != '\0');
    uint32_t code_point = len > 0 ? (uint8_t)at[0] & lead_bits[len] : (uint8_t)at[0];
    for (size_t i = 1; i < len; i++) {
        code_point = code_point << 6 | ((uint8_t)at[i] & 0x3F);
    }
    *text = at + bytes;
    return fold_case(code_point);
}

static bool equal_folded(const char *a, const char *b)
{
    uint32_t next = 1;
    while (next != 0) {
        next = next_folded(&a);
        if (next != next_folded(&b)) {
            return false;
        }
    }
    return true;
}

static bool is_taken(const char *name, const char *const *taken)
{
    for (; taken != NULL && *taken != NULL; taken++) {
        if (equal_folded(name, *taken)) {
            return true;
        }
    }
    return false;
}

/* "-" and the start of the hash of the source's name. A suffixed name can clash as well, with a source name that looks
 * like one: then the attempt's number is hashed too. */
static void append_suffix(const char *source_name, unsigned attempt, struct buf *out)
{
    char hex[SHA256_HEX_SIZE];
    if (attempt == 0) {
        sha256_of(source_name, strlen(source_name), hex);
    } else {
        CLEANUP(text_free) char *text = text_printf("%s\n%u", source_name, attempt);
        sha256_of(text, strlen(text), hex);
    }
    buf_printf(out, "-%.8s", hex);
}

/* Appends `full` when it may stand as it is, otherwise the first stem_len bytes of it with a suffix that is free. */
static void append_free_name(const char *source_name, const char *full, bool changed, size_t stem_len,
                             const char *const *taken, struct buf *out)
{
    CLEANUP(buf_done) struct buf name = {0};
    buf_append_text(&name, full);
    for (unsigned attempt = 0; changed || is_taken(buf_text(&name), taken); attempt++) {
        buf_reset(&name);
        buf_append(&name, full, stem_len);
        append_suffix(source_name, attempt, &name);
        changed = false;
    }
    buf_append(out, name.ptr, name.len);
}

static char folder_char(char c)
{
    if (is_alnum(c) || c == '-') {
        return c;
    }
    return '_';
}

void lake_entity_name(const char *source_name, const char *const *taken, struct buf *out)
{
    char name[LAKE_NAME_MAX + 1];
    size_t len = 0;
    if (!is_alnum(source_name[0])) {
        name[len++] = 'x';
    }
    size_t used = 0;
    for (; source_name[used] != '\0' && len < LAKE_NAME_MAX; used++) {
        name[len++] = folder_char(source_name[used]);
    }
    name[len] = '\0';
    bool changed = source_name[used] != '\0' || strcmp(name, source_name) != 0;
    size_t stem_len = len < LAKE_NAME_MAX - SUFFIX_LEN ? len : LAKE_NAME_MAX - SUFFIX_LEN;
    append_free_name(source_name, name, changed, stem_len, taken, out);
}

bool lake_entity_name_check(const char *name, struct lf_error *err)
{
    if (is_entity_name(name, strlen(name))) {
        return true;
    }
    return lf_error_set(err, LF_CONFIG, 0,
                        "the entity name \"%.250s\" cannot be a folder of the lake: use 1 to %u of the characters "
                        "A-Z a-z 0-9 _ -, the first a letter or a digit",
                        name, LAKE_NAME_MAX);
}

void lake_attribute_name(const char *source_name, const char *const *taken, struct buf *out)
{
    CLEANUP(buf_done) struct buf name = {0};
    bool changed = source_name[0] == '\0';
    size_t stem_len = 0;
    const char *at = source_name;
    for (size_t chars = 0; *at != '\0' && chars < ATTRIBUTE_CHARS_MAX; chars++) {
        size_t len = utf8_char_len(at, strnlen(at, 4));
        changed = changed || len == 0;
        buf_append(&name, len > 0 ? at : "_", len > 0 ? len : 1);
        at += len > 0 ? len : 1;
        if (chars < ATTRIBUTE_CHARS_MAX - SUFFIX_LEN) {
            stem_len = name.len;
        }
    }
    append_free_name(source_name, buf_text(&name), changed || *at != '\0', stem_len, taken, out);
}

void lake_path_partition(const char *entity, uint32_t partition, int64_t time_ms, const char *writer_id,
                         uint64_t counter, struct buf *out)
{
    char time[CLOCK_TEXT_SIZE];
    clock_format_compact(time_ms, time);
    buf_printf(out, "%s/Snapshot/p%08" PRIu32 "_%s_%s-%" PRIu64 ".csv", entity, partition, time, writer_id, counter);
}

void lake_path_commit(uint64_t commit, const char *commit_id, struct buf *out)
{
    buf_printf(out, "_lakefeed/commits/%010" PRIu64 "-%s.json", commit, commit_id);
}

void lake_path_load(const char *entity, const char *commit_id, struct buf *out)
{
    buf_printf(out, "_lakefeed/loads/%s-%s.json", entity, commit_id);
}

void lake_path_quarantine(const char *entity, const char *commit_id, struct buf *out)
{
    buf_printf(out, "_lakefeed/quarantine/%s-%s.jsonl", entity, commit_id);
}

void lake_path_history(uint64_t commit, const char *commit_id, struct buf *out)
{
    buf_printf(out, "_lakefeed/history/%010" PRIu64 "-%s.json", commit, commit_id);
}

void lake_path_publish(const char *commit_id, struct buf *out)
{
    buf_printf(out, "_lakefeed/publish/%s.json", commit_id);
}

/* The take_… functions recognise one part at *at and move behind it. */
static bool take_text(const char **at, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*at, text, len) != 0) {
        return false;
    }
    *at += len;
    return true;
}

/* A decimal number as printf writes it with %0<width>: no zero in front once it is longer. */
static bool take_number(const char **at, size_t width, size_t most)
{
    size_t len = 0;
    while (is_digit((*at)[len])) {
        len++;
    }
    bool plain = len == width || (len > width && len <= most && **at != '0');
    *at += len;
    return plain;
}

static bool take_hex(const char **at, size_t len)
{
    bool exact = strspn(*at, "0123456789abcdef") == len;
    *at += exact ? len : 0;
    return exact;
}

static bool take_time(const char **at)
{
    return take_number(at, 8, 8) && take_text(at, "T") && take_number(at, 6, 6) && take_text(at, "Z");
}

static bool is_partition(const char *path)
{
    size_t entity_len = strcspn(path, "/");
    const char *at = path + entity_len;
    return is_entity_name(path, entity_len) && take_text(&at, "/Snapshot/p") && take_number(&at, 8, 10) &&
           take_text(&at, "_") && take_time(&at) && take_text(&at, "_") && take_hex(&at, WRITER_ID_LEN) &&
           take_text(&at, "-") && take_number(&at, 1, 20) && take_text(&at, ".csv") && *at == '\0';
}

static bool is_numbered(const char *path, const char *folder)
{
    const char *at = path;
    return take_text(&at, folder) && take_number(&at, 10, 20) && take_text(&at, "-") && take_hex(&at, COMMIT_ID_LEN) &&
           take_text(&at, ".json") && *at == '\0';
}

/* Read from the end: the entity's name may hold "-" and hex digits itself. */
static bool is_named(const char *path, const char *folder, const char *suffix)
{
    const size_t tail_len = 1 + COMMIT_ID_LEN + strlen(suffix);
    const char *at = path;
    if (!take_text(&at, folder) || strlen(at) <= tail_len) {
        return false;
    }
    size_t entity_len = strlen(at) - tail_len;
    const char *tail = at + entity_len;
    return is_entity_name(at, entity_len) && take_text(&tail, "-") && take_hex(&tail, COMMIT_ID_LEN) &&
           take_text(&tail, suffix);
}

static bool is_publish(const char *path)
{
    const char *at = path;
    return take_text(&at, "_lakefeed/publish/") && take_hex(&at, COMMIT_ID_LEN) && take_text(&at, ".json") &&
           *at == '\0';
}

enum lake_path_kind lake_path_kind(const char *path)
{
    if (is_partition(path)) {
        return LAKE_PATH_IS_PARTITION;
    }
    if (is_numbered(path, "_lakefeed/commits/")) {
        return LAKE_PATH_IS_COMMIT;
    }
    if (is_named(path, "_lakefeed/loads/", ".json")) {
        return LAKE_PATH_IS_LOAD;
    }
    if (is_named(path, "_lakefeed/quarantine/", ".jsonl")) {
        return LAKE_PATH_IS_QUARANTINE;
    }
    if (is_publish(path)) {
        return LAKE_PATH_IS_PUBLISH;
    }
    return is_numbered(path, "_lakefeed/history/") ? LAKE_PATH_IS_HISTORY : LAKE_PATH_IS_FOREIGN;
}

static bool is_component(const char *name, size_t len)
{
    bool is_dots = (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
    return len > 0 && !is_dots;
}

bool lake_path_is_valid(const char *path)
{
    if (strnlen(path, LAKE_PATH_MAX + 1) > LAKE_PATH_MAX) {
        return false;
    }
    for (;;) {
        size_t len = strcspn(path, "/");
        if (!is_component(path, len)) {
            return false;
        }
        if (path[len] == '\0') {
            return true;
        }
        path += len + 1;
    }
}
