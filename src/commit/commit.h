/* SPDX-License-Identifier: Apache-2.0
 *
 * The commit protocol: one conditional write of model.json carries files and cursor together. The rules are in
 * docs/design/commit-protocol.md.
 *
 *   committer_new → committer_recover → [ committer_next_path… (write files) → committer_publish → (acknowledge the source)
 *                 → committer_collect ]…  → committer_free
 *
 * One thread at a time, except committer_next_path and committer_forget, which workers may call.
 */
#ifndef COMMIT_COMMIT_H
#define COMMIT_COMMIT_H

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "cdm/history.h"
#include "cdm/model.h"
#include "lake/lake.h"
#include "lake/path.h"

struct committer;

/* model.json and the ETag that belongs to it, without any lock; what is read is whole, also while it is being replaced. NOT_FOUND: there
 * is none. DATA, CONFIG, UNSUPPORTED: not to be used, and never overwritten; the message says why. Load lists are not read. */
bool commit_read_head(struct lake *lake, struct model **ret_model, char ret_etag[LAKE_ETAG_SIZE],
                      struct lf_error *err) LF_MUST_CHECK;

struct commit_options {
    const char *scratch_folder; /* for temporary files */
    uint32_t keep;              /* newest records that stay; at least 1 */
    int64_t keep_for_ms;        /* counted from replacement */
    const char *version;        /* of the binary, for model.json */
    const struct clock *clock;
    const struct random_source *random;
    struct log *log;                  /* may be NULL */
    const struct log_where *where;    /* may be NULL */
    bool (*cancelled)(void *context); /* may be NULL */
    void *cancel_context;
};

/* Makes the writer id of this process start. `lake` is borrowed; strings in options are copied, clock and random
 * borrowed. */
struct committer *committer_new(struct lake *lake, const struct commit_options *options);
void committer_free(struct committer **committer); /* for CLEANUP */

/* Reads model.json, the load lists and the history that it names. No model.json: the head is NULL, which is not an error.
 * An entity whose load list cannot be read comes back with load NULL and load_path set: it must be loaded again. So must one with a
 * quarantine_path whose quarantine is NULL. A history that cannot be read switches collection off (collection_skipped). Kinds: those of model_parse and of the lake. */
bool committer_recover(struct committer *committer, struct lf_error *err) LF_MUST_CHECK;
const struct model *
committer_head(const struct committer *committer); /* NULL: no commit yet; valid until the next publish */
/* Whether the lake still holds the head, so that a source that has gone on without us can be told from another writer. */
bool committer_head_is_current(struct committer *committer, bool *ret_current, struct lf_error *err) LF_MUST_CHECK;
const char *committer_writer(const struct committer *committer);

/* The path of a new partition file of this process, never given twice; from here on the file counts as being written
 * (never collected) until a commit names it or committer_forget is called. */
void committer_next_path(struct committer *committer, const char *entity, uint32_t partition, int64_t now_ms,
                         struct buf *out);
/* The file was abandoned (a failed run, a chunk that is read again): a later collection may take it. */
void committer_forget(struct committer *committer, const char *path);

/* Replaces model.json by *next, which was built from the head. Fills commit, commit_id, previous_*, history_*, writer, modified_ms,
 * version, locations, refresh and `since` of new partitions, and writes the load list of every entity whose load is not NULL and whose
 * load_path is NULL; likewise the quarantine, with quarantine_path, sha256 and rows. Takes *next; on success it is the head.
 * cursor_only: no record, no history, nothing removed; the caller changed nothing but cursor, cursor_text and source_time.
 * Stays inside, repeating the identical write, while the outcome is unknown. Kinds: FENCED (a foreign commit was seen; every file
 * of this process is abandoned, nothing removed), CANCELLED, and whatever failed before the conditional write was tried. */
bool committer_publish(struct committer *committer, struct model **next, bool cursor_only,
                       struct lf_error *err) LF_MUST_CHECK;

struct commit_collected {
    uint64_t files;
    uint64_t failed; /* could not be removed; the next listing finds them */
};
/* Removes what the last publish listed. After the acknowledgement. Never fails: what is left is found again. */
void committer_collect(struct committer *committer, struct commit_collected *ret_collected);

/* Pure: applies retention at time now_ms to a history that already holds the coming commit's record. Marks records dropped and
 * files expired; entries that were already so marked by a committed history are taken out and their paths appended to *ret_paths
 * (files before records; array and strings are the caller's). */
void history_retain(struct history *history, int64_t now_ms, uint32_t keep, int64_t keep_for_ms, char ***ret_paths,
                    size_t *ret_count);

#endif
