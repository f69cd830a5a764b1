/* SPDX-License-Identifier: Apache-2.0
 *
 * A connector that masks: it stands between a connector and everything else, and no value of a masked column passes it, neither in
 * a row nor in a message. Above it there are only the columns of the lake; the source's own ones, which it hands to the connector
 * below, are made again from what the lake says of them (data/mask.h).
 *
 *   masking_new → masking_connector → masking_open (in the place of ops->open) … ops->close → masking_free
 *
 * Columns are found by name where a schema comes from the source, and by their sign where it comes from the lake: a column that was
 * renamed stays masked. Messages of a table with masks are replaced when they could hold a value. A key with a masked column has
 * another order than the source's: such a table is loaded in one chunk, unordered. Sessions may be used on several threads as
 * those below may.
 */
#ifndef LINK_MASKING_H
#define LINK_MASKING_H

#include "data/mask.h"
#include "lakefeed/connector.h"

struct masking;

struct masking_column {
    const char *name;    /* the source's */
    enum mask_kind kind; /* NONE: its values may stand in the lake, whatever stood there before */
    const char *text;    /* FIXED */
};

struct masking_table {
    const char *table;
    const struct masking_column *columns;
    size_t ncolumns;
};

struct masking_options {
    const struct lf_connector *connector;
    struct lf_slice key; /* of HASH */
    const struct masking_table *tables;
    size_t ntables;
};

/* Copies all but the connector. */
struct masking *masking_new(const struct masking_options *options);
void masking_free(struct masking **masking); /* for CLEANUP; after its last session is closed */
const struct lf_connector *masking_connector(const struct masking *masking);
bool masking_open(const struct masking *masking, const struct lf_host *host, const char *url,
                  const struct lf_option_value *options, size_t noptions, struct lf_session **ret_session,
                  struct lf_error *err) LF_MUST_CHECK;
/* The same, or without masking the connector's own op. */
bool masking_open_or(const struct masking *masking, const struct lf_connector_ops *ops, const struct lf_host *host,
                     const char *url, const struct lf_option_value *options, size_t noptions,
                     struct lf_session **ret_session, struct lf_error *err) LF_MUST_CHECK;
/* The table is masked under this id, too, whatever its name has become. Before anything is discovered. */
void masking_bind(struct masking *masking, const char *table, struct lf_slice id);

/* A table of the lake as it is discovered now. `masking` may be NULL in both; `connector` is the link's. */
/* Why it must not be read: a column that is masked in the lake would come in clear, and nobody said that this is meant. NULL: it may.
 * Lives in the arena. */
const char *masking_refuse_table(const struct masking *masking, const struct lf_connector *connector,
                                 const struct lf_table *table, const struct lf_schema *lake, struct arena *arena);
/* Whether a mask has come, gone or changed, or its key has: the lake's rows are of no use any more. */
bool masking_is_changed(const struct masking *masking, const struct lf_connector *connector,
                        const struct lf_schema *lake, const struct lf_schema *now);

#endif
