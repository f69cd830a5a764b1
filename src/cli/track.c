/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "app/source.h"
#include "base/macros.h"

/* Tracking needs no lake: one given only as --source gets a name that nothing looks at. */
static bool prepare(struct cli *cli, const struct config_link **ret_link, struct lf_error *err)
{
    if (cli->source != NULL && cli->lake == NULL) {
        cli->lake = "file:.";
    }
    TRY(cli_prepare(cli, /* once= */ false, err));
    return cli_choose_link(cli, ret_link, err);
}

static bool track(const struct config_link *link, size_t *ret_tables, struct lf_error *err)
{
    CLEANUP(app_source_close) struct app_source source = {0};
    TRY(app_source_open(&source, link, NULL, err));
    return app_source_track(&source, link, ret_tables, err);
}

static bool untrack(const struct config_link *link, struct lf_error *err)
{
    CLEANUP(app_source_close) struct app_source source = {0};
    TRY(app_source_open(&source, link, NULL, err));
    if (source.connector->ops->untrack == NULL) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "source %s needs no change tracking", source.connector->name);
    }
    return source.connector->ops->untrack(source.session, err);
}

int cli_track(struct cli *cli)
{
    struct lf_error err;
    const struct config_link *link = NULL;
    size_t tables = 0;
    if (!prepare(cli, &link, &err) || !track(link, &tables, &err)) {
        return cli_fail(&err);
    }
    (void)printf("Changes of %zu tables are tracked.\n", tables);
    return APP_DONE;
}

int cli_untrack(struct cli *cli)
{
    struct lf_error err;
    const struct config_link *link = NULL;
    if (!prepare(cli, &link, &err) || !untrack(link, &err)) {
        return cli_fail(&err);
    }
    (void)printf("Change tracking is gone from the source, without a trace.\n");
    return APP_DONE;
}
