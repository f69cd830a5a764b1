/* SPDX-License-Identifier: Apache-2.0
 *
 * The replication slot of a consumer: lakefeed_<link>_<8 hex of the location>_<8 hex of the lake id>. A link name that does not
 * fit or has other characters than a-z, 0-9 and _ is cut and followed by 8 hex of its hash. The option slot names another one.
 *
 *   register makes it, finds it, or takes it over; then each stream, before it trusts it, asks pg_slot_check; ack moves it; unregister
 *   drops it. Slots of another plugin or database are nobody's here, whatever their name.
 */
#ifndef SOURCE_POSTGRES_SLOT_H
#define SOURCE_POSTGRES_SLOT_H

#include "source/postgres/connection.h"

struct pg_slot_name {
    char link[PG_SLOT_SIZE];
    char location[9];
    char lake[9];
};

void pg_slot_name_of(const struct lf_consumer *consumer, struct pg_slot_name *ret_name);
void pg_slot_name_print(const struct pg_slot_name *name, char ret_text[PG_SLOT_SIZE]);
/* False: not a slot of ours. */
bool pg_slot_name_parse(const char *text, struct pg_slot_name *ret_name) LF_MUST_CHECK;

struct pg_slot {
    bool exists;
    bool logical;       /* with pgoutput, of this database */
    int32_t active_pid; /* 0: nobody reads it */
    pg_lsn confirmed;
    bool synced;           /* copied from a primary, from 17 on; it stays true when the standby is promoted */
    char wal_status[16];   /* reserved, extended, unreserved, lost */
    char invalidation[32]; /* why the server gave it up, from 16 on; empty: it did not, or does not say */
};

bool pg_slot_read(struct pg_connection *connection, const char *name, struct pg_slot *ret_slot,
                  struct lf_error *err) LF_MUST_CHECK;
/* The slots of this database that are lakefeed's by their name, or configured. */
struct pg_slot_seen {
    const char *name;
    bool active;
    bool lost;        /* the server has given up the log that it needs */
    int64_t retained; /* bytes of the log */
};
typedef void (*pg_slot_visitor)(void *context, const struct pg_slot_seen *slot);
bool pg_slot_visit(struct lf_session *session, pg_slot_visitor visit, void *context,
                   struct lf_error *err) LF_MUST_CHECK;
/* Appends "the open transaction of process 7 (app in shop, psql) since …": of all that have changes the oldest, prepared ones too. Only
 * the time depends on the role's rights. Nothing when there is none. */
bool pg_oldest_transaction(struct lf_session *session, struct buf *ret_who, struct lf_error *err) LF_MUST_CHECK;
/* LOST, with the reason and the cure, when changes after the cursor may be missing: another cluster, database or timeline, a slot
 * that is gone, invalidated or past the cursor, or a cursor past the end of the log. */
bool pg_slot_check(struct pg_connection *connection, const char *name, const struct pg_cursor *cursor,
                   struct lf_error *err) LF_MUST_CHECK;
/* Above the xid of every transaction whose commit lies at or before *ret_end, the end of the log when asked. */
bool pg_log_end(struct pg_connection *connection, pg_lsn *ret_end, uint64_t *ret_horizon,
                struct lf_error *err) LF_MUST_CHECK;

/* Where the history of timelines says that the server left the one given; false: it never was on it. */
bool pg_timeline_end(const char *history, uint32_t timeline, pg_lsn *ret_end) LF_MUST_CHECK;

bool pg_op_register(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice *ret_cursor,
                    struct lf_error *err);
bool pg_op_unregister(struct lf_session *session, const struct lf_consumer *consumer, struct lf_error *err);
bool pg_op_position(struct lf_session *session, struct lf_slice *ret_cursor, struct lf_error *err);
bool pg_op_nudge(struct lf_session *session, struct lf_error *err);
bool pg_op_ack(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice cursor,
               struct lf_error *err);

bool pg_op_lag(struct lf_session *session, const struct lf_consumer *consumer, struct lf_lag *ret_lag,
               struct lf_error *err);
/* The slot that the consumer has: the registered one, else by its name. NOT_FOUND: none. */
bool pg_slot_of_consumer(struct lf_session *session, const struct lf_consumer *consumer, char ret_name[PG_SLOT_SIZE],
                         struct lf_error *err) LF_MUST_CHECK;

#endif
