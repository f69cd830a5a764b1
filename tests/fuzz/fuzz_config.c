/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a configuration: refused with a CONFIG error that names the file and a line of it, or taken with every
 * setting within its bounds. What was taken is printed and read again without a difference, exported, and takes another link.
 */
#include "base/macros.h"
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static size_t count_lines(const uint8_t *data, size_t size)
{
    size_t lines = 1;
    for (size_t i = 0; i < size; i++) {
        lines += data[i] == '\n';
    }
    return lines;
}

static void check_error(const struct lf_error *err, size_t lines)
{
    static const char start[] = "fuzz.json: line ";
    must(err->kind == LF_CONFIG);
    must(strncmp(err->msg, start, sizeof start - 1) == 0);
    const unsigned long line = strtoul(err->msg + sizeof start - 1, NULL, 10);
    must(line >= 1 && line <= lines);
}

static void check_link(const struct config_link *link)
{
    struct lf_error err;
    must(strlen(link->name) >= 1 && strlen(link->name) <= 32);
    must(config_check_url(link->source_url, &err) && config_check_url(link->lake_url, &err));
    must((link->entities == NULL) == (link->nentities == 0));
    must(link->interval_ms >= 1000 && link->interval_ms <= 86400000);
    must(link->keep >= 1 && link->keep <= 1000 && link->keep_for_ms >= 0);
    must(link->partition_bytes >= 1024 && link->chunk_rows >= 1);
    for (size_t i = 0; i < link->nentities; i++) {
        must(link->entities[i].table[0] != '\0');
    }
    for (size_t i = 0; i < link->nconnector_options; i++) {
        must(link->connector_options[i].name != NULL && link->connector_options[i].text != NULL);
    }
}

static void must_equal(const struct config *left, const struct config *right)
{
    struct config_differences differences;
    config_diff(left, right, &differences);
    must(differences.n == 0);
    config_differences_done(&differences);
}

/* With what the variables of this process hold, a text may be no UTF-8. */
static void check_print(const struct config *config)
{
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(buf_done) struct buf exported = {0};
    CLEANUP(config_free) struct config *again = NULL;
    CLEANUP(config_free) struct config *portable = NULL;
    const struct config_reading unread = {.without_secrets = true};
    struct lf_error err;
    if (!config_print(config, &out, &err) || !config_export(config, NULL, 0, &exported, &err)) {
        must(err.kind == LF_DATA);
        return;
    }
    must(config_parse("again.json", buf_text(&out), out.len, &again, &err));
    must_equal(config, again);
    must(config_parse_with("out.json", buf_text(&exported), exported.len, &unread, &portable, &err));
    must(portable->nlinks == config->nlinks);
}

static void check_import(const struct config *config, const uint8_t *data, size_t size)
{
    static const char link[] = "{\"version\":1,\"parameters\":{\"Added\":\"x\"},\"links\":[{\"name\":\"added\","
                               "\"source\":{\"url\":\"x:\"},\"lake\":{\"url\":\"fuzz://added\"}}]}";
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(config_free) struct config *both = NULL;
    const struct config_text target = {"fuzz.json", (const char *)data, size};
    const struct config_text document = {"link.json", link, sizeof link - 1};
    struct config_imported imported;
    struct lf_error err;
    if (!config_import(&target, &document, &out, &imported, &err)) {
        must(err.kind == LF_CONFIG);
        return;
    }
    must(config_parse("both.json", buf_text(&out), out.len, &both, &err));
    must(both->nlinks == config->nlinks + 1 && strcmp(both->links[config->nlinks].name, "added") == 0);
}

/* What can be read can be read without its secrets. */
static void check_unread(const uint8_t *data, size_t size)
{
    CLEANUP(config_free) struct config *config = NULL;
    const struct config_reading how = {.without_secrets = true};
    struct lf_error err;
    must(config_parse_with("fuzz.json", (const char *)data, size, &how, &config, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(config_free) struct config *config = NULL;
    struct lf_error err = {0};
    if (!config_parse("fuzz.json", (const char *)data, size, &config, &err)) {
        check_error(&err, count_lines(data, size));
        return 0;
    }
    must(config->nlinks > 0 && config->memory_bytes >= (size_t)16 << 20 && config->spool_max_bytes >= 1 << 20);
    for (size_t i = 0; i < config->nlinks; i++) {
        check_link(&config->links[i]);
    }
    check_unread(data, size);
    check_print(config);
    check_import(config, data, size);
    return 0;
}
