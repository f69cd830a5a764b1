/* SPDX-License-Identifier: Apache-2.0
 *
 * One link: one source, one lake, a set of entities. It is driven by one thread; only link_stop may come from another.
 *
 *   link_new → link_open → link_run_once | link_run → link_free
 *
 * After a failure of kind TRANSIENT or THROTTLED the same link may be opened again; it starts from the lake.
 */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include "base/budget.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "cdm/model.h"
#include "data/intake.h"
#include "lake/lake.h"
#include "lakefeed/connector.h"
#include "link/masking.h"

struct link;

/* What to do about rows and files that cannot be taken. Zeroed: an entity with such a row freezes, a lost file is loaded again. */
struct link_policy {
    struct intake_policy intake;
    bool freeze_on_lost_file;
};

struct link_entity_config {
    const char *table; /* the source's name */
    const char *name;  /* in the lake; NULL: derived */
    struct link_policy policy;
};

/* What went wrong inside a link that goes on. */
struct link_failure {
    const char *phase;  /* snapshot, load, ack; entity: it stands still from now on */
    const char *entity; /* NULL: the link's own */
    const struct lf_error *err;
    uint64_t orphan_files, orphan_bytes; /* left in the lake for collection */
};

/* How far the source's log has gone on without the lake. -1: not known. */
#define LINK_LAG_TEXT 300
struct link_lag {
    int64_t seconds_behind; /* since the oldest change that was received and stands in no commit; 0: there is none */
    int64_t age_seconds;    /* of what follows; it grows while the source does not answer */
    int64_t beyond_bytes, retained_bytes, left_bytes; /* as in struct lf_lag */
    char text[LINK_LAG_TEXT];
};

/* What a terminal or a history wants to know. One call at a time of each link, from any of its threads: who watches several links
 * locks. All may be NULL. */
struct link_observer {
    void *context;
    void (*failed)(void *context, const struct link_failure *failure);
    /* `added` rows of an entity were read; it has about `estimated_rows`, -1: unknown. */
    void (*load)(void *context, const char *entity, uint64_t added, int64_t estimated_rows);
    void (*skipped)(void *context, const char *table, const char *reason);
    /* A new head; `partitions` count files of this commit. */
    void (*committed)(void *context, const struct model *head, uint64_t changes, uint64_t written, uint64_t kept);
    /* Every few seconds, of a source that can tell. */
    void (*lag)(void *context, const struct link_lag *lag);
    /* What link_request asked for until now is being done. */
    void (*begun)(void *context);
    /* It is done (err NULL; `frozen` entities stand in Error) or has failed. */
    void (*answered)(void *context, size_t frozen, const struct lf_error *err);
};

struct link_options {
    const char *name;
    const struct lf_connector *connector; /* with masking: masking_connector */
    struct masking *masking;              /* NULL: nothing is masked */
    const char *url;
    const char *shown_url;     /* in messages; NULL: url */
    const char *track_command; /* that tracks the link's tables, for people to paste */
    const struct lf_option_value *connector_options;
    size_t nconnector_options;
    struct lake *lake;                         /* locked by the caller */
    const char *location;                      /* of the lake, for the consumer row of the source */
    const struct link_entity_config *entities; /* NULL: all tables that have a key */
    size_t nentities;
    struct link_policy policy; /* where there is no list of entities */
    const char *const *resync; /* entities to be loaded again */
    size_t nresync;
    bool resync_all; /* all of them, from the end of the stream: the way out of LOST */
    bool track;      /* install change tracking where it is missing */
    bool takeover;
    int64_t interval_ms;        /* between snapshots, at multiples in UTC */
    int64_t cursor_interval_ms; /* between cursor-only commits of an idle link */
    uint64_t
        max_retained_bytes; /* of the source's log; beyond it a snapshot starts early and the log warns; 0: no bound */
    int64_t load_commit_ms; /* at most this long between commits of a load */
    uint32_t keep;
    int64_t keep_for_ms;
    uint64_t partition_bytes;
    uint64_t chunk_rows;   /* aim of a load's chunk */
    size_t load_threads;   /* that read chunks at once; 0 and 1: the link's own */
    size_t memory_bytes;   /* of the whole process */
    struct budget *budget; /* the ledger that all links share; NULL: the link has one of its own, over memory_bytes */
    uint64_t spool_disk_bytes;
    const char *scratch_folder; /* exists; temporary files only */
    const char *version;
    struct clock clock;
    struct random_source random;
    struct log *log;               /* may be NULL */
    struct link_observer observer; /* all may be NULL */
};

/* The options and what they point at are borrowed until link_free. */
struct link *link_new(const struct link_options *options);
void link_free(struct link **link); /* for CLEANUP */

/* Reads the lake, opens the source, chooses the entities, registers the consumer, makes the first commit, opens the stream after the
 * committed cursor, repeats the acknowledgement. Kinds: LOST: resync required; FENCED; CONFIG: what to change. */
bool link_open(struct link *link, struct lf_error *err) LF_MUST_CHECK;

/* Loads what is not loaded, follows the stream to the position at the call, commits. Entities in error: *ret_frozen. */
bool link_run_once(struct link *link, size_t *ret_frozen, struct lf_error *err) LF_MUST_CHECK;
/* Follows until link_stop (CANCELLED) or a failure that this start cannot mend. */
bool link_run(struct link *link, struct lf_error *err) LF_MUST_CHECK;
/* From any thread: link_run does what link_run_once does, soon, calls observer.answered, and goes on. */
void link_request(struct link *link);
/* From any thread, also from a signal's handler loop: every call returns soon. */
void link_stop(struct link *link);

const struct model *link_head(const struct link *link); /* NULL before the first commit */
uint64_t link_commits(const struct link *link);         /* made by this object */

/* Single steps, for schedulers of tests: what link_run does in a loop. */
bool link_step_feed(struct link *link, int wait_ms, bool *ret_any, struct lf_error *err) LF_MUST_CHECK;
bool link_step_load(struct link *link, bool *ret_any, struct lf_error *err) LF_MUST_CHECK;
bool link_step_snapshot(struct link *link, bool *ret_committed, struct lf_error *err) LF_MUST_CHECK;
bool link_is_settled(const struct link *link); /* nothing is being loaded */

#endif
