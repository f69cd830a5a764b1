/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: the link, its entities, and the stream's state. Read with docs/architecture.md.
 *
 *   open.c      from nothing to a stream after the committed cursor
 *   files.c     files of the head that are lost
 *   entities.c  which tables, under which names
 *   entity.c    one entity: schema versions, shapes, chunks at hand
 *   feed.c      events of the connector to records in the spool, cuts
 *   plan.c      the chunks of a new load
 *   loader.c    chunks read, on several threads
 *   snapshot.c  one snapshot: cut → entities → commit → acknowledgement → collection
 *   advance.c   what one snapshot does to one entity
 *   listing.c   its quarantine
 *   lag.c       what the source keeps of its log for us
 *   run.c       the two ways to drive it all
 */
#ifndef LINK_INTERNAL_H
#define LINK_INTERNAL_H

#include "base/macros.h"
#include "commit/commit.h"
#include "data/spool.h"
#include "link/link.h"
#include "snapshot/load.h"
#include "snapshot/merge.h"

#include <pthread.h>
#include <stdatomic.h>

/* A chunk that was read and stands in no commit yet. */
struct entity_chunk {
    size_t index;                /* in the load list of the head */
    uint64_t base_seq;           /* committed when its snapshot was taken */
    const struct schema *schema; /* of its rows; borrowed from the entity's versions */
    struct load_result result;
};

/* An entity at run time. */
struct entity {
    char *name;
    char *table;
    struct model_bytes table_id;
    uint32_t slot; /* in the spool, and index in the tables of the stream */
    bool followed; /* part of the stream; else it stands frozen until a restart finds its table again */
    int64_t estimated_rows;
    struct link_policy policy;
    struct schema **versions; /* in the lake's layout; the last one is what the feed writes */
    size_t nversions, versions_size;

    /* the feed */
    uint32_t *place; /* lake index of each column that the stream sends */
    uint32_t nplace;
    struct lf_cell *cells, *key_cells;
    bool muted; /* after a fault, or a transaction that did not fit: rows are of no use until a load begins */
    uint64_t partial_move_seq; /* of the last key change with absent cells */
    uint64_t repaired;         /* rows in which bad text was replaced since the last commit */

    /* the next snapshot */
    char *reload_reason; /* begin a load; set at start or by an operator */
    char *fault_reason;  /* freeze; set by the loader */

    struct entity_chunk *chunks; /* read and not yet committed */
    size_t nchunks, chunks_size;
    atomic_uint next_partition; /* of the load in progress */
};

/* Trouble of one entity, which freezes alone; all other failures are the link's. */
static inline bool is_entity_kind(enum lf_error_kind kind)
{
    return kind == LF_DATA || kind == LF_SCHEMA || kind == LF_LIMIT;
}

#define LOAD_THREADS_MAX 4

struct feed {
    struct lf_changes *changes;
    struct buf cursor;   /* after the last whole transaction */
    uint64_t cursor_seq; /* the last seq that it contains */
    uint64_t seq;        /* given last */
    uint64_t token;      /* of the open transaction */
    bool in_transaction;
    int64_t source_time_us;
    int64_t waiting_us;        /* commit time of the oldest transaction since the last cut; 0: none came */
    int64_t sealed_us;         /* the same of what was cut and stands in no commit */
    struct buf key, from, row; /* scratch */
};

/* What was seen of the source's log; see lag.c. */
struct lag {
    int64_t looked_ms;   /* monotonic; 0: never */
    int64_t answered_ms; /* the same of the last look that had an answer, which is `last` */
    struct link_lag last;
    bool silent;          /* the last look had none */
    int64_t beyond_bytes; /* behind the committed cursor; 0 after a snapshot */
    int64_t bound_bytes;  /* the least of what we and the source want to be kept */
    bool over;            /* it was too much at the last look */
    int64_t warned_bytes; /* retained when the log was warned; 0: it is not too much */
};

struct paths {
    char **list;
    size_t count, size;
};

struct link {
    struct link_options options;
    struct budget *budget, *own_budget; /* the second is NULL where links share one */
    struct log_where where;
    char *run_id;
    struct committer *committer;
    const struct lf_connector_ops *ops;
    struct lf_host host;
    struct lf_session *session; /* the stream */
    struct lf_session
        *load_sessions[LOAD_THREADS_MAX]; /* one for each thread; opened when first needed, [0] for plans too */
    int64_t load_delay_ms, load_again_ms; /* after a read that has to wait; monotonic */
    pthread_mutex_t observing;            /* one call of the observer at a time */
    struct lf_consumer consumer;
    char *lake_id;
    char *source; /* identity */
    struct entity **entities;
    size_t nentities, entities_size;
    struct spool *spool;
    struct feed feed;
    struct lag lag;
    uint64_t committed_seq; /* contained in the head */
    int64_t last_commit_ms; /* monotonic clock */
    uint64_t commits;
    struct paths new_paths; /* written by the snapshot in progress: forgotten if it fails */
    struct paths old_paths; /* chunk files that it wrote anew: forgotten if it succeeds */
    atomic_bool stopped, requested;
    pthread_mutex_t sessions; /* guards the session pointers against link_stop */
};

bool link_cancelled(void *link);
bool link_check_stopped(const struct link *link, struct lf_error *err) LF_MUST_CHECK;
int64_t link_monotonic_ms(const struct link *link);
void link_log(const struct link *link, const char *entity, enum log_event event, const struct log_field *fields);
/* To the observer. */
void link_tell_failure(struct link *link, const char *phase, const char *entity, const struct lf_error *err);

void paths_add(struct paths *paths, const char *path);
void paths_clear(struct paths *paths);

/* open.c */
bool link_open_session(struct link *link, struct lf_session **session, struct lf_error *err) LF_MUST_CHECK;
void link_close_session(struct link *link, struct lf_session **session); /* sets it to NULL; NULL is allowed */

/* files.c */
/* The first file of the entity that is missing or not what was committed, as a sentence; NULL: none. By size, and the one that
 * the text `suspect` (may be NULL) names by its hash, too. */
bool files_find_lost(struct link *link, const struct model_entity *model, const char *suspect, char **ret_problem,
                     struct lf_error *err) LF_MUST_CHECK;
/* Entities with lost files are to be loaded again, or frozen. */
bool files_check(struct link *link, struct lf_error *err) LF_MUST_CHECK;
/* Why the entity stands still, and the way out. The caller's to free. */
char *files_freeze_reason(const char *entity, const char *problem);

/* entities.c: fills link->entities from the source, the configuration and the head. CONFIG: a table that does not exist, is
 * refused or not tracked. */
bool entities_choose(struct link *link, struct lf_error *err) LF_MUST_CHECK;

/* entity.c */
struct entity *entity_new(const char *name, const struct lf_table *table);
void entity_free(struct entity *entity);
const struct schema *entity_schema(const struct entity *entity);                    /* the newest version */
const struct schema *entity_version(const struct entity *entity, uint32_t version); /* NULL: unknown */
/* Takes the schema as the newest version. */
void entity_push_schema(struct entity *entity, struct schema *schema);
/* A schema version from what the head says of its rows. */
bool entity_push_shape(struct entity *entity, const struct model_shape *shape, struct lf_error *err) LF_MUST_CHECK;
/* The lake's shape of a schema: columns that `old` (may be NULL) has keep their names. */
struct model_shape entity_shape(const struct schema *schema, const struct model_shape *old);
/* Which columns the stream sends, in its order; NULL: those of the newest version that are not dropped. SCHEMA: a column that the
 * newest version does not have. */
bool entity_map_columns(struct entity *entity, const struct lf_schema *sent, struct lf_error *err) LF_MUST_CHECK;
/* A new version: the columns that the stream sends, in its order, and nothing else. */
bool entity_sent_schema(const struct entity *entity, struct schema **ret_schema, struct lf_error *err) LF_MUST_CHECK;
/* Chunks at hand are abandoned. */
void entity_drop_chunks(struct link *link, struct entity *entity);
struct lf_table_state entity_state(const struct entity *entity); /* borrowed */

/* feed.c */
bool feed_open(struct link *link, struct lf_error *err) LF_MUST_CHECK;
void feed_close(struct link *link);
bool feed_pump(struct link *link, int wait_ms, bool *ret_any, struct lf_error *err) LF_MUST_CHECK;
/* Compares the catalog, then seals. Only outside a transaction. */
bool feed_cut(struct link *link, struct lf_error *err) LF_MUST_CHECK;

/* lag.c */
/* Now and then asks the source what it keeps for us, tells the observer, and warns. A source that does not answer is warned of, too: the
 * stream alone decides whether it is well. CANCELLED. */
bool lag_look(struct link *link, struct lf_error *err) LF_MUST_CHECK;
/* So much log lies behind the committed cursor that an idle link moves it on at once. */
bool lag_cursor_is_due(const struct link *link);
/* A commit now lets the source drop log that should not wait for the interval. */
bool lag_is_heavy(const struct link *link);
void lag_note_snapshot(struct link *link); /* whatever came of it: a new look decides anew */

/* loader.c */
/* Opens load_sessions[index] if that has not been done. */
bool loader_session(struct link *link, size_t index, struct lf_error *err) LF_MUST_CHECK;
/* Reads some chunks, on several threads when the options allow. *ret_any: at least one is at hand now. */
bool loader_step(struct link *link, bool *ret_any, struct lf_error *err) LF_MUST_CHECK;
bool loader_has_work(struct link *link);
void loader_close_sessions(struct link *link);

/* plan.c */
/* A new load of the entity with chunks planned by the source. */
bool loader_plan(struct link *link, struct entity *entity, const struct schema *schema, const struct model_shape *old,
                 struct model_load **ret_load, struct lf_error *err) LF_MUST_CHECK;
struct partition_target loader_target(struct link *link, const struct entity *entity, atomic_uint *next_partition);

/* advance.c: what the cut does to one entity of the coming model. */
struct advance {
    struct link *link;
    struct entity *entity;
    struct model_entity *model;
    const struct spool_cut *cut;
    struct lf_slice head_cursor;
    bool changed;
    struct merge_stats stats;
};
bool advance_entity(struct advance *advance, struct lf_error *err) LF_MUST_CHECK;

/* listing.c: the quarantine of the coming model's entity. */
/* The rows that the partitions of an unread, read or fresh chunk leave out. */
void listing_of_chunk(const struct model_entity *model, size_t chunk, struct merge_range *range);
/* Takes a list in place of the settled one, or of the load's. */
void listing_set_settled(struct advance *advance, struct quarantine_list *list);
void listing_set_loading(struct advance *advance, struct quarantine_list *list);
/* What the merge of all chunks has left out. */
bool listing_take_chunks(struct advance *advance, const struct merge_range *ranges, size_t nranges,
                         struct lf_error *err) LF_MUST_CHECK;
void listing_complete(struct advance *advance); /* the load's rows are the partitions' rows now */
/* Tells the log of the commit's rows that were left out or repaired. */
void listing_report(struct link *link);

/* snapshot.c */
/* Cuts, merges, commits, acknowledges, collects. *ret_committed false: nothing had changed. */
bool snapshot_run(struct link *link, bool *ret_committed, struct lf_error *err) LF_MUST_CHECK;
/* A commit that goes on from the cursor of a new consumer, with what entities_choose demands: commit 1 with all entities loading, or
 * a resync with all of them loading again. */
bool snapshot_begin(struct link *link, struct lf_slice cursor, struct lf_error *err) LF_MUST_CHECK;
/* Tells the source of the head's cursor. A failure is logged and repeated with the next commit. */
void snapshot_acknowledge(struct link *link);

#endif
