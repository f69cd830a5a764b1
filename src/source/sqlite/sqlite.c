/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sqlite/sqlite.h"

#include "source/sqlite/changes.h"
#include "source/sqlite/check.h"
#include "source/sqlite/consumer.h"
#include "source/sqlite/cursor.h"
#include "source/sqlite/discover.h"
#include "source/sqlite/load.h"
#include "source/sqlite/session.h"
#include "source/sqlite/track.h"

const struct lf_connector *lakefeed_sqlite_connector(void)
{
    static const struct lf_option options[] = {
        {"poll_interval", LF_OPT_DURATION, "1s", "How often the database is asked for changes", 10, 3600000},
        {0},
    };
    static const struct lf_connector_ops ops = {
        .open = session_open,
        .close = session_close,
        .stop = session_stop,
        .identity = discover_op_identity,
        .discover = discover_op_tables,
        .check = check_op_check,
        .track = track_op_track,
        .untrack = track_op_untrack,
        .register_consumer = consumer_op_register,
        .unregister_consumer = consumer_op_unregister,
        .position = consumer_op_position,
        .ack = consumer_op_ack,
        .load_plan = load_op_plan,
        .load_open = load_op_open,
        .load_asof = load_op_asof,
        .load_next = load_op_next,
        .load_close = load_op_close,
        .covers = cursor_op_covers,
        .includes = cursor_op_includes,
        .passed = cursor_op_passed,
        .compare = cursor_op_compare,
        .print = cursor_op_print,
        .changes_open = changes_op_open,
        .changes_next = changes_op_next,
        .verify_catalog = changes_op_verify,
        .changes_close = changes_op_close,
    };
    static const struct lf_connector connector = {
        .abi_version = LF_CONNECTOR_ABI,
        .struct_size = sizeof(struct lf_connector),
        .name = "sqlite",
        .scheme = "sqlite",
        .summary = "SQLite database files",
        .capabilities = LF_CAP_NET | LF_CAP_SPLITS | LF_CAP_PARALLEL | LF_CAP_TRACK,
        .options = options,
        .ops = &ops,
        .ops_size = sizeof(struct lf_connector_ops),
    };
    return &connector;
}
