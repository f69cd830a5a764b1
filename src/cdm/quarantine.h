/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of an entity whose rows cannot be taken: the content of _lakefeed/quarantine/<entity>-<commit id>.jsonl, one line for
 * each. docs/formats/quarantine.md is the byte-exact page, docs/design/quarantine.md tells what it promises. No I/O.
 */
#ifndef CDM_QUARANTINE_H
#define CDM_QUARANTINE_H

#include "cdm/model.h"

struct quarantine_row {
    struct model_bytes key;
    struct model_bytes note; /* bad_row.h */
    uint64_t since;          /* the commit that listed the key first; 0: the coming one */
};

/* Rows by key. */
struct quarantine_list {
    struct quarantine_row *rows;
    size_t count, size;
    size_t bytes; /* of keys and notes */
};

/* Immutable once made, so that versions of a model share it. Not for several threads at once. */
struct quarantine {
    size_t users;
    struct quarantine_list settled; /* keys that are missing from the partitions */
    struct quarantine_list loading; /* from those of the load in progress */
};

/* Adds a copy at the end. LIMIT, naming the settings, when there are too many. */
bool quarantine_list_add(struct quarantine_list *list, struct lf_slice key, struct lf_slice note, uint64_t since,
                         struct lf_error *err) LF_MUST_CHECK;
void quarantine_list_done(struct quarantine_list *list); /* for CLEANUP */
/* The first row whose key is not below. */
size_t quarantine_list_seek(const struct quarantine_list *list, struct lf_slice key);

/* Takes both lists; NULL when both are empty. One user. */
struct quarantine *quarantine_new(struct quarantine_list *settled, struct quarantine_list *loading);
struct quarantine *quarantine_share(struct quarantine *quarantine); /* one user more; NULL gives NULL */
void quarantine_free(struct quarantine **quarantine);               /* one user less */
uint64_t quarantine_rows(const struct quarantine *quarantine);      /* lines; 0 for NULL */

/* `load_id` and `loading_id`: of the entity's partitions and of its load in progress; NULL: there is none, nor rows of it. */
bool quarantine_print(const struct quarantine *quarantine, const char *load_id, const char *loading_id, struct buf *out,
                      struct lf_error *err) LF_MUST_CHECK;
/* DATA for everything that quarantine_print does not make, and for lines of other loads. */
bool quarantine_parse(const char *text, size_t len, const char *load_id, const char *loading_id,
                      struct quarantine **ret_quarantine, struct lf_error *err) LF_MUST_CHECK;

#endif
