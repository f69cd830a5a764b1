/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration, from a file or from flags: one immutable structure either way. Defaults, bounds, units and help of every
 * setting stand in the tables of settings.h, from which parser and documentation are made.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "lakefeed/error.h"
#include "lakefeed/option.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_entity {
    char *table;
    char *name; /* in the lake; NULL: derived */
};

struct config_link {
    char *name;
    char *connector; /* NULL: by the scheme of source_url */
    char *source_url;
    char *lake_url;
    char *public_location;          /* NULL: the lake's own */
    bool allow_network;             /* a folder on a network file system is accepted */
    struct config_entity *entities; /* NULL: all tables that have a key */
    size_t nentities;
    /* Owned: those of the connector, "type.<table>.<column>" and "exclude.<table>.<column>". */
    struct lf_option_value *connector_options;
    size_t nconnector_options;
    int64_t interval_ms, cursor_interval_ms, load_commit_ms;
    uint32_t keep;
    int64_t keep_for_ms;
    uint64_t partition_bytes;
    uint64_t chunk_rows;
};

struct config {
    struct config_link *links;
    size_t nlinks;
    size_t memory_bytes;
    uint64_t spool_max_bytes;
    bool log_json; /* also on a terminal */
};

/* What the command line gives instead of a file. NULL or 0: not given. */
struct config_flags {
    const char *source_url, *lake_url;
    const char *name;     /* default: the database's name */
    const char *entities; /* separated by commas; NULL: all */
    const char *interval; /* "1h", "5s" */
};

/* Comments are allowed; an unknown, duplicate or ill-typed setting is a CONFIG error with line and nearest known name. */
bool config_load(const char *path, struct config **ret_config, struct lf_error *err) LF_MUST_CHECK;
bool config_parse(const char *name, const char *text, size_t len, struct config **ret_config,
                  struct lf_error *err) LF_MUST_CHECK;
bool config_from_flags(const struct config_flags *flags, struct config **ret_config,
                       struct lf_error *err) LF_MUST_CHECK;
void config_free(struct config **config); /* for CLEANUP */

/* Options of the link's source against the table of its connector: an unknown name, a wrong type or a value out of bounds is a
 * CONFIG error. "type." and "exclude." options are the host's own and pass. */
bool config_check_connector_options(const struct config_link *link, const struct lf_option *table,
                                    struct lf_error *err) LF_MUST_CHECK;

/* `given` (-c FILE) or $LAKEFEED_CONFIG as they are, whether the file exists or not; otherwise the first that exists of
 * ./lakefeed.json and /etc/lakefeed/lakefeed.json; CONFIG naming all when there is none. */
bool config_find(const char *given, char **ret_path, struct lf_error *err) LF_MUST_CHECK;

/* "90s", "15min", "1h", "1d", "250ms"; "64MiB", "10GiB", "4096". CONFIG with the text and what would be right. */
bool config_parse_duration(const char *text, int64_t *ret_ms, struct lf_error *err) LF_MUST_CHECK;
bool config_parse_bytes(const char *text, uint64_t *ret_bytes, struct lf_error *err) LF_MUST_CHECK;

/* A password inside a URL is refused, naming the alternatives. */
bool config_check_url(const char *url, struct lf_error *err) LF_MUST_CHECK;

#endif
