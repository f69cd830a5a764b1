/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/postgres.h"

#include "source/postgres/check.h"
#include "source/postgres/discover.h"
#include "source/postgres/load.h"
#include "source/postgres/slot.h"
#include "source/postgres/stream.h"
#include "source/postgres/track.h"

#define HOUR_MS INT64_C(3600000)

static const struct lf_option options[] = {
    {"publication", LF_OPT_STRING, "lakefeed", "Name of the publication that says which tables are followed", 0, 0},
    {"slot", LF_OPT_STRING, "", "Name of the replication slot; empty: made from link and lake", 0, 0},
    {"password", LF_OPT_SECRET, "", "Password of the role; empty: from ~/.pgpass, a service file or PGPASSWORD", 0, 0},
    {"connect_timeout", LF_OPT_DURATION, "15s", "How long the server may take to answer a new connection", 1000,
     HOUR_MS},
    {"statement_timeout", LF_OPT_DURATION, "0s", "Longest time of one statement, reading a chunk included; 0: none", 0,
     24 * HOUR_MS},
    {"catalog_timeout", LF_OPT_DURATION, "2min", "Longest time of a statement that reads no table; 0: none", 0,
     24 * HOUR_MS},
    {"failover", LF_OPT_BOOL, "false",
     "Make the slot one that standbys take over (PostgreSQL 17 and newer; counts when the slot is made)", 0, 0},
    {"lock_timeout", LF_OPT_DURATION, "10s", "How long a load waits for the read lock of a table", 10, HOUR_MS},
    {"load_rate", LF_OPT_BYTES, "0", "Bytes that one reader of a load takes in a second; 0: no limit", 0, 0},
    {0},
};

static const struct lf_connector_ops ops = {
    .open = pg_op_open,
    .close = pg_op_close,
    .stop = pg_op_stop,
    .identity = pg_op_identity,
    .discover = pg_op_discover,
    .check = pg_op_check,
    .track = pg_op_track,
    .untrack = pg_op_untrack,
    .register_consumer = pg_op_register,
    .unregister_consumer = pg_op_unregister,
    .position = pg_op_position,
    .nudge = pg_op_nudge,
    .ack = pg_op_ack,
    .load_plan = pg_op_load_plan,
    .load_open = pg_op_load_open,
    .load_asof = pg_op_load_asof,
    .load_next = pg_op_load_next,
    .load_close = pg_op_load_close,
    .covers = pg_op_covers,
    .includes = pg_op_includes,
    .passed = pg_op_passed,
    .compare = pg_op_compare,
    .print = pg_op_print,
    .changes_open = pg_op_changes_open,
    .changes_next = pg_op_changes_next,
    .verify_catalog = pg_op_verify_catalog,
    .changes_close = pg_op_changes_close,
    .lag = pg_op_lag,
};

const struct lf_connector *lakefeed_postgres_connector(void)
{
    static const struct lf_connector connector = {
        .abi_version = LF_CONNECTOR_ABI,
        .struct_size = sizeof(struct lf_connector),
        .name = "postgres",
        .scheme = "postgresql",
        .summary = "PostgreSQL databases, version 13 and newer",
        .capabilities =
            LF_CAP_SPLITS | LF_CAP_PARALLEL | LF_CAP_TRACK | LF_CAP_ABSENT | LF_CAP_FILTER | LF_CAP_COLUMN_IDS,
        .options = options,
        .ops = &ops,
        .ops_size = sizeof(struct lf_connector_ops),
    };
    return &connector;
}
