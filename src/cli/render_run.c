/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "cli/command.h"
#include "cli/member.h"
#include "cli/render.h"
#include "cli/terminal.h"

#include <inttypes.h>
#include <string.h>

struct summary {
    const struct cli *cli;
    FILE *out;
    size_t columns; /* SIZE_MAX: lines are not broken */
    bool frozen, untracked, loaded;
};

static void print(const struct summary *summary, const struct buf *text)
{
    text_print_wrapped(summary->out, buf_text(text), 0, 2, summary->columns);
}

static void print_deeds(const struct summary *summary, const struct json *answer, const char *prefix)
{
    char rows[32], changes[32];
    CLEANUP(buf_done) struct buf text = {0};
    int64_t commit = number_of(answer, "commit");
    buf_append_text(&text, prefix);
    if (number_of(answer, "commits") == 0) {
        buf_printf(&text, "Nothing has changed since commit %" PRId64 "; no commit was made.", commit);
    } else {
        buf_printf(&text, "Commit %" PRId64 ": %s rows loaded, %s changes merged, in %.1f s.", commit,
                   text_grouped((uint64_t)number_of(answer, "rowsLoaded"), rows),
                   text_grouped((uint64_t)number_of(answer, "changesMerged"), changes),
                   (double)number_of(answer, "milliseconds") / 1000);
    }
    print(summary, &text);
}

static void print_held(const struct summary *summary, const struct json *answer, const char *prefix)
{
    char rows[32];
    CLEANUP(buf_done) struct buf text = {0};
    int64_t entities = number_of(answer, "entities");
    buf_printf(&text, "%sThe lake holds %s rows in %" PRId64 " %s, at source position %s.", prefix,
               text_grouped((uint64_t)number_of(answer, "rows"), rows), entities,
               plural(entities, "entity", "entities"), text_of(answer, "cursor"));
    print(summary, &text);
}

static void print_left_out(struct summary *summary, const struct json *answer, const char *prefix)
{
    for (const struct json *table = json_first(json_member(answer, "leftOut")); table != NULL;
         table = json_next(table)) {
        CLEANUP(buf_done) struct buf text = {0};
        buf_printf(&text, "%sLeft out: ", prefix);
        text_append_clean(&text, text_of(table, "table"));
        buf_append_text(&text, ": ");
        text_append_clean(&text, text_of(table, "reason"));
        print(summary, &text);
        summary->untracked = summary->untracked || strstr(text_of(table, "reason"), "lakefeed track") != NULL;
    }
}

static void print_standing_still(struct summary *summary, const struct json *answer, const char *prefix)
{
    for (const struct json *entity = json_first(json_member(answer, "standingStill")); entity != NULL;
         entity = json_next(entity)) {
        CLEANUP(buf_done) struct buf text = {0};
        buf_printf(&text, "%s%s stands still: ", prefix, text_of(entity, "entity"));
        text_append_clean(&text, text_of(entity, "reason"));
        print(summary, &text);
        summary->frozen = true;
    }
}

static void print_link(struct summary *summary, const struct json *answer, bool named)
{
    CLEANUP(text_free) char *prefix = named ? text_printf("%s: ", text_of(answer, "link")) : text_copy("");
    print_deeds(summary, answer, prefix);
    print_held(summary, answer, prefix);
    print_standing_still(summary, answer, prefix);
    print_left_out(summary, answer, prefix);
    summary->loaded = summary->loaded || number_of(answer, "rowsLoaded") > 0;
}

static void print_next(const struct summary *summary, const char *purpose, const char *verb, const char *rest)
{
    CLEANUP(buf_done) struct buf command = {0};
    command_append(&command, summary->cli, verb);
    buf_append_text(&command, rest);
    command_print(summary->out, purpose, buf_text(&command), summary->columns);
}

static void print_advice(const struct summary *summary)
{
    if (summary->frozen) {
        print_next(summary, "Mend what stands still; then this loads it again:", "run", " --once");
    }
    if (summary->untracked) {
        print_next(summary, "To follow the tables that are not tracked:", "track", "");
    }
    if (summary->columns != SIZE_MAX && !summary->frozen && !summary->untracked && summary->loaded) {
        print_next(summary, "Next, to keep it up to date:", "run", "");
    }
}

static struct summary begin(const struct cli *cli, FILE *out)
{
    return (struct summary){.cli = cli, .out = out, .columns = terminal_result_columns()};
}

void render_run(const struct cli *cli, const struct json *answer, FILE *out)
{
    struct summary summary = begin(cli, out);
    print_link(&summary, answer, /* named= */ false);
    print_advice(&summary);
}

void render_runs(const struct cli *cli, const struct json *answers, FILE *out)
{
    struct summary summary = begin(cli, out);
    for (const struct json *answer = json_first(answers); answer != NULL; answer = json_next(answer)) {
        print_link(&summary, answer, /* named= */ cli->config->nlinks > 1);
    }
    print_advice(&summary);
}
