/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "config/settings.h"

#include <stddef.h>

#define INTO(type, member) .offset = offsetof(struct type, member), .width = sizeof(((struct type *)0)->member)

static const char *const log_formats[] = {"auto", "json", NULL}; /* the place of json is true in config.log_json */
static const char *const column_types[] = {"string", "binary",   "int64", "double", "boolean", "date",
                                           "time",   "dateTime", "guid",  "json",   NULL};

const struct setting settings_table[] = {
    {SECTION_ROOT, SETTING_INT, "version", .min = "1", .max = "1", .help = "Version of this format; always 1"},
    {SECTION_ROOT, SETTING_LIST, "links", .help = "The links: each copies one source to one lake"},
    {SECTION_ROOT, SETTING_OBJECT, "spool", .fallback = "", .children = SECTION_SPOOL,
     .help = "Changes collected on local disk between two snapshots"},
    {SECTION_ROOT, SETTING_BYTES, "memory", .fallback = "48MiB", .min = "16MiB", .max = "1TiB",
     INTO(config, memory_bytes), .help = "Memory of the whole process, shared by all links"},
    {SECTION_ROOT, SETTING_OBJECT, "log", .fallback = "", .children = SECTION_LOG,
     .help = "Log lines on standard error"},

    {SECTION_LINK, SETTING_NAME, "name", INTO(config_link, name),
     .help = "Names the link in commands, logs and the source: 1 to 32 of A-Z a-z 0-9 _ -"},
    {SECTION_LINK, SETTING_OBJECT, "source", .children = SECTION_SOURCE,
     .help = "The database; members other than those below are options of its connector"},
    {SECTION_LINK, SETTING_OBJECT, "lake", .children = SECTION_LAKE, .help = "Where the copy stands"},
    {SECTION_LINK, SETTING_LIST, "entities", .fallback = "",
     .help = "The tables: names or objects; left out: all that have a key"},
    {SECTION_LINK, SETTING_OBJECT, "snapshot", .fallback = "", .children = SECTION_SNAPSHOT,
     .help = "When snapshots are made and how long they stay"},

    {SECTION_SOURCE, SETTING_TEXT, "connector", .fallback = "", INTO(config_link, connector),
     .help = "Name of the connector; left out: chosen by the scheme of the URL"},
    {SECTION_SOURCE, SETTING_URL, "url", INTO(config_link, source_url),
     .help = "The database, such as `sqlite:shop.db`"},

    {SECTION_LAKE, SETTING_URL, "url", INTO(config_link, lake_url), .help = "The lake, such as `file:./lake`"},
    {SECTION_LAKE, SETTING_TEXT, "public_location", .fallback = "", INTO(config_link, public_location),
     .help = "Where readers see the lake, for the locations in model.json; left out: the lake's own"},
    {SECTION_LAKE, SETTING_BOOL, "allow_network", .fallback = "false", INTO(config_link, allow_network),
     .help = "Accept a folder on a network or FUSE file system, whose locks may not hold"},

    {SECTION_ENTITY, SETTING_TEXT, "table", INTO(config_entity, table),
     .help = "The table, with its schema unless that is the default one"},
    {SECTION_ENTITY, SETTING_TEXT, "name", .fallback = "", INTO(config_entity, name),
     .help = "Name of the entity in the lake; left out: made from the table's"},
    {SECTION_ENTITY, SETTING_LIST, "exclude", .fallback = "", .help = "Columns that are not copied"},
    {SECTION_ENTITY, SETTING_MAP, "columns", .fallback = "",
     .help = "Settings of single columns, by the column's name"},

    {SECTION_COLUMN, SETTING_WORD, "type", .choices = column_types, INTO(setting_column, type),
     .help = "Type of the column in the lake, in place of the one that the connector chooses"},

    {SECTION_SNAPSHOT, SETTING_DURATION, "interval", .fallback = "1h", .min = "1s", .max = "24h",
     INTO(config_link, interval_ms), .help = "Time between snapshots, which are made at multiples of it in UTC"},
    {SECTION_SNAPSHOT, SETTING_DURATION, "cursor_interval", .fallback = "10min", .min = "1s", .max = "24h",
     INTO(config_link, cursor_interval_ms),
     .help = "How often a link without changes moves on, so that its source can drop old log"},
    {SECTION_SNAPSHOT, SETTING_DURATION, "load_commit", .fallback = "5min", .min = "1s", .max = "24h",
     INTO(config_link, load_commit_ms), .help = "During a first load: the longest time between two commits"},
    {SECTION_SNAPSHOT, SETTING_INT, "keep", .fallback = "5", .min = "1", .max = "1000", INTO(config_link, keep),
     .help = "Snapshots that stay, whatever their age"},
    {SECTION_SNAPSHOT, SETTING_DURATION, "keep_for", .fallback = "24h", .min = "0s", .max = "3650d",
     INTO(config_link, keep_for_ms),
     .help = "A replaced snapshot stays this long; under 1h, slow readers may lose files that they still read"},
    {SECTION_SNAPSHOT, SETTING_BYTES, "partition_bytes", .fallback = "64MiB", .min = "1KiB", .max = "1GiB",
     INTO(config_link, partition_bytes), .help = "Size of a partition file; a larger one is split"},
    {SECTION_SNAPSHOT, SETTING_INT, "chunk_rows", .fallback = "1000000", .min = "1", .max = "1000000000",
     INTO(config_link, chunk_rows),
     .help = "Rows of one piece of a first load; a load goes on at its last finished piece"},

    {SECTION_SPOOL, SETTING_BYTES, "max_bytes", .fallback = "10GiB", .min = "1MiB", INTO(config, spool_max_bytes),
     .help = "Disk space of each link; a snapshot starts early at half of it"},

    {SECTION_LOG, SETTING_CHOICE, "format", .fallback = "auto", .choices = log_formats, INTO(config, log_json),
     .help = "`auto`: for people on a terminal, otherwise JSON; `json`: always JSON"},
    {0},
};
