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
    const char *name; /* the source's */
    enum mask_kind kind;
    const char *text; /* FIXED */
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

/* Whether rows of one column of the lake, live in both, were made as those of the other. */
bool masking_is_same(const struct lf_column *a, const struct lf_column *b);
/* Whether the mask of a lake's column is one of today's; true: it has none. `masking` may be NULL. */
bool masking_knows(const struct masking *masking, const struct lf_column *column);

#endif
