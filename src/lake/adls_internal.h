/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of the ADLS driver.
 */
#ifndef LAKE_ADLS_INTERNAL_H
#define LAKE_ADLS_INTERNAL_H

#include "base/clock.h"
#include "base/crypto.h"
#include "base/random.h"
#include "lake/adls.h"
#include "lake/adls_errors.h"
#include "lake/path.h"

#include <pthread.h>
#include <stdatomic.h>

#define ADLS_VERSION "2024-11-04"
#define ADLS_ID_SIZE 33  /* 32 hex digits and a NUL */
#define ADLS_MD5_SIZE 25 /* base64 of 16 bytes and a NUL */
#define ADLS_SINGLE_PUT_MAX ((uint64_t)5000 << 20)
#define ADLS_RENAME_TOTAL_MS 180000 /* contended renames were seen to take minutes */

enum adls_lease_state {
    ADLS_LEASE_NONE, /* never locked: writes are not held back */
    ADLS_LEASE_HELD,
    ADLS_LEASE_LOST,  /* the keeper is about to acquire it again */
    ADLS_LEASE_TAKEN, /* another one has it */
};

/* The lease on _lakefeed/owner and who keeps it. */
struct adls_lease {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    enum adls_lease_state state;
    int64_t renewed_ms; /* monotonic, when the last successful renewal was sent */
    bool stop;
    bool has_keeper;
    pthread_t keeper;
    char holder[256]; /* who has it instead of us */
    char *owner;      /* what the file says while it is ours */
};

struct adls_lake {
    struct lake base; /* first: the vtable casts */
    struct adls_place place;
    char *location; /* what url() puts in front of "/" and the path */
    struct http *http;
    struct auth *auth;
    struct budget *budget;
    struct log *log;
    struct log_where where;
    char *link, *scratch, *lease_id;
    bool takeover, create_filesystem;
    int64_t lock_patience_ms, renew_ms, backoff_ms, patience_ms;
    bool (*cancelled)(void *context);
    void *cancel_context;
    struct clock clock;
    struct random_source random;
    atomic_int way; /* enum adls_publish; AUTO until it is decided */
    struct adls_lease lease;

    pthread_mutex_t mutex; /* of the rest */
    int64_t date_ms;       /* of the service, from its last answer; 0: none yet */
    int64_t date_at_ms;    /* monotonic, when that came */
    int64_t told_ms;       /* what now_ms said last */
    bool namespace_checked;
};

static inline struct adls_lake *adls_of(struct lake *lake)
{
    return (struct adls_lake *)lake;
}

/* adls.c */
/* CONFIG for a path that no object can have. */
bool adls_check_path(const char *path, struct lf_error *err) LF_MUST_CHECK;
int64_t adls_monotonic_ms(const struct adls_lake *lake);
bool adls_is_cancelled(struct adls_lake *lake);
/* False: cancelled meanwhile. */
bool adls_pause(struct adls_lake *lake, int64_t ms);

/* adls_place.c */
bool adls_path_fits(const char *path);
struct adls_place adls_place_copy(const struct adls_place *place);
/* "/filesystem/prefix/path", encoded; path NULL: of the lake's root. */
void adls_place_path(const struct adls_place *place, const char *path, struct buf *out);
void adls_place_url(const struct adls_place *place, bool blob, const char *path, struct buf *out);
void adls_place_filesystem_url(const struct adls_place *place, bool blob, struct buf *out);

/* adls_request.c: one call of the service. init, set what differs, then run, or send and wait; done in any case. In place
 * until done. */
struct adls_call {
    struct adls_lake *lake;
    const char *what; /* "append to", for messages */
    struct buf url;
    struct http_headers *headers;
    struct http_request request; /* what init does not set is free to be */
    struct http_ticket *ticket;
    struct http_reply reply;
    bool answered;
};

enum adls_endpoint { ADLS_DFS, ADLS_BLOB };

/* `path` NULL: the filesystem itself. `query` is encoded, NULL: none. Repeatable, unless request.repeat is set otherwise. */
void adls_call_init(struct adls_call *call, struct adls_lake *lake, enum adls_endpoint endpoint, const char *what,
                    enum http_method method, const char *path, const char *query);
void adls_call_done(struct adls_call *call); /* for CLEANUP; a zeroed struct is fine */
void adls_call_header(struct adls_call *call, const char *name, const char *value);
/* A reply of any status is a success. When send fails, the request never left. */
bool adls_call_send(struct adls_call *call, struct lf_error *err) LF_MUST_CHECK;
bool adls_call_wait(struct adls_call *call, struct lf_error *err) LF_MUST_CHECK;
bool adls_call_run(struct adls_call *call, struct lf_error *err) LF_MUST_CHECK;
/* The same, and any status but 2xx is an error. */
bool adls_call_must(struct adls_call *call, struct lf_error *err) LF_MUST_CHECK;
bool adls_call_ok(const struct adls_call *call);
bool adls_call_is(const struct adls_call *call, const char *code); /* the answer has this x-ms-error-code */
bool adls_call_is_of_service(const struct adls_call *call);        /* not of a proxy or portal on the way */
bool adls_call_is_missing(const struct adls_call *call);           /* 404, and from the service itself */
const char *adls_call_header_of(const struct adls_call *call, const char *name); /* of the answer; NULL: absent */
bool adls_call_fail(const struct adls_call *call, struct lf_error *err);         /* fills err from the answer; false */
/* After a failure with a file that we are writing: when it is missing or another's, TRANSIENT. Always false. */
bool adls_own_file_failed(struct lf_error *err);
bool adls_call_etag(const struct adls_call *call, char ret_etag[LAKE_ETAG_SIZE]);
bool adls_call_length(const struct adls_call *call, uint64_t *ret_bytes); /* Content-Length of the answer */

/* adls_lease.c */
void adls_lease_init(struct adls_lake *lake);
void adls_lease_done(struct adls_lake *lake);
bool adls_lock(struct lake *lake, const char *owner, struct lf_error *err);
void adls_unlock(struct lake *lake);
bool adls_lock_held(struct lake *lake); /* and renewed lately */
bool adls_check_lock(struct lake *lake, struct lf_error *err);
/* To be called before each write. Waits while the lease is lost: TRANSIENT when it does not come back, FENCED when another has
 * it, CANCELLED. Without a lock all is allowed. */
bool adls_may_write_now(struct adls_lake *lake); /* without waiting */
bool adls_may_write(struct adls_lake *lake, struct lf_error *err) LF_MUST_CHECK;

/* adls_filesystem.c */
bool adls_filesystem_create(struct adls_lake *lake, struct lf_error *err) LF_MUST_CHECK;
/* *ret_hierarchical: renames are atomic. NOT_FOUND: no filesystem. */
bool adls_filesystem_look(struct adls_lake *lake, bool *ret_hierarchical, struct lf_error *err) LF_MUST_CHECK;

/* adls_put.c */
/* What is put, and under which condition. */
struct adls_put {
    const char *path;
    const char *etag; /* NULL: only where nothing is */
    const struct lake_content *content;
    unsigned char md5[MD5_BYTES];
    char md5_text[ADLS_MD5_SIZE];
};
/* If-Match, or If-None-Match where nothing is to be there. */
void adls_put_condition(struct adls_call *call, const char *etag);
/* UNSUPPORTED when the answer says that a condition was not looked at. */
bool adls_put_conditions_kept(const struct adls_call *call, struct lf_error *err) LF_MUST_CHECK;
/* Makes of err that the outcome is unknown: TRANSIENT. Always false. */
bool adls_put_unknown(const struct adls_put *put, struct lf_error *err);
void adls_md5_text(const unsigned char digest[MD5_BYTES], char ret_text[ADLS_MD5_SIZE]);
bool adls_put_if_absent(struct lake *lake, const char *path, const struct lake_content *content, struct lf_error *err);
bool adls_put_if_match(struct lake *lake, const char *path, const char *etag, const struct lake_content *content,
                       char ret_etag[LAKE_ETAG_SIZE], struct lf_error *err);

/* adls_rename.c */
bool adls_put_by_rename(struct adls_lake *lake, const struct adls_put *put, char ret_etag[LAKE_ETAG_SIZE],
                        struct lf_error *err) LF_MUST_CHECK;

/* adls_writer.c */
bool adls_writer_open(struct lake *lake, const char *path, struct lake_writer **ret_writer, struct lf_error *err);
bool adls_writer_write(struct lake_writer *writer, const void *ptr, size_t len, struct lf_error *err);
bool adls_writer_commit(struct lake_writer *writer, struct lf_error *err);
void adls_writer_abort(struct lake_writer *writer);

/* adls_read.c */
bool adls_read_range(struct lake *lake, const char *path, uint64_t offset, void *ret, size_t len, size_t *ret_len,
                     struct lf_error *err);
bool adls_stat(struct lake *lake, const char *path, struct lake_stat *ret_stat, struct lf_error *err);
struct lake_reader *adls_reader_open(struct lake *lake, const char *path, uint64_t offset);
bool adls_reader_read(struct lake_reader *reader, void *ret, size_t len, size_t *ret_len, const char **ret_etag,
                      struct lf_error *err);
void adls_reader_close(struct lake_reader *reader);

/* adls_list.c */
bool adls_list(struct lake *lake, const char *prefix, lake_visitor visit, void *context, struct lf_error *err);
bool adls_remove(struct lake *lake, const char *path, struct lf_error *err);
bool adls_remove_folder(struct lake *lake, const char *path, struct lf_error *err);
/* One page of a listing as the service writes it. What `visit` reports comes back unchanged. */
bool adls_list_parse(const struct adls_place *place, const char *folder, const struct buf *page, lake_visitor visit,
                     void *context, struct lf_error *err) LF_MUST_CHECK;

/* adls_probe.c */
bool adls_probe(struct lake *lake, struct lake_finding *ret_finding, struct lf_error *err);

#endif
