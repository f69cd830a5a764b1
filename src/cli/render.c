/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/render.h"

#include "base/macros.h"
#include "cli/command.h"
#include "cli/member.h"
#include "cli/terminal.h"

#include <inttypes.h>
#include <string.h>

/* ---- status ---- */

/* In the unit that leaves at most four digits. */
static void print_size(FILE *out, int64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 10000 && unit + 1 < ARRAY_LEN(units); unit++) {
        bytes /= 1024;
    }
    (void)fprintf(out, "%" PRId64 " %s", bytes, units[unit]);
}

static void print_lag(const struct json *lag, FILE *out)
{
    if (!json_is_object(lag)) {
        return;
    }
    (void)fprintf(out, "  %" PRId64 " s behind", number_of(lag, "secondsBehind"));
    int64_t bytes = 0;
    if (json_int(json_member(lag, "retainedBytes"), &bytes)) {
        (void)fputs("; the source keeps ", out);
        print_size(out, bytes);
        (void)fputs(" of its log for this link", out);
    }
    if (json_int(json_member(lag, "leftBytes"), &bytes)) {
        (void)fputs(", and gives it up after another ", out);
        print_size(out, bytes);
    }
    const char *text = text_of(lag, "text");
    (void)fprintf(out, "%s%s", text[0] == '\0' ? "" : "; ", text);
    int64_t age = number_of(lag, "ageSeconds");
    if (age > 0) {
        (void)fprintf(out, "; so it was %" PRId64 " s ago, the source does not answer", age);
    }
    (void)fputc('\n', out);
}

static void print_process(const struct json *process, FILE *out)
{
    const char *state = text_of(process, "state");
    const char *next = text_of(process, "nextAttempt");
    const struct json *error = json_member(process, "error");
    if (state[0] == '\0') {
        (void)fputs("  no daemon runs it\n", out);
        return;
    }
    (void)fprintf(out, "  daemon %" PRId64 ": %s since %s%s%s\n", number_of(process, "pid"), state,
                  text_of(process, "since"), next[0] == '\0' ? "" : ", tries again at ", next);
    if (json_is_object(error)) {
        (void)fprintf(out, "  %s: %s\n", text_of(error, "kind"), text_of(error, "message"));
    }
    print_lag(json_member(process, "lag"), out);
}

static void print_entity(const struct json *entity, FILE *out)
{
    const char *reason = text_of(entity, "reason");
    (void)fprintf(out, "%-32s %-10s %14" PRId64 " %6" PRId64 " %16" PRId64 "%s%s\n", text_of(entity, "name"),
                  text_of(entity, "state"), number_of(entity, "rows"), number_of(entity, "partitions"),
                  number_of(entity, "bytes"), reason[0] == '\0' ? "" : "  ", reason);
    int64_t quarantined = number_of(entity, "quarantined");
    if (quarantined > 0) {
        (void)fprintf(out, "  %" PRId64 " %s cannot be taken and %s listed in %s\n", quarantined,
                      plural(quarantined, "row", "rows"), plural(quarantined, "is", "are"),
                      text_of(entity, "quarantine"));
    }
}

void render_status(UNUSED const struct cli *cli, const struct json *answer, FILE *out)
{
    int64_t commit = number_of(answer, "commit");
    (void)fprintf(out, "%s: ", text_of(answer, "link"));
    if (commit == 0) {
        (void)fputs("no commit yet\n", out);
    } else {
        (void)fprintf(out, "commit %" PRId64 " at %s, source position %s\n", commit, text_of(answer, "modified"),
                      text_of(answer, "cursor"));
    }
    print_process(json_member(answer, "process"), out);
    const struct json *lake = json_member(answer, "lakeError");
    if (json_is_object(lake)) {
        (void)fprintf(out, "  the lake cannot be read: %s: %s\n", text_of(lake, "kind"), text_of(lake, "message"));
    } else if (!flag_of(answer, "enabled")) {
        const char *reason = text_of(answer, "disabledReason");
        (void)fprintf(out, "  disabled%s%s; lakefeed enable lets it run again\n", reason[0] == '\0' ? "" : ": ",
                      reason);
    }
    (void)fprintf(out, "\n%-32s %-10s %14s %6s %16s\n", "entity", "state", "rows", "files", "bytes");
    for (const struct json *entity = json_first(json_member(answer, "entities")); entity != NULL;
         entity = json_next(entity)) {
        print_entity(entity, out);
    }
}

/* ---- artifacts, failures, check ---- */

void render_artifacts(UNUSED const struct cli *cli, const struct json *answer, FILE *out)
{
    for (const struct json *file = json_first(answer); file != NULL; file = json_next(file)) {
        (void)fprintf(out, "%s  %" PRId64 " rows  %" PRId64 " bytes  since commit %" PRId64 "\n", text_of(file, "path"),
                      number_of(file, "rows"), number_of(file, "bytes"), number_of(file, "since"));
    }
}

static void print_failure(const struct json *failure, FILE *out)
{
    const char *entity = text_of(failure, "entity");
    int64_t times = number_of(failure, "times");
    (void)fprintf(out, "%s  %s  %s%s%s: %s", text_of(failure, "at"), text_of(failure, "kind"),
                  text_of(failure, "phase"), entity[0] == '\0' ? "" : " of ", entity, text_of(failure, "message"));
    if (times > 1) {
        (void)fprintf(out, " (%" PRId64 " times, last at %s)", times, text_of(failure, "lastAt"));
    }
    (void)fputc('\n', out);
}

void render_failures(UNUSED const struct cli *cli, const struct json *answer, FILE *out)
{
    const struct json *failures = json_member(answer, "failures");
    if (json_first(failures) == NULL) {
        (void)fprintf(out, "%s: nothing failed in the last 90 days\n", text_of(answer, "link"));
    }
    for (const struct json *failure = json_first(failures); failure != NULL; failure = json_next(failure)) {
        print_failure(failure, out);
    }
}

/* The commands that go on from here, as they can be pasted. */
static void print_next_commands(const struct cli *cli, bool untracked, int64_t errors, FILE *out)
{
    CLEANUP(buf_done) struct buf command = {0};
    if (untracked) {
        command_append(&command, cli, "track");
        command_print(out, "To follow the tables that are not tracked:", buf_text(&command), terminal_result_columns());
    } else if (errors == 0) {
        command_append(&command, cli, "run");
        command_print(out, "Next, to keep the lake up to date:", buf_text(&command), terminal_result_columns());
    }
}

void render_check(const struct cli *cli, const struct json *answer, FILE *out)
{
    bool untracked = false;
    for (const struct json *finding = json_first(json_member(answer, "findings")); finding != NULL;
         finding = json_next(finding)) {
        const char *cure = text_of(finding, "cure");
        untracked = untracked || strncmp(cure, "lakefeed track", sizeof "lakefeed track" - 1) == 0;
        (void)fprintf(out, "%-6s  %-7s  %s%s%s\n", text_of(finding, "severity"), text_of(finding, "area"),
                      text_of(finding, "what"), cure[0] == '\0' ? "" : "\n        cure: ", cure);
    }
    int64_t errors = number_of(answer, "errors"), advice = number_of(answer, "advice");
    (void)fprintf(out, "%s: %" PRId64 " %s, %" PRId64 " %s\n", text_of(answer, "link"), errors,
                  plural(errors, "error", "errors"), advice, plural(advice, "piece of advice", "pieces of advice"));
    print_next_commands(cli, untracked, errors, out);
}

/* ---- changes ---- */

void render_enabled(UNUSED const struct cli *cli, const struct json *answer, FILE *out)
{
    (void)fprintf(out, "The link %s is %s.\n", text_of(answer, "link"),
                  flag_of(answer, "enabled") ? "enabled" : "disabled; lakefeed enable lets it run again");
}

void render_unlink(UNUSED const struct cli *cli, const struct json *answer, FILE *out)
{
    char files[32], bytes[32];
    bool purge = flag_of(answer, "purge"), preview = flag_of(answer, "preview");
    const char *link = text_of(answer, "link");
    text_grouped((uint64_t)number_of(answer, "files"), files);
    text_grouped((uint64_t)number_of(answer, "bytes"), bytes);
    for (const struct json *path = json_first(preview ? json_member(answer, "paths") : NULL); path != NULL;
         path = json_next(path)) {
        (void)fprintf(out, "%s\n", json_text(path));
    }
    if (preview) {
        (void)fprintf(out, "unlink --purge would remove these %s files, %s bytes, from the lake of link %s", files,
                      bytes, link);
    } else {
        (void)fprintf(out, "The source keeps nothing for link %s any more; ", link);
        (void)fprintf(out, purge ? "%s files, %s bytes, were removed from its lake" : "the files of the lake stay",
                      files, bytes);
    }
    int64_t foreign = number_of(answer, "foreign");
    if (foreign > 0) {
        (void)fprintf(out, "; %" PRId64 " %s not lakefeed's and %s", foreign, plural(foreign, "file is", "files are"),
                      preview ? "would stay" : "stayed");
    }
    (void)fputs(preview ? "; add --yes to remove them.\n" : ".\n", out);
}
