/* SPDX-License-Identifier: Apache-2.0
 *
 * The connector ABI. A connector is one constant descriptor; a loadable one exports it through a function with
 * the name LF_CONNECTOR_SYMBOL. docs/connector-abi.md walks through a whole connector.
 *
 * Order of calls, all from one thread at a time per session, `stop` excepted:
 *
 *   open → identity, discover, check, track/untrack, position, register/unregister, lag   at any time
 *        → load_plan → load_open → load_next… → load_asof → load_close                 a chunk of a first load
 *        → changes_open(cursor) → changes_next… → changes_close                        the stream
 *        → ack(cursor)                                                                 only after the commit
 *        → close
 *
 * A host may hold several sessions of one source at once (one for the stream, others for loads), each on its
 * own thread. Every op returns false with a filled error on failure; strings and bytes handed out live until
 * the next call on the same session unless said otherwise.
 */
#ifndef LAKEFEED_CONNECTOR_H
#define LAKEFEED_CONNECTOR_H

#include "lakefeed/batch.h"
#include "lakefeed/error.h"
#include "lakefeed/option.h"
#include "lakefeed/schema.h"

#define LF_CONNECTOR_ABI 1u
#define LF_CONNECTOR_SYMBOL "lakefeed_connector"
#define LF_TOKEN_MAX 65536u /* bytes of a cursor, an asOf or a transaction token */

struct lf_session; /* the connector's own; one open connection to a source */
struct lf_load;    /* the connector's own; one chunk being read */
struct lf_changes; /* the connector's own; the stream from a cursor */

enum lf_capability {
    LF_CAP_NET = 1u << 0,      /* events are net state (UPSERT), one boundary for each read */
    LF_CAP_SPLITS = 1u << 1,   /* load_plan can give more than one chunk */
    LF_CAP_PARALLEL = 1u << 2, /* several load sessions at once make it faster */
    LF_CAP_TRACK = 1u << 3,    /* something has to be installed in the source before changes are kept */
    LF_CAP_ABSENT = 1u << 4,   /* rows can have absent cells */
    /* Options "filter.<table>" hold a condition in the source's own words: load and stream have the rows that meet it and no others,
     * a row that leaves them is deleted and one that joins them inserted. With another condition the table has another id. */
    LF_CAP_FILTER = 1u << 5,
    /* Ids of columns are the source's own: discover gives those of the stream, and a renamed column keeps its. Without it discover may
     * count columns anew, and a rename is a drop and an add. */
    LF_CAP_COLUMN_IDS = 1u << 6
};

/* What the host offers. Given to open, valid until close. */
struct lf_host {
    void *context;
    bool (*cancelled)(void *context); /* true: return soon with LF_CANCELLED */
    int64_t (*now_us)(void *context); /* UTC; never call the clock directly */
    bool (*random)(void *context, void *ret_bytes, size_t len);
    void (*log)(void *context, const char *level, const char *event, const char *text);
    const char *state_dir; /* for own scratch files; NULL when there is none */
    const char *link;      /* who comes, for the source's list of sessions; NULL: a command without a link */
    const char *run;       /* the same for one start of the link */
};

/* One table as discover reports it. */
struct lf_table {
    const char *name;   /* without the default schema, otherwise schema.table; names it in every message */
    struct lf_slice id; /* stable over renames, another one after drop and create; empty while untracked */
    struct lf_schema schema;
    bool tracked;           /* changes of it are being kept */
    const char *refusal;    /* why it cannot be replicated and what to do, NULL if it can */
    int64_t estimated_rows; /* -1: unknown */
};

/* What the host already has of a table: what was committed, or discovered for a new entity. */
struct lf_table_state {
    const char *name; /* as discovered last */
    struct lf_slice id;
    struct lf_schema schema; /* with dropped columns, whose ids are never given again */
};

/* Who reads: the row or slot that a source keeps for a consumer carries all of it. */
struct lf_consumer {
    const char *link;
    const char *lake_id;
    const char *location;
    bool takeover; /* replace a consumer of the same name that belongs to another lake */
    /* What the lake has committed; empty: nothing yet. Where a consumer begins that has to be made, else at the end of the stream.
     * Only register_consumer looks at it. */
    struct lf_slice cursor;
};

/* What the source keeps of its log for a consumer. -1: not known. */
struct lf_lag {
    int64_t beyond_bytes;   /* written after what the consumer has acknowledged */
    int64_t retained_bytes; /* kept in all because of it; more than beyond_bytes where something else holds older log */
    int64_t left_bytes;     /* how much more is kept before the source gives the consumer up; -1 as well: no limit */
    const char *text;       /* what keeps it, and who holds it up, for people; without numbers that change */
};

/* A key in cells, nkey of them; cells NULL means open (before the first or after the last key). */
struct lf_bound {
    const struct lf_cell *cells;
};

typedef bool (*lf_table_visitor)(void *context, const struct lf_table *table, struct lf_error *err);
/* One inner boundary between two chunks, ascending in the order of docs/formats/keys.md. */
typedef bool (*lf_bound_visitor)(void *context, struct lf_bound bound, struct lf_error *err);
/* severity: "ok", "advice" or "error"; cure may be NULL. */
typedef void (*lf_finding_visitor)(void *context, const char *severity, const char *what, const char *cure);

/* Required ops unless marked optional (may be NULL). Pure ops look at bytes alone and take no session. */
struct lf_connector_ops {
    /* Opens one connection. Kinds: CONFIG, AUTH, NOT_FOUND, TRANSIENT, UNSUPPORTED. */
    bool (*open)(const struct lf_host *host, const char *url, const struct lf_option_value *options, size_t noptions,
                 struct lf_session **ret_session, struct lf_error *err);
    void (*close)(struct lf_session *session); /* NULL is allowed */
    /* From another thread: makes the running call return LF_CANCELLED soon, and every later one at once. */
    void (*stop)(struct lf_session *session);

    /* Names the source without host, user or path; two sources never share it. Printable, ≤ 200 bytes. */
    bool (*identity)(struct lf_session *session, const char **ret_identity, struct lf_error *err);
    bool (*discover)(struct lf_session *session, lf_table_visitor visit, void *context, struct lf_error *err);
    /* Every refusal and advice, before anything is created; tables NULL: all. Optional. */
    bool (*check)(struct lf_session *session, const char *const *tables, size_t ntables, lf_finding_visitor visit,
                  void *context, struct lf_error *err);
    /* Installs what keeps changes of the tables; those already tracked are brought up to date. Optional. */
    bool (*track)(struct lf_session *session, const char *const *tables, size_t ntables, struct lf_error *err);
    /* Removes every trace. CONFLICT, naming them, while consumers exist. Optional. */
    bool (*untrack)(struct lf_session *session, struct lf_error *err);

    /* Idempotent. Fills the cursor from which a new consumer starts; for a known consumer of the same lake
     * its acknowledged cursor. CONFLICT when the name belongs to another lake, unless takeover; a consumer of
     * the same location but another lake_id is replaced. */
    bool (*register_consumer)(struct lf_session *session, const struct lf_consumer *consumer,
                              struct lf_slice *ret_cursor, struct lf_error *err);
    bool (*unregister_consumer)(struct lf_session *session, const struct lf_consumer *consumer, struct lf_error *err);
    /* The end of the stream now: a reader that has reached it has seen all that was committed before the call. */
    bool (*position)(struct lf_session *session, struct lf_slice *ret_cursor, struct lf_error *err);
    /* Makes an idle source stream its position. Optional. */
    bool (*nudge)(struct lf_session *session, struct lf_error *err);
    /* The committed cursor: the source may forget what lies before it. Idempotent, never moves back. */
    bool (*ack)(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice cursor,
                struct lf_error *err);

    /* Inner bounds of about `want` chunks that together cover the whole key space, so 0 visits mean one chunk. */
    bool (*load_plan)(struct lf_session *session, const struct lf_table_state *table, uint32_t want,
                      lf_bound_visitor visit, void *context, struct lf_error *err);
    /* Rows with lo ≤ key < hi. ret_ordered: they come in the order of docs/formats/keys.md. SCHEMA: the
     * table no longer has the schema handed in; NOT_FOUND: it is gone. Cells are never ABSENT. */
    bool (*load_open)(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                      struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered, struct lf_error *err);
    /* asOf of the chunk: what its rows have already seen. Known from load_open on, but it may still grow in what
     * `passed` requires until load_next has returned no rows; the host stores it after that. */
    bool (*load_asof)(struct lf_load *load, struct lf_slice *ret_asof, struct lf_error *err);
    bool (*load_next)(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err);
    void (*load_close)(struct lf_load *load); /* NULL is allowed */

    /* Pure, from any thread; `false` from a malformed argument is not an answer: ops return through ret. */
    bool (*covers)(struct lf_slice asof, struct lf_slice token, bool *ret, struct lf_error *err);
    bool (*includes)(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err);
    bool (*passed)(struct lf_slice asof, struct lf_slice cursor, bool *ret, struct lf_error *err);
    bool (*compare)(struct lf_slice a, struct lf_slice b, int *ret, struct lf_error *err); /* <0, 0, >0 */
    bool (*print)(struct lf_slice cursor, char *ret_text, size_t size, struct lf_error *err);

    /* From a committed cursor. LOST when the gap cannot be ruled out. `tables` is copied. A table whose shape
     * differs from the state handed in is reported by SCHEMA, RELOAD or FAULT events before its first row. */
    bool (*changes_open)(struct lf_session *session, struct lf_slice cursor, const struct lf_table_state *tables,
                         size_t ntables, struct lf_changes **ret_changes, struct lf_error *err);
    /* Waits at most wait_ms (0: not at all) for the next events in commit order. */
    bool (*changes_next)(struct lf_changes *changes, int wait_ms, struct lf_batch *ret_batch, struct lf_error *err);
    /* Compares the catalog with what the stream has said up to the cut; differences come as events of the batch
     * (SCHEMA, RELOAD, FAULT). Called after the cut was received and before the commit. Optional. */
    bool (*verify_catalog)(struct lf_changes *changes, struct lf_batch *ret_batch, struct lf_error *err);
    void (*changes_close)(struct lf_changes *changes); /* NULL is allowed */

    /* Looks what the source keeps, and changes nothing; also while a stream of the session is open. Optional. */
    bool (*lag)(struct lf_session *session, const struct lf_consumer *consumer, struct lf_lag *ret_lag,
                struct lf_error *err);
};

struct lf_connector {
    uint32_t abi_version; /* LF_CONNECTOR_ABI */
    uint32_t struct_size; /* sizeof(struct lf_connector) at the connector's build */
    const char *name;     /* [a-z0-9_]+ */
    const char *scheme;   /* of its URLs: "sqlite" */
    const char *summary;
    uint32_t capabilities;
    const struct lf_option *options;
    const struct lf_connector_ops *ops;
    uint32_t ops_size; /* sizeof(struct lf_connector_ops) at the connector's build; a shorter tail is absent ops */
};

typedef const struct lf_connector *(*lf_connector_function)(void);

#endif
