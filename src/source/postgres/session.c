/* SPDX-License-Identifier: Apache-2.0 */
#include "source/postgres/session.h"

#include "base/clock.h"
#include "source/postgres/connection.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WAIT_STEP_MS 500 /* how late a host that is cancelled and does not stop the session is noticed */

static bool is_stopped(const struct lf_session *session)
{
    return atomic_load(&session->stopped) ||
           (session->host->cancelled != NULL && session->host->cancelled(session->host->context));
}

bool pg_session_check(struct lf_session *session, struct lf_error *err)
{
    return !is_stopped(session) || lf_error_set(err, LF_CANCELLED, 0, "%s: stopped", session->where);
}

int64_t pg_monotonic_ms(void)
{
    struct clock clock = clock_system();
    return clock.monotonic_us(clock.context) / 1000;
}

bool pg_session_wait(struct lf_session *session, int fd, short events, int64_t ms)
{
    int64_t until = pg_monotonic_ms() + ms;
    int64_t left = ms;
    do {
        struct pollfd fds[] = {{.fd = session->wake_fd, .events = POLLIN}, {.fd = fd, .events = events}};
        int step = (int)(left < WAIT_STEP_MS ? left : WAIT_STEP_MS);
        int ready = poll(fds, fd >= 0 ? 2 : 1, step);
        if (is_stopped(session)) {
            return false;
        }
        if (ready > 0 && fd >= 0 && fds[1].revents != 0) {
            return true;
        }
        left = until - pg_monotonic_ms();
    } while (left > 0);
    return false;
}

void pg_op_stop(struct lf_session *session)
{
    uint64_t one = 1;
    atomic_store(&session->stopped, true);
    while (write(session->wake_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

struct pg_cursor pg_session_cursor(const struct lf_session *session, pg_lsn lsn)
{
    struct pg_cursor cursor = {
        .system = session->system, .timeline = session->timeline, .database = session->database, .lsn = lsn};
    memcpy(cursor.slot, session->slot, sizeof cursor.slot);
    return cursor;
}

/* The host has checked the form. */
static int64_t number_of(const char *text)
{
    static const struct {
        const char *unit;
        int64_t factor;
    } units[] = {{"ms", 1},       {"s", 1000},   {"m", 60000},     {"min", 60000},   {"h", 3600000},
                 {"d", 86400000}, {"KiB", 1024}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", INT64_C(1) << 40}};
    char *unit = NULL;
    int64_t number = strtoll(text, &unit, 10);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(unit, units[i].unit) == 0) {
            return number * units[i].factor;
        }
    }
    return number;
}

static void take_option(struct pg_settings *settings, const struct lf_option_value *option)
{
    const struct {
        const char *name;
        char **text;
        int64_t *number;
    } known[] = {
        {"publication", &settings->publication, NULL},
        {"slot", &settings->slot, NULL},
        {"password", &settings->password, NULL},
        {"statement_timeout", NULL, &settings->statement_timeout_ms},
        {"lock_timeout", NULL, &settings->lock_timeout_ms},
        {"connect_timeout", NULL, &settings->connect_timeout_ms},
        {"load_rate", NULL, &settings->rate_bytes},
        {"catalog_timeout", NULL, &settings->catalog_timeout_ms},
        {"failover", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(option->name, known[i].name) != 0) {
            continue;
        }
        if (strcmp(option->name, "failover") == 0) {
            settings->failover = strcmp(option->text, "true") == 0;
        } else if (known[i].number != NULL) {
            *known[i].number = number_of(option->text);
        } else if (option->text[0] != '\0') {
            text_free(known[i].text);
            *known[i].text = text_copy(option->text);
        }
        return;
    }
    settings->of_tables[settings->nof_tables].name = text_copy(option->name);
    settings->of_tables[settings->nof_tables++].text = text_copy(option->text);
}

static void take_options(struct pg_settings *settings, const struct lf_option_value *options, size_t noptions)
{
    settings->publication = text_copy("lakefeed");
    settings->lock_timeout_ms = 10000;
    settings->catalog_timeout_ms = 120000;
    settings->connect_timeout_ms = 15000;
    settings->of_tables = mem_new(noptions + 1, sizeof *settings->of_tables);
    for (size_t i = 0; i < noptions; i++) {
        take_option(settings, &options[i]);
    }
}

static bool check_slot_option(struct lf_session *session, struct lf_error *err)
{
    const char *slot = session->settings.slot;
    if (slot == NULL) {
        return true;
    }
    if (strlen(slot) >= PG_SLOT_SIZE || slot[strspn(slot, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0') {
        return lf_error_set(err, LF_CONFIG, 0,
                            "the option slot, '%.80s', is no name of a slot: at most 63 of a-z, 0-9 and _", slot);
    }
    memcpy(session->slot, slot, strlen(slot) + 1);
    return true;
}

/* Who answers: the cluster, the database, its version, and that it is no standby. */
static bool look_at_server(struct lf_session *session, struct lf_error *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    session->version = PQserverVersion(session->side.conn);
    if (session->version < PG_13) {
        return lf_error_set(err, LF_UNSUPPORTED, 0,
                            "%s: PostgreSQL %d.%d is too old; lakefeed follows PostgreSQL 13 and newer", session->where,
                            session->version / 10000, session->version % 10000);
    }
    TRY(pg_query(&session->side, "the server's state",
                 "SELECT pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system()),"
                 " (SELECT oid FROM pg_database WHERE datname = current_database()),"
                 " CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_lsn()) END",
                 &result, err));
    if (pg_bool(result, 0, 0)) {
        return lf_error_set(
            err, LF_TRANSIENT, 0,
            "%s is a standby, which lakefeed does not follow%s; name the primary in the URL (with several hosts:"
            " target_session_attrs=read-write), or wait until it is promoted",
            session->where, session->version < PG_16 ? ", since its version has no slots for it" : "");
    }
    char timeline[9] = "";
    memcpy(timeline, pg_text(result, 0, 3), strnlen(pg_text(result, 0, 3), 8));
    session->system = (uint64_t)pg_int(result, 0, 1); /* the server prints it with a sign */
    session->database = (uint32_t)pg_uint(result, 0, 2);
    session->timeline = (uint32_t)strtoul(timeline, NULL, 16);
    return true;
}

/* A server's list of sessions shows who they are. */
static void name_application(struct lf_session *session)
{
    const char *link = session->host->link, *run = session->host->run;
    (void)snprintf(session->application, sizeof session->application, "lakefeed%s%.36s%s%.16s", link != NULL ? " " : "",
                   link != NULL ? link : "", link != NULL && run != NULL ? " " : "", run != NULL ? run : "");
}

static bool check_failover(const struct lf_session *session, struct lf_error *err)
{
    return !session->settings.failover || session->version >= PG_17 ||
           lf_error_set(
               err, LF_CONFIG, 0,
               "%s: the option failover needs PostgreSQL 17; this is %d. Before, a promotion loses the slot and"
               " the tables are loaded again",
               session->where, session->version / 10000);
}

static bool session_start(struct lf_session *session, struct lf_error *err)
{
    TRY(check_slot_option(session, err));
    TRY(pg_connection_open(session, PG_FOR_QUERIES, &session->side, err));
    return look_at_server(session, err) && check_failover(session, err);
}

bool pg_op_open(const struct lf_host *host, const char *url, const struct lf_option_value *options, size_t noptions,
                struct lf_session **ret_session, struct lf_error *err)
{
    struct lf_session *session = mem_new(1, sizeof *session);
    session->host = host;
    session->url = text_copy(url);
    session->where = text_copy("PostgreSQL");
    session->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_init(&session->stopped, false);
    atomic_init(&session->streaming, false);
    atomic_init(&session->acknowledged, 0);
    name_application(session);
    take_options(&session->settings, options, noptions);
    bool good = session->wake_fd >= 0 ? session_start(session, err)
                                      : lf_error_set(err, LF_TRANSIENT, errno, "no event: %s", strerror(errno));
    if (!good) {
        pg_op_close(session);
        return false;
    }
    *ret_session = session;
    return true;
}

void pg_op_close(struct lf_session *session)
{
    if (session == NULL) {
        return;
    }
    pg_connection_close(&session->side);
    pg_connection_close(&session->idle);
    for (size_t i = 0; i < session->settings.nof_tables; i++) {
        free((char *)session->settings.of_tables[i].name);
        free((char *)session->settings.of_tables[i].text);
    }
    free(session->settings.of_tables);
    free(session->settings.publication);
    free(session->settings.slot);
    if (session->settings.password != NULL) {
        explicit_bzero(session->settings.password, strlen(session->settings.password));
    }
    free(session->settings.password);
    free(session->url);
    free(session->where);
    arena_done(&session->scratch);
    if (session->wake_fd >= 0) {
        (void)close(session->wake_fd);
    }
    free(session);
}
