/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/connection.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

#define QUERY_STEP_MS 60000 /* only a bound of one wait; a query may take longer */
#define KEYWORDS_MAX 64

/* What makes the text of values the same whatever role, database and server are set to. A value of them in the URL comes first
 * and loses. */
static const char fixed_options[] =
    "-c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=3 -c bytea_output=hex -c timezone=UTC"
    " -c lc_monetary=C -c xmloption=content -c row_security=off -c search_path= -c "
    "default_transaction_isolation=read\\ committed"
    " -c plan_cache_mode=force_generic_plan -c quote_all_identifiers=off -c standard_conforming_strings=on -c jit=off"
    " -c idle_in_transaction_session_timeout=0 -c default_transaction_read_only=off";

struct keywords {
    const char *names[KEYWORDS_MAX];
    const char *values[KEYWORDS_MAX];
    size_t count;
};

static void add_keyword(struct keywords *keywords, const char *name, const char *value)
{
    if (value != NULL && keywords->count + 1 < KEYWORDS_MAX) {
        keywords->names[keywords->count] = name;
        keywords->values[keywords->count++] = value;
    }
}

static void free_conninfo(PQconninfoOption **options)
{
    PQconninfoFree(*options);
}

static const char *value_of(const PQconninfoOption *options, const char *name)
{
    for (; options->keyword != NULL; options++) {
        if (strcmp(options->keyword, name) == 0) {
            return options->val != NULL && options->val[0] != '\0' ? options->val : NULL;
        }
    }
    return NULL;
}

static bool parse_url(const struct lf_session *session, PQconninfoOption **ret_options, struct lf_error *err)
{
    char *text = NULL;
    const char *url = session->url;
    if (strncmp(url, "postgresql://", 13) != 0 && strncmp(url, "postgres://", 11) != 0) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the URL of a PostgreSQL source begins with postgresql://, as in"
                            " postgresql://user@host:5432/database");
    }
    PQconninfoOption *options = PQconninfoParse(url, &text);
    *ret_options = options;
    if (options == NULL) {
        /* What libpq says may repeat the URL, and that may hold a password. */
        bool repeats = text != NULL && strstr(text, url) != NULL;
        (void)lf_error_set(err, LF_CONFIG, 0, "the URL of the PostgreSQL source cannot be read%s%.200s",
                           repeats ? "" : ": ", repeats || text == NULL ? "" : text);
        PQfreemem(text);
        return false;
    }
    return true;
}

/* ---- several hosts ---- */

/* libpq goes on to the next host of a list when one refuses, but waits for ever for one that is silent. So each of them is the first
 * of the list once. */
struct hosts {
    char *lists[3]; /* in their present order; NULL: not given */
    size_t count;
};

static const char *const host_keywords[] = {"host", "hostaddr", "port"};

static size_t count_items(const char *list)
{
    size_t count = 1;
    for (; list != NULL && *list != '\0'; list++) {
        count += *list == ',';
    }
    return count;
}

static void hosts_init(struct hosts *hosts, const PQconninfoOption *options)
{
    *hosts = (struct hosts){.count = 1};
    for (size_t i = 0; i < ARRAY_LEN(host_keywords); i++) {
        hosts->lists[i] = text_copy(value_of(options, host_keywords[i]));
        size_t count = count_items(hosts->lists[i]);
        hosts->count = count > hosts->count ? count : hosts->count;
    }
}

static void hosts_done(struct hosts *hosts)
{
    for (size_t i = 0; i < ARRAY_LEN(hosts->lists); i++) {
        text_free(&hosts->lists[i]);
    }
}

/* The first of each list to its end. */
static void hosts_turn(struct hosts *hosts)
{
    for (size_t i = 0; i < ARRAY_LEN(hosts->lists); i++) {
        const char *comma = hosts->lists[i] != NULL ? strchr(hosts->lists[i], ',') : NULL;
        if (comma != NULL) {
            char *turned = text_printf("%s,%.*s", comma + 1, (int)(comma - hosts->lists[i]), hosts->lists[i]);
            text_free(&hosts->lists[i]);
            hosts->lists[i] = turned;
        }
    }
}

static void fill_keywords(const struct lf_session *session, enum pg_purpose purpose, const PQconninfoOption *options,
                          const struct hosts *hosts, const char *server_options, struct keywords *keywords)
{
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        static const char *const ours[] = {"options", "client_encoding", "replication", "password",
                                           "host",    "hostaddr",        "port"};
        bool taken = false;
        for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
            taken = taken || strcmp(option->keyword, ours[i]) == 0;
        }
        if (!taken && option->val != NULL && option->val[0] != '\0') {
            add_keyword(keywords, option->keyword, option->val);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(host_keywords); i++) {
        add_keyword(keywords, host_keywords[i], hosts->lists[i]);
    }
    const char *password = session->settings.password;
    add_keyword(keywords, "password", password != NULL ? password : value_of(options, "password"));
    add_keyword(keywords, "options", server_options);
    add_keyword(keywords, "client_encoding", "UTF8");
    add_keyword(keywords, "replication", purpose == PG_FOR_REPLICATION ? "database" : NULL);
    add_keyword(keywords, "application_name",
                value_of(options, "application_name") == NULL ? session->application : NULL);
    add_keyword(keywords, "keepalives_idle", value_of(options, "keepalives_idle") == NULL ? "30" : NULL);
    add_keyword(keywords, "keepalives_interval", value_of(options, "keepalives_interval") == NULL ? "10" : NULL);
    add_keyword(keywords, "keepalives_count", value_of(options, "keepalives_count") == NULL ? "3" : NULL);
    add_keyword(keywords, "tcp_user_timeout", value_of(options, "tcp_user_timeout") == NULL ? "60000" : NULL);
}

static void name_place(struct lf_session *session, PGconn *conn)
{
    const char *host = PQhost(conn);
    const char *port = PQport(conn);
    const char *database = PQdb(conn);
    free(session->where);
    session->where = text_printf("PostgreSQL database %.63s at %.100s:%.8s", database != NULL ? database : "?",
                                 host != NULL && host[0] != '\0' ? host : "localhost", port != NULL ? port : "?");
}

static bool connect_failed(struct lf_session *session, PGconn *conn, struct lf_error *err)
{
    char sqlstate[6];
    CLEANUP(text_free) char *text = text_copy(PQerrorMessage(conn));
    const char *said = pg_split_connect_message(text, sqlstate);
    bool no_password = PQconnectionNeedsPassword(conn) != 0;
    name_place(session, conn);
    if (no_password) {
        return lf_error_set(err, LF_AUTH, 0,
                            "%s: the server asks for a password; put it into ~/.pgpass, PGPASSWORD, or the option"
                            " \"password\" of the source",
                            session->where);
    }
    return pg_error_set(err, session->where, "no connection", sqlstate, said);
}

/* ret_silent: there was no answer in time. */
static bool finish_connect(struct lf_session *session, PGconn *conn, bool *ret_silent, struct lf_error *err)
{
    int64_t until = pg_monotonic_ms() + session->settings.connect_timeout_ms;
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (status != PGRES_POLLING_OK) {
        short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        int64_t left = until - pg_monotonic_ms();
        if (left <= 0 || !pg_session_wait(session, PQsocket(conn), events, left)) {
            TRY(pg_session_check(session, err));
            name_place(session, conn);
            *ret_silent = true;
            return lf_error_set(err, LF_TRANSIENT, 0,
                                "%s does not answer within %" PRId64 " s; check host, port and firewall",
                                session->where, session->settings.connect_timeout_ms / 1000);
        }
        status = PQconnectPoll(conn);
        if (status == PGRES_POLLING_FAILED) {
            return connect_failed(session, conn, err);
        }
    }
    name_place(session, conn);
    return true;
}

/* Notices of the server are for its client's terminal; what matters is in results. */
static void ignore_notice(void *context UNUSED, const PGresult *result UNUSED)
{
}

static int64_t statement_timeout_of(const struct pg_settings *settings, enum pg_purpose purpose)
{
    int64_t all = settings->statement_timeout_ms;
    int64_t catalog = settings->catalog_timeout_ms;
    return purpose == PG_FOR_QUERIES && catalog > 0 && (all == 0 || catalog < all) ? catalog : all;
}

/* Such a database takes any bytes as text, and the server would fail on the first that are no UTF-8. So they come as they are, and the
 * host's rule for bad text applies. */
static bool take_any_bytes(struct pg_connection *connection, struct lf_error *err)
{
    const char *encoding = PQparameterStatus(connection->conn, "server_encoding");
    return encoding == NULL || strcmp(encoding, "SQL_ASCII") != 0 ||
           pg_exec(connection, "the encoding", "SET client_encoding = 'SQL_ASCII'", err);
}

static bool set_up(struct pg_connection *connection, enum pg_purpose purpose, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf sql = {0};
    const struct lf_session *session = connection->session;
    buf_printf(&sql, "SET statement_timeout = %" PRId64 "; SET lock_timeout = %" PRId64,
               statement_timeout_of(&session->settings, purpose), session->settings.lock_timeout_ms);
    if (PQserverVersion(connection->conn) >= PG_14) {
        buf_append_text(&sql, "; SET client_connection_check_interval = '2s'; SET idle_session_timeout = 0");
    }
    if (PQserverVersion(connection->conn) >= PG_17) {
        buf_append_text(&sql, "; SET transaction_timeout = 0"); /* a chunk is one transaction */
    }
    return pg_exec(connection, "the session's settings", buf_text(&sql), err);
}

static bool connect_once(struct pg_connection *connection, const struct keywords *keywords, bool *ret_silent,
                         struct lf_error *err)
{
    struct lf_session *session = connection->session;
    connection->conn = PQconnectStartParams(keywords->names, keywords->values, 0);
    if (connection->conn == NULL) {
        return lf_error_set(err, LF_TRANSIENT, 0, "no memory for a connection");
    }
    (void)PQsetErrorVerbosity(connection->conn, PQERRORS_VERBOSE);
    (void)PQsetNoticeReceiver(connection->conn, ignore_notice, NULL);
    if (PQstatus(connection->conn) == CONNECTION_BAD) {
        return connect_failed(session, connection->conn, err);
    }
    return finish_connect(session, connection->conn, ret_silent, err);
}

static bool connect_any(struct pg_connection *connection, enum pg_purpose purpose, const PQconninfoOption *options,
                        struct lf_error *err)
{
    CLEANUP(hosts_done) struct hosts hosts;
    const char *given = value_of(options, "options");
    CLEANUP(text_free)
    char *server_options = text_printf("%s%s%s", given != NULL ? given : "", given != NULL ? " " : "", fixed_options);
    hosts_init(&hosts, options);
    for (size_t i = 0;; i++) {
        struct keywords keywords = {0};
        bool silent = false;
        fill_keywords(connection->session, purpose, options, &hosts, server_options, &keywords);
        if (connect_once(connection, &keywords, &silent, err)) {
            return true;
        }
        if (!silent || i + 1 >= hosts.count) {
            return false;
        }
        pg_connection_close(connection);
        hosts_turn(&hosts);
    }
}

static bool open_with(struct lf_session *session, enum pg_purpose purpose, struct pg_connection *connection,
                      struct lf_error *err)
{
    CLEANUP(free_conninfo) PQconninfoOption *options = NULL;
    TRY(parse_url(session, &options, err) && options != NULL);
    connection->session = session;
    TRY(connect_any(connection, purpose, options, err));
    (void)PQsetnonblocking(connection->conn, 1);
    return take_any_bytes(connection, err) && (purpose == PG_FOR_REPLICATION || set_up(connection, purpose, err));
}

bool pg_connection_open(struct lf_session *session, enum pg_purpose purpose, struct pg_connection *ret_connection,
                        struct lf_error *err)
{
    *ret_connection = (struct pg_connection){0};
    TRY(pg_session_check(session, err));
    if (!open_with(session, purpose, ret_connection, err)) {
        pg_connection_close(ret_connection);
        return false;
    }
    return true;
}

void pg_connection_close(struct pg_connection *connection)
{
    PQfinish(connection->conn);
    connection->conn = NULL;
    connection->prepared = 0;
}

void pg_result_clear(PGresult **result)
{
    PQclear(*result);
    *result = NULL;
}

/* ---- queries ---- */

static bool broken(const struct pg_connection *connection, const char *what, struct lf_error *err)
{
    const char *text = connection->conn != NULL ? PQerrorMessage(connection->conn) : "the connection is closed";
    return pg_error_set(err, connection->session->where, what, NULL, text[0] != '\0' ? text : "the connection is gone");
}

static bool flush(struct pg_connection *connection, const char *what, struct lf_error *err)
{
    int left = 1;
    while ((left = PQflush(connection->conn)) > 0) {
        (void)pg_session_wait(connection->session, PQsocket(connection->conn), POLLIN | POLLOUT, QUERY_STEP_MS);
        TRY(pg_session_check(connection->session, err));
        if (PQconsumeInput(connection->conn) == 0) {
            return broken(connection, what, err);
        }
    }
    return left == 0 || broken(connection, what, err);
}

static bool wait_result(struct pg_connection *connection, const char *what, struct lf_error *err)
{
    while (PQisBusy(connection->conn) != 0) {
        (void)pg_session_wait(connection->session, PQsocket(connection->conn), POLLIN, QUERY_STEP_MS);
        TRY(pg_session_check(connection->session, err));
        if (PQconsumeInput(connection->conn) == 0) {
            return broken(connection, what, err);
        }
    }
    return true;
}

static bool judge(const struct pg_connection *connection, const char *what, const PGresult *result,
                  struct lf_error *err)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_FATAL_ERROR && status != PGRES_BAD_RESPONSE && status != PGRES_NONFATAL_ERROR) {
        return true;
    }
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    CLEANUP(text_free)
    char *text = text_printf("%.400s%s%.180s", primary != NULL ? primary : PQresultErrorMessage(result),
                             detail != NULL ? ": " : "", detail != NULL ? detail : "");
    return pg_error_set(err, connection->session->where, what, sqlstate, text);
}

static bool is_copy(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH || status == PGRES_COPY_IN;
}

/* All results of what was sent; the first error counts, else the last result. */
static bool take_results(struct pg_connection *connection, const char *what, PGresult **ret_result,
                         struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *kept = NULL;
    bool good = true;
    TRY(flush(connection, what, err));
    for (;;) {
        TRY(wait_result(connection, what, err));
        PGresult *result = PQgetResult(connection->conn);
        if (result == NULL) {
            break;
        }
        good = good && judge(connection, what, result, err);
        pg_result_clear(&kept);
        kept = result;
        if (is_copy(result)) {
            break;
        }
    }
    if (good && kept == NULL) {
        return broken(connection, what, err);
    }
    if (good && ret_result != NULL) {
        *ret_result = kept;
        kept = NULL;
    }
    return good;
}

static bool ready(struct pg_connection *connection, const char *what, struct lf_error *err)
{
    TRY(pg_session_check(connection->session, err));
    return connection->conn != NULL || broken(connection, what, err);
}

bool pg_query_params(struct pg_connection *connection, const char *what, const char *sql, int nvalues,
                     const char *const *values, PGresult **ret_result, struct lf_error *err)
{
    TRY(ready(connection, what, err));
    if (PQsendQueryParams(connection->conn, sql, nvalues, NULL, values, NULL, NULL, 0) == 0) {
        return broken(connection, what, err);
    }
    return take_results(connection, what, ret_result, err);
}

static bool prepare(struct pg_connection *connection, enum pg_statement statement, const char *name, const char *what,
                    const char *sql, struct lf_error *err)
{
    if ((connection->prepared & 1u << statement) != 0) {
        return true;
    }
    if (PQsendPrepare(connection->conn, name, sql, 0, NULL) == 0) {
        return broken(connection, what, err);
    }
    TRY(take_results(connection, what, NULL, err));
    connection->prepared |= 1u << statement;
    return true;
}

bool pg_query_prepared(struct pg_connection *connection, enum pg_statement statement, const char *what, const char *sql,
                       int nvalues, const char *const *values, PGresult **ret_result, struct lf_error *err)
{
    char name[24];
    (void)snprintf(name, sizeof name, "lakefeed_%d", (int)statement);
    TRY(ready(connection, what, err));
    TRY(prepare(connection, statement, name, what, sql, err));
    if (PQsendQueryPrepared(connection->conn, name, nvalues, values, NULL, NULL, 0) == 0) {
        return broken(connection, what, err);
    }
    return take_results(connection, what, ret_result, err);
}

bool pg_query(struct pg_connection *connection, const char *what, const char *sql, PGresult **ret_result,
              struct lf_error *err)
{
    TRY(ready(connection, what, err));
    if (PQsendQuery(connection->conn, sql) == 0) {
        return broken(connection, what, err);
    }
    return take_results(connection, what, ret_result, err);
}

bool pg_exec(struct pg_connection *connection, const char *what, const char *sql, struct lf_error *err)
{
    return pg_query(connection, what, sql, NULL, err);
}

void pg_rollback(struct pg_connection **connection)
{
    struct lf_error ignored;
    PGconn *conn = (*connection)->conn;
    PGTransactionStatusType status = conn != NULL ? PQtransactionStatus(conn) : PQTRANS_IDLE;
    bool open = status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
    if (open && !pg_exec(*connection, "rolling back", "ROLLBACK", &ignored)) {
        pg_connection_close(*connection); /* that ends it too */
    }
}

bool pg_copy_next(struct pg_connection *connection, const char *what, int64_t wait_ms, char **ret_bytes, int *ret_len,
                  struct lf_error *err)
{
    int64_t until = wait_ms >= 0 ? pg_monotonic_ms() + wait_ms : 0;
    bool late = false;
    *ret_bytes = NULL;
    for (;;) {
        *ret_len = PQgetCopyData(connection->conn, ret_bytes, 1);
        if (*ret_len == -2) {
            return broken(connection, what, err);
        }
        if (*ret_len != 0 || late) {
            return true;
        }
        int64_t left = wait_ms >= 0 ? until - pg_monotonic_ms() : QUERY_STEP_MS;
        late = wait_ms >= 0 && left <= 0;
        (void)pg_session_wait(connection->session, PQsocket(connection->conn), POLLIN, late ? 0 : left);
        TRY(pg_session_check(connection->session, err));
        if (PQconsumeInput(connection->conn) == 0) {
            return broken(connection, what, err);
        }
    }
}

bool pg_copy_finish(struct pg_connection *connection, const char *what, struct lf_error *err)
{
    return take_results(connection, what, NULL, err);
}

/* ---- fields and quoting ---- */

const char *pg_text(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column);
}

bool pg_is_null(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) != 0;
}

bool pg_bool(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}

int64_t pg_int(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

uint64_t pg_uint(const PGresult *result, int row, int column)
{
    return strtoull(PQgetvalue(result, row, column), NULL, 10);
}

void pg_append_identifier(struct buf *sql, const char *name)
{
    buf_append_char(sql, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"') {
            buf_append_char(sql, '"');
        }
        buf_append_char(sql, *name);
    }
    buf_append_char(sql, '"');
}

void pg_append_table(struct buf *sql, const char *schema, const char *name)
{
    pg_append_identifier(sql, schema);
    buf_append_char(sql, '.');
    pg_append_identifier(sql, name);
}

void pg_append_literal(struct buf *sql, const char *text, size_t len)
{
    bool escape = memchr(text, '\\', len) != NULL;
    buf_append_text(sql, escape ? "E'" : "'");
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\'' || text[i] == '\\') {
            buf_append_char(sql, text[i]);
        }
        buf_append_char(sql, text[i]);
    }
    buf_append_char(sql, '\'');
}
