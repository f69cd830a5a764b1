/* SPDX-License-Identifier: Apache-2.0
 *
 *   schedule_test [--seconds N] [--seed S] [--rounds N] [--trace]
 *
 * Random schedules of the whole core on the example database and a lake in memory. Prints the first seed and the number of
 * rounds; a violation prints its seed, and --seed S --rounds 1 --trace plays it again.
 */
#include "schedule/world.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct totals {
    uint64_t rounds, steps, commits, crashes, fenced, late, failures, checks, bad_rows;
};

static struct daemon *random_daemon(struct world *world)
{
    struct daemon *alive[DAEMONS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < DAEMONS_MAX; i++) {
        struct daemon *daemon = &world->daemons[i];
        if (daemon->used && !daemon->ended && daemon->pause_until <= world->now_ms) {
            alive[n++] = daemon;
        }
    }
    return n == 0 ? NULL : alive[world_below(world, n)];
}

static bool has_model(struct world *world)
{
    char etag[LAKE_ETAG_SIZE];
    return memory_store_etag(world->store, "model.json", etag);
}

static void arrive(struct world *world, struct daemon *daemon)
{
    bool applied = false;
    if (daemon->used && daemon->lake != NULL && fault_lake_late(daemon->lake) > 0 &&
        fault_lake_arrive(daemon->lake, &applied)) {
        world->late++;
    }
}

static void disturb(struct world *world, struct daemon *daemon)
{
    uint64_t dice = world_below(world, 60);
    if (dice < 7) {
        world_kill(world, daemon);
        world->crashes++;
    } else if (dice < 17) {
        daemon->pause_until = world->now_ms + 30 + (int64_t)world_below(world, 800);
    } else if (dice < 40) {
        arrive(world, daemon);
    } else if (dice < 43) {
        world->config = world->config == 3 ? 1u + (unsigned)world_below(world, 2) : 3;
    } else if (dice < 53 && has_model(world)) {
        (void)world_start(world, 2);
    }
}

static void step(struct world *world)
{
    uint64_t dice = world_below(world, 100);
    struct daemon *daemon = random_daemon(world);
    world->now_ms += 10;
    world->steps++;
    if (dice < 18) {
        example_random_step(world->db, &world->rng, EXAMPLE_STEP_ALL | world_steps(world));
    } else if (daemon == NULL) {
        (void)world_start(world, 1);
    } else if (dice < 96) {
        world_resume(world, daemon);
    } else {
        disturb(world, daemon);
    }
    world_reap(world);
    world_check(world);
}

static void settle(struct world *world, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        struct daemon *daemon = random_daemon(world);
        world->now_ms += 10;
        world->steps++;
        if (daemon == NULL) {
            (void)world_start(world, 1);
            daemon = random_daemon(world);
        }
        daemon->calm = true;
        world_resume(world, daemon);
        world_reap(world);
        world_check(world);
    }
}

static void kill_all(struct world *world)
{
    for (size_t i = 0; i < DAEMONS_MAX; i++) {
        arrive(world, &world->daemons[i]);
        world_kill(world, &world->daemons[i]);
    }
    world_reap(world);
}

/* All is quiet: writes that were under way arrive, one daemon ends the work; then nothing may be left over. */
static void finish(struct world *world)
{
    example_random_settle(world->db);
    world->config = 3;
    kill_all(world);
    settle(world, 4000);
    world_check_converged(world);
    kill_all(world);
    world->keep_for_ms = 0;
    for (uint64_t before = world->checks; world->checks < before + 6;) {
        example_random_step(world->db, &world->rng, world_steps(world));
        example_random_settle(world->db);
        settle(world, 300);
    }
    world_check_converged(world);
    world_check_leftovers(world);
}

static void play(uint64_t seed, bool trace, struct totals *totals)
{
    struct world world;
    world_init(&world, seed, trace);
    uint64_t steps = 300 + world_below(&world, 4) * 900;
    for (uint64_t i = 0; i < steps; i++) {
        step(&world);
    }
    finish(&world);
    totals->rounds++;
    totals->steps += world.steps;
    totals->checks += world.checks;
    totals->crashes += world.crashes;
    totals->late += world.late;
    totals->failures += world.failures;
    totals->bad_rows += world.bad_rows;
    kill_all(&world);
    totals->commits += world.commits;
    totals->fenced += world.fenced;
    world_done(&world);
}

int main(int argc, char **argv)
{
    const struct option options[] = {{"seconds", required_argument, NULL, 's'},
                                     {"seed", required_argument, NULL, 'e'},
                                     {"rounds", required_argument, NULL, 'r'},
                                     {"trace", no_argument, NULL, 't'},
                                     {0}};
    const char *env_seed = getenv("LAKEFEED_SEED");
    uint64_t seed = env_seed != NULL ? strtoull(env_seed, NULL, 10) : (uint64_t)time(NULL) * 1000;
    uint64_t rounds = UINT64_MAX;
    time_t seconds = 20;
    bool trace = false;
    struct totals totals = {0};
    for (int got; (got = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (got) {
        case 's':
            seconds = (time_t)strtol(optarg, NULL, 10);
            break;
        case 'e':
            seed = strtoull(optarg, NULL, 10);
            break;
        case 'r':
            rounds = strtoull(optarg, NULL, 10);
            break;
        case 't':
            trace = true;
            break;
        default:
            return 2;
        }
    }
    time_t end = time(NULL) + seconds;
    (void)printf("schedules from seed %llu\n", (unsigned long long)seed);
    while (totals.rounds < rounds && time(NULL) < end) {
        play(seed + totals.rounds, trace, &totals);
    }
    (void)printf(
        "%llu rounds, %llu steps, %llu commits, %llu snapshots checked, %llu crashes, %llu fenced, %llu "
        "faults, %llu late writes, %llu rows in quarantine\n",
        (unsigned long long)totals.rounds, (unsigned long long)totals.steps, (unsigned long long)totals.commits,
        (unsigned long long)totals.checks, (unsigned long long)totals.crashes, (unsigned long long)totals.fenced,
        (unsigned long long)totals.failures, (unsigned long long)totals.late, (unsigned long long)totals.bad_rows);
    return 0;
}
