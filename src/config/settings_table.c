/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "config/settings.h"

#include <stddef.h>

#define INTO(type, member) .offset = offsetof(struct type, member), .width = sizeof(((struct type *)0)->member)

#define RESTART_DAEMON "it belongs to the whole process; restart the daemon"
#define ANOTHER_LINK \
    "another source or lake is another link: give it a new name, and end the old one with lakefeed unlink; or, if " \
    "only the way to the same one has changed, restart the daemon"

static const char *const log_formats[] = {"auto", "json", NULL}; /* the place of json is true in config.log_json */
static const char *const column_types[] = {"string", "binary",   "int64", "double", "boolean", "date",
                                           "time",   "dateTime", "guid",  "json",   NULL};

static const char *const bad_text_rules[] = {"fail", "replace", "quarantine", NULL};
static const char *const bad_row_rules[] = {"fail", "quarantine", NULL};
static const char *const masks[] = {"null", "fixed", "hash", "none",
                                    NULL}; /* those of data/mask.h, which a test compares */
static const char *const lost_file_rules[] = {"reload", "freeze", NULL};

/* Those of the layers above, which a test compares. */
static const char *const auth_kinds[] = {
    "default",          "shared_key",        "sas", "client_secret", "client_certificate",
    "managed_identity", "workload_identity", NULL};
static const char *const assertions[] = {"PS256", "RS256", NULL};
static const char *const publish_ways[] = {"auto", "put_blob", "rename", NULL};

#define OF_AUTH(type_, name_, help_) \
    { \
        SECTION_AUTH, type_, #name_, .fallback = "", INTO(config_link, auth.name_), .change = CONFIG_RESTART_LINK, \
                                     .lake = CONFIG_LAKE_AZURE, .help = (help_) \
    }

const struct setting settings_table[] = {
    {SECTION_ROOT, SETTING_INT, "version", .min = "1", .max = "1", .help = "Version of this format; always 1"},
    {SECTION_ROOT, SETTING_TEXT, "$schema", .fallback = "",
     .help = "For editors: where the JSON Schema of this file is"},
    {SECTION_ROOT, SETTING_MAP, "parameters", .fallback = "",
     .help = "Values for `${NAME}` in texts; a variable of the environment with that name goes first"},
    {SECTION_ROOT, SETTING_LIST, "links", .children = SECTION_LINK,
     .help = "The links: each copies one source to one lake"},
    {SECTION_ROOT, SETTING_OBJECT, "spool", .fallback = "", .children = SECTION_SPOOL,
     .help = "Changes collected on local disk between two snapshots"},
    {SECTION_ROOT, SETTING_BYTES, "memory", .fallback = "48MiB", .min = "16MiB", .max = "1TiB",
     INTO(config, memory_bytes), .change = CONFIG_REFUSED, .way = RESTART_DAEMON,
     .help = "Memory of the whole process, shared by all links"},
    {SECTION_ROOT, SETTING_OBJECT, "http", .fallback = "", .children = SECTION_HTTP,
     .help = "How the process reaches lakes and identities over HTTP"},
    {SECTION_ROOT, SETTING_OBJECT, "log", .fallback = "", .children = SECTION_LOG,
     .help = "Log lines on standard error"},

    {SECTION_LINK, SETTING_NAME, "name", INTO(config_link, name),
     .help = "Names the link in commands, logs and the source: 1 to 32 of A-Z a-z 0-9 _ -"},
    {SECTION_LINK, SETTING_OBJECT, "source", .children = SECTION_SOURCE,
     .help = "The database; members other than those below are options of its connector"},
    {SECTION_LINK, SETTING_OBJECT, "lake", .children = SECTION_LAKE, .help = "Where the copy stands"},
    {SECTION_LINK, SETTING_LIST, "entities", .fallback = "", .children = SECTION_ENTITY, .change = CONFIG_RESTART_LINK,
     .help = "The tables: names or objects; left out: all that have a key"},
    {SECTION_LINK, SETTING_OBJECT, "snapshot", .fallback = "", .children = SECTION_SNAPSHOT,
     .help = "When snapshots are made and how long they stay"},
    {SECTION_LINK, SETTING_WORD, "on_bad_text", .fallback = "fail", .choices = bad_text_rules,
     INTO(config_link, on_bad_text), .change = CONFIG_RESTART_LINK,
     .help = "Text that is not UTF-8 or contains U+0000: freeze the entity, put U+FFFD in its place, or leave the row "
             "out and list it"},
    {SECTION_LINK, SETTING_WORD, "on_bad_row", .fallback = "fail", .choices = bad_row_rules,
     INTO(config_link, on_bad_row), .change = CONFIG_RESTART_LINK,
     .help = "A value outside of its type or a row over 8 MB: freeze the entity, or leave the row out and list it"},
    {SECTION_LINK, SETTING_WORD, "on_lost_file", .fallback = "reload", .choices = lost_file_rules,
     INTO(config_link, on_lost_file), .change = CONFIG_RESTART_LINK,
     .help = "A file of the lake that is missing or altered: read the entity again, or freeze it"},
    {SECTION_LINK, SETTING_SECRET, "mask_key", .fallback = "", INTO(config_link, mask_key),
     .change = CONFIG_RESTART_LINK,
     .help = "Key of the mask `hash`, at least 16 bytes; another one loads every entity with hashes again "
             "(docs/masking.md)"},

    {SECTION_SOURCE, SETTING_TEXT, "connector", .fallback = "", INTO(config_link, connector), .change = CONFIG_REFUSED,
     .way = ANOTHER_LINK, .help = "Name of the connector; left out: chosen by the scheme of the URL"},
    {SECTION_SOURCE, SETTING_URL, "url", INTO(config_link, source_url), .change = CONFIG_REFUSED, .way = ANOTHER_LINK,
     .help = "The database, such as `sqlite:shop.db`"},

    {SECTION_LAKE, SETTING_URL, "url", INTO(config_link, lake_url), .change = CONFIG_REFUSED, .way = ANOTHER_LINK,
     .help = "The lake, such as `file:./lake` or `abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/FOLDER`"},
    {SECTION_LAKE, SETTING_TEXT, "public_location", .fallback = "", INTO(config_link, public_location),
     .change = CONFIG_RESTART_LINK,
     .help = "Where readers see the lake, for the locations in model.json; left out: the lake's own"},
    {SECTION_LAKE, SETTING_BOOL, "allow_network", .fallback = "false", INTO(config_link, allow_network),
     .change = CONFIG_RESTART_LINK, .lake = CONFIG_LAKE_FOLDER,
     .help = "Accept a folder on a network or FUSE file system, whose locks may not hold"},
    {SECTION_LAKE, SETTING_OBJECT, "auth", .fallback = "", .children = SECTION_AUTH, .lake = CONFIG_LAKE_AZURE,
     .help = "Who the link is towards Azure storage (docs/adls.md)"},
    {SECTION_LAKE, SETTING_WORD, "publish", .fallback = "auto", .choices = publish_ways, INTO(config_link, publish),
     .change = CONFIG_RESTART_LINK, .lake = CONFIG_LAKE_AZURE,
     .help =
         "How model.json is replaced: one Put Blob on the blob endpoint, a rename where only the dfs endpoint can be "
         "reached, or what works"},
    {SECTION_LAKE, SETTING_URL, "endpoint", .fallback = "", INTO(config_link, endpoint), .change = CONFIG_REFUSED,
     .way = ANOTHER_LINK, .lake = CONFIG_LAKE_AZURE,
     .help = "Endpoint in place of the account's public one: an emulator, or a private one"},
    {SECTION_LAKE, SETTING_TEXT, "filesystem", .fallback = "", INTO(config_link, filesystem), .change = CONFIG_REFUSED,
     .way = ANOTHER_LINK, .lake = CONFIG_LAKE_AZURE,
     .help = "The filesystem (container), where the URL names none; left out: lakefeed- and the link's name"},
    {SECTION_LAKE, SETTING_BOOL, "create_filesystem", .fallback = "true", INTO(config_link, create_filesystem),
     .change = CONFIG_RESTART_LINK, .lake = CONFIG_LAKE_AZURE, .help = "Make the filesystem when it is missing"},

    {SECTION_AUTH, SETTING_WORD, "kind", .fallback = "default", .choices = auth_kinds, INTO(config_link, auth.kind),
     .change = CONFIG_RESTART_LINK, .lake = CONFIG_LAKE_AZURE,
     .help = "The identity; default: the environment's, then a workload identity, then the machine's"},
    OF_AUTH(SETTING_SECRET, account_key, "Key of the account, in base64 (shared_key)"),
    OF_AUTH(SETTING_SECRET, sas, "Shared access signature (sas)"),
    OF_AUTH(SETTING_TEXT, tenant_id, "Tenant of the service principal"),
    OF_AUTH(SETTING_TEXT, client_id, "Client id of the service principal, or of a user-assigned managed identity"),
    OF_AUTH(SETTING_SECRET, client_secret, "Secret of the service principal (client_secret)"),
    OF_AUTH(SETTING_TEXT, certificate, "PEM file with certificate and key (client_certificate)"),
    OF_AUTH(SETTING_SECRET, certificate_password, "Password of its key"),
    {SECTION_AUTH, SETTING_BOOL, "certificate_chain", .fallback = "false", INTO(config_link, auth.certificate_chain),
     .change = CONFIG_RESTART_LINK, .lake = CONFIG_LAKE_AZURE,
     .help = "Send the chain too, for a principal that trusts subject name and issuer"},
    {SECTION_AUTH, SETTING_WORD, "assertion", .fallback = "PS256", .choices = assertions,
     INTO(config_link, auth.assertion), .change = CONFIG_RESTART_LINK, .lake = CONFIG_LAKE_AZURE,
     .help = "How the certificate signs; RS256: AD FS and older services"},
    OF_AUTH(SETTING_TEXT, object_id, "Object id of a user-assigned managed identity, in place of client_id"),
    OF_AUTH(SETTING_TEXT, resource_id, "Resource id of a user-assigned managed identity, in place of client_id"),
    OF_AUTH(SETTING_TEXT, token_file, "File with the federated token (workload_identity)"),
    OF_AUTH(SETTING_URL, authority, "Where tokens come from; left out: https://login.microsoftonline.com"),
    OF_AUTH(SETTING_TEXT, audience, "What tokens are for; left out: https://storage.azure.com/"),

    {SECTION_ENTITY, SETTING_TEXT, "table", INTO(config_entity, table), .change = CONFIG_RESTART_LINK,
     .help = "The table, with its schema unless that is the default one"},
    {SECTION_ENTITY, SETTING_TEXT, "name", .fallback = "", INTO(config_entity, name), .change = CONFIG_RESTART_LINK,
     .help = "Name of the entity in the lake; left out: made from the table's"},
    {SECTION_ENTITY, SETTING_TEXT, "filter", .fallback = "", INTO(config_entity, filter), .change = CONFIG_RESTART_LINK,
     .help = "Condition in SQL of the source: only rows that meet it are copied (PostgreSQL 15 and newer); another one "
             "loads the entity again (docs/masking.md)"},
    {SECTION_ENTITY, SETTING_LIST, "exclude", .fallback = "", .change = CONFIG_RESTART_LINK,
     .help = "Columns that are not copied"},
    {SECTION_ENTITY, SETTING_MAP, "columns", .fallback = "", .children = SECTION_COLUMN, .change = CONFIG_RESTART_LINK,
     .help = "Settings of single columns, by the column's name"},
    {SECTION_ENTITY, SETTING_WORD, "on_bad_text", .fallback = "", .choices = bad_text_rules,
     INTO(config_entity, on_bad_text), .change = CONFIG_RESTART_LINK,
     .help = "As for the link, for this entity; left out: the link's"},
    {SECTION_ENTITY, SETTING_WORD, "on_bad_row", .fallback = "", .choices = bad_row_rules,
     INTO(config_entity, on_bad_row), .change = CONFIG_RESTART_LINK,
     .help = "As for the link, for this entity; left out: the link's"},
    {SECTION_ENTITY, SETTING_WORD, "on_lost_file", .fallback = "", .choices = lost_file_rules,
     INTO(config_entity, on_lost_file), .change = CONFIG_RESTART_LINK,
     .help = "As for the link, for this entity; left out: the link's"},

    {SECTION_COLUMN, SETTING_WORD, "type", .fallback = "", .choices = column_types, INTO(config_column, type),
     .change = CONFIG_RESTART_LINK,
     .help = "Type of the column in the lake, in place of the one that the connector chooses"},
    {SECTION_COLUMN, SETTING_WORD, "mask", .fallback = "", .choices = masks, INTO(config_column, mask),
     .change = CONFIG_RESTART_LINK,
     .help = "What stands in the lake in place of every value: NULL, mask_text, or a hash with mask_key, equal for "
             "equal values; another one loads the entity again; none: the value itself, where it was masked before "
             "(docs/masking.md)"},
    {SECTION_COLUMN, SETTING_TEXT, "mask_text", .fallback = "", INTO(config_column, mask_text),
     .change = CONFIG_RESTART_LINK, .help = "Text of the mask `fixed`; left out: empty text"},

    {SECTION_SNAPSHOT, SETTING_DURATION, "interval", .fallback = "1h", .min = "1s", .max = "24h",
     INTO(config_link, interval_ms), .help = "Time between snapshots, which are made at multiples of it in UTC"},
    {SECTION_SNAPSHOT, SETTING_DURATION, "cursor_interval", .fallback = "10min", .min = "1s", .max = "24h",
     INTO(config_link, cursor_interval_ms),
     .help =
         "How often a link without changes moves on, so that its source can drop old log; at 64 MiB of log at once"},
    {SECTION_SNAPSHOT, SETTING_BYTES, "max_retained", .fallback = "8GiB", .min = "1MiB",
     INTO(config_link, max_retained_bytes),
     .help =
         "Log that the source may keep for this link; beyond it a snapshot starts early and `source_retains` warns"},
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
     .change = CONFIG_REFUSED, .way = RESTART_DAEMON,
     .help = "Disk space of each link; a snapshot starts early at half of it"},

    {SECTION_HTTP, SETTING_TEXT, "ca_file", .fallback = "", INTO(config, ca_file), .change = CONFIG_REFUSED,
     .way = RESTART_DAEMON, .help = "PEM file of the authorities that are trusted; left out: the system's"},
    {SECTION_HTTP, SETTING_URL, "proxy", .fallback = "", INTO(config, proxy), .change = CONFIG_REFUSED,
     .way = RESTART_DAEMON,
     .help = "Proxy, such as `http://proxy:3128`; left out: by https_proxy and no_proxy of the environment"},

    {SECTION_LOG, SETTING_CHOICE, "format", .fallback = "auto", .choices = log_formats, INTO(config, log_json),
     .change = CONFIG_REFUSED, .way = RESTART_DAEMON,
     .help = "`auto`: for people on a terminal, otherwise JSON; `json`: always JSON"},
    {0},
};
