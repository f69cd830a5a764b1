/* SPDX-License-Identifier: Apache-2.0
 *
 * What every connector must keep, tried through the ABI alone. The test of a connector brings a writer for its source
 * and calls connector_contract_run from a cmocka test; a broken rule fails that test. The seed is printed and
 * comes from LAKEFEED_SEED when that is set.
 */
#ifndef FAKES_CONNECTOR_CONTRACT_H
#define FAKES_CONNECTOR_CONTRACT_H

#include "lakefeed/connector.h"

/* Writes to the source as an application would, beside the connector. Tables have the columns `id` (integer, the key),
 * `label` (text) and `note` (text, may be NULL). Operations stand between begin and commit. One that returns false was
 * refused (a lock): the suite then rolls back. What was committed must reach the stream without further help. */
struct contract_writer {
    void *context;
    bool (*create_table)(void *context, const char *table);
    bool (*create_refused)(void *context, const char *table); /* one that cannot be replicated. Optional */
    bool (*begin)(void *context);
    bool (*insert)(void *context, const char *table, int64_t id, const char *label, const char *note);
    bool (*update)(void *context, const char *table, int64_t id, const char *label, const char *note);
    bool (*remove)(void *context, const char *table, int64_t id);
    bool (*move)(void *context, const char *table, int64_t id, int64_t new_id); /* of the key; other cells stay */
    bool (*commit)(void *context);
    void (*rollback)(void *context);
    void (*settle)(void *context); /* ends what keeps a committed transaction from being seen. Optional */
};

struct contract_setup {
    const struct lf_connector *connector;
    const char *url;         /* an empty source; every run needs a fresh one */
    const char *missing_url; /* a source that does not exist; NULL: not tried */
    const char *other_url;   /* another source that exists; NULL: not tried */
    const struct lf_option_value *options;
    size_t noptions;
    const char *state_dir;
    bool begins_at_end; /* a consumer cannot be made where its lake stands once the log has gone on: LOST */
    struct contract_writer writer;
};

void connector_contract_run(const struct contract_setup *setup);

#endif
