/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/macros.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHOW_EVERY_US 200000

static int64_t now_us(const struct progress *progress)
{
    return progress->clock.monotonic_us(progress->clock.context);
}

void progress_init(struct progress *progress, FILE *out, bool live)
{
    *progress = (struct progress){.out = out, .live = live, .clock = clock_system()};
    progress->began_us = now_us(progress);
}

/* 1234567 → 1,234,567 */
static const char *grouped(uint64_t value, char text[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, value);
    char *to = text;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

static double seconds_since(const struct progress *progress, int64_t began_us)
{
    double seconds = (double)(now_us(progress) - began_us) / 1e6;
    return seconds > 0.001 ? seconds : 0.001;
}

static void show_line(struct progress *progress, const struct progress_entity *entity, bool final)
{
    char rows[32], rate[32], rest[64] = "";
    double seconds = (double)(entity->last_us - entity->began_us) / 1e6;
    uint64_t per_second = (uint64_t)((double)entity->rows / (seconds > 0.001 ? seconds : 0.001));
    if (!final && entity->estimated > (int64_t)entity->rows && per_second > 0) {
        uint64_t estimated = (uint64_t)entity->estimated;
        (void)snprintf(rest, sizeof rest, "  %3" PRIu64 " %%  %" PRIu64 " s left", entity->rows * 100 / estimated,
                       (estimated - entity->rows) / per_second + 1);
    }
    (void)fprintf(progress->out, "%s  %-24s %12s rows  %12s rows/s%s%s", progress->live ? "\r\033[K" : "", entity->name,
                  grouped(entity->rows, rows), grouped(per_second, rate), rest, final ? "\n" : "");
    (void)fflush(progress->out);
}

static struct progress_entity *find_entity(struct progress *progress, const char *name)
{
    for (size_t i = 0; i < progress->nentities; i++) {
        if (strcmp(progress->entities[i].name, name) == 0) {
            return &progress->entities[i];
        }
    }
    mem_grow(&progress->entities, &progress->size, progress->nentities + 1, sizeof *progress->entities);
    progress->entities[progress->nentities] =
        (struct progress_entity){.name = text_copy(name), .began_us = now_us(progress)};
    return &progress->entities[progress->nentities++];
}

static void end_entities(struct progress *progress)
{
    for (size_t i = 0; i < progress->nentities; i++) {
        if (progress->live) {
            show_line(progress, &progress->entities[i], /* final= */ true);
        }
        free(progress->entities[i].name);
    }
    progress->nentities = 0;
}

static void on_load(void *context, const char *name, uint64_t added, int64_t estimated_rows)
{
    struct progress *progress = context;
    struct progress_entity *entity = find_entity(progress, name);
    progress->rows += added;
    entity->rows += added;
    entity->estimated = estimated_rows;
    entity->last_us = now_us(progress);
    if (progress->live && entity->last_us - progress->shown_us >= SHOW_EVERY_US) {
        progress->shown_us = entity->last_us;
        show_line(progress, entity, /* final= */ false);
    }
}

static void on_skipped(void *context, const char *table, const char *reason)
{
    struct progress *progress = context;
    progress->skipped++;
    if (progress->live) {
        (void)fprintf(progress->out, "  %-24s left out: %s\n", table, reason);
    }
}

static void on_committed(void *context, UNUSED const struct model *head, uint64_t changes, UNUSED uint64_t written,
                         UNUSED uint64_t kept)
{
    struct progress *progress = context;
    end_entities(progress);
    progress->commits++;
    progress->changes += changes;
}

struct link_observer progress_observer(struct progress *progress)
{
    return (struct link_observer){
        .context = progress, .load = on_load, .skipped = on_skipped, .committed = on_committed};
}

void progress_done(struct progress *progress)
{
    end_entities(progress);
    free(progress->entities);
    progress->entities = NULL;
}

void progress_summary(struct progress *progress, const struct model *head, FILE *out)
{
    char rows[32], changes[32], total[32];
    uint64_t sum = 0;
    size_t frozen = 0;
    for (size_t i = 0; i < head->nentities; i++) {
        for (size_t j = 0; j < head->entities[i].npartitions; j++) {
            sum += head->entities[i].partitions[j].rows;
        }
        frozen += head->entities[i].state == MODEL_ERROR ? 1 : 0;
    }
    if (progress->commits == 0) {
        (void)fprintf(out, "Nothing has changed since commit %" PRIu64 "; no commit was made.\n", head->commit);
    } else {
        (void)fprintf(out, "Commit %" PRIu64 ": %s rows loaded, %s changes merged, in %.1f s.\n", head->commit,
                      grouped(progress->rows, rows), grouped(progress->changes, changes),
                      seconds_since(progress, progress->began_us));
    }
    (void)fprintf(out, "The lake holds %s rows in %zu entities, at source position %s.\n", grouped(sum, total),
                  head->nentities, head->cursor_text);
    if (progress->skipped > 0) {
        (void)fprintf(out, "Tables left out: %" PRIu64 "; %s.\n", progress->skipped,
                      progress->live ? "the reasons stand above" : "the log says why");
    }
    for (size_t i = 0; frozen > 0 && i < head->nentities; i++) {
        if (head->entities[i].state == MODEL_ERROR) {
            (void)fprintf(out, "%s stands still: %s\n", head->entities[i].name, head->entities[i].reason);
        }
    }
}
