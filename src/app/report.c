/* SPDX-License-Identifier: Apache-2.0 */
#include "app/report.h"

#include "base/macros.h"

#include <stdlib.h>
#include <string.h>

static int64_t now_us(const struct report *report)
{
    return report->clock.monotonic_us(report->clock.context);
}

void report_init(struct report *report, const struct link_observer *next)
{
    *report = (struct report){.next = *next, .clock = clock_system()};
    pthread_mutex_init(&report->mutex, NULL);
    report->began_us = now_us(report);
}

static void forget_left_out(struct report *report)
{
    for (size_t i = 0; i < report->nleft_out; i++) {
        free(report->left_out[i].table);
        free(report->left_out[i].reason);
    }
    report->nleft_out = 0;
}

void report_done(struct report *report)
{
    forget_left_out(report);
    free(report->left_out);
    pthread_mutex_destroy(&report->mutex);
}

void report_restart(struct report *report)
{
    pthread_mutex_lock(&report->mutex);
    report->began_us = now_us(report);
    report->rows = report->changes = report->commits = 0;
    pthread_mutex_unlock(&report->mutex);
}

/* ---- what the link says ---- */

static void on_load(void *context, const char *entity, uint64_t added, int64_t estimated_rows)
{
    struct report *report = context;
    pthread_mutex_lock(&report->mutex);
    report->rows += added;
    pthread_mutex_unlock(&report->mutex);
    if (report->next.load != NULL) {
        report->next.load(report->next.context, entity, added, estimated_rows);
    }
}

static void keep_left_out(struct report *report, const char *table, const char *reason)
{
    for (size_t i = 0; i < report->nleft_out; i++) {
        if (strcmp(report->left_out[i].table, table) == 0) {
            return;
        }
    }
    mem_grow(&report->left_out, &report->size, report->nleft_out + 1, sizeof *report->left_out);
    report->left_out[report->nleft_out++] =
        (struct report_left_out){.table = text_copy(table), .reason = text_copy(reason)};
}

static void on_skipped(void *context, const char *table, const char *reason)
{
    struct report *report = context;
    pthread_mutex_lock(&report->mutex);
    keep_left_out(report, table, reason);
    pthread_mutex_unlock(&report->mutex);
    if (report->next.skipped != NULL) {
        report->next.skipped(report->next.context, table, reason);
    }
}

static void on_committed(void *context, const struct model *head, uint64_t changes, uint64_t written, uint64_t kept)
{
    struct report *report = context;
    pthread_mutex_lock(&report->mutex);
    report->commits++;
    report->changes += changes;
    pthread_mutex_unlock(&report->mutex);
    if (report->next.committed != NULL) {
        report->next.committed(report->next.context, head, changes, written, kept);
    }
}

struct link_observer report_observer(struct report *report)
{
    return (struct link_observer){.context = report, .load = on_load, .skipped = on_skipped, .committed = on_committed};
}

/* ---- as JSON ---- */

static void write_left_out(const struct report *report, struct json_writer *writer)
{
    json_write_key(writer, "leftOut");
    json_begin_array(writer);
    for (size_t i = 0; i < report->nleft_out; i++) {
        json_begin_object(writer);
        json_put_text(writer, "table", report->left_out[i].table);
        json_put_text(writer, "reason", report->left_out[i].reason);
        json_end_object(writer);
    }
    json_end_array(writer);
}

static void write_standing_still(const struct model *head, struct json_writer *writer)
{
    json_write_key(writer, "standingStill");
    json_begin_array(writer);
    for (size_t i = 0; head != NULL && i < head->nentities; i++) {
        if (head->entities[i].state == MODEL_ERROR) {
            json_begin_object(writer);
            json_put_text(writer, "entity", head->entities[i].name);
            json_put_text(writer, "reason", head->entities[i].reason);
            json_end_object(writer);
        }
    }
    json_end_array(writer);
}

static uint64_t count_rows(const struct model *head)
{
    uint64_t rows = 0;
    for (size_t i = 0; head != NULL && i < head->nentities; i++) {
        for (size_t j = 0; j < head->entities[i].npartitions; j++) {
            rows += head->entities[i].partitions[j].rows;
        }
    }
    return rows;
}

void report_write(struct report *report, const char *link, const struct model *head, struct json_writer *writer)
{
    pthread_mutex_lock(&report->mutex);
    json_begin_object(writer);
    json_put_text(writer, "link", link);
    json_put_int(writer, "commit", head == NULL ? 0 : (int64_t)head->commit);
    json_put_int(writer, "commits", (int64_t)report->commits);
    json_put_int(writer, "rowsLoaded", (int64_t)report->rows);
    json_put_int(writer, "changesMerged", (int64_t)report->changes);
    json_put_int(writer, "milliseconds", (now_us(report) - report->began_us) / 1000);
    json_put_int(writer, "rows", (int64_t)count_rows(head));
    json_put_int(writer, "entities", head == NULL ? 0 : (int64_t)head->nentities);
    json_put_text(writer, "cursor", head == NULL ? NULL : head->cursor_text);
    write_left_out(report, writer);
    write_standing_still(head, writer);
    json_end_object(writer);
    pthread_mutex_unlock(&report->mutex);
}
