/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule/world.h"

#include "base/macros.h"
#include "fakes/lake_truth.h"

#include <stdarg.h>
#include <stdlib.h>

void world_violation(const struct world *world, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)printf("VIOLATION seed %llu, step %llu: ", (unsigned long long)world->seed, (unsigned long long)world->steps);
    (void)vprintf(fmt, args);
    (void)printf("\n");
    va_end(args);
    if (world->trace) {
        example_dump(world->db, stdout);
    }
    (void)fflush(stdout);
    abort();
}

static void expect_none(const struct world *world, char *problem)
{
    if (problem != NULL) {
        world_violation(world, "%s", problem);
    }
}

static struct model *head_of(const struct world *world)
{
    char *problem = NULL;
    struct model *model = lake_truth_head(world->eye, &problem);
    expect_none(world, problem);
    return model;
}

static void trace_head(const struct world *world, uint64_t acked)
{
    CLEANUP(model_free) struct model *model = head_of(world);
    if (model != NULL) {
        (void)printf("%lld step %llu: commit %llu at %s, acknowledged %llu, source %llu, writer %s\n",
                     (long long)world->now_ms, (unsigned long long)world->steps, (unsigned long long)model->commit,
                     model->cursor_text, (unsigned long long)acked, (unsigned long long)example_end(world->db),
                     model->writer);
    }
}

/* Looks only when a commit, a removal or an acknowledgement has happened since. */
void world_check(struct world *world)
{
    struct memory_counts counts = memory_store_counts(world->store);
    uint64_t acked = 0;
    (void)example_acked(world->db, "w", &acked);
    uint64_t effects = counts.put_if_match + counts.remove + acked;
    if (effects == world->checked_effects) {
        return;
    }
    world->checked_effects = effects;
    world->checks += counts.put_if_match > world->checked_commits ? 1 : 0;
    world->checked_commits = counts.put_if_match;
    if (world->trace) {
        trace_head(world, acked);
    }
    expect_none(world, lake_truth_check_bad(world->eye, world->db, "w", world->replaced));
    world->bad_rows += lake_truth_bad_rows(world->eye);
}

void world_check_converged(struct world *world)
{
    CLEANUP(model_free) struct model *model = head_of(world);
    uint64_t acked = 0;
    (void)example_acked(world->db, "w", &acked);
    expect_none(world, lake_truth_converged(world->eye, world->db));
    if (model == NULL || model->nentities != 2 || acked != example_end(world->db)) {
        world_violation(world, "not converged: acknowledged %llu of %llu, %zu entities", (unsigned long long)acked,
                        (unsigned long long)example_end(world->db), model == NULL ? 0 : model->nentities);
    }
}

void world_check_leftovers(struct world *world)
{
    expect_none(world, lake_truth_leftover(world->eye));
}
