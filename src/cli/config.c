/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/file.h"
#include "base/json.h"
#include "base/macros.h"
#include "cli/member.h"
#include "cli/operate.h"

#include <stdlib.h>
#include <string.h>

/* What to show and compare needs no secrets, which the user at the terminal may not even be allowed to read. */
static const struct config_reading without_secrets = {.without_secrets = true};

static bool check_connectors(const struct config *config, struct lf_error *err)
{
    for (size_t i = 0; i < config->nlinks; i++) {
        TRY(app_find_connector(&config->links[i], err) != NULL);
    }
    return true;
}

/* Also the options against the connectors, which know what is a secret: nothing may be shown before. */
static bool load_to_show(const char *path, struct config **ret_config, struct lf_error *err)
{
    return config_load_with(path, &without_secrets, ret_config, err) && check_connectors(*ret_config, err);
}

static bool load_own(const struct cli *cli, struct config **ret_config, struct lf_error *err)
{
    CLEANUP(text_free) char *path = NULL;
    return config_find(cli->config_path, &path, err) && load_to_show(path, ret_config, err);
}

static int print_text(const struct buf *text)
{
    (void)fwrite(buf_text(text), 1, text->len, stdout);
    return APP_DONE;
}

static int finish_json(const struct buf *text, struct json_writer *writer)
{
    struct lf_error err;
    return json_writer_finish(writer, &err) ? print_text(text) : cli_fail(&err);
}

/* ---- check ---- */

struct findings {
    char **errors;
    size_t n;
};

static void findings_done(struct findings *findings)
{
    for (size_t i = 0; i < findings->n; i++) {
        text_free(&findings->errors[i]);
    }
    free(findings->errors);
}

static void add_finding(void *context, const struct lf_error *err)
{
    struct findings *findings = context;
    findings->errors = mem_resize(findings->errors, findings->n + 1, sizeof *findings->errors);
    findings->errors[findings->n++] = text_copy(err->msg);
}

static void check_file(const char *path, struct config **ret_config, struct findings *findings)
{
    const struct config_reading how = {.report = add_finding, .context = findings};
    struct lf_error err;
    if (!config_load_with(path, &how, ret_config, &err)) {
        if (findings->n == 0) { /* the file cannot be read */
            add_finding(findings, &err);
        }
        return;
    }
    for (size_t i = 0; i < (*ret_config)->nlinks; i++) {
        if (!app_check_settings(&(*ret_config)->links[i], &err)) {
            (void)lf_error_wrap(&err, "%s", path);
            add_finding(findings, &err);
        }
    }
}

struct counts {
    size_t links, entities, whole; /* whole: links of all tables */
};

static struct counts count(const struct config *config)
{
    struct counts counts = {0};
    for (size_t i = 0; config != NULL && i < config->nlinks; i++) {
        counts.links++;
        counts.entities += config->links[i].nentities;
        counts.whole += config->links[i].nentities == 0;
    }
    return counts;
}

static void print_counts(const char *path, const struct counts *counts)
{
    (void)printf("%s: right: %zu link%s, %zu entit%s", path, counts->links, plural((int64_t)counts->links, "", "s"),
                 counts->entities, counts->entities == 1 ? "y" : "ies");
    if (counts->whole > 0) {
        (void)printf(", and all tables of %zu link%s", counts->whole, plural((int64_t)counts->whole, "", "s"));
    }
    (void)printf("\n");
}

static int print_check_json(const char *path, const struct counts *counts, const struct findings *findings)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&text, /* indent= */ true);
    json_begin_object(writer);
    json_put_text(writer, "file", path);
    json_write_key(writer, "right");
    json_write_bool(writer, findings->n == 0);
    json_write_key(writer, "links");
    json_write_int(writer, (int64_t)counts->links);
    json_write_key(writer, "entities");
    json_write_int(writer, (int64_t)counts->entities);
    json_write_key(writer, "errors");
    json_begin_array(writer);
    for (size_t i = 0; i < findings->n; i++) {
        json_write_text(writer, findings->errors[i]);
    }
    json_end_array(writer);
    json_end_object(writer);
    return finish_json(&text, writer);
}

static int check(struct cli *cli)
{
    CLEANUP(text_free) char *path = NULL;
    CLEANUP(config_free) struct config *config = NULL;
    CLEANUP(findings_done) struct findings findings = {0};
    struct lf_error err;
    if (!config_find(cli->config_path, &path, &err)) {
        return cli_fail(&err);
    }
    check_file(path, &config, &findings);
    const struct counts counts = count(config);
    int status = APP_DONE;
    if (cli->json) {
        status = print_check_json(path, &counts, &findings);
    } else if (findings.n == 0) {
        print_counts(path, &counts);
    }
    for (size_t i = 0; i < findings.n && !cli->json; i++) {
        (void)fprintf(stderr, "lakefeed: %s\n", findings.errors[i]);
    }
    return findings.n > 0 ? APP_USAGE : status;
}

/* ---- show, schema, export ---- */

static int show(struct cli *cli)
{
    CLEANUP(config_free) struct config *config = NULL;
    CLEANUP(buf_done) struct buf text = {0};
    struct lf_error err;
    return load_own(cli, &config, &err) && config_print(config, &text, &err) ? print_text(&text) : cli_fail(&err);
}

static int schema(UNUSED struct cli *cli)
{
    CLEANUP(buf_done) struct buf text = {0};
    config_schema(&text);
    return print_text(&text);
}

static int export(struct cli *cli)
{
    CLEANUP(config_free) struct config *config = NULL;
    CLEANUP(buf_done) struct buf text = {0};
    struct lf_error err;
    if (!load_own(cli, &config, &err) || !config_export(config, cli->words + 1, cli->nwords - 1, &text, &err)) {
        return cli_fail(&err);
    }
    return print_text(&text);
}

/* ---- import ---- */

static bool read_text(const char *path, struct buf *text, struct config_text *ret, struct lf_error *err)
{
    if (!file_read_all(path, CONFIG_FILE_MAX_BYTES, text, err)) {
        err->kind = err->kind == LF_NOT_FOUND || err->kind == LF_LIMIT ? LF_CONFIG : err->kind;
        return lf_error_wrap(err, "the configuration");
    }
    *ret = (struct config_text){path, buf_text(text), text->len};
    return true;
}

static bool import_into(const char *path, const char *other, struct config_imported *ret, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf own_text = {0};
    CLEANUP(buf_done) struct buf other_text = {0};
    CLEANUP(buf_done) struct buf result;
    struct config_text target;
    struct config_text document;
    buf_init(&result, CONFIG_FILE_MAX_BYTES);
    TRY(read_text(path, &own_text, &target, err));
    TRY(read_text(other, &other_text, &document, err));
    TRY(config_import(&target, &document, &result, ret, err));
    return config_replace_file(path, buf_slice(&own_text), buf_slice(&result), err);
}

static int import(struct cli *cli)
{
    CLEANUP(text_free) char *path = NULL;
    struct config_imported imported;
    struct lf_error err;
    if (!config_find(cli->config_path, &path, &err) || !import_into(path, cli->words[1], &imported, &err)) {
        return cli_fail(&err);
    }
    (void)printf("%s: %zu link%s and %zu parameter%s added; the file as it was: %s.bak\n", path, imported.links,
                 plural((int64_t)imported.links, "", "s"), imported.parameters,
                 plural((int64_t)imported.parameters, "", "s"), path);
    return APP_DONE;
}

/* ---- diff ---- */

static const char *change_name(enum config_change change)
{
    static const char *const names[] = {
        [CONFIG_LIVE] = "live", [CONFIG_RESTART_LINK] = "restart_link", [CONFIG_REFUSED] = "refused"};
    return names[change];
}

static int print_diff_json(const struct config_differences *differences)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&text, /* indent= */ true);
    json_begin_array(writer);
    for (size_t i = 0; i < differences->n; i++) {
        const struct config_difference *one = &differences->items[i];
        json_begin_object(writer);
        json_put_text(writer, "path", one->path);
        json_put_text(writer, "old", one->old_text);
        json_put_text(writer, "new", one->new_text);
        json_put_text(writer, "change", change_name(one->change));
        json_put_text(writer, "way", one->way);
        json_end_object(writer);
    }
    json_end_array(writer);
    return finish_json(&text, writer);
}

static int print_diff(const struct config_differences *differences)
{
    static const char *const words[] = {[CONFIG_LIVE] = "taken over while the daemon runs",
                                        [CONFIG_RESTART_LINK] = "taken over by a restart of the link alone"};
    for (size_t i = 0; i < differences->n; i++) {
        const struct config_difference *one = &differences->items[i];
        (void)printf("%s: ", one->path);
        if (one->old_text != NULL && one->new_text != NULL) {
            (void)printf("%s → %s", one->old_text, one->new_text);
        } else {
            (void)printf("%s %s", one->old_text == NULL ? "added:" : "removed:",
                         one->old_text == NULL ? one->new_text : one->old_text);
        }
        (void)printf("; %s%s\n", one->way != NULL ? "refused: " : words[one->change], one->way != NULL ? one->way : "");
    }
    return APP_DONE;
}

static int diff(struct cli *cli)
{
    CLEANUP(config_free) struct config *own = NULL;
    CLEANUP(config_free) struct config *other = NULL;
    CLEANUP(config_differences_done) struct config_differences differences = {0};
    struct lf_error err;
    if (!load_own(cli, &own, &err) || !load_to_show(cli->words[1], &other, &err)) {
        return cli_fail(&err);
    }
    config_diff(own, other, &differences);
    const int status = cli->json ? print_diff_json(&differences) : print_diff(&differences);
    return status == APP_DONE && differences.n > 0 ? APP_DIFFERENT : status;
}

/* ---- reload ---- */

static void print_reload(const struct json *answer)
{
    const struct json *changes = json_member(answer, "changes");
    if (json_first(changes) == NULL) {
        (void)puts("The daemon has read its configuration again; nothing has changed.");
    }
    for (const struct json *change = json_first(changes); change != NULL; change = json_next(change)) {
        bool secret = flag_of(change, "secret");
        (void)printf("%s: %s, now %s\n", text_of(change, "path"),
                     secret ? "a secret" : text_or(change, "before", "absent"),
                     secret ? "another" : text_or(change, "after", "absent"));
    }
}

/* Only a running daemon has a configuration in force. */
static int reload(struct cli *cli)
{
    CLEANUP(admin_answer_done) struct admin_answer answer = {0};
    CLEANUP(json_free) struct json *root = NULL;
    struct lf_error err;
    const struct admin_call call = {.operation = ADMIN_reload};
    if (!app_state_dir(cli->state_dir, &cli->state, &err) || !operate_daemon(cli, &call, &answer, &err)) {
        return cli_fail(&err);
    }
    if (cli->json) {
        return print_text(&answer.json);
    }
    if (!json_parse("the answer", buf_text(&answer.json), answer.json.len, &root, &err)) {
        return cli_fail(&err);
    }
    print_reload(root);
    return APP_DONE;
}

/* ---- the verb ---- */

static const struct subcommand {
    const char *name, *usage;
    size_t least, most; /* words behind it */
    int (*run)(struct cli *cli);
} subcommands[] = {
    {"check", "check", 0, 0, check},         {"show", "show", 0, 0, show},
    {"schema", "schema", 0, 0, schema},      {"export", "export [LINK…]", 0, SIZE_MAX, export},
    {"import", "import FILE", 1, 1, import}, {"diff", "diff FILE", 1, 1, diff},
    {"reload", "reload", 0, 0, reload},
};

int cli_config(struct cli *cli)
{
    for (size_t i = 0; cli->nwords > 0 && i < ARRAY_LEN(subcommands); i++) {
        const struct subcommand *wanted = &subcommands[i];
        if (strcmp(cli->words[0], wanted->name) != 0) {
            continue;
        }
        if (cli->nwords - 1 >= wanted->least && cli->nwords - 1 <= wanted->most) {
            return wanted->run(cli);
        }
        (void)fprintf(stderr, "lakefeed: the usage is lakefeed config [-c FILE] %s\n", wanted->usage);
        return APP_USAGE;
    }
    if (cli->nwords == 0) {
        (void)fputs("lakefeed: config needs one of these words:", stderr);
    } else {
        (void)fprintf(stderr, "lakefeed: config has no word %.100s; it has:", cli->words[0]);
    }
    for (size_t i = 0; i < ARRAY_LEN(subcommands); i++) {
        (void)fprintf(stderr, "%s %s", i == 0 ? "" : ",", subcommands[i].name);
    }
    (void)fputs("\nlakefeed: see lakefeed config --help\n", stderr);
    return APP_USAGE;
}
