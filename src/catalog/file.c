/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/macros.h"
#include "catalog/internal.h"

#include <errno.h>
#include <unistd.h>

static int64_t monotonic_ms(const struct catalog *catalog)
{
    return catalog->clock.monotonic_us(catalog->clock.context) / 1000;
}

static bool is_damage(const struct lf_error *err)
{
    return err->kind == LF_DATA || err->kind == LF_UNSUPPORTED;
}

static void rest(struct catalog *catalog, const struct lf_error *err)
{
    if (!catalog->troubled && !catalog->read_only) {
        log_failure(catalog->log, NULL, EVENT_catalog_unavailable, err);
    }
    catalog->troubled = true;
    catalog->cause = *err;
    catalog->retry_ms = monotonic_ms(catalog) + CATALOG_RETRY_MS;
}

/* ---- a file that is of no use ---- */

static bool move_piece(const char *path, const char *aside, const char *suffix)
{
    CLEANUP(text_free) char *from = text_printf("%s%s", path, suffix);
    CLEANUP(text_free) char *to = text_printf("%s%s", aside, suffix);
    return rename(from, to) == 0;
}

static bool remove_piece(const char *path, const char *suffix)
{
    CLEANUP(text_free) char *piece = text_printf("%s%s", path, suffix);
    return remove(piece) == 0 || errno == ENOENT;
}

/* The log of a database that is renamed has to go with it: it would be played into the new one. The file itself first; a log
 * without one is removed by SQLite. */
static bool rename_aside(const char *path, const char *aside)
{
    if (access(aside, F_OK) == 0 || !move_piece(path, aside, "")) {
        return false;
    }
    (void)move_piece(path, aside, "-wal");
    (void)move_piece(path, aside, "-journal");
    (void)remove_piece(path, "-shm");
    return true;
}

static bool remove_all(const char *path)
{
    bool gone = remove_piece(path, "");
    (void)remove_piece(path, "-wal");
    (void)remove_piece(path, "-journal");
    (void)remove_piece(path, "-shm");
    return gone;
}

static void tell_recreated(const struct catalog *catalog, const char *message, const char *kept)
{
    log_write(catalog->log, NULL, EVENT_catalog_recreated,
              (struct log_field[]){LOG_TEXT("message", message), LOG_TEXT("kept", kept), {0}});
}

static void set_aside(struct catalog *catalog, const struct lf_error *err)
{
    char at[CLOCK_TEXT_SIZE];
    clock_format_compact(clock_now_ms(&catalog->clock), at);
    CLEANUP(text_free) char *aside = text_printf("%s.damaged-%s", catalog->path, at);
    /* One is enough to look at: a disk that damages each file must not be filled with them. */
    bool kept = !catalog->set_aside && rename_aside(catalog->path, aside);
    if (!kept && !remove_all(catalog->path)) {
        kept = rename_aside(catalog->path, aside); /* a folder with something in it */
    }
    catalog->set_aside = true;
    tell_recreated(catalog, err->msg, kept ? aside : "");
}

/* ---- opening ---- */

static void take_number(void *context, sqlite3_stmt *row)
{
    *(int64_t *)context = sqlite3_column_int64(row, 0);
}

static bool read_meta(struct catalog *catalog, bool made, struct lf_error *err)
{
    int64_t made_ms = 0;
    TRY(store_run(catalog->store, STORE_GET_META, STORE_VALUES(STORE_TEXT("made_ms")), take_number, &made_ms, err));
    TRY(store_run(catalog->store, STORE_GET_META, STORE_VALUES(STORE_TEXT("forgot_ms")), take_number,
                  &catalog->forgot_ms, err));
    if (made || made_ms != catalog->made_ms) {
        catalog->file++;
    }
    catalog->made_ms = made_ms;
    return true;
}

static bool open_store(struct catalog *catalog, struct lf_error *err)
{
    bool made = false;
    TRY(store_open(catalog->path, catalog->read_only, clock_now_ms(&catalog->clock), &catalog->store, &made, err));
    if (read_meta(catalog, made, err)) {
        return true;
    }
    store_close(&catalog->store);
    return false;
}

bool file_ensure(struct catalog *catalog)
{
    struct lf_error err = {0};
    bool moved = catalog->store != NULL && store_is_moved(catalog->store);
    if (catalog->store != NULL && !moved) {
        return true;
    }
    store_close(&catalog->store);
    if (catalog->troubled && !catalog->read_only && monotonic_ms(catalog) < catalog->retry_ms) {
        return false;
    }
    bool ok = open_store(catalog, &err);
    if (!ok && is_damage(&err) && !catalog->read_only) {
        set_aside(catalog, &err);
        ok = open_store(catalog, &err);
    }
    if (!ok) {
        rest(catalog, &err);
        return false;
    }
    catalog->troubled = false;
    if (moved && !catalog->read_only) {
        (void)lf_error_set(&err, LF_NOT_FOUND, 0, "the catalog %s: it was taken away while it was in use",
                           catalog->path);
        tell_recreated(catalog, err.msg, "");
    }
    return true;
}

void file_give_up(struct catalog *catalog, const struct lf_error *err)
{
    struct lf_error ignored;
    if (store_in_transaction(catalog->store)) {
        (void)!store_run(catalog->store, STORE_ROLLBACK, NULL, 0, NULL, NULL, &ignored);
    }
    bool ours = !store_is_moved(catalog->store); /* else another process has begun a new one already */
    store_close(&catalog->store);
    if (is_damage(err) && !catalog->read_only && ours) {
        set_aside(catalog, err);
    } else if (ours) {
        rest(catalog, err);
    }
}
