/* SPDX-License-Identifier: Apache-2.0 */
#include "lake/adls.h"

#include "base/macros.h"
#include "lake/adls_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RENEW_MS 20000
#define BACKOFF_MS 500
#define PATIENCE_MS 120000
#define PAUSE_SLICE_MS 100
#define DATE_OLD_MS 600000 /* the clocks of two machines drift apart less than a second in that time */
#define STEP_BACK_MS 5000  /* the Date of an answer counts whole seconds, and answers overtake each other */

int64_t adls_monotonic_ms(const struct adls_lake *lake)
{
    return lake->clock.monotonic_us(lake->clock.context) / 1000;
}

bool adls_is_cancelled(struct adls_lake *lake)
{
    return lake->cancelled != NULL && lake->cancelled(lake->cancel_context);
}

bool adls_pause(struct adls_lake *lake, int64_t ms)
{
    for (; ms > 0 && !adls_is_cancelled(lake); ms -= PAUSE_SLICE_MS) {
        lake->clock.sleep_ms(lake->clock.context, ms < PAUSE_SLICE_MS ? ms : PAUSE_SLICE_MS);
    }
    return !adls_is_cancelled(lake);
}

bool adls_check_path(const char *path, struct lf_error *err)
{
    return adls_path_fits(path) ||
           lf_error_set(err, LF_CONFIG, 0, "\"%.250s\" is not the path of an object of a lake", path);
}

static bool read_clock(struct adls_lake *adls, int64_t *ret_ms)
{
    (void)pthread_mutex_lock(&adls->mutex);
    const int64_t age_ms = adls_monotonic_ms(adls) - adls->date_at_ms;
    const bool known = adls->date_ms != 0 && age_ms < DATE_OLD_MS;
    if (known) {
        int64_t ms = adls->date_ms + age_ms;
        const bool steps_back = ms < adls->told_ms && adls->told_ms - ms < STEP_BACK_MS;
        adls->told_ms = steps_back ? adls->told_ms : ms;
        *ret_ms = adls->told_ms;
    }
    (void)pthread_mutex_unlock(&adls->mutex);
    return known;
}

/* Every answer tells the time; only who has not heard from the service for long asks for it. */
static bool adls_now_ms(struct lake *lake, int64_t *ret_ms, struct lf_error *err)
{
    struct adls_lake *adls = adls_of(lake);
    if (read_clock(adls, ret_ms)) {
        return true;
    }
    CLEANUP(adls_call_done) struct adls_call call = {0};
    adls_call_init(&call, adls, ADLS_DFS, "ask the time of", HTTP_HEAD, LAKE_PATH_OWNER, "action=getStatus");
    TRY(adls_call_run(&call, err));
    if (read_clock(adls, ret_ms)) {
        return true;
    }
    return adls_call_ok(&call) ? lf_error_set(err, LF_UNSUPPORTED, 0,
                                              "the service does not tell the time (header Date); check the endpoint")
                               : adls_call_fail(&call, err);
}

static bool adls_url(struct lake *lake, const char *path, struct buf *out, struct lf_error *err)
{
    TRY(adls_check_path(path, err));
    buf_printf(out, "%s/%s", adls_of(lake)->location, path);
    return buf_check(out, path, err);
}

static void adls_close(struct lake *lake)
{
    struct adls_lake *adls = adls_of(lake);
    adls_unlock(lake);
    adls_lease_done(adls);
    adls_place_done(&adls->place);
    (void)pthread_mutex_destroy(&adls->mutex);
    text_free(&adls->location);
    text_free(&adls->link);
    text_free(&adls->scratch);
    text_free(&adls->lease_id);
    free(adls);
}

static const struct lake_ops adls_ops = {
    .close = adls_close,
    .lock = adls_lock,
    .unlock = adls_unlock,
    .check_lock = adls_check_lock,
    .put_if_absent = adls_put_if_absent,
    .put_if_match = adls_put_if_match,
    .writer_open = adls_writer_open,
    .writer_write = adls_writer_write,
    .writer_commit = adls_writer_commit,
    .writer_abort = adls_writer_abort,
    .read_range = adls_read_range,
    .reader_open = adls_reader_open,
    .reader_read = adls_reader_read,
    .reader_close = adls_reader_close,
    .stat = adls_stat,
    .list = adls_list,
    .remove = adls_remove,
    .remove_folder = adls_remove_folder,
    .now_ms = adls_now_ms,
    .probe = adls_probe,
    .url = adls_url,
};

static char *make_location(const struct adls_place *place, const char *public_location)
{
    struct buf out = {0};
    if (public_location != NULL) {
        buf_append_text(&out, public_location);
    } else {
        buf_printf(&out, "%s/%s", place->dfs, place->filesystem);
        buf_printf(&out, "%s%s", place->prefix[0] != '\0' ? "/" : "", place->prefix);
    }
    while (out.len > 0 && out.ptr[out.len - 1] == '/') {
        out.ptr[--out.len] = '\0';
    }
    return out.ptr;
}

static struct adls_lake *make(const struct adls_options *options)
{
    struct adls_lake *adls = mem_new(1, sizeof *adls);
    adls->base.ops = &adls_ops;
    adls->link = text_copy(options->link != NULL ? options->link : "");
    adls->place = adls_place_copy(&options->place);
    adls->location = make_location(&adls->place, options->public_location);
    adls->http = options->http;
    adls->auth = options->auth;
    adls->budget = options->budget;
    adls->log = options->log;
    adls->where = (struct log_where){.link = adls->link};
    adls->scratch = text_copy(options->scratch);
    adls->lease_id = text_copy(options->lease_id);
    adls->takeover = options->takeover;
    adls->create_filesystem = options->create_filesystem;
    adls->lock_patience_ms = options->lock_patience_ms;
    adls->renew_ms = options->renew_ms > 0 ? options->renew_ms : RENEW_MS;
    adls->backoff_ms = options->backoff_ms > 0 ? options->backoff_ms : BACKOFF_MS;
    adls->patience_ms = options->patience_ms > 0 ? options->patience_ms : PATIENCE_MS;
    adls->cancelled = options->cancelled;
    adls->cancel_context = options->cancel_context;
    adls->clock = options->clock != NULL ? *options->clock : clock_since_boot();
    adls->random = random_system();
    atomic_init(&adls->way, (int)options->publish);
    (void)pthread_mutex_init(&adls->mutex, NULL);
    adls_lease_init(adls);
    return adls;
}

bool lake_adls_open(const struct adls_options *options, struct lake **ret_lake, struct lf_error *err)
{
    assert(options->place.filesystem[0] != '\0' && strlen(options->lease_id) == RANDOM_GUID_SIZE - 1);
    if (options->place.onelake && options->publish == ADLS_RENAME) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "OneLake does not promise that a rename replaces a file in one step; use publish = auto");
    }
    *ret_lake = &make(options)->base;
    return true;
}
