/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/consumer.h"

#include "source/sqlite/catalog.h"
#include "source/sqlite/sql.h"

#include <inttypes.h>

#define ACK_PATIENCE_MS 100
#define PRUNE_ROWS 20000 /* of one transaction, so that the application waits little */

bool log_end(struct connection *connection, struct position *ret_position, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    TRY(catalog_need_epoch(connection, ret_position->epoch, err));
    TRY(sql_prepare(connection, "SELECT seq, tag FROM lakefeed_log ORDER BY seq DESC LIMIT 1", &stmt, err));
    TRY(sql_step(connection, stmt, &row, err));
    if (!row) {
        return lf_error_set(err, LF_LOST, 0,
                            "%s: somebody emptied the table lakefeed_log; run lakefeed untrack, track and resync",
                            connection->session->path);
    }
    ret_position->seq = sqlite3_column_int64(stmt, 0);
    ret_position->tag = sqlite3_column_int64(stmt, 1);
    return true;
}

static bool lost(const struct connection *connection, const char *why, struct lf_error *err)
{
    return lf_error_set(err, LF_LOST, 0, "%s: %s; nothing was changed, run lakefeed resync to read the tables again",
                        connection->session->path, why);
}

bool log_check(struct connection *connection, const struct position *position, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    struct position end = {0};
    int64_t pruned_to = 0;
    bool row = false;
    bool tracked = false;
    TRY(catalog_epoch(connection, &tracked, end.epoch, err));
    if (!tracked) {
        return lost(connection, "the database keeps no changes any more (untracked, or another or older file)", err);
    }
    if (strcmp(end.epoch, position->epoch) != 0) {
        return lost(connection, "this is another database than the one the cursor is of, or it was tracked anew", err);
    }
    TRY(log_end(connection, &end, err));
    if (position->seq > end.seq) {
        return lost(connection, "the database is older than the cursor (a restored copy?)", err);
    }
    TRY(sql_get_int(connection, "SELECT value FROM lakefeed_meta WHERE name = 'pruned_to'", 0, &pruned_to, err));
    if (position->seq < pruned_to) {
        return lost(connection, "the changes after the cursor were already removed from the log", err);
    }
    TRY(sql_prepare(connection, "SELECT tag FROM lakefeed_log WHERE seq = ?1", &stmt, err));
    (void)sqlite3_bind_int64(stmt, 1, position->seq);
    TRY(sql_step(connection, stmt, &row, err));
    if (!row || sqlite3_column_int64(stmt, 0) != position->tag) {
        return lost(connection,
                    "the log has another history than the cursor (a restored copy that was written to since?)", err);
    }
    return true;
}

static bool set_meta(struct connection *connection, const char *name, int64_t value, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    TRY(sql_prepare(connection,
                    "INSERT INTO lakefeed_meta(name, value) VALUES(?1, ?2)"
                    " ON CONFLICT(name) DO UPDATE SET value = excluded.value",
                    &stmt, err));
    sql_bind_text(stmt, 1, name);
    (void)sqlite3_bind_int64(stmt, 2, value);
    return sql_run(connection, stmt, err);
}

/* Removes the oldest rows below the least acknowledged one, which stays. In a write transaction. */
static bool prune_some(struct connection *connection, bool *ret_more, struct lf_error *err)
{
    char sql[240];
    int64_t least = 0;
    int64_t bound = 0;
    int64_t tag = 0;
    TRY(sql_get_int(connection, "SELECT min(seq) FROM lakefeed_consumer", 0, &least, err));
    (void)snprintf(sql, sizeof sql,
                   "SELECT seq FROM lakefeed_log WHERE seq < %" PRId64 " ORDER BY seq LIMIT 1 OFFSET %d", least,
                   PRUNE_ROWS);
    TRY(sql_get_int(connection, sql, least, &bound, err));
    *ret_more = bound < least;
    (void)snprintf(sql, sizeof sql, "DELETE FROM lakefeed_log WHERE seq < %" PRId64, bound);
    TRY(sql_exec(connection, sql, err));
    if (sqlite3_changes(connection->db) == 0) {
        return true;
    }
    (void)snprintf(sql, sizeof sql, "SELECT tag FROM lakefeed_log WHERE seq = %" PRId64, bound);
    TRY(sql_get_int(connection, sql, 0, &tag, err));
    TRY(set_meta(connection, "pruned_to", bound, err));
    return set_meta(connection, "pruned_tag", tag, err);
}

static bool prune(struct connection *connection, struct lf_error *err)
{
    bool more = true;
    while (more) {
        CLEANUP(transaction_end_at) struct connection *rollback = connection;
        TRY(transaction_begin_write(connection, ACK_PATIENCE_MS, err));
        TRY(prune_some(connection, &more, err));
        TRY(transaction_commit(connection, err));
        (void)rollback;
    }
    return true;
}

/* Gives the acknowledged position of a consumer of the same lake. */
static bool find_consumer(struct connection *connection, const struct lf_consumer *consumer, bool *ret_found,
                          int64_t *ret_seq, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    *ret_found = false;
    TRY(sql_prepare(connection, "SELECT lake_id, location, seq FROM lakefeed_consumer WHERE link = ?1", &stmt, err));
    sql_bind_text(stmt, 1, consumer->link);
    TRY(sql_step(connection, stmt, &row, err));
    if (!row) {
        return true;
    }
    const char *lake_id = (const char *)sqlite3_column_text(stmt, 0);
    const char *location = (const char *)sqlite3_column_text(stmt, 1);
    if (strcmp(lake_id, consumer->lake_id) == 0) {
        *ret_found = true;
        *ret_seq = sqlite3_column_int64(stmt, 2);
        return true;
    }
    if (consumer->takeover || strcmp(location, consumer->location) == 0) {
        return true;
    }
    return lf_error_set(err, LF_CONFLICT, 0,
                        "the consumer %s of %s belongs to the lake %s (id %s); give this link another name,"
                        " or pass --takeover to replace it",
                        consumer->link, connection->session->path, location, lake_id);
}

/* One lake has one link: the position of a link that gave its lake to another would hold the log for ever. */
static bool check_lake(struct connection *connection, const struct lf_consumer *consumer, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    TRY(sql_prepare(connection,
                    "SELECT link FROM lakefeed_consumer WHERE link <> ?1 AND location = ?2 AND lake_id = ?3", &stmt,
                    err));
    sql_bind_text(stmt, 1, consumer->link);
    sql_bind_text(stmt, 2, consumer->location);
    sql_bind_text(stmt, 3, consumer->lake_id);
    TRY(sql_step(connection, stmt, &row, err));
    return !row || consumer->takeover ||
           lf_error_set(err, LF_CONFLICT, 0,
                        "the lake %s belongs to the link %s of %s; give this link (%s) another lake, run it under that "
                        "name, or pass --takeover if the link was renamed",
                        consumer->location, (const char *)sqlite3_column_text(stmt, 0), connection->session->path,
                        consumer->link);
}

static bool write_consumer(struct connection *connection, const struct lf_consumer *consumer, int64_t seq,
                           struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *purge = NULL;
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    TRY(sql_prepare(connection, "DELETE FROM lakefeed_consumer WHERE link = ?1 OR location = ?2", &purge, err));
    TRY(sql_prepare(connection, "INSERT INTO lakefeed_consumer(link, lake_id, location, seq) VALUES(?1, ?3, ?2, ?4)",
                    &stmt, err));
    sqlite3_stmt *both[] = {purge, stmt};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        sql_bind_text(both[i], 1, consumer->link);
        sql_bind_text(both[i], 2, consumer->location);
    }
    sql_bind_text(stmt, 3, consumer->lake_id);
    (void)sqlite3_bind_int64(stmt, 4, seq);
    TRY(sql_run(connection, purge, err));
    return sql_run(connection, stmt, err);
}

static bool hand_out(struct lf_session *session, const struct position *position, struct lf_slice *ret_cursor)
{
    char text[CURSOR_TEXT_SIZE];
    arena_reset(&session->scratch);
    *ret_cursor = arena_slice(&session->scratch, cursor_print(position, text));
    return true;
}

bool consumer_op_register(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice *ret_cursor,
                          struct lf_error *err)
{
    struct connection *connection = &session->side;
    CLEANUP(transaction_end_at) struct connection *rollback = connection;
    struct position position = {0};
    char sql[96];
    bool found = false;
    int64_t acknowledged = 0;
    TRY(catalog_need_epoch(connection, position.epoch, err));
    TRY(transaction_begin_write(connection, ACK_PATIENCE_MS, err));
    TRY(log_end(connection, &position, err));
    TRY(check_lake(connection, consumer, err));
    TRY(find_consumer(connection, consumer, &found, &acknowledged, err));
    if (!found && consumer->cursor.len > 0) {
        TRY(cursor_parse(consumer->cursor, &position, err));
    } else if (found) {
        position.seq = acknowledged;
        (void)snprintf(sql, sizeof sql, "SELECT tag FROM lakefeed_log WHERE seq = %" PRId64, acknowledged);
        TRY(sql_get_int(connection, sql, 0, &position.tag, err));
    }
    TRY(write_consumer(connection, consumer, position.seq, err));
    TRY(transaction_commit(connection, err));
    (void)rollback;
    return hand_out(session, &position, ret_cursor);
}

bool consumer_op_unregister(struct lf_session *session, const struct lf_consumer *consumer, struct lf_error *err)
{
    struct connection *connection = &session->side;
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    char epoch[EPOCH_LEN + 1];
    bool tracked = false;
    bool found = false;
    int64_t seq = 0;
    TRY(catalog_epoch(connection, &tracked, epoch, err));
    if (!tracked) {
        return true;
    }
    {
        CLEANUP(transaction_end_at) struct connection *rollback = connection;
        TRY(transaction_begin_write(connection, ACK_PATIENCE_MS, err));
        TRY(find_consumer(connection, consumer, &found, &seq, err));
        TRY(sql_prepare(connection, "DELETE FROM lakefeed_consumer WHERE link = ?1", &stmt, err));
        sql_bind_text(stmt, 1, consumer->link);
        TRY(sql_run(connection, stmt, err));
        TRY(transaction_commit(connection, err));
        (void)rollback;
    }
    return prune(connection, err);
}

bool consumer_op_position(struct lf_session *session, struct lf_slice *ret_cursor, struct lf_error *err)
{
    struct connection *connection = &session->side;
    CLEANUP(transaction_end_at) struct connection *rollback = connection;
    struct position position = {0};
    TRY(session_check(session, err));
    TRY(transaction_begin_read(connection, ACK_PATIENCE_MS, err));
    TRY(log_end(connection, &position, err));
    (void)rollback;
    return hand_out(session, &position, ret_cursor);
}

static bool acknowledge(struct connection *connection, const struct lf_consumer *consumer,
                        const struct position *position, struct lf_error *err)
{
    CLEANUP(sql_finalize) sqlite3_stmt *stmt = NULL;
    CLEANUP(transaction_end_at) struct connection *rollback = connection;
    char epoch[EPOCH_LEN + 1];
    bool found = false;
    int64_t seq = 0;
    TRY(transaction_begin_write(connection, ACK_PATIENCE_MS, err));
    TRY(catalog_need_epoch(connection, epoch, err));
    if (strcmp(epoch, position->epoch) != 0) {
        return lost(connection, "this is another database than the one the cursor is of, or it was tracked anew", err);
    }
    TRY(find_consumer(connection, consumer, &found, &seq, err));
    if (!found) {
        return lf_error_set(err, LF_NOT_FOUND, 0, "%s has no consumer %s of this lake", connection->session->path,
                            consumer->link);
    }
    if (position->seq <= seq) {
        return true; /* acknowledged before; never back */
    }
    TRY(log_check(connection, position, err));
    TRY(sql_prepare(connection, "UPDATE lakefeed_consumer SET seq = ?2 WHERE link = ?1", &stmt, err));
    sql_bind_text(stmt, 1, consumer->link);
    (void)sqlite3_bind_int64(stmt, 2, position->seq);
    TRY(sql_run(connection, stmt, err));
    (void)rollback;
    return transaction_commit(connection, err);
}

/* Nothing is locked when all is acknowledged and pruned: the repeated acknowledgement of an idle link costs a read. */
static bool is_settled(struct connection *connection, bool *ret, struct lf_error *err)
{
    int64_t open = 0;
    TRY(sql_get_int(connection,
                    "SELECT EXISTS (SELECT 1 FROM lakefeed_log WHERE seq < (SELECT min(seq) FROM lakefeed_consumer))",
                    0, &open, err));
    *ret = open == 0;
    return true;
}

bool consumer_op_ack(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice cursor,
                     struct lf_error *err)
{
    struct connection *connection = &session->side;
    struct position position = {0};
    bool settled = false;
    TRY(cursor_parse(cursor, &position, err));
    TRY(acknowledge(connection, consumer, &position, err));
    TRY(is_settled(connection, &settled, err));
    return settled || prune(connection, err);
}
