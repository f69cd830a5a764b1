/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest possible host, for the contract suite: two tables of few rows, the truth as the suite has written it,
 * and a lake that is loaded in chunks and follows the stream by the rules of the protocol. Failures are cmocka's.
 */
#ifndef FAKES_CONTRACT_LAKE_H
#define FAKES_CONTRACT_LAKE_H

#include "fakes/connector_contract.h"

#define CONTRACT_TABLES 2
#define CONTRACT_SLOTS 40
#define CONTRACT_CHUNKS 80
#define CONTRACT_COLUMNS 3
#define CONTRACT_GAPS (CONTRACT_COLUMNS + 1) /* before, between and after the columns */

/* The rows of both tables: a number stands for label and note of the row, 0 for no row. Slot s has the key
 * contract_id(s). */
struct contract_rows {
    uint32_t value[CONTRACT_TABLES][CONTRACT_SLOTS];
};

struct contract_bytes {
    unsigned char *ptr;
    size_t len;
};

struct contract_chunk {
    bool has_lo, has_hi;
    int64_t lo, hi;
    struct contract_bytes asof;
};

struct contract_lake {
    struct contract_rows rows;
    struct contract_chunk chunks[CONTRACT_TABLES][CONTRACT_CHUNKS]; /* none: rows hold all up to the start */
    size_t nchunks[CONTRACT_TABLES];
    struct contract_bytes cursor, token;
    bool inside; /* a transaction */
    bool moved;  /* a cursor was taken by the last event */
};

struct contract_run {
    const struct contract_setup *setup;
    const struct lf_connector_ops *ops;
    struct lf_host host;
    struct lf_session *session;
    uint64_t random;
    struct lf_schema schema[CONTRACT_TABLES]; /* as discovered; copied */
    struct contract_bytes id[CONTRACT_TABLES];
    struct lf_table_state states[CONTRACT_TABLES];
    struct lf_column handed[CONTRACT_TABLES]
                           [CONTRACT_COLUMNS + CONTRACT_GAPS]; /* columns of states with dropped ones */
    uint32_t handed_key[CONTRACT_TABLES];
    struct contract_rows *history; /* after each transaction of the suite; the last one is the truth */
    size_t nhistory;
    struct contract_bytes start; /* cursor of the first registration */
    uint32_t last_value;
};

extern const char *const contract_tables[CONTRACT_TABLES];
extern const struct lf_consumer contract_consumer; /* the one that is registered while the suite runs */

/* Fails the test with the connector's message when `ok` is false. */
void contract_expect(bool ok, const char *what, const struct lf_error *err);
/* Fails the test unless the op has failed with that kind and a message. */
void contract_expect_error(bool ok, const struct lf_error *err, enum lf_error_kind kind);
uint64_t contract_random(struct contract_run *run, uint64_t limit);
void contract_fill(struct contract_run *run, void *ret_bytes, size_t len); /* with random bytes */
void contract_keep(struct contract_bytes *bytes, struct lf_slice slice);   /* replaces by a copy */
void contract_forget(struct contract_bytes *bytes);
struct lf_slice contract_slice(const struct contract_bytes *bytes);

struct lf_session *contract_open(struct contract_run *run, const char *url);
int64_t contract_id(size_t slot);
const struct contract_rows *contract_truth(const struct contract_run *run);
/* One random transaction of the writer. */
void contract_write(struct contract_run *run);

/* From now on the states have a dropped column in each gap whose bit is set: 0 for none. Rows stay what they are. */
void contract_hand_dropped(struct contract_run *run, unsigned gaps);

void contract_lake_done(struct contract_lake *lake);
/* Reads the range of the chunk into rows, taking the snapshot again until it includes `start`. With `writes`, that many
 * transactions happen between the opening and the end. */
void contract_load(struct contract_run *run, struct lf_session *session, size_t table, struct contract_chunk *chunk,
                   struct contract_rows *rows, unsigned writes);
/* Applies one event by `covers`. */
void contract_apply(struct contract_run *run, struct contract_lake *lake, const struct lf_event *event);
/* Follows the stream from lake->cursor until it has reached the position of the source now. `each` may be NULL; it is
 * called after every cursor. */
void contract_follow(struct contract_run *run, struct contract_lake *lake,
                     void (*each)(struct contract_run *run, struct contract_lake *lake, void *context), void *context);

/* Creates and tracks the tables, and keeps what discover says of them in the run. */
void contract_check_catalog(struct contract_run *run);
void contract_forget_catalog(struct contract_run *run);
/* Tries malformed bytes wherever an op takes a cursor, an asOf or a token. run->start has not been pruned. */
void contract_check_malformed(struct contract_run *run);

#endif
