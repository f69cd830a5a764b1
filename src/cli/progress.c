/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include "base/macros.h"
#include "cli/terminal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHOW_EVERY_US 200000
#define NAME_COLUMNS_MIN 8

static int64_t now_us(const struct progress *progress)
{
    return progress->clock.monotonic_us(progress->clock.context);
}

void progress_init(struct progress *progress, FILE *out, bool live)
{
    *progress = (struct progress){.out = out, .live = live, .clock = clock_system()};
    progress->moving = live && terminal_can_rewrite(fileno(out));
    pthread_mutex_init(&progress->mutex, NULL);
}

/* ---- lines of progress ---- */

/* The last column stays free: some terminals go to the next line as soon as it is written to. */
static size_t line_columns(const struct progress *progress)
{
    return (progress->columns > 0 ? progress->columns : terminal_columns(fileno(progress->out))) - 1;
}

/* In place of what the line showed, without an escape sequence: blanks cover the rest of it. */
static void show_text(struct progress *progress, const char *text, bool final)
{
    size_t columns = text_columns(text);
    size_t cover = progress->shown_columns > columns ? progress->shown_columns - columns : 0;
    (void)fprintf(progress->out, "%s%s%*s%s", progress->moving ? "\r" : "", text, (int)cover, "", final ? "\n" : "");
    (void)fflush(progress->out);
    progress->shown_columns = final ? 0 : columns;
}

/* The name gives way to the figures, down to a few columns; then the line is cut. */
static void append_narrow(struct buf *line, const char *name, const char *figures, size_t columns)
{
    size_t rest = text_columns(figures) + 4;
    CLEANUP(buf_done) struct buf whole = {0};
    buf_append_text(&whole, "  ");
    text_append_cut(&whole, name, columns > rest + NAME_COLUMNS_MIN ? columns - rest : NAME_COLUMNS_MIN);
    buf_printf(&whole, "  %s", figures);
    text_append_cut(line, buf_text(&whole), columns);
}

static void show_entity(struct progress *progress, const struct progress_entity *entity, bool final)
{
    char rows[32], rate[32], rest[64] = "";
    CLEANUP(buf_done) struct buf line = {0};
    CLEANUP(buf_done) struct buf figures = {0};
    double seconds = (double)(entity->last_us - entity->began_us) / 1e6;
    uint64_t per_second = (uint64_t)((double)entity->rows / (seconds > 0.001 ? seconds : 0.001));
    size_t columns = line_columns(progress);
    size_t name_columns = text_columns(entity->name);
    if (!final && entity->estimated > (int64_t)entity->rows && per_second > 0) {
        uint64_t estimated = (uint64_t)entity->estimated;
        (void)snprintf(rest, sizeof rest, "  %3" PRIu64 " %%  %" PRIu64 " s left",
                       (uint64_t)((double)entity->rows * 100 / (double)estimated),
                       (estimated - entity->rows) / per_second + 1);
    }
    buf_printf(&line, "  %s%*s %12s rows  %12s rows/s%s", entity->name,
               name_columns < 24 ? (int)(24 - name_columns) : 0, "", text_grouped(entity->rows, rows),
               text_grouped(per_second, rate), rest);
    if (text_columns(buf_text(&line)) > columns) {
        buf_reset(&line);
        buf_printf(&figures, "%s rows%s", rows, rest);
        append_narrow(&line, entity->name, buf_text(&figures), columns);
    }
    show_text(progress, buf_text(&line), final);
}

static struct progress_entity *find_entity(struct progress *progress, const char *name)
{
    for (size_t i = 0; i < progress->nentities; i++) {
        if (strcmp(progress->entities[i].name, name) == 0) {
            return &progress->entities[i];
        }
    }
    mem_grow(&progress->entities, &progress->entities_size, progress->nentities + 1, sizeof *progress->entities);
    progress->entities[progress->nentities] =
        (struct progress_entity){.name = text_copy(name), .began_us = now_us(progress)};
    return &progress->entities[progress->nentities++];
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct progress_entity *)a)->name, ((const struct progress_entity *)b)->name);
}

/* By name: loads run side by side and begin in any order. */
static void end_lines(struct progress *progress)
{
    if (progress->nentities > 1) {
        qsort(progress->entities, progress->nentities, sizeof *progress->entities, compare_names);
    }
    for (size_t i = 0; i < progress->nentities; i++) {
        if (progress->live) {
            show_entity(progress, &progress->entities[i], /* final= */ true);
        }
        text_free(&progress->entities[i].name);
    }
    progress->nentities = 0;
}

/* ---- what the link tells ---- */

static void on_load(void *context, const char *name, uint64_t added, int64_t estimated_rows)
{
    struct progress *progress = context;
    pthread_mutex_lock(&progress->mutex);
    struct progress_entity *entity = find_entity(progress, name);
    entity->rows += added;
    entity->estimated = estimated_rows;
    entity->last_us = now_us(progress);
    if (progress->moving && entity->last_us - progress->shown_us >= SHOW_EVERY_US) {
        progress->shown_us = entity->last_us;
        show_entity(progress, entity, /* final= */ false);
    }
    pthread_mutex_unlock(&progress->mutex);
}

static void on_committed(void *context, UNUSED const struct model *head, UNUSED uint64_t changes,
                         UNUSED uint64_t written, UNUSED uint64_t kept)
{
    struct progress *progress = context;
    pthread_mutex_lock(&progress->mutex);
    end_lines(progress);
    pthread_mutex_unlock(&progress->mutex);
}

struct link_observer progress_observer(struct progress *progress)
{
    return (struct link_observer){.context = progress, .load = on_load, .committed = on_committed};
}

void progress_done(struct progress *progress)
{
    end_lines(progress);
    free(progress->entities);
    pthread_mutex_destroy(&progress->mutex);
    *progress = (struct progress){0};
}
