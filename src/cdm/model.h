/* SPDX-License-Identifier: Apache-2.0
 *
 * model.json as structs: what a commit holds. No I/O. docs/formats/model-json.md is the byte-exact page, and
 * model_print / model_parse are the only places that know the text.
 *
 * Every string and array is owned by the struct and freed by model_free; NULL strings are absent annotations.
 */
#ifndef CDM_MODEL_H
#define CDM_MODEL_H

#include "base/buf.h"
#include "base/json.h"
#include "lakefeed/error.h"
#include "lakefeed/schema.h"

#include <stdbool.h>
#include <stdint.h>

#define MODEL_FORMAT 1

/* A byte string that may be empty; kept as base64url in the text. */
struct model_bytes {
    void *ptr;
    size_t len;
};

struct model_attribute {
    char *name;   /* in the lake */
    char *column; /* the source's text, when it differs from name; else NULL */
    uint32_t id;  /* stable column id */
    enum lf_type type;
    int32_t max_length;
    uint8_t precision, scale;
    char *source_type;
    bool dropped;
};

/* The shape of rows in a list of partitions. */
struct model_shape {
    struct model_attribute *attributes;
    size_t nattributes;
    uint32_t *key; /* indexes into attributes, in key order */
    size_t nkey;
    uint32_t version;
};

struct model_partition {
    char *name;     /* p00000001 */
    char *path;     /* relative to the lake's root; the only way we find it again */
    char *location; /* absolute, for readers; made by the publisher, ignored by the parser */
    struct model_bytes first_key;
    uint64_t rows, bytes;
    char sha256[65];
    uint64_t since; /* the commit that named it first */
    int64_t refresh_time_ms;
};

/* One key range of a load. */
struct model_chunk {
    struct model_bytes first_key; /* inclusive lower bound; the first chunk's is empty and means open */
    bool read;                    /* partitions hold what the chunk's snapshot saw, and changes applied since */
    bool passed;                  /* the committed cursor has passed asof: no covers any more */
    struct model_bytes asof;      /* while read and not passed */
    struct model_partition *partitions;
    size_t npartitions;
};

/* A load list, the content of _lakefeed/loads/<entity>-<commit id>.json. */
struct model_load {
    char *entity;
    char *load_id;
    struct model_bytes table_id;
    struct model_shape shape; /* of the rows being loaded; may be newer than the entity's */
    struct model_chunk *chunks;
    size_t nchunks;
    uint32_t next_partition;
};

struct quarantine; /* quarantine.h */

enum model_state { MODEL_LOADING, MODEL_COMPLETED, MODEL_RELOADING, MODEL_ERROR };

struct model_entity {
    char *name;
    char *table; /* the source's name of it */
    struct model_bytes table_id;
    enum model_state
        state;    /* lakefeed:state; LOADING: the first load is not finished, so readers are told InProgress */
    char *reason; /* ERROR, RELOADING */
    struct model_bytes stands_at; /* ERROR, RELOADING: the cursor at which the partitions stand; else empty */
    char *load_id;                /* of the partitions */
    int64_t completed_ms;         /* when the first load finished; 0: it has not. The text keeps whole seconds */
    struct model_shape shape;
    struct model_partition *partitions; /* by first_key */
    size_t npartitions;
    uint32_t next_partition; /* number of the next partition name of this load */
    char *load_path;         /* lakefeed:loading, NULL when nothing is being loaded */
    char load_sha256[65];
    struct model_load *load; /* not part of the text: read from load_path, owned */
    char *quarantine_path; /* lakefeed:quarantine, NULL when every row can be taken, or the file is yet to be written */
    char quarantine_sha256[65];
    uint64_t quarantine_rows;      /* lines of the file */
    struct quarantine *quarantine; /* not part of the text: read from quarantine_path, shared between copies */
};

struct model {
    int format;
    char *name; /* "cdm" */
    uint64_t commit;
    char *commit_id;
    uint64_t previous_commit; /* the last commit that has a record; 0: none */
    char *previous_commit_id; /* NULL: none */
    char *history_path;       /* NULL: none yet */
    char history_sha256[65];
    char *writer;
    char *lake_id;
    struct model_bytes cursor;
    char *cursor_text; /* printable, for people */
    char *source;      /* identity */
    int64_t source_time_us;
    int64_t modified_ms;
    char *version;                 /* of the binary */
    struct model_entity *entities; /* by name, bytewise */
    size_t nentities;
};

void model_free(struct model **model);               /* for CLEANUP; NULL is allowed */
struct model *model_copy(const struct model *model); /* deep */
void model_load_free(struct model_load **load);
struct model_load *model_load_copy(const struct model_load *load);
void model_partition_done(struct model_partition *partition);
struct model_partition model_partition_copy(const struct model_partition *partition);
void model_shape_done(struct model_shape *shape);
struct model_shape model_shape_copy(const struct model_shape *shape);
void model_entity_done(struct model_entity *entity);
struct model_entity model_entity_copy(const struct model_entity *entity);
struct model_bytes model_bytes_copy(const void *ptr, size_t len);
void model_bytes_done(struct model_bytes *bytes);
struct lf_slice model_bytes_slice(const struct model_bytes *bytes);
struct model_entity *model_find(const struct model *model, const char *entity_name); /* NULL: none */

/* Writes the text; `drain` is called whenever about 64 KiB are ready, and at the end; it copies or writes them, the buffer is
 * emptied afterwards. The same struct always gives the same bytes. INTERNAL: the model breaks a rule that model_parse
 * checks, or a partition has no location; LIMIT: an entity's part is over 48 MiB; DATA: a text is not UTF-8. */
typedef bool (*model_drain)(void *context, struct buf *text, struct lf_error *err);
bool model_print(const struct model *model, model_drain drain, void *context, struct lf_error *err) LF_MUST_CHECK;
bool model_load_print(const struct model_load *load, struct buf *out, struct lf_error *err) LF_MUST_CHECK;

/* Reads the text in pieces. DATA: not JSON or truncated; CONFIG: JSON but not a lakefeed lake ("not ours", never
 * overwritten); UNSUPPORTED: a newer format. Every field is checked: order of first keys, numbers, lengths, paths. */
bool model_parse(json_input next, void *input_context, struct model **ret_model, struct lf_error *err) LF_MUST_CHECK;
bool model_load_parse(const char *text, size_t len, struct model_load **ret_load, struct lf_error *err) LF_MUST_CHECK;

/* Shape ⇄ schema view. The view borrows from the shape; arrays are the caller's to free(). */
void model_shape_view(const struct model_shape *shape, struct lf_schema *ret_schema, struct lf_column **ret_columns);
/* `names`: the lake name of each column, ncolumns of them. */
struct model_shape model_shape_from(const struct lf_schema *schema, const char *const *names, uint32_t version);

#endif
