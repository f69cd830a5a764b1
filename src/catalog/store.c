/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/store.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

struct store {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *statements[STORE_STATEMENT_COUNT];
};

static const char *const texts[STORE_STATEMENT_COUNT] = {
#define STORE_STATEMENT_TEXT(name, text) text,
    STORE_STATEMENTS(STORE_STATEMENT_TEXT)
#undef STORE_STATEMENT_TEXT
};

/* ---- errors ---- */

static enum lf_error_kind kind_of(int rc)
{
    switch (rc & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return LF_DATA;
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISUSE:
        return LF_INTERNAL;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        return LF_CONFIG;
    default:
        return LF_TRANSIENT;
    }
}

static bool sql_error(const struct store *store, int rc, struct lf_error *err)
{
    int system = store->db != NULL ? sqlite3_system_errno(store->db) : 0;
    bool of_system = system != 0 && kind_of(rc) != LF_DATA && kind_of(rc) != LF_INTERNAL;
    return lf_error_set(err, kind_of(rc), rc, "the catalog %s: %s%s%s", store->path, sqlite3_errstr(rc),
                        of_system ? ": " : "", of_system ? strerror(system) : "");
}

static bool damaged(const struct store *store, const char *how, struct lf_error *err)
{
    return lf_error_set(err, LF_DATA, 0, "the catalog %s: %s", store->path, how);
}

static bool execute(const struct store *store, const char *sql, struct lf_error *err)
{
    int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK || sql_error(store, rc, err);
}

/* ---- statements ---- */

static int bind(sqlite3_stmt *statement, const struct store_value *values, int nvalues)
{
    int rc = SQLITE_OK;
    for (int i = 0; i < nvalues && rc == SQLITE_OK; i++) {
        rc = values[i].is_text ? sqlite3_bind_text(statement, i + 1, values[i].text, -1, SQLITE_STATIC)
                               : sqlite3_bind_int64(statement, i + 1, values[i].number);
    }
    return rc;
}

bool store_run(struct store *store, enum store_statement which, const struct store_value *values, int nvalues,
               store_visitor visit, void *context, struct lf_error *err)
{
    sqlite3_stmt *statement = store->statements[which];
    int rc = bind(statement, values, nvalues);
    for (; rc == SQLITE_OK || rc == SQLITE_ROW;) {
        rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW && visit != NULL) {
            visit(context, statement);
        }
    }
    bool ok = rc == SQLITE_DONE || sql_error(store, rc, err); /* before the reset, which forgets the cause */
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return ok;
}

static bool prepare_all(struct store *store, struct lf_error *err)
{
    for (int i = 0; i < STORE_STATEMENT_COUNT; i++) {
        int rc = sqlite3_prepare_v3(store->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);
        if (rc == SQLITE_ERROR) {
            return damaged(store, sqlite3_errmsg(store->db), err); /* a table or a column is missing */
        }
        if (rc != SQLITE_OK) {
            return sql_error(store, rc, err);
        }
    }
    return true;
}

int64_t store_last_id(const struct store *store)
{
    return sqlite3_last_insert_rowid(store->db);
}

int store_changes(const struct store *store)
{
    return sqlite3_changes(store->db);
}

bool store_in_transaction(const struct store *store)
{
    return sqlite3_get_autocommit(store->db) == 0;
}

/* ---- opening ---- */

static int keep_number(void *context, int ncolumns, char **values, char **names)
{
    (void)ncolumns;
    (void)names;
    *(int64_t *)context = values[0] != NULL ? strtoll(values[0], NULL, 10) : 0;
    return 0;
}

static bool read_number(const struct store *store, const char *sql, int64_t *ret, struct lf_error *err)
{
    *ret = 0;
    int rc = sqlite3_exec(store->db, sql, keep_number, ret, NULL);
    return rc == SQLITE_OK || sql_error(store, rc, err);
}

/* Whether the file is ours; *ret_empty when nobody has written to it yet. Changes nothing. In a transaction, or another
 * process may give the file its tables between two answers. */
static bool check_owner(const struct store *store, bool *ret_empty, struct lf_error *err)
{
    int64_t application = 0, format = 0, tables = 0;
    TRY(read_number(store, "PRAGMA application_id", &application, err));
    TRY(read_number(store, "PRAGMA user_version", &format, err));
    TRY(read_number(store, "SELECT count(*) FROM sqlite_master", &tables, err));
    *ret_empty = application == 0 && format == 0 && tables == 0;
    if (*ret_empty || (application == STORE_APPLICATION_ID && format == STORE_FORMAT)) {
        return true;
    }
    if (application != STORE_APPLICATION_ID) {
        return damaged(store, "it is the database of another program", err);
    }
    return lf_error_set(err, LF_UNSUPPORTED, 0,
                        "the catalog %s: it has format %lld and this lakefeed reads up to %d; use a newer lakefeed",
                        store->path, (long long)format, STORE_FORMAT);
}

static bool make_schema(const struct store *store, int64_t now_ms, bool *ret_made, struct lf_error *err)
{
    CLEANUP(text_free)
    char *meta = text_printf("INSERT INTO meta VALUES ('made_ms', %lld), ('forgot_ms', %lld);"
                             "PRAGMA application_id = %d; PRAGMA user_version = %d;",
                             (long long)now_ms, (long long)now_ms, STORE_APPLICATION_ID, STORE_FORMAT);
    bool empty = false;
    TRY(execute(store, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; BEGIN IMMEDIATE", err));
    TRY(check_owner(store, &empty, err)); /* another process may have been faster */
    if (empty) {
        TRY(execute(store, STORE_SCHEMA, err));
        TRY(execute(store, meta, err));
    }
    *ret_made = empty;
    return execute(store, "COMMIT", err);
}

static int is_whole(void *context, int ncolumns, char **values, char **names)
{
    (void)ncolumns;
    (void)names;
    *(bool *)context = values[0] != NULL && strcmp(values[0], "ok") == 0;
    return 0;
}

static bool check_pages(const struct store *store, struct lf_error *err)
{
    bool whole = false;
    int rc = sqlite3_exec(store->db, "PRAGMA quick_check(1)", is_whole, &whole, NULL);
    if (rc != SQLITE_OK) {
        return sql_error(store, rc, err);
    }
    return whole || damaged(store, "its pages contradict each other", err);
}

/* Made by us rather than by SQLite, so that nobody else may read it: failures hold keys of rows. */
static bool make_file(const struct store *store, bool read_only, struct lf_error *err)
{
    struct stat status;
    if (stat(store->path, &status) == 0) {
        return S_ISREG(status.st_mode) || damaged(store, "it is no file", err);
    }
    if (read_only || errno != ENOENT) {
        return file_error(err, errno, "open the catalog", store->path);
    }
    int fd = open(store->path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST) {
        return file_error(err, errno, "make the catalog", store->path);
    }
    fd_close(&fd);
    return true;
}

/* Whether closing leaves the write-ahead log as it is, instead of writing it into the file and removing it. */
static void keep_log(const struct store *store, bool keep)
{
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep ? 1 : 0, NULL);
}

static bool open_file(struct store *store, bool read_only, struct lf_error *err)
{
    int flags = (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(store->path, &store->db, flags, NULL);
    if (rc != SQLITE_OK) {
        return sql_error(store, rc, err);
    }
    (void)sqlite3_extended_result_codes(store->db, 1);
    (void)sqlite3_busy_timeout(store->db, STORE_BUSY_MS);
    keep_log(store, true); /* until we know that the file is ours and whole */
    if (!read_only && sqlite3_db_readonly(store->db, "main") == 1) {
        return lf_error_set(err, LF_CONFIG, SQLITE_READONLY, "the catalog %s: no right to write it", store->path);
    }
    return true;
}

static bool open_all(struct store *store, bool read_only, int64_t now_ms, bool *ret_made, struct lf_error *err)
{
    bool empty = false;
    TRY(make_file(store, read_only, err));
    TRY(open_file(store, read_only, err));
    TRY(execute(store, "BEGIN", err));
    TRY(check_owner(store, &empty, err));
    TRY(execute(store, "COMMIT", err));
    if (empty && read_only) {
        return file_error(err, ENOENT, "open the catalog", store->path);
    }
    TRY(!empty || make_schema(store, now_ms, ret_made, err));
    /* In a write-ahead log NORMAL loses the last rows at a power cut and never the file. */
    TRY(execute(store, "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -256; PRAGMA journal_size_limit = 1048576",
                err));
    TRY(read_only || *ret_made || check_pages(store, err));
    TRY(prepare_all(store, err));
    keep_log(store, false);
    return true;
}

bool store_open(const char *path, bool read_only, int64_t now_ms, struct store **ret_store, bool *ret_made,
                struct lf_error *err)
{
    struct store *store = mem_new(1, sizeof *store);
    store->path = text_copy(path);
    *ret_made = false;
    if (!open_all(store, read_only, now_ms, ret_made, err)) {
        store_close(&store);
    }
    *ret_store = store;
    return store != NULL;
}

bool store_is_moved(const struct store *store)
{
    int moved = 0;
    (void)sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved != 0;
}

void store_close(struct store **store)
{
    if (*store == NULL) {
        return;
    }
    for (int i = 0; i < STORE_STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize((*store)->statements[i]);
    }
    if ((*store)->db != NULL && store_is_moved(*store)) {
        keep_log(*store, true); /* the one at that path may be another file's by now */
    }
    (void)sqlite3_close((*store)->db);
    text_free(&(*store)->path);
    free(*store);
    *store = NULL;
}
