/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/crypto.h"
#include "base/macros.h"
#include "cdm/field.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define US_PER_MS 1000

static bool find_name(const char *const *names, size_t count, const char *name, size_t *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

bool field_members(const struct json *object, const char *const *names, size_t count, const struct json **ret_values,
                   struct lf_error *err)
{
    for (size_t i = 0; i < count; i++) {
        ret_values[i] = NULL;
    }
    if (!json_is_object(object)) {
        return lf_error_set(err, LF_DATA, 0, "an object is expected");
    }
    for (const struct json *member = json_first(object); member != NULL; member = json_next(member)) {
        size_t index;
        if (!find_name(names, count, json_name(member), &index)) {
            return lf_error_set(err, LF_DATA, 0, "unknown member \"%.100s\"", json_name(member));
        }
        ret_values[index] = member;
    }
    return true;
}

static bool read_annotation(const struct json *annotation, const char *const *names, size_t count,
                            const char **ret_values, struct lf_error *err)
{
    static const char *const parts[] = {"name", "value"};
    const struct json *members[ARRAY_LEN(parts)];
    TRY(field_members(annotation, parts, ARRAY_LEN(parts), members, err));
    const char *name = json_text(members[0]);
    const char *value = json_text(members[1]);
    size_t index;
    if (name == NULL || value == NULL) {
        return lf_error_set(err, LF_DATA, 0, "an annotation without a name or a value in text");
    }
    if (!find_name(names, count, name, &index)) {
        return lf_error_set(err, LF_DATA, 0, "unknown annotation \"%.100s\"", name);
    }
    if (ret_values[index] != NULL) {
        return lf_error_set(err, LF_DATA, 0, "annotation \"%s\" stands twice", names[index]);
    }
    ret_values[index] = value;
    return true;
}

bool field_annotations(const struct json *list, const char *const *names, size_t count, const char **ret_values,
                       struct lf_error *err)
{
    for (size_t i = 0; i < count; i++) {
        ret_values[i] = NULL;
    }
    TRY(field_is_list(list, "annotations", err));
    for (const struct json *annotation = json_first(list); annotation != NULL; annotation = json_next(annotation)) {
        TRY(read_annotation(annotation, names, count, ret_values, err));
    }
    return true;
}

size_t field_count(const struct json *list)
{
    size_t count = 0;
    for (const struct json *element = json_first(list); element != NULL; element = json_next(element)) {
        count++;
    }
    return count;
}

bool field_is_list(const struct json *value, const char *what, struct lf_error *err)
{
    return json_is_array(value) || lf_error_set(err, LF_DATA, 0, "%s is missing or not a list", what);
}

static bool missing(const char *what, struct lf_error *err)
{
    return lf_error_set(err, LF_DATA, 0, "%s is missing or not text", what);
}

static bool invalid(const char *what, const char *text, const char *expected, struct lf_error *err)
{
    return lf_error_set(err, LF_DATA, 0, "%s \"%.80s\" is not %s", what, text, expected);
}

bool field_text(const char *text, const char *what, char **ret_text, struct lf_error *err)
{
    if (text == NULL) {
        return missing(what, err);
    }
    *ret_text = text_copy(text);
    return true;
}

bool field_u64(const char *text, const char *what, uint64_t *ret, struct lf_error *err)
{
    if (text == NULL) {
        return missing(what, err);
    }
    uint64_t value = 0;
    bool valid = text[0] != '\0' && (text[0] != '0' || text[1] == '\0');
    for (const char *at = text; valid && *at != '\0'; at++) {
        valid = *at >= '0' && *at <= '9' && !__builtin_mul_overflow(value, 10u, &value) &&
                !__builtin_add_overflow(value, (uint64_t)(*at - '0'), &value);
    }
    *ret = value;
    return valid || invalid(what, text, "a number of 64 bits", err);
}

bool field_u32(const char *text, const char *what, uint32_t *ret, struct lf_error *err)
{
    uint64_t value = 0;
    TRY(field_u64(text, what, &value, err));
    *ret = (uint32_t)value;
    return value <= UINT32_MAX || invalid(what, text, "a number of 32 bits", err);
}

bool field_bytes(const char *text, const char *what, struct model_bytes *ret_bytes, struct lf_error *err)
{
    if (text == NULL) {
        return missing(what, err);
    }
    CLEANUP(buf_done) struct buf bytes = {0};
    CLEANUP(buf_done) struct buf again = {0};
    struct lf_error ignored;
    const bool decoded = base64url_decode(text, strlen(text), &bytes, &ignored);
    if (decoded) {
        base64url_append(&again, bytes.ptr, bytes.len);
    }
    if (!decoded || strcmp(buf_text(&again), text) != 0) {
        return invalid(what, text, "base64url without padding", err);
    }
    if (bytes.len > FIELD_BYTES_MAX) {
        return lf_error_set(err, LF_DATA, 0, "%s has more than %u bytes", what, FIELD_BYTES_MAX);
    }
    *ret_bytes = model_bytes_copy(bytes.ptr, bytes.len);
    return true;
}

bool field_sha256(const char *text, const char *what, char ret_hex[65], struct lf_error *err)
{
    if (text == NULL) {
        return missing(what, err);
    }
    if (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64) {
        return invalid(what, text, "a sha256 of 64 lower-case hex digits", err);
    }
    memcpy(ret_hex, text, 65);
    return true;
}

/* Days since 1970 of a date of the proleptic Gregorian calendar; years are counted from March. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    const int64_t era = year / 400;
    const int64_t year_of_era = year % 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* Reads digits where `pattern` has the letters y M d H m s f and compares all else. False when they do not fit. */
static bool read_pattern(const char *text, const char *pattern, int64_t ret_fields[128])
{
    size_t i = 0;
    for (; pattern[i] != '\0'; i++) {
        const unsigned char letter = (unsigned char)pattern[i];
        if (strchr("yMdHmsf", letter) == NULL) {
            if (text[i] != pattern[i]) {
                return false;
            }
            continue;
        }
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        ret_fields[letter] = ret_fields[letter] * 10 + (text[i] - '0');
    }
    return text[i] == '\0';
}

static int64_t seconds_of(const int64_t fields[128])
{
    return ((days_of(fields['y'], (int)fields['M'], (int)fields['d']) * 24 + fields['H']) * 60 + fields['m']) * 60 +
           fields['s'];
}

bool field_time_ms(const char *text, const char *what, int64_t *ret_ms, struct lf_error *err)
{
    if (text == NULL) {
        return missing(what, err);
    }
    int64_t fields[128] = {0};
    char again[CLOCK_TEXT_SIZE] = "";
    const bool read = read_pattern(text, "yyyy-MM-ddTHH:mm:ss.fffZ", fields) && fields['y'] > 0;
    if (read) {
        *ret_ms = seconds_of(fields) * 1000 + fields['f'];
        clock_format_iso(*ret_ms, again);
    }
    return (read && strcmp(again, text) == 0) || invalid(what, text, "a time like 2024-01-31T12:00:00.000Z", err);
}

bool field_time_us(const char *text, const char *what, int64_t *ret_us, struct lf_error *err)
{
    if (text == NULL) {
        return missing(what, err);
    }
    int64_t fields[128] = {0};
    char again[CLOCK_TEXT_SIZE] = "";
    const bool read = read_pattern(text, "yyyy-MM-ddTHH:mm:ss.ffffffZ", fields) && fields['y'] > 0;
    if (read) {
        const int64_t ms = seconds_of(fields) * 1000 + fields['f'] / US_PER_MS;
        *ret_us = ms * US_PER_MS + fields['f'] % US_PER_MS;
        clock_format_iso(ms, again);
    }
    return (read && strncmp(again, text, strlen("yyyy-MM-ddTHH:mm:ss.fff")) == 0) ||
           invalid(what, text, "a time like 2024-01-31T12:00:00.000000Z", err);
}

static bool read_number(const char **at, char end, int64_t *ret)
{
    int64_t value = 0;
    const char *begin = *at;
    while (**at >= '0' && **at <= '9' && *at - begin < 4) {
        value = value * 10 + (**at - '0');
        (*at)++;
    }
    *ret = value;
    return *at > begin && *(*at)++ == end;
}

bool field_time_american(const char *text, const char *what, int64_t *ret_ms, struct lf_error *err)
{
    if (text == NULL) {
        return missing(what, err);
    }
    int64_t fields[128] = {0};
    char again[CLOCK_TEXT_SIZE] = "";
    const char *at = text;
    const bool read = read_number(&at, '/', &fields['M']) && read_number(&at, '/', &fields['d']) &&
                      read_number(&at, ' ', &fields['y']) && read_number(&at, ':', &fields['H']) &&
                      read_number(&at, ':', &fields['m']) && read_number(&at, ' ', &fields['s']) && fields['y'] > 0;
    if (read) {
        fields['H'] = fields['H'] % 12 + (*at == 'P' ? 12 : 0);
        *ret_ms = seconds_of(fields) * 1000;
        clock_format_us(*ret_ms, again);
    }
    return (read && strcmp(again, text) == 0) || invalid(what, text, "a time like 1/31/2024 12:00:00 PM", err);
}

bool field_format(const struct json *value, struct lf_error *err)
{
    int64_t format;
    if (!json_int(value, &format) || format < 1) {
        return lf_error_set(err, LF_DATA, 0, "there is no \"format\"");
    }
    if (format > MODEL_FORMAT) {
        return lf_error_set(err, LF_UNSUPPORTED, 0,
                            "the format is %lld, this lakefeed reads up to %d: install a newer one", (long long)format,
                            MODEL_FORMAT);
    }
    return true;
}
