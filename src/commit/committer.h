/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside commit only: the committer's state and the steps that its files share.
 */
#ifndef COMMIT_COMMITTER_H
#define COMMIT_COMMITTER_H

#include "base/crypto.h"
#include "cdm/quarantine.h"
#include "commit/commit.h"

#include <pthread.h>

/* --- paths.c: sets of paths --- */

struct path_entry {
    char *path;
    uint64_t since; /* the first commit that named it, or an earlier one */
};

struct path_set {
    struct path_entry *items;
    size_t count;
    size_t cap;
};

void path_set_done(struct path_set *set);
void path_set_append(struct path_set *set, const char *path, uint64_t since); /* anywhere: seal before searching */
void path_set_seal(struct path_set *set);                                     /* sorts, keeps one of each path */
void path_set_insert(struct path_set *set, const char *path);    /* into a sealed set, which stays sealed */
void path_set_remove(struct path_set *set, const char *path);    /* likewise; an absent path is fine */
bool path_set_has(const struct path_set *set, const char *path); /* of a sealed set */

/* Every file that readers or a restart reach from the model: partitions, load lists and what they name, the history.
 * The set is sealed. NULL names nothing. */
void paths_of_model(const struct model *model, struct path_set *out);
/* Takes a history from the commit `from` (NULL: none) to `to`, which has a record: the newest record and all files that `to`
 * no longer names were replaced at now_ms. */
void history_advance(struct history *history, const struct model *from, const struct model *to, int64_t now_ms);

/* --- the committer --- */

enum committer_state {
    COMMITTER_NEW, /* recover first */
    COMMITTER_READY,
    COMMITTER_IN_DOUBT, /* a commit was given up while its outcome was unknown: recover first */
    COMMITTER_FENCED
};

struct committer {
    struct lake *lake;
    char *scratch_folder;
    char *version;
    uint32_t keep;
    int64_t keep_for_ms;
    const struct clock *clock;
    const struct random_source *random;
    struct log *log;
    const struct log_where *where;
    bool (*cancelled)(void *context);
    void *cancel_context;
    char writer[LAKE_WRITER_ID_SIZE];
    enum committer_state state;

    pthread_mutex_t lock; /* of the next three, which workers touch */
    uint64_t counter;
    struct path_set in_flight; /* given out, not yet named by a commit */
    bool listing_due;

    struct model *head; /* NULL: no commit yet */
    char etag[LAKE_ETAG_SIZE];
    bool head_has_record;
    struct history *history; /* of the head; NULL: it could not be read, nothing is collected */
    struct path_set lost;    /* load lists that could not be read */
    struct path_set doubted; /* ids of commits whose outcome stayed unknown */
    struct path_set removal; /* what the last publish allows to remove */
    int64_t listed_ms;       /* when the lake was listed last, by its own clock */
    bool skip_logged;
};

/* The next listing of the lake is due whatever the time. */
void committer_want_listing(struct committer *committer);
/* Logs once that nothing is collected, and why. */
void committer_log_skipped(struct committer *committer, const char *reason);
/* Sleeps with growing delays from 100 ms to 10 s, at least retry_after_ms (bounded). *delay_ms begins as 0. False: cancelled. */
bool committer_wait(const struct committer *committer, int64_t *delay_ms, int64_t retry_after_ms);

/* --- document.c: the documents of a lake --- */

/* An immutable copy of a model.json. DATA when it is another commit than its name says. */
bool document_read_record(struct committer *committer, uint64_t commit, const char *commit_id, struct model **ret_model,
                          struct lf_error *err) LF_MUST_CHECK;
/* DATA when the bytes are not those of the hash. */
bool document_read_load(struct committer *committer, const char *path, const char *sha256, struct model_load **ret_load,
                        struct lf_error *err) LF_MUST_CHECK;
/* The rows that cannot be taken, of an entity whose load list has been read. DATA as above. */
bool document_read_quarantine(struct committer *committer, const struct model_entity *entity,
                              struct quarantine **ret_quarantine, struct lf_error *err) LF_MUST_CHECK;
bool document_read_history(struct committer *committer, const char *path, const char *sha256,
                           struct history **ret_history, struct lf_error *err) LF_MUST_CHECK;
/* The document is damaged or missing, as opposed to out of reach for the moment. */
bool document_is_lost(const struct lf_error *err);

void document_close(struct lake_content *content); /* for CLEANUP; begins as {.fd = -1} */
/* model.json as a temporary file. */
bool document_from_model(struct committer *committer, const struct model *model, struct lake_content *ret_content,
                         char ret_hex[SHA256_HEX_SIZE], struct lf_error *err) LF_MUST_CHECK;
/* A new object under a name that only this commit uses; an unknown outcome is settled by reading back. */
bool document_put(struct committer *committer, const char *path, const struct lake_content *content,
                  struct lf_error *err) LF_MUST_CHECK;
bool document_put_text(struct committer *committer, const char *path, const struct buf *text,
                       char ret_hex[SHA256_HEX_SIZE], struct lf_error *err) LF_MUST_CHECK;

/* --- replace.c --- */

/* The conditional write of model.json, repeated until its outcome is known. */
bool replace_model(struct committer *committer, const struct model *next, const struct lake_content *content,
                   char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err) LF_MUST_CHECK;

/* --- rebuild.c --- */

/* The history of the head from the commit records, when all that it needs can be read. */
bool rebuild_history(struct committer *committer, struct history **ret_history, struct lf_error *err) LF_MUST_CHECK;

/* --- collect.c --- */

/* Adds to committer->removal every file that neither `model` nor `history` names, that is not in flight and not already on it.
 * Does nothing when no listing is due. A lake that cannot be listed is listed again next time. */
void collect_list(struct committer *committer, const struct model *model, const struct history *history,
                  int64_t now_ms);

#endif
