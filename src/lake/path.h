/* SPDX-License-Identifier: Apache-2.0
 *
 * Every path of a lake is made and recognised here, and nowhere else. docs/formats/lake-layout.md says the same
 * in prose. All functions are pure.
 */
#ifndef LAKE_PATH_H
#define LAKE_PATH_H

#include "base/buf.h"
#include "lakefeed/error.h"

#include <stdbool.h>
#include <stdint.h>

#define LAKE_PATH_MODEL "model.json"
#define LAKE_PATH_OWNER "_lakefeed/owner"
#define LAKE_PATH_CONTROL "_lakefeed/control.json"
#define LAKE_PATH_MAX 1024
#define LAKE_NAME_MAX 200u     /* bytes of an entity's name */
#define LAKE_WRITER_ID_SIZE 17 /* 16 hex digits and a NUL */
#define LAKE_COMMIT_ID_SIZE 33 /* 32 hex digits and a NUL */

/* The entity (and folder) name of a source table: bytes outside [A-Za-z0-9_-] become '_', a name that does not begin
 * with a letter or a digit gets an "x" in front ("x_…"), and a name that was changed or cut to LAKE_NAME_MAX gets "-"
 * and 8 hex digits of the sha256 of `source_name`; so does one that equals, but for case, one of `taken` (NULL-ended,
 * may be NULL). The result never clashes with `taken`. Append-only to `out`. */
void lake_entity_name(const char *source_name, const char *const *taken, struct buf *out);
/* CONFIG unless the name is one that lake_entity_name could have made without changing it. */
bool lake_entity_name_check(const char *name, struct lf_error *err) LF_MUST_CHECK;
/* The attribute name of a column: the source's text, at most 256 characters, clashes (without regard to case) resolved
 * by the same suffix rule. */
void lake_attribute_name(const char *source_name, const char *const *taken, struct buf *out);

/* <entity>/Snapshot/<partition>_<yyyyMMddTHHmmssZ>_<writer id>-<counter>.csv with partition p%08u */
void lake_path_partition(const char *entity, uint32_t partition, int64_t time_ms, const char *writer_id,
                         uint64_t counter, struct buf *out);
/* _lakefeed/commits/<10 digits>-<commit id>.json */
void lake_path_commit(uint64_t commit, const char *commit_id, struct buf *out);
/* _lakefeed/loads/<entity>-<commit id>.json */
void lake_path_load(const char *entity, const char *commit_id, struct buf *out);
/* _lakefeed/quarantine/<entity>-<commit id>.jsonl */
void lake_path_quarantine(const char *entity, const char *commit_id, struct buf *out);
/* _lakefeed/history/<10 digits>-<commit id>.json */
void lake_path_history(uint64_t commit, const char *commit_id, struct buf *out);
/* _lakefeed/publish/<commit id>.json, until it is renamed to what it is for; only lakes that replace by renaming have any */
void lake_path_publish(const char *commit_id, struct buf *out);

enum lake_path_kind {
    LAKE_PATH_IS_FOREIGN, /* not a name of our pattern: never touched */
    LAKE_PATH_IS_PARTITION,
    LAKE_PATH_IS_COMMIT,
    LAKE_PATH_IS_LOAD,
    LAKE_PATH_IS_HISTORY,
    LAKE_PATH_IS_QUARANTINE,
    LAKE_PATH_IS_PUBLISH
};
enum lake_path_kind lake_path_kind(const char *path);

/* A relative path without empty, "." or ".." components, without a leading "/", at most LAKE_PATH_MAX bytes. */
bool lake_path_is_valid(const char *path);

#endif
