/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/error.h"

#include "base/macros.h"

#include <ctype.h>
#include <stdlib.h>

struct rule {
    const char *prefix; /* of the SQLSTATE; the first that fits counts */
    enum lf_error_kind kind;
    const char *cure; /* that fits most failures of the kind; "": none */
};

static const struct rule rules[] = {
    {"28", LF_AUTH, "check user, password and pg_hba.conf"},
    {"42501", LF_AUTH, "lakefeed check lists the rights that the role needs"},
    {"3D000", LF_NOT_FOUND, "correct the name of the database in the URL"},
    {"42P01", LF_NOT_FOUND, ""},
    {"3F000", LF_NOT_FOUND, ""},
    {"42704", LF_NOT_FOUND, ""},
    {"42703", LF_SCHEMA, ""},
    {"42710", LF_CONFLICT, ""},
    {"55006", LF_TRANSIENT, "another process uses it; it is tried again"},
    {"55P03", LF_TRANSIENT, "another session holds a lock; it is tried again"},
    {"57014", LF_TRANSIENT, "the statement was cancelled or took longer than allowed"},
    {"57P", LF_TRANSIENT, ""},
    {"53400", LF_TRANSIENT, "a limit of the server's configuration is reached; raise it, or remove what is unused"},
    {"53300", LF_TRANSIENT, "all connections are in use; raise max_connections or max_wal_senders"},
    {"53", LF_TRANSIENT, ""},
    {"54", LF_LIMIT, ""},
    {"40", LF_TRANSIENT, ""},
    {"08", LF_TRANSIENT, ""},
    {"58", LF_TRANSIENT, ""},
    {"XX", LF_TRANSIENT, "the server's log tells more"},
    {"0A", LF_UNSUPPORTED, ""},
    {"22P05", LF_DATA, "correct that text in the database: it has no Unicode"},
    {"22021", LF_DATA, "correct that text in the database: its bytes are none of its encoding"},
    {"22", LF_DATA, ""},
    {"25006", LF_TRANSIENT, "the server takes no writes; it may be a standby"},
    {"25P", LF_TRANSIENT, ""}, /* a timeout of the server ended a transaction */
    {"55", LF_TRANSIENT, ""},  /* not at present: a database that takes no connections, a server in recovery */
    {"72", LF_TRANSIENT, ""},  /* the snapshot is too old */
    {"F0", LF_TRANSIENT, ""},  /* the server's configuration file */
    {"P0", LF_AUTH, "a function of the database has refused, such as an event trigger"},
    {"38", LF_AUTH, "a function of the database has failed"},
};

static const struct rule *find_rule(const char *sqlstate)
{
    for (size_t i = 0; sqlstate != NULL && i < ARRAY_LEN(rules); i++) {
        if (strncmp(sqlstate, rules[i].prefix, strlen(rules[i].prefix)) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

enum lf_error_kind pg_kind_of_sqlstate(const char *sqlstate)
{
    if (sqlstate == NULL || sqlstate[0] == '\0') {
        return LF_TRANSIENT;
    }
    const struct rule *rule = find_rule(sqlstate);
    return rule != NULL ? rule->kind : LF_INTERNAL;
}

static int code_of(const char *sqlstate)
{
    return sqlstate != NULL ? (int)strtol(sqlstate, NULL, 36) : 0; /* five digits: below 2^26 */
}

bool pg_error_is(const struct lf_error *err, const char *sqlstate)
{
    return err->code == code_of(sqlstate);
}

/* What the server says of a value whose text would be over 1 GB. Its SQLSTATE is that of any internal error, its words are never
 * translated. */
static bool is_too_large(const char *text)
{
    return strncmp(text, "invalid memory alloc request size", 33) == 0;
}

bool pg_error_set(struct lf_error *err, const char *where, const char *what, const char *sqlstate, const char *text)
{
    const struct rule *rule = find_rule(sqlstate);
    const char *cure = rule != NULL ? rule->cure : "";
    const char *state = sqlstate != NULL ? sqlstate : "";
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        len--;
    }
    return lf_error_set(err, is_too_large(text) ? LF_LIMIT : pg_kind_of_sqlstate(sqlstate), code_of(sqlstate),
                        "%s: %s: %.*s%s%s%s%s%s", where, what, (int)(len < 600 ? len : 600), text,
                        state[0] != '\0' ? " (SQLSTATE " : "", state, state[0] != '\0' ? ")" : "",
                        cure[0] != '\0' ? "; " : "", cure);
}

/* "FATAL:  28P01: password authentication failed for user "x"\nLOCATION:  …" */
static bool looks_like_state(const char *at)
{
    bool digit = false; /* every SQLSTATE has one, FATAL has none */
    for (size_t i = 0; i < 5; i++) {
        if (!isupper((unsigned char)at[i]) && !isdigit((unsigned char)at[i])) {
            return false;
        }
        digit = digit || isdigit((unsigned char)at[i]);
    }
    return digit && at[5] == ':' && at[6] == ' ';
}

const char *pg_split_connect_message(char *text, char ret_sqlstate[6])
{
    const char *begin = text;
    ret_sqlstate[0] = '\0';
    for (const char *at = text; *at != '\0' && ret_sqlstate[0] == '\0'; at++) {
        if ((at == text || at[-1] == ' ') && looks_like_state(at)) {
            memcpy(ret_sqlstate, at, 5);
            ret_sqlstate[5] = '\0';
            begin = at + 7;
        }
    }
    text[begin - text + (long)strcspn(begin, "\n")] = '\0';
    return begin;
}
