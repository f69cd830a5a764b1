/* SPDX-License-Identifier: Apache-2.0
 *
 * A source opened by a command: no link, no lake.
 */
#ifndef APP_SOURCE_H
#define APP_SOURCE_H

#include "base/clock.h"
#include "base/random.h"
#include "config/config.h"
#include "lakefeed/connector.h"

struct app_source {
    const struct lf_connector *connector; /* masks, where the link does */
    struct masking *masking;
    struct lf_session *session;
    struct lf_host host;
    struct clock clock;
    struct random_source random;
    bool (*cancelled)(void *context); /* NULL: never */
    void *cancel_context;
};

struct app_options;

/* `source` must not move while it is open: the connector holds a pointer to its host. `options` says when calls are given up;
 * NULL: never. */
bool app_source_open(struct app_source *source, const struct config_link *settings, const struct app_options *options,
                     struct lf_error *err) LF_MUST_CHECK;
void app_source_close(struct app_source *source); /* for CLEANUP */

/* Installs change tracking in the configured tables, or in all that have a key. *ret_tables: how many. */
bool app_source_track(struct app_source *source, const struct config_link *settings, size_t *ret_tables,
                      struct lf_error *err) LF_MUST_CHECK;

#endif
