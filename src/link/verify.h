/* SPDX-License-Identifier: Apache-2.0
 *
 * Compares the lake with the source, row by row. Takes no lock and writes nothing, so it may run beside a daemon and under
 * write load. A row counts as different only if nothing has changed it between the commit and the read of the source;
 * what moved meanwhile is compared again after the next commit. One thread.
 */
#ifndef LINK_VERIFY_H
#define LINK_VERIFY_H

#include "base/clock.h"
#include "base/random.h"
#include "lake/lake.h"
#include "lakefeed/connector.h"
#include "link/masking.h"

#define VERIFY_DIFFERENCES_MAX 10000u /* kept, of all entities together; the others are counted */

enum verify_kind {
    VERIFY_MISSING, /* the source has the row, the lake has not */
    VERIFY_EXTRA,   /* the lake has it, the source has not */
    VERIFY_DIFFERS,
    VERIFY_FILE /* a partition cannot be read or is not what was committed; rows behind the damage are not compared */
};

struct verify_difference {
    enum verify_kind kind;
    char *key;    /* as key_print; FILE: path of the partition */
    char *column; /* DIFFERS: the first one that does, or whose value cannot be taken; the source's name */
    char *lake;   /* DIFFERS: lake text cut at 80 characters, "" for NULL; FILE: what is wrong */
    char *source; /* DIFFERS; why the value cannot be taken */
};

struct verify_entity {
    char *name;
    uint64_t rows;                         /* compared */
    uint64_t quarantined;                  /* more rows, which cannot be taken and are listed so: equal */
    struct verify_difference *differences; /* rows before files */
    size_t ndifferences, differences_size;
    uint64_t difference_count; /* at least ndifferences */
    uint64_t moving;           /* keys that changed after every commit that was looked at, so were not compared */
    char *skipped;             /* why it was not compared (it stands still); NULL: it was */
};

struct verify_result {
    bool equal; /* no difference was found */
    struct verify_entity *entities;
    size_t nentities;
};

struct verify_options {
    const struct lf_connector_ops *ops; /* with masking: those of masking_connector */
    const struct masking *masking;      /* NULL: nothing is masked */
    const char *url;
    const char *shown_url; /* in messages; NULL: url */
    const struct lf_option_value *connector_options;
    size_t nconnector_options;
    struct lake *lake;
    const char *const *entities; /* names in the lake; none: all */
    size_t nentities;
    const char *folder; /* exists; unnamed temporary files only */
    size_t memory_bytes;
    struct clock clock;
    struct random_source random;
    bool (*cancelled)(void *context);              /* may be NULL */
    void (*note)(void *context, const char *text); /* what takes time just now; may be NULL */
    void *context;                                 /* of both */
};

/* Kinds: NOT_FOUND: no model.json; CONFIG: no such entity, or the lake was made from another source; LOST: the source has no
 * changes after the cursor of the newest commit, so that nothing can be proved; CANCELLED; those of lake and source. The result is
 * only there on success. */
bool verify_run(const struct verify_options *options, struct verify_result *ret_result,
                struct lf_error *err) LF_MUST_CHECK;
void verify_result_done(struct verify_result *result); /* for CLEANUP */

#endif
