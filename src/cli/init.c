/* SPDX-License-Identifier: Apache-2.0 */
#include "app/source.h"

#include "base/json.h"
#include "base/macros.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "config/settings.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define LIST_MAX_BYTES ((size_t)900 << 10) /* a configuration has at most 1 MiB */

/* ---- pieces of JSON with comments ---- */

/* "${" in a name is no parameter: the file says so by another "$" in front. */
static void append_unparametrised(struct buf *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        buf_append_text(out, strncmp(at, "${", 2) == 0 ? "$" : "");
        buf_append_char(out, *at);
    }
}

/* `text` is UTF-8. */
static void append_json(struct buf *out, const char *text)
{
    CLEANUP(buf_done) struct buf plain = {0};
    append_unparametrised(&plain, text);
    struct lf_error err;
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(out, /* indent= */ false);
    json_write_text(writer, buf_text(&plain));
    bool good = json_writer_finish(writer, &err);
    assert(good);
}

static void append_value(struct buf *out, const struct setting *setting)
{
    bool bare = setting->type == SETTING_INT || setting->type == SETTING_BOOL;
    if (setting->type == SETTING_SECRET) {
        buf_append_text(out, "{ \"file\": \"PATH\" }");
    } else if (bare && setting->fallback[0] != '\0') {
        buf_append_text(out, setting->fallback);
    } else {
        append_json(out, setting->fallback[0] != '\0' ? setting->fallback : "…");
    }
}

/* What a setting means and may be. */
static void append_help(struct buf *out, const char *indent, const char *name, const struct setting *setting)
{
    buf_printf(out, "%s// %s%s%s", indent, name, name[0] != '\0' ? ": " : "", setting->help);
    if (setting->max != NULL) {
        buf_printf(out, " (%s to %s)", setting->min, setting->max);
    } else if (setting->min != NULL) {
        buf_printf(out, " (at least %s)", setting->min);
    }
    for (const char *const *choice = setting->choices; choice != NULL && *choice != NULL; choice++) {
        buf_printf(out, "%s%s", choice == setting->choices ? " (" : ", ", *choice);
    }
    buf_append_text(out, setting->choices != NULL ? ")\n" : "\n");
}

static bool is_simple(const struct setting *setting)
{
    return setting->type != SETTING_OBJECT && setting->type != SETTING_LIST && setting->type != SETTING_MAP;
}

static bool is_optional(enum setting_section section, const struct setting *setting)
{
    return setting->name != NULL && setting->section == section && setting->fallback != NULL;
}

/* What is for lakes of another kind is not shown. */
static bool is_for(const char *lake_url, const struct setting *setting)
{
    return setting->lake == CONFIG_LAKE_ANY || setting->lake == config_lake_form(lake_url);
}

/* The first simple setting that has a default. It is put last and is no comment, so that any comment above it can become a
 * setting without a thought about commas. */
static const struct setting *find_shown(enum setting_section section)
{
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (is_optional(section, setting) && is_simple(setting) && setting->fallback[0] != '\0') {
            return setting;
        }
    }
    return NULL;
}

/* All optional simple settings of a section but one ("": none), as comments that hold the defaults; `lake_url` NULL: where there
 * is no lake. */
static void append_commented(struct buf *out, enum setting_section section, const char *lake_url, const char *indent,
                             const char *but)
{
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (is_optional(section, setting) && is_for(lake_url, setting) && is_simple(setting) &&
            strcmp(setting->name, but) != 0) {
            append_help(out, indent, "", setting);
            buf_printf(out, "%s// \"%s\": ", indent, setting->name);
            append_value(out, setting);
            buf_append_text(out, ",\n");
        }
    }
}

/* "spool": { … } on one commented line, with the meaning of each member above. */
static void append_commented_object(struct buf *out, const struct setting *object, const char *indent)
{
    bool first = true;
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (is_optional(object->children, setting) && is_simple(setting)) {
            append_help(out, indent, setting->name, setting);
        }
    }
    buf_printf(out, "%s// \"%s\": { ", indent, object->name);
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (is_optional(object->children, setting) && is_simple(setting)) {
            buf_printf(out, "%s\"%s\": ", first ? "" : ", ", setting->name);
            append_value(out, setting);
            first = false;
        }
    }
    buf_append_text(out, " },\n");
}

/* "auth": who the link is towards its lake, for a lake that asks. */
static void append_identity(struct buf *out, const struct config_link *link)
{
    const struct setting *object = settings_find(SECTION_LAKE, "auth");
    const struct setting *shown = find_shown(object->children);
    if (!is_for(link->lake_url, object)) {
        return;
    }
    append_help(out, "        ", "", object);
    buf_printf(out, "        \"%s\": {\n", object->name);
    append_commented(out, object->children, link->lake_url, "          ", shown->name);
    append_help(out, "          ", "", shown);
    buf_printf(out, "          \"%s\": ", shown->name);
    append_value(out, shown);
    buf_append_text(out, "\n        },\n");
}

/* The optional objects of a link, such as "snapshot", open for changes. */
static void append_open_objects(struct buf *out)
{
    for (const struct setting *object = settings_table; object->name != NULL; object++) {
        const struct setting *shown = object->type == SETTING_OBJECT ? find_shown(object->children) : NULL;
        if (!is_optional(SECTION_LINK, object) || shown == NULL) {
            continue;
        }
        buf_printf(out, ",\n      \"%s\": {\n", object->name);
        append_commented(out, object->children, NULL, "        ", shown->name);
        append_help(out, "        ", "", shown);
        buf_printf(out, "        \"%s\": ", shown->name);
        append_value(out, shown);
        buf_append_text(out, "\n      }");
    }
}

/* ---- tables ---- */

struct tables {
    struct buf taken, refused; /* lines of the list of entities */
    char *last;                /* not written yet: the last line has no comma */
    int64_t last_rows;
    size_t ntaken, nrefused, nuntracked;
};

static void tables_done(struct tables *tables)
{
    buf_done(&tables->taken);
    buf_done(&tables->refused);
    text_free(&tables->last);
}

static void append_rows(struct buf *out, int64_t rows)
{
    if (rows >= 0) {
        buf_printf(out, "about %" PRId64 " %s", rows, rows == 1 ? "row" : "rows");
    } else {
        buf_append_text(out, "number of rows unknown");
    }
}

static void refuse(struct tables *tables, const char *name, const char *reason)
{
    CLEANUP(buf_done) struct buf clean = {0};
    text_append_clean(&clean, name);
    tables->nrefused++;
    buf_append_text(&tables->refused, "        // ");
    append_json(&tables->refused, buf_text(&clean));
    buf_append_text(&tables->refused, " is left out: ");
    text_append_clean(&tables->refused, reason);
    buf_append_char(&tables->refused, '\n');
}

/* Whether the configuration can name the table at all. */
static bool check_name(const char *name, struct lf_error *err)
{
    struct config_entity entity = {0};
    if (!utf8_valid(name, strlen(name))) {
        return lf_error_set(err, LF_CONFIG, 0, "its name is not UTF-8");
    }
    bool good = settings_set_text(settings_find(SECTION_ENTITY, "table"), name, &entity, err);
    text_free(&entity.table);
    return good || lf_error_wrap(err, "its name");
}

static void write_last(struct tables *tables, const char *comma)
{
    if (tables->last != NULL) {
        buf_append_text(&tables->taken, "        ");
        append_json(&tables->taken, tables->last);
        buf_printf(&tables->taken, "%s // ", comma);
        append_rows(&tables->taken, tables->last_rows);
        buf_append_char(&tables->taken, '\n');
    }
    text_free(&tables->last);
}

static bool visit_table(void *context, const struct lf_table *table, UNUSED struct lf_error *err)
{
    struct tables *tables = context;
    struct lf_error reason;
    if (table->refusal != NULL) {
        refuse(tables, table->name, table->refusal);
    } else if (!check_name(table->name, &reason)) {
        refuse(tables, table->name, reason.msg);
    } else {
        write_last(tables, ",");
        tables->last = text_copy(table->name);
        tables->last_rows = table->estimated_rows;
        tables->ntaken++;
        tables->nuntracked += table->tracked ? 0 : 1;
    }
    return true;
}

static void append_entities(struct buf *out, const struct tables *tables)
{
    const struct setting *setting = settings_find(SECTION_LINK, "entities");
    append_help(out, "      ", "", setting);
    if (tables->taken.len + tables->refused.len > LIST_MAX_BYTES) {
        buf_printf(out,
                   "      // %zu tables are too many for this file; without a list all that have a key are copied.\n",
                   tables->ntaken);
        return;
    }
    if (tables->ntaken == 0) {
        buf_append_text(out, "      // The source has no table that can be copied.\n");
        buf_append_text(out, buf_text(&tables->refused));
        return;
    }
    buf_append_text(out,
                    "      // With the list, tables that are made later are not copied. No comma behind the last one.\n"
                    "      \"entities\": [\n");
    buf_append_text(out, buf_text(&tables->refused));
    buf_append_text(out, buf_text(&tables->taken));
    buf_append_text(out, "      ],\n");
}

/* ---- the whole ---- */

static void append_connector_options(struct buf *out, const struct lf_connector *connector)
{
    for (const struct lf_option *option = connector->options; option != NULL && option->name != NULL; option++) {
        bool bare = option->type == LF_OPT_INT || option->type == LF_OPT_BOOL;
        buf_printf(out, "        // %s\n        // \"%s\": ", option->help, option->name);
        if (option->type == LF_OPT_SECRET) {
            buf_append_text(out, "{ \"file\": \"PATH\" }");
        } else if (bare && option->fallback != NULL && option->fallback[0] != '\0') {
            buf_append_text(out, option->fallback);
        } else {
            append_json(out, option->fallback != NULL && option->fallback[0] != '\0' ? option->fallback : "…");
        }
        buf_append_text(out, ",\n");
    }
}

static void append_root(struct buf *out)
{
    buf_append_text(out, "// A configuration of lakefeed to begin with; docs/configuration.md explains every setting.\n"
                         "// What is commented out shows the default, or \"…\" where there is none.\n"
                         "{\n  \"version\": 1,\n");
    append_commented(out, SECTION_ROOT, NULL, "  ", "");
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        if (is_optional(SECTION_ROOT, setting) && setting->type == SETTING_OBJECT) {
            append_commented_object(out, setting, "  ");
        }
    }
}

static void append_link(struct buf *out, const struct config_link *link, const struct lf_connector *connector,
                        const struct tables *tables)
{
    buf_append_text(out, "  \"links\": [\n    {\n      \"name\": ");
    append_json(out, link->name);
    buf_append_text(out, ",\n");
    append_commented(out, SECTION_LINK, NULL, "      ", "");
    buf_append_text(out, "      \"source\": {\n        \"connector\": ");
    append_json(out, connector->name);
    buf_append_text(out, ",\n");
    append_commented(out, SECTION_SOURCE, NULL, "        ", "connector");
    append_connector_options(out, connector);
    buf_append_text(out, "        \"url\": ");
    append_json(out, link->source_url);
    buf_append_text(out, "\n      },\n");
    append_entities(out, tables);
    buf_append_text(out, "      \"lake\": {\n");
    append_commented(out, SECTION_LAKE, link->lake_url, "        ", "");
    append_identity(out, link);
    buf_append_text(out, "        \"url\": ");
    append_json(out, link->lake_url);
    buf_append_text(out, "\n      }");
    append_open_objects(out);
    buf_append_text(out, "\n    }\n  ]\n}\n");
}

/* The text is parsed before anybody sees it: whatever the tables are called, it is a configuration. */
static bool make_text(const struct config_link *link, struct tables *tables, bool *ret_tracks, struct buf *out,
                      struct lf_error *err)
{
    CLEANUP(app_source_close) struct app_source source = {0};
    CLEANUP(config_free) struct config *parsed = NULL;
    if (!utf8_valid(link->source_url, strlen(link->source_url)) ||
        !utf8_valid(link->lake_url, strlen(link->lake_url))) {
        return lf_error_set(err, LF_CONFIG, 0, "--source and --lake must be UTF-8: a configuration is JSON");
    }
    TRY(app_source_open(&source, link, NULL, err));
    TRY(source.connector->ops->discover(source.session, visit_table, tables, err));
    write_last(tables, "");
    *ret_tracks = source.connector->ops->track != NULL;
    append_root(out);
    append_link(out, link, source.connector, tables);
    TRY(buf_check(out, "the configuration", err));
    return config_parse("the configuration made", buf_text(out), out->len, &parsed, err);
}

static void print_hints(const struct tables *tables, bool tracks)
{
    size_t columns = terminal_message_columns();
    if (tables->nrefused > 0) {
        command_say("%zu tables are listed, %zu left out; comments say why.", tables->ntaken, tables->nrefused);
    } else {
        command_say("%zu tables are listed.", tables->ntaken);
    }
    command_print(stderr,
                  isatty(STDOUT_FILENO)
                      ? "Add \"> lakefeed.json\" to save this, and change what you like. See if all is well:"
                      : "Read the file, change what you like, and see if all is well:",
                  "lakefeed check -c lakefeed.json", columns);
    if (tracks && tables->nuntracked > 0) {
        command_print(stderr, "Install change tracking in the tables (lakefeed untrack removes it without a trace):",
                      "lakefeed track -c lakefeed.json", columns);
    }
    command_print(stderr,
                  "Bring the lake up to date; without --once, keep it so:", "lakefeed run -c lakefeed.json --once",
                  columns);
}

int cli_init(struct cli *cli)
{
    const struct config_flags flags = {.source_url = cli->source, .lake_url = cli->lake, .name = cli->name};
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(tables_done) struct tables tables = {0};
    struct lf_error err;
    bool tracks = false;
    if (!config_from_flags(&flags, &cli->config, &err) || !app_check_settings(&cli->config->links[0], &err) ||
        !make_text(&cli->config->links[0], &tables, &tracks, &text, &err)) {
        return cli_fail(&err);
    }
    (void)fwrite(text.ptr, 1, text.len, stdout);
    (void)fflush(stdout); /* before the hints, where both go to one terminal */
    print_hints(&tables, tracks);
    return APP_DONE;
}
