/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule/world.h"

#include "base/macros.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

unsigned world_steps(const struct world *world)
{
    return world->bad ? EXAMPLE_STEP_BAD : 0;
}

uint64_t world_below(struct world *world, uint64_t limit)
{
    return example_rng_below(&world->rng, limit);
}

static int64_t now_us(void *context)
{
    return ((struct world *)context)->now_ms * 1000;
}

/* Time passes by itself; nobody ever sleeps. */
static void sleep_ms(void *context, int64_t ms)
{
    ((struct world *)context)->now_ms += ms > 5 ? 5 : ms;
}

void world_init(struct world *world, uint64_t seed, bool trace)
{
    *world = (struct world){.seed = seed, .trace = trace, .now_ms = 1700000000000, .config = 3};
    world->rng.state = seed;
    world->bad = seed % 2 == 1;
    world->replaced = seed % 4 == 3;
    world->keep_for_ms = world_below(world, 2) == 0 ? 2000 : 6000;
    world->clock = (struct clock){.context = world, .now_us = now_us, .monotonic_us = now_us, .sleep_ms = sleep_ms};
    world->store = memory_store_new(&world->clock);
    world->eye = memory_lake_open(world->store);
    (void)snprintf(world->name, sizeof world->name, "w%llu", (unsigned long long)seed);
    world->db = example_db_new(world->name, seed);
    example_random_tables(world->db, &world->rng);
    for (uint64_t n = world_below(world, 6); n > 0; n--) {
        example_random_step(world->db, &world->rng, world_steps(world));
    }
    example_random_settle(world->db);
    example_limit_ack(world->db, 0);
    strcpy(world->scratch, "/tmp/lakefeed-schedule-XXXXXX");
    if (mkdtemp(world->scratch) == NULL) {
        abort();
    }
    pthread_mutex_init(&world->mutex, NULL);
    pthread_cond_init(&world->turn, NULL);
}

void world_done(struct world *world)
{
    for (size_t i = 0; i < DAEMONS_MAX; i++) {
        world_kill(world, &world->daemons[i]);
    }
    world_reap(world);
    lake_close(&world->eye);
    memory_store_free(&world->store);
    example_db_free(&world->db);
    (void)rmdir(world->scratch);
    pthread_mutex_destroy(&world->mutex);
    pthread_cond_destroy(&world->turn);
}

/* ---- handing control over ---- */

static _Thread_local struct daemon *current;

static bool hand_back(struct daemon *daemon)
{
    struct world *world = daemon->world;
    pthread_mutex_lock(&world->mutex);
    daemon->running = false;
    pthread_cond_broadcast(&world->turn);
    while (!daemon->running && !daemon->killed) {
        pthread_cond_wait(&world->turn, &world->mutex);
    }
    bool goes_on = !daemon->killed;
    pthread_mutex_unlock(&world->mutex);
    return goes_on;
}

static bool before_call(void *context, UNUSED const char *op, UNUSED const char *path)
{
    struct daemon *daemon = context;
    if (!hand_back(daemon)) {
        return false;
    }
    uint64_t dice = daemon->calm ? 99 : world_below(daemon->world, 250);
    if (dice < 3) {
        daemon->world->failures++;
        enum fault_kind kind = dice == 0 ? FAULT_ERROR : dice == 1 ? FAULT_LOST : FAULT_LATE;
        fault_lake_plan(daemon->lake, &(struct fault_plan){
                                          .kind = kind, .fail_at = 1, .context = daemon, .before_call = before_call});
    }
    return true;
}

static bool source_call(struct lf_error *err)
{
    return hand_back(current) || lf_error_set(err, LF_CANCELLED, 0, "killed");
}

static bool do_ack(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice cursor,
                   struct lf_error *err)
{
    TRY(source_call(err));
    if (!current->calm && world_below(current->world, 20) == 0) {
        return lf_error_set(err, LF_TRANSIENT, 0, "an acknowledgement is lost");
    }
    return lakefeed_connector()->ops->ack(session, consumer, cursor, err);
}

static bool do_load_open(struct lf_session *session, const struct lf_table_state *table, struct lf_bound lo,
                         struct lf_bound hi, struct lf_load **ret_load, bool *ret_ordered, struct lf_error *err)
{
    TRY(source_call(err));
    return lakefeed_connector()->ops->load_open(session, table, lo, hi, ret_load, ret_ordered, err);
}

static bool do_load_next(struct lf_load *load, struct lf_rows *ret_rows, struct lf_error *err)
{
    TRY(source_call(err));
    return lakefeed_connector()->ops->load_next(load, ret_rows, err);
}

static bool do_changes_next(struct lf_changes *changes, int wait_ms, struct lf_batch *ret_batch, struct lf_error *err)
{
    TRY(source_call(err));
    return lakefeed_connector()->ops->changes_next(changes, wait_ms > 0 ? 0 : wait_ms, ret_batch, err);
}

/* ---- one daemon ---- */

static bool drive(struct daemon *daemon, struct link *link, struct lf_error *err)
{
    for (;;) {
        bool any = false;
        uint64_t dice = world_below(daemon->world, 10);
        bool ok = dice < 4   ? link_step_feed(link, 0, &any, err)
                  : dice < 7 ? link_step_load(link, &any, err)
                             : link_step_snapshot(link, &any, err);
        if (!ok && err->kind != LF_TRANSIENT) {
            return false;
        }
        if (!ok && world_below(daemon->world, 3) == 0) {
            TRY(link_open(link, err)); /* sometimes it starts over, sometimes it goes on with what it has */
        }
    }
}

static void *daemon_main(void *context)
{
    struct daemon *daemon = context;
    struct world *world = daemon->world;
    struct link_policy policy = {0};
    if (world->bad) {
        policy.intake = (struct intake_policy){.bad_text = world->replaced ? INTAKE_REPLACE : INTAKE_QUARANTINE,
                                               .bad_row = INTAKE_QUARANTINE};
    }
    const struct link_entity_config all[] = {{.table = "a", .policy = policy}, {.table = "b", .policy = policy}};
    struct link_entity_config entities[2];
    size_t n = 0;
    current = daemon;
    for (unsigned i = 0; i < 2; i++) {
        if ((daemon->entities & (1u << i)) != 0) {
            entities[n++] = all[i];
        }
    }
    char url[64];
    (void)snprintf(url, sizeof url, "example:%s?batch=%d", world->name, world->seed % 3 == 0 ? 2 : 64);
    const struct link_options options = {
        .name = "w",
        .connector = &daemon->connector,
        .url = url,
        .lake = daemon->lake,
        .location = "memory",
        .entities = entities,
        .nentities = n,
        .interval_ms = 1000,
        .cursor_interval_ms = 1,
        .load_commit_ms = 1,
        .keep = daemon->keep,
        .keep_for_ms = daemon->keep_for_ms,
        .partition_bytes = 200,
        .chunk_rows = 3,
        .memory_bytes = (size_t)4 << 20,
        .spool_disk_bytes = (uint64_t)64 << 20,
        .scratch_folder = world->scratch,
        .version = "test",
        .clock = world->clock,
        .random = random_from_seeded(&daemon->random),
    };
    struct link *link = link_new(&options);
    (void)hand_back(daemon);
    bool ok = !daemon->killed && link_open(link, &daemon->err) && drive(daemon, link, &daemon->err);
    assert(!ok);
    daemon->commits = link_commits(link);
    link_free(&link);
    lake_close(&daemon->lake);
    pthread_mutex_lock(&world->mutex);
    daemon->running = false;
    daemon->ended = true;
    pthread_cond_broadcast(&world->turn);
    pthread_mutex_unlock(&world->mutex);
    return NULL;
}

static void make_ops(struct daemon *daemon)
{
    daemon->connector = *lakefeed_connector();
    daemon->ops = *daemon->connector.ops;
    daemon->ops.ack = do_ack;
    daemon->ops.load_open = do_load_open;
    daemon->ops.load_next = do_load_next;
    daemon->ops.changes_next = do_changes_next;
    daemon->connector.ops = &daemon->ops;
}

bool world_start(struct world *world, unsigned max)
{
    unsigned alive = 0;
    struct daemon *daemon = NULL;
    for (size_t i = 0; i < DAEMONS_MAX; i++) {
        alive += world->daemons[i].used ? 1 : 0;
        daemon = world->daemons[i].used ? daemon : &world->daemons[i];
    }
    if (alive >= max || daemon == NULL) {
        return false;
    }
    *daemon = (struct daemon){.world = world,
                              .used = true,
                              .keep = 1 + (uint32_t)world_below(world, 2),
                              .keep_for_ms = world->keep_for_ms,
                              .entities = world->config,
                              .alone = alive == 0};
    for (size_t i = 0; i < DAEMONS_MAX; i++) {
        world->daemons[i].alone = world->daemons[i].alone && alive == 0;
    }
    random_seeded_init(&daemon->random, example_rng_next(&world->rng));
    daemon->lake = fault_lake_open(memory_lake_open(world->store));
    fault_lake_plan(daemon->lake, &(struct fault_plan){.context = daemon, .before_call = before_call});
    make_ops(daemon);
    daemon->running = true;
    if (pthread_create(&daemon->thread, NULL, daemon_main, daemon) != 0) {
        abort();
    }
    world_resume(world, daemon);
    return true;
}

void world_resume(struct world *world, struct daemon *daemon)
{
    pthread_mutex_lock(&world->mutex);
    daemon->running = !daemon->ended;
    pthread_cond_broadcast(&world->turn);
    while (daemon->running) {
        pthread_cond_wait(&world->turn, &world->mutex);
    }
    pthread_mutex_unlock(&world->mutex);
}

void world_kill(struct world *world, struct daemon *daemon)
{
    if (!daemon->used) {
        return;
    }
    pthread_mutex_lock(&world->mutex);
    daemon->killed = true;
    pthread_cond_broadcast(&world->turn);
    while (!daemon->ended) {
        pthread_cond_wait(&world->turn, &world->mutex);
    }
    pthread_mutex_unlock(&world->mutex);
}

void world_reap(struct world *world)
{
    for (size_t i = 0; i < DAEMONS_MAX; i++) {
        struct daemon *daemon = &world->daemons[i];
        if (!daemon->used || !daemon->ended) {
            continue;
        }
        (void)pthread_join(daemon->thread, NULL);
        world->commits += daemon->commits;
        world->fenced += daemon->err.kind == LF_FENCED ? 1 : 0;
        enum lf_error_kind kind = daemon->err.kind;
        if (!daemon->killed && kind != LF_FENCED && kind != LF_TRANSIENT && kind != LF_CANCELLED) {
            world_violation(world, "a daemon ended with %s: %s", lf_error_kind_name(kind), daemon->err.msg);
        }
        if (kind == LF_FENCED && daemon->alone) {
            world_violation(world, "a daemon was fenced by itself: %s", daemon->err.msg);
        }
        if (world->trace) {
            (void)printf("%lld reaped %zu: %s %s\n", (long long)world->now_ms, i, lf_error_kind_name(kind),
                         daemon->err.msg);
        }
        daemon->used = false;
    }
}
