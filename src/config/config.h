/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration, from a file or from flags: one immutable structure either way. Defaults, bounds, units and help of every
 * setting stand in the tables of settings.h, from which parser and documentation are made.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/buf.h"
#include "lakefeed/error.h"
#include "lakefeed/option.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a text came from. */
enum config_origin {
    CONFIG_PLAIN,
    CONFIG_FILE,    /* {"file": PATH} */
    CONFIG_ENV,     /* {"env": NAME} */
    CONFIG_TEMPLATE /* made with a parameter that is a secret */
};

struct config_column {
    char *name;
    char *type;      /* in place of the one that the connector chooses; NULL: that one */
    char *mask;      /* word of the setting's choices; NULL: nothing is said */
    char *mask_text; /* of the mask "fixed"; NULL: empty */
};

struct config_entity {
    char *table;
    char *name;                                    /* in the lake; NULL: derived */
    char *on_bad_text, *on_bad_row, *on_lost_file; /* NULL: those of the link */
    char *filter;                                  /* condition of the source's dialect; NULL: all rows */
    char **exclude;                                /* columns that are not copied */
    size_t nexclude;
    struct config_column *columns;
    size_t ncolumns;
};

/* Who a link is towards its lake. NULL: not given. */
struct config_auth {
    char *kind;
    char *account_key, *sas, *client_secret, *certificate_password; /* secrets */
    char *tenant_id, *client_id, *object_id, *resource_id;
    char *certificate, *token_file; /* paths */
    bool certificate_chain;
    char *assertion; /* word of the setting's choices */
    char *authority, *audience;
    char *place; /* where the secret stands, for messages; NULL: nowhere, or in a parameter */
};

/* Of an option that is no CONFIG_PLAIN one: how to name it without showing it. */
struct config_reference {
    enum config_origin origin;
    char *text; /* path, variable or template, as it stands in a file */
};

struct config_link {
    char *name;
    char *connector; /* NULL: by the scheme of source_url */
    char *source_url;
    char *lake_url;
    const char *source_shown,
        *lake_shown;         /* the same for messages and answers: with nothing secret in them; borrowed */
    char *public_location;   /* NULL: the lake's own */
    bool allow_network;      /* a folder on a network file system is accepted */
    struct config_auth auth; /* of a lake in Azure, as what follows */
    char *endpoint;          /* in place of the one that the URL names; NULL: that one */
    char *filesystem;        /* where the URL names none; NULL: made from the link's name */
    bool create_filesystem;
    char *publish;                  /* word of the setting's choices */
    struct config_entity *entities; /* NULL: all tables that have a key */
    size_t nentities;
    /* Owned: those of the connector, "type.<table>.<column>", "exclude.<table>.<column>" and
     * "filter.<table>". */
    struct lf_option_value *connector_options;
    struct config_reference *references; /* one for each of them */
    size_t nconnector_options;
    int64_t interval_ms, cursor_interval_ms, load_commit_ms;
    uint64_t max_retained_bytes;
    uint32_t keep;
    int64_t keep_for_ms;
    uint64_t partition_bytes;
    uint64_t chunk_rows;
    char *on_bad_text, *on_bad_row, *on_lost_file; /* words of the settings' choices */
    char *mask_key;                                /* of the mask "hash"; NULL: none; empty: read without secrets */
};

struct config_parameter {
    char *name;
    enum config_origin origin;
    char *text; /* the value, or where the secret is */
};

/* A setting whose value was made with a secret: what stands in the file in its place. */
struct config_hidden {
    const void *value; /* the text itself, or the address of a number */
    enum config_origin origin;
    char *text; /* path, variable or template */
};

/* X(how the URL of a lake begins, what it is) */
#define CONFIG_LAKE_PREFIXES(X) \
    X("file:", FOLDER) \
    X("abfss://", AZURE) \
    X("abfs://", AZURE) \
    X("https://", AZURE) \
    X("http://", AZURE)

enum config_lake_form { CONFIG_LAKE_ANY, CONFIG_LAKE_FOLDER, CONFIG_LAKE_AZURE };

struct config {
    struct config_link *links;
    size_t nlinks;
    size_t memory_bytes;
    uint64_t spool_max_bytes;
    char *ca_file, *proxy; /* NULL: the system's; by the environment */
    bool log_json;         /* also on a terminal */
    struct config_parameter *parameters;
    size_t nparameters;
    struct config_hidden *hidden;
    size_t nhidden;
    char *name, *text; /* of the document, for config_reload_secrets; NULL: from flags */
    size_t text_len;
    bool without_secrets;    /* how it was read */
    atomic_uint more_owners; /* beside the first */
};

/* What the command line gives instead of a file. NULL or 0: not given. */
struct config_flags {
    const char *source_url, *lake_url;
    const char *name;     /* default: the database's name */
    const char *entities; /* separated by commas; NULL: all */
    const char *interval; /* "1h", "5s" */
};

/* What a running daemon does with another value. X(name, in the documentation) */
#define CONFIG_CHANGES(X) \
    X(LIVE, "live") \
    X(RESTART_LINK, "restarts the link") \
    X(REFUSED, "refused")

enum config_change {
#define CONFIG_CHANGE_ENUM(name, word) CONFIG_##name,
    CONFIG_CHANGES(CONFIG_CHANGE_ENUM)
#undef CONFIG_CHANGE_ENUM
};

#define CONFIG_FILE_MAX_BYTES ((size_t)1 << 20)

/* How a document is read. All zero: everything, up to the first error. */
struct config_reading {
    bool without_secrets;  /* none is read: to show and compare; numbers made with one have their default */
    const char *only_link; /* the others are passed over, and so are the rules across links */
    /* Called for each error, at most one of each link, instead of ending at the first. NULL: none. */
    void (*report)(void *context, const struct lf_error *err);
    void *context;
};

/* Comments are allowed; an unknown, duplicate or ill-typed setting is a CONFIG error with line and nearest known name. */
bool config_load(const char *path, struct config **ret_config, struct lf_error *err) LF_MUST_CHECK;
bool config_parse(const char *name, const char *text, size_t len, struct config **ret_config,
                  struct lf_error *err) LF_MUST_CHECK;
bool config_load_with(const char *path, const struct config_reading *how, struct config **ret_config,
                      struct lf_error *err) LF_MUST_CHECK;
bool config_parse_with(const char *name, const char *text, size_t len, const struct config_reading *how,
                       struct config **ret_config, struct lf_error *err) LF_MUST_CHECK;
bool config_from_flags(const struct config_flags *flags, struct config **ret_config,
                       struct lf_error *err) LF_MUST_CHECK;

/* A configuration never changes. Who keeps it beyond a call owns it together with all others: each config_ref is answered by one
 * config_free, on any thread, and the last one frees. */
struct config *config_ref(struct config *config);
void config_free(struct config **config); /* for CLEANUP */

/* By their names; NULL: there is none. */
const struct config_link *config_find_link(const struct config *config, const char *name);
const struct config_entity *config_find_entity(const struct config_link *link, const char *table);

/* After the source has refused a password: the same document read again, with this link alone and its secrets as they are now.
 * Other links cannot make it fail. CONFIG: a secret cannot be read any more, or there is no such link. */
bool config_reload_secrets(struct config *config, const char *link, struct config **ret_config,
                           struct lf_error *err) LF_MUST_CHECK;

/* The whole as a document, defaults filled in, secrets as references, and in place of a value made with a secret the text that
 * stood in the file. Read again, it gives an equal configuration. DATA: a variable of the environment is not UTF-8. */
bool config_print(const struct config *config, struct buf *out, struct lf_error *err) LF_MUST_CHECK;
/* JSON Schema of the document, draft 2020-12. */
void config_schema(struct buf *out);

/* A portable document of these links (n 0: all), without the settings of the process and what has its default. URLs of sources
 * and lakes become parameters whose values are the present ones; a secret in a file becomes one in a variable of the environment;
 * other parameters come along when they are needed. CONFIG: there is no such link. */
bool config_export(const struct config *config, const char *const *links, size_t n, struct buf *out,
                   struct lf_error *err) LF_MUST_CHECK;

/* A document with its name for messages. */
struct config_text {
    const char *name, *text;
    size_t len;
};
struct config_imported {
    size_t links, parameters;
};
/* `target` with the links of `document` and the parameters that it lacks, put in so that its own text stays as it is, comments
 * too. CONFIG: a link of this name, or a parameter of this name with another value, is there already; the document sets what
 * belongs to the process; or either document, or the result, is wrong. No secret is read. */
bool config_import(const struct config_text *target, const struct config_text *document, struct buf *out,
                   struct config_imported *ret, struct lf_error *err) LF_MUST_CHECK;

/* Puts `text` in the place of a file that holds `known`, in one step: a reader sees the old or the new one, also after a crash.
 * Rights and owner stay; the old file is kept as <path>.bak. CONFLICT: the file has changed; otherwise as base/file. */
bool config_replace_file(const char *path, struct lf_slice known, struct lf_slice text,
                         struct lf_error *err) LF_MUST_CHECK;

/* One difference. A setting that was not given has no text; what is secret is shown as in config_print. */
struct config_difference {
    char *path; /* "links[shop].snapshot.interval" */
    char *old_text, *new_text;
    bool secret;
    enum config_change change;
    const char *way; /* CONFIG_REFUSED: what to do instead */
};
struct config_differences {
    struct config_difference *items;
    size_t n;
};
/* What a daemon that runs with `old` would have to change. Links are compared by name, entities by table, whatever their order;
 * values after their parameters were put in. If one of the two was read without secrets, references stand for secrets. */
void config_diff(const struct config *old, const struct config *new, struct config_differences *ret);
void config_differences_done(struct config_differences *differences); /* for CLEANUP */

/* Options of the link's source against the table of its connector: an unknown name, a wrong type or a value out of bounds is a
 * CONFIG error. "type.", "exclude." and "filter." options are the host's own and pass. */
bool config_check_connector_options(const struct config_link *link, const struct lf_option *table,
                                    struct lf_error *err) LF_MUST_CHECK;

/* CONFIG_LAKE_ANY: no known beginning. */
enum config_lake_form config_lake_form(const char *url);
/* The URL of the lake with the filesystem that it leaves out: that of the setting, else lakefeed-<link>. The caller's. */
char *config_lake_url(const struct config_link *link);
bool config_lake_has_filesystem(const char *url);

/* `given` (-c FILE) or $LAKEFEED_CONFIG as they are, whether the file exists or not; otherwise the first that exists of
 * ./lakefeed.json and /etc/lakefeed/lakefeed.json; CONFIG naming all when there is none. */
bool config_find(const char *given, char **ret_path, struct lf_error *err) LF_MUST_CHECK;

/* "90s", "15min", "1h", "1d", "250ms"; "64MiB", "10GiB", "4096". CONFIG with the text and what would be right. */
bool config_parse_duration(const char *text, int64_t *ret_ms, struct lf_error *err) LF_MUST_CHECK;
bool config_parse_bytes(const char *text, uint64_t *ret_bytes, struct lf_error *err) LF_MUST_CHECK;

/* A password, key or SAS inside a URL is refused, naming the alternatives. */
bool config_check_url(const char *url, struct lf_error *err) LF_MUST_CHECK;

#endif
