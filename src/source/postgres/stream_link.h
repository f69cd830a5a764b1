/* SPDX-License-Identifier: Apache-2.0
 *
 * The replication connection. A thread of its own, the keeper, tells the server every now and then that we are alive and how far
 * it may forget, whatever the reader does meanwhile: a host that merges for an hour keeps its connection. The keeper never reads,
 * so what the server sends waits in the socket.
 *
 * What it lets the server forget is session->acknowledged and nothing beyond it (PostgreSQL waits at its shutdown until a
 * receiver has confirmed everything, so it is also the keeper that lets go when the server ends its ordinary connections).
 *
 *   enter → next… → wait → next… → leave, all by one thread. Between enter and leave the keeper waits, but for the time of a
 *   wait. After an error only leave and close are of use.
 */
#ifndef SOURCE_POSTGRES_STREAM_LINK_H
#define SOURCE_POSTGRES_STREAM_LINK_H

#include "source/postgres/connection.h"
#include "source/postgres/pgoutput.h"

struct stream_link;

struct stream_link_setup {
    struct lf_session *session;
    struct pg_connection *canary; /* an ordinary connection to the same server, open as long as the link */
    const char *slot;
    bool shared; /* reads a temporary copy of the slot, beside its consumer, and confirms nothing to it */
    const char *publication;
    pg_lsn start;       /* changes that committed behind it are sent */
    int64_t timeout_ms; /* the server's wal_sender_timeout; 0: none */
};

/* Begins to stream. LOST: the slot cannot serve what lies behind `start`; TRANSIENT also while somebody else reads from the slot,
 * who is named; CANCELLED. */
bool stream_link_open(const struct stream_link_setup *setup, struct stream_link **ret_link,
                      struct lf_error *err) LF_MUST_CHECK;
void stream_link_close(struct stream_link *link); /* NULL is allowed */
/* The slot that is read: that of the setup, or its copy. */
const char *stream_link_slot(const struct stream_link *link);

void stream_link_enter(struct stream_link *link);
void stream_link_leave(struct stream_link *link);

/* The next frame that is here already; ret_bytes NULL: none. The frame points into ret_bytes, to be freed with PQfreemem. What
 * the server wants to know of a keepalive is answered before. LOST, TRANSIENT. */
bool stream_link_next(struct stream_link *link, struct pgoutput_frame *ret_frame, char **ret_bytes,
                      struct lf_error *err) LF_MUST_CHECK;
/* Waits until more can be here, somebody wakes, or the time is over. */
bool stream_link_wait(struct stream_link *link, int64_t wait_ms, struct lf_error *err) LF_MUST_CHECK;

#endif
