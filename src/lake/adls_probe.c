/* SPDX-License-Identifier: Apache-2.0
 *
 * What check tells of a lake: whether everything that a link will ask of it works, tried on a file that is removed again.
 */
#include "base/file.h"
#include "base/macros.h"
#include "lake/adls_internal.h"

#include <string.h>

#define PROBE_TEXT "probe\n"

struct probe {
    struct adls_lake *lake;
    char *path;
    bool hierarchical;
};

static void probe_done(struct probe *probe)
{
    struct lf_error ignored;
    if (probe->path != NULL) {
        (void)adls_remove(&probe->lake->base, probe->path, &ignored);
    }
    text_free(&probe->path);
}

static bool look_at_filesystem(struct probe *probe, struct lf_error *err)
{
    struct adls_lake *lake = probe->lake;
    if (adls_filesystem_look(lake, &probe->hierarchical, err)) {
        return true;
    }
    if (err->kind != LF_NOT_FOUND || !lake->create_filesystem) {
        return false;
    }
    TRY(adls_filesystem_create(lake, err));
    return adls_filesystem_look(lake, &probe->hierarchical, err);
}

static bool try_file(struct probe *probe, struct lf_error *err)
{
    struct lake *lake = &probe->lake->base;
    struct lake_writer *writer = NULL;
    char text[sizeof PROBE_TEXT];
    size_t len = 0;
    TRY(adls_writer_open(lake, probe->path, &writer, err));
    if (!adls_writer_write(writer, PROBE_TEXT, sizeof PROBE_TEXT - 1, err)) {
        adls_writer_abort(writer);
        return false;
    }
    TRY(adls_writer_commit(writer, err));
    TRY(adls_read_range(lake, probe->path, 0, text, sizeof text, &len, err));
    return (len == sizeof PROBE_TEXT - 1 && memcmp(text, PROBE_TEXT, len) == 0) ||
           lf_error_set(err, LF_UNSUPPORTED, 0, "%s does not read as it was written; check the endpoint", probe->path);
}

/* A condition that does not hold must be refused, in the way in which model.json will be replaced. */
static bool try_condition(struct probe *probe, struct lf_error *err)
{
    struct lake *lake = &probe->lake->base;
    struct lake_content content = {.fd = -1};
    CLEANUP(buf_done) struct buf text = {0};
    char hex[65];
    char etag[LAKE_ETAG_SIZE];
    buf_append_text(&text, PROBE_TEXT);
    TRY(lake_content_from_buf(probe->lake->scratch, &text, &content, hex, err));
    const bool written = adls_put_if_match(lake, probe->path, "\"0x0\"", &content, etag, err);
    fd_close(&content.fd);
    if (written) {
        return lf_error_set(
            err, LF_UNSUPPORTED, 0,
            "the service replaces a file although a condition does not hold, so a lake there is not safe "
            "against a second writer");
    }
    return err->kind == LF_CONFLICT;
}

static bool try_lease(struct probe *probe, struct lf_error *err)
{
    static const char *const actions[] = {"acquire", "release"};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        CLEANUP(adls_call_done) struct adls_call call = {0};
        adls_call_init(&call, probe->lake, ADLS_DFS, "lease", HTTP_POST, probe->path, NULL);
        adls_call_header(&call, "x-ms-lease-action", actions[i]);
        adls_call_header(&call, i == 0 ? "x-ms-proposed-lease-id" : "x-ms-lease-id", probe->lake->lease_id);
        if (i == 0) {
            adls_call_header(&call, "x-ms-lease-duration", "15");
        }
        TRY(adls_call_must(&call, err));
    }
    return true;
}

static bool ignore_path(UNUSED void *context, UNUSED const char *path, UNUSED uint64_t bytes,
                        UNUSED struct lf_error *err)
{
    return true;
}

static bool try_all(struct probe *probe, struct lf_error *err)
{
    struct adls_lake *lake = probe->lake;
    char id[17];
    TRY(look_at_filesystem(probe, err));
    random_hex(&lake->random, 8, id);
    probe->path = text_printf("_lakefeed/probe-%s", id);
    TRY(try_file(probe, err));
    TRY(try_condition(probe, err));
    TRY(try_lease(probe, err));
    TRY(adls_list(&lake->base, "_lakefeed", ignore_path, NULL, err));
    TRY(adls_remove(&lake->base, probe->path, err));
    text_free(&probe->path);
    return true;
}

static const char *way_text(const struct adls_lake *lake)
{
    return atomic_load(&lake->way) == ADLS_RENAME ? "by rename" : "by Put Blob";
}

bool adls_probe(struct lake *lake, struct lake_finding *ret_finding, UNUSED struct lf_error *err)
{
    CLEANUP(probe_done) struct probe probe = {.lake = adls_of(lake)};
    const size_t size = sizeof ret_finding->text;
    struct lf_error found = {0};
    ret_finding->ok = try_all(&probe, &found);
    if (ret_finding->ok) {
        (void)snprintf(ret_finding->text, size,
                       "the lake %.250s can be written, leased, listed and read; model.json is replaced %s%s",
                       probe.lake->location, way_text(probe.lake),
                       probe.hierarchical ? "" : "; the account has no hierarchical namespace");
    } else {
        (void)snprintf(ret_finding->text, size, "%.511s", found.msg);
    }
    return true;
}
