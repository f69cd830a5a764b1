/* SPDX-License-Identifier: Apache-2.0 */
#include "commit/commit.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)
#define BUCKET_MS INT64_C(600000)

struct policy {
    int64_t now_ms;
    uint32_t keep;
    int64_t keep_for_ms;
};

/* When the time of a record begins to count. */
static int64_t aged_from(const struct history *history, size_t index)
{
#ifdef LAKEFEED_MUTANT_age_created
    return index > 0 ? history->records[index - 1].replaced_ms : 0;
#endif
    return history->records[index].replaced_ms;
}

static bool is_first_of_bucket(const struct history *history, size_t index)
{
    const struct history_record *records = history->records;
    return index == 0 || records[index - 1].replaced_ms / BUCKET_MS != records[index].replaced_ms / BUCKET_MS;
}

/* What the clock and the configuration of this process say, whatever was dropped before. */
static bool policy_keeps(const struct policy *policy, const struct history *history, size_t index)
{
    if (history->nrecords - index <= policy->keep || history->records[index].replaced_ms == 0) {
        return true;
    }
    const int64_t age_ms = policy->now_ms - aged_from(history, index);
    return age_ms < policy->keep_for_ms && (age_ms <= HOUR_MS || is_first_of_bucket(history, index));
}

/* The position of the first record that is not below the commit. */
static size_t find_record(const struct history *history, uint64_t commit)
{
    size_t low = 0;
    size_t high = history->nrecords;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (history->records[middle].commit < commit) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* `before`: for each position in records, how many of those in front of it are kept. */
static bool is_needed(const struct history *history, const size_t *before, const struct history_file *file)
{
    return before[find_record(history, file->until + 1)] > before[find_record(history, file->since)];
}

struct taken {
    char **paths;
    size_t count;
    size_t cap;
};

static void take(struct taken *taken, char *path)
{
    mem_grow(&taken->paths, &taken->cap, taken->count + 1, sizeof *taken->paths);
    taken->paths[taken->count++] = path;
}

/* A file goes when a committed history has found it expired and this commit's clock agrees: one wrong clock alone marks, but
 * removes nothing. */
static void retain_files(struct history *history, const size_t *kept_by_policy, const size_t *retained,
                         struct taken *taken)
{
    size_t left = 0;
    for (size_t i = 0; i < history->nfiles; i++) {
        struct history_file *file = &history->files[i];
        if (file->expired && !is_needed(history, kept_by_policy, file)) {
            take(taken, file->path);
            continue;
        }
        file->expired = file->expired || !is_needed(history, retained, file);
        history->files[left++] = *file;
    }
    history->nfiles = left;
}

static void retain_records(struct history *history, const size_t *kept_by_policy, struct taken *taken)
{
    size_t left = 0;
    for (size_t i = 0; i < history->nrecords; i++) {
        struct history_record *record = &history->records[i];
        const bool kept = kept_by_policy[i + 1] > kept_by_policy[i];
        if (record->dropped && !kept) {
            struct buf path = {0};
            lake_path_commit(record->commit, record->commit_id, &path);
            take(taken, path.ptr);
            text_free(&record->commit_id);
            continue;
        }
        record->dropped = record->dropped || !kept;
        history->records[left++] = *record;
    }
    history->nrecords = left;
}

void history_retain(struct history *history, int64_t now_ms, uint32_t keep, int64_t keep_for_ms, char ***ret_paths,
                    size_t *ret_count)
{
    const struct policy policy = {now_ms, keep, keep_for_ms};
    struct taken taken = {0};
    size_t *kept_by_policy = mem_new(history->nrecords + 1, sizeof *kept_by_policy);
    size_t *retained = mem_new(history->nrecords + 1, sizeof *retained);
    for (size_t i = 0; i < history->nrecords; i++) {
        const bool kept = policy_keeps(&policy, history, i);
        kept_by_policy[i + 1] = kept_by_policy[i] + kept;
        retained[i + 1] = retained[i] + (kept && !history->records[i].dropped);
    }
    retain_files(history, kept_by_policy, retained, &taken);
    retain_records(history, kept_by_policy, &taken);
    free(kept_by_policy);
    free(retained);
    *ret_paths = taken.paths;
    *ret_count = taken.count;
}
