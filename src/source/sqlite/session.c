/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/session.h"

#include "base/macros.h"

#include "base/clock.h"
#include "source/sqlite/sql.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define SCHEME "sqlite:"
#define BUSY_MS 100
#define WAIT_STEP_MS 1000  /* how late a host that is cancelled and does not stop the session is noticed */
#define PROGRESS_OPS 20000 /* virtual machine steps between two looks at the stop flag */
#define POLL_DEFAULT_MS 1000
#define SETTLED_MS 3000 /* the coarsest times of files are those of FAT: 2 s */

static bool session_is_stopped(struct lf_session *session)
{
    return atomic_load(&session->stopped) ||
           (session->host->cancelled && session->host->cancelled(session->host->context));
}

static int on_progress(void *context)
{
    return session_is_stopped(context) ? 1 : 0;
}

bool session_check(struct lf_session *session, struct lf_error *err)
{
    if (session_is_stopped(session)) {
        return lf_error_set(err, LF_CANCELLED, 0, "%s: stopped", session->path);
    }
    return true;
}

int64_t session_monotonic_ms(void)
{
    struct clock clock = clock_system();
    return clock.monotonic_us(clock.context) / 1000;
}

void session_wait(struct lf_session *session, int64_t ms)
{
    int64_t until = session_monotonic_ms() + ms;
    for (int64_t left = ms; left > 0 && !session_is_stopped(session); left = until - session_monotonic_ms()) {
        int64_t step = left < WAIT_STEP_MS ? left : WAIT_STEP_MS;
        struct timespec at;
        (void)clock_gettime(CLOCK_MONOTONIC, &at);
        int64_t ns = at.tv_nsec + step * 1000000;
        at.tv_sec += ns / 1000000000;
        at.tv_nsec = ns % 1000000000;
        (void)pthread_mutex_lock(&session->mutex);
        if (!atomic_load(&session->stopped)) {
            (void)pthread_cond_timedwait(&session->wake, &session->mutex, &at);
        }
        (void)pthread_mutex_unlock(&session->mutex);
    }
}

void session_stop(struct lf_session *session)
{
    (void)pthread_mutex_lock(&session->mutex);
    atomic_store(&session->stopped, true);
    (void)pthread_cond_broadcast(&session->wake);
    (void)pthread_mutex_unlock(&session->mutex);
}

const char *session_column_option(const struct lf_session *session, const char *kind, const char *table,
                                  const char *column)
{
    size_t kind_len = strlen(kind);
    size_t table_len = strlen(table);
    for (size_t i = 0; i < session->ncolumns; i++) {
        const char *name = session->columns[i].name;
        if (strncmp(name, kind, kind_len) == 0 && name[kind_len] == '.' &&
            strncmp(name + kind_len + 1, table, table_len) == 0 && name[kind_len + 1 + table_len] == '.' &&
            strcmp(name + kind_len + table_len + 2, column) == 0) {
            return session->columns[i].text;
        }
    }
    return NULL;
}

bool connection_check_file(const struct connection *connection, struct lf_error *err)
{
    const struct lf_session *session = connection->session;
    struct stat now;
    if (stat(session->path, &now) != 0) {
        return lf_error_set(
            err, LF_LOST, errno,
            "the database file %s is gone (%s); put it back, or run lakefeed resync against another file",
            session->path, strerror(errno));
    }
    int moved = 0;
    (void)sqlite3_file_control(connection->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved != 0 || now.st_dev != session->device || now.st_ino != session->inode) {
        return lf_error_set(
            err, LF_LOST, 0,
            "the database file %s was replaced by another file while it was open; restart to look at the new one",
            session->path);
    }
    return true;
}

/* A database that was copied over in place leaves our mapped index of the log as it was: nothing would ever seem to change again.
 * While a connection that has read is open SQLite keeps the log, so another or none means that. */
bool connection_check_wal(struct connection *connection, struct lf_error *err)
{
    struct stat now = {0};
    CLEANUP(text_free) char *path = text_printf("%s-wal", connection->session->path);
    bool exists = stat(path, &now) == 0;
    if (connection->wal_inode == 0) {
        connection->wal_inode = exists ? now.st_ino : 0;
        return true;
    }
    return (exists && now.st_ino == connection->wal_inode) ||
           lf_error_set(err, LF_TRANSIENT, 0,
                        "the write-ahead log %s was taken away or replaced; the database is opened again", path);
}

bool footprint_take(const struct lf_session *session, struct footprint *ret)
{
    CLEANUP(text_free) char *path = text_printf("%s-wal", session->path);
    *ret = (struct footprint){0};
    if (stat(path, &ret->wal) != 0) {
        ret->wal = (struct stat){0};
    }
    return stat(session->path, &ret->db) == 0;
}

static int64_t time_ns(struct timespec time)
{
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           time_ns(a->st_mtim) == time_ns(b->st_mtim) && time_ns(a->st_ctim) == time_ns(b->st_ctim);
}

bool footprint_equal(const struct footprint *a, const struct footprint *b)
{
    return same_file(&a->db, &b->db) && same_file(&a->wal, &b->wal);
}

static bool is_settled(const struct stat *file, int64_t now_ns)
{
    int64_t until_ns = now_ns - SETTLED_MS * INT64_C(1000000);
    return time_ns(file->st_mtim) <= until_ns && time_ns(file->st_ctim) <= until_ns;
}

bool footprint_is_settled(const struct footprint *footprint)
{
    struct clock clock = clock_system();
    int64_t now_ns = clock.now_us(clock.context) * 1000;
    return is_settled(&footprint->db, now_ns) && is_settled(&footprint->wal, now_ns);
}

static bool open_file(struct lf_session *session, struct connection *connection, struct lf_error *err)
{
    connection->session = session;
    int rc = sqlite3_open_v2(session->path, &connection->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        return sql_fail(connection, rc, "cannot be opened", err);
    }
    (void)sqlite3_extended_result_codes(connection->db, 1);
    (void)sqlite3_busy_timeout(connection->db, BUSY_MS);
    /* Checkpoints are the application's. One at our close would write an old log into a database that was copied over. */
    (void)sqlite3_db_config(connection->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_progress_handler(connection->db, PROGRESS_OPS, on_progress, session);
    return true;
}

bool connection_open(struct lf_session *session, struct connection *ret_connection, struct lf_error *err)
{
    *ret_connection = (struct connection){0};
    bool good = open_file(session, ret_connection, err) && connection_check_file(ret_connection, err) &&
                sql_exec(ret_connection, "PRAGMA query_only=ON", err);
    if (!good) {
        connection_close(ret_connection);
    }
    return good;
}

void connection_close(struct connection *connection)
{
    if (connection->db != NULL) {
        transaction_end(connection);
        (void)sqlite3_close_v2(connection->db);
        connection->db = NULL;
    }
}

void connection_shrink(struct connection *connection)
{
    (void)sqlite3_db_release_memory(connection->db);
}

static bool take_lock(struct connection *connection, struct lf_error *err)
{
    TRY(sql_exec(connection, "BEGIN", err));
    connection->in_transaction = true;
    /* A deferred transaction begins with the first read. */
    if (!sql_exec(connection, "SELECT 1 FROM sqlite_schema LIMIT 1", err)) {
        transaction_end(connection);
        return false;
    }
    return true;
}

bool transaction_begin_read(struct connection *connection, int64_t patience_ms, struct lf_error *err)
{
    int64_t until = session_monotonic_ms() + patience_ms;
    TRY(connection_check_file(connection, err));
    while (!take_lock(connection, err)) {
        if (err->kind != LF_TRANSIENT || session_monotonic_ms() >= until) {
            return false;
        }
        session_wait(connection->session, 5);
        TRY(session_check(connection->session, err));
    }
    return true;
}

bool transaction_begin_write(struct connection *connection, int patience_ms, struct lf_error *err)
{
    TRY(session_check(connection->session, err));
    TRY(connection_check_file(connection, err));
    if (sqlite3_db_readonly(connection->db, "main") == 1) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "%s is read-only for this user; lakefeed keeps its change log in the database: "
                            "give the user write access to the file and its folder",
                            connection->session->path);
    }
    (void)sqlite3_busy_timeout(connection->db, patience_ms);
    bool good = sql_exec(connection, "BEGIN IMMEDIATE", err);
    (void)sqlite3_busy_timeout(connection->db, BUSY_MS);
    connection->in_transaction = good;
    return good;
}

bool transaction_commit(struct connection *connection, struct lf_error *err)
{
    TRY(sql_exec(connection, "COMMIT", err));
    connection->in_transaction = false;
    return true;
}

void transaction_end(struct connection *connection)
{
    if (connection->in_transaction) {
        (void)sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL,
                           NULL); /* refused only if SQLite has rolled back already */
        connection->in_transaction = false;
    }
}

void transaction_end_at(struct connection **connection)
{
    transaction_end(*connection);
}

bool connection_is_wal(struct connection *connection, bool *ret, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    TRY(sql_prepare(connection, "PRAGMA main.journal_mode", &stmt, err));
    TRY(sql_step(connection, stmt, &row, err));
    const char *mode = row ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    *ret = mode != NULL && strcmp(mode, "wal") == 0;
    return true;
}

static bool path_of_url(const char *url, char **ret_path, struct lf_error *err)
{
    size_t len = strlen(SCHEME);
    if (strncmp(url, SCHEME, len) != 0 || url[len] == '\0') {
        return lf_error_set(err, LF_CONFIG, 0, "'%s' is no URL of an SQLite database; write sqlite:path/to/file.db",
                            url);
    }
    const char *path = url + len;
    if (strncmp(path, "//", 2) == 0) {
        path += 2;
        if (path[0] != '/') {
            return lf_error_set(err, LF_CONFIG, 0, "'%s' names a host; write sqlite:path or sqlite:///absolute/path",
                                url);
        }
    }
    *ret_path = text_copy(path);
    return true;
}

/* Durations arrive as text that the host has already checked: a number and a unit. */
static int64_t duration_ms(const char *text)
{
    char *unit = NULL;
    int64_t number = strtoll(text, &unit, 10);
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(unit, units[i].unit) == 0) {
            return number * units[i].ms;
        }
    }
    return number;
}

static void take_options(struct lf_session *session, const struct lf_option_value *options, size_t noptions)
{
    session->columns = mem_new(noptions + 1, sizeof *session->columns);
    for (size_t i = 0; i < noptions; i++) {
        if (strcmp(options[i].name, "poll_interval") == 0) {
            session->poll_interval_ms = duration_ms(options[i].text);
        } else {
            session->columns[session->ncolumns].name = text_copy(options[i].name);
            session->columns[session->ncolumns].text = text_copy(options[i].text);
            session->ncolumns++;
        }
    }
}

static bool look_at_file(struct lf_session *session, struct lf_error *err)
{
    struct stat now;
    if (stat(session->path, &now) != 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR;
        return lf_error_set(err, missing ? LF_NOT_FOUND : LF_AUTH, errno,
                            "the SQLite database %s cannot be opened: %s; %s", session->path, strerror(errno),
                            missing ? "correct the path after sqlite:, or mount its file system"
                                    : "give the user of this process access to its folders");
    }
    if (!S_ISREG(now.st_mode)) {
        return lf_error_set(
            err, LF_CONFIG, 0,
            "%s is not a file, so it is no SQLite database; correct the path after sqlite:", session->path);
    }
    session->device = now.st_dev;
    session->inode = now.st_ino;
    return true;
}

static void session_init(struct lf_session *session, const struct lf_host *host)
{
    pthread_condattr_t monotonic;
    session->host = host;
    session->poll_interval_ms = POLL_DEFAULT_MS;
    atomic_init(&session->stopped, false);
    (void)pthread_mutex_init(&session->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&session->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

static bool session_start(struct lf_session *session, const char *url, struct lf_error *err)
{
    TRY(path_of_url(url, &session->path, err));
    TRY(look_at_file(session, err));
    TRY(open_file(session, &session->side, err));
    TRY(connection_check_file(&session->side, err));
    return sql_exec(&session->side, "SELECT count(*) FROM sqlite_schema", err);
}

bool session_open(const struct lf_host *host, const char *url, const struct lf_option_value *options, size_t noptions,
                  struct lf_session **ret_session, struct lf_error *err)
{
    struct lf_session *session = mem_new(1, sizeof *session);
    session_init(session, host);
    take_options(session, options, noptions);
    if (!session_start(session, url, err)) {
        session_close(session);
        return false;
    }
    *ret_session = session;
    return true;
}

void session_close(struct lf_session *session)
{
    if (session == NULL) {
        return;
    }
    connection_close(&session->side);
    for (size_t i = 0; i < session->ncolumns; i++) {
        free((char *)session->columns[i].name);
        free((char *)session->columns[i].text);
    }
    free(session->columns);
    free(session->path);
    arena_done(&session->scratch);
    (void)pthread_cond_destroy(&session->wake);
    (void)pthread_mutex_destroy(&session->mutex);
    free(session);
}
