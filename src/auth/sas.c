/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sas.h"

#include "base/clock.h"
#include "base/macros.h"
#include "base/secret.h"
#include "net/http_text.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#define EARLY_MS (INT64_C(15) * 60 * 1000) /* by which the clock of the service may be ahead, as it allows itself */

static const char *name_place(const char *place)
{
    return place != NULL ? place : "the configuration";
}

/* The raw value of a parameter, NULL: absent. */
static const char *find_parameter(const char *query, const char *name, size_t *ret_len)
{
    const size_t name_len = strlen(name);
    while (*query != '\0') {
        const size_t len = strcspn(query, "&");
        if (len > name_len && strncmp(query, name, name_len) == 0 && query[name_len] == '=') {
            *ret_len = len - name_len - 1;
            return query + name_len + 1;
        }
        query += len + (query[len] == '&' ? 1 : 0);
    }
    return NULL;
}

/* A number of `len` digits at *at, which moves on. */
static bool take_digits(const char **at, size_t len, int *ret)
{
    *ret = 0;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)**at)) {
            return false;
        }
        *ret = *ret * 10 + (*(*at)++ - '0');
    }
    return true;
}

static bool take_char(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

/* "Z", or an offset of hours and minutes, to the end of the text. */
static bool take_zone(const char **at, int64_t *ret_offset_s)
{
    int hours = 0;
    int minutes = 0;
    const char sign = **at;
    *ret_offset_s = 0;
    if (sign == 'Z') {
        (*at)++;
    } else if (sign == '+' || sign == '-') {
        (*at)++;
        TRY(take_digits(at, 2, &hours) && take_char(at, ':') && take_digits(at, 2, &minutes));
        *ret_offset_s = (sign == '-' ? INT64_C(-60) : INT64_C(60)) * (hours * 60 + minutes);
    }
    return **at == '\0';
}

/* The forms of ISO 8601 that a signature may have: a date, with a time to the minute or second, with a fraction. */
static bool parse_time(const char *text, int64_t *ret_ms)
{
    struct tm tm = {0};
    int64_t offset_s = 0;
    TRY(take_digits(&text, 4, &tm.tm_year) && take_char(&text, '-') && take_digits(&text, 2, &tm.tm_mon) &&
        take_char(&text, '-') && take_digits(&text, 2, &tm.tm_mday));
    if (take_char(&text, 'T')) {
        TRY(take_digits(&text, 2, &tm.tm_hour) && take_char(&text, ':') && take_digits(&text, 2, &tm.tm_min));
        if (take_char(&text, ':')) {
            TRY(take_digits(&text, 2, &tm.tm_sec));
        }
        if (take_char(&text, '.')) {
            text += strspn(text, "0123456789");
        }
    }
    TRY(take_zone(&text, &offset_s));
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ret_ms = ((int64_t)timegm(&tm) - offset_s) * 1000;
    return true;
}

/* 0: absent, or in a form that only the service may understand. */
static int64_t time_of(const char *query, const char *name)
{
    size_t len = 0;
    int64_t ms = 0;
    struct lf_error err;
    const char *raw = find_parameter(query, name, &len);
    CLEANUP(text_free) char *encoded = text_copy_len(raw != NULL ? raw : "", len);
    CLEANUP(buf_done) struct buf text = {0};
    return http_decode(&text, encoded, &err) && parse_time(buf_text(&text), &ms) ? ms : 0;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

bool sas_parse(const char *text, const char *place, struct sas *ret_sas, struct lf_error *err)
{
    size_t len = 0;
    *ret_sas = (struct sas){0};
    text += *text == '?' ? 1 : 0;
    if (strstr(text, "://") != NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "the SAS in %s is a whole URL; give only what follows its question mark",
                            name_place(place));
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (!isgraph((unsigned char)*c) || strchr("?#\"", *c) != NULL) {
            return lf_error_set(err, LF_CONFIG, 0,
                                "the SAS in %s has a blank or a character that no query has at byte %zu; copy it anew",
                                name_place(place), (size_t)(c - text) + 1);
        }
    }
    if (find_parameter(text, "sig", &len) == NULL || len == 0) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the SAS in %s has no sig=…; copy the whole token, as sv=…&sig=…; a key of the account "
                            "goes into auth.account_key",
                            name_place(place));
    }
    ret_sas->query = text_copy(text);
    ret_sas->starts_ms = time_of(text, "st");
    ret_sas->expires_ms = earlier(time_of(text, "se"), time_of(text, "ske"));
    return true;
}

void sas_done(struct sas *sas)
{
    secret_text_free(&sas->query);
    *sas = (struct sas){0};
}

bool sas_check(const struct sas *sas, int64_t now_ms, const char *place, struct lf_error *err)
{
    char at[CLOCK_TEXT_SIZE];
    char now[CLOCK_TEXT_SIZE];
    clock_format_iso(now_ms, now);
    if (sas->expires_ms != 0 && now_ms >= sas->expires_ms) {
        clock_format_iso(sas->expires_ms, at);
        return lf_error_set(err, LF_AUTH, 0, "the SAS expired at %s (it is %s here); put a new one into %s", at, now,
                            name_place(place));
    }
    if (sas->starts_ms != 0 && now_ms + EARLY_MS < sas->starts_ms) {
        clock_format_iso(sas->starts_ms, at);
        return lf_error_set(
            err, LF_AUTH, 0,
            "the SAS begins only at %s (it is %s here); wait, set the clock, or put another one into %s", at, now,
            name_place(place));
    }
    return true;
}
