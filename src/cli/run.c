/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "cli/progress.h"
#include "cli/render.h"

/* What each link did. */
static bool summarize(const struct cli *cli, struct json_writer *writer, const struct buf *text, struct lf_error *err)
{
    CLEANUP(json_free) struct json *root = NULL;
    TRY(json_writer_finish(writer, err) && buf_check(text, "the summary", err));
    TRY(json_parse("the summary", buf_text(text), text->len, &root, err));
    render_runs(cli, root, stdout);
    return true;
}

static int run(struct cli *cli, struct json_writer *writer, struct lf_error *err)
{
    CLEANUP(progress_done) struct progress progress;
    progress_init(&progress, stderr, cli->live);
    const struct app_options options = {
        .state_dir = cli->state,
        .client = cli->client,
        .config_path = cli->config_file,
        .log = cli->log,
        .catalog = cli->catalog,
        .track = cli->track,
        .takeover = cli->takeover,
        .once = cli->once,
        .only = cli->link,
        .log_end = !cli->terminal,
        .observer = progress_observer(&progress),
    };
    return app_run(cli->config, &options, writer, err);
}

int cli_run(struct cli *cli)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&text, /* indent= */ false);
    struct lf_error err;
    const struct config_link *only = NULL;
    if (!cli_prepare(cli, cli->once, &err) || (cli->link != NULL && !cli_choose_link(cli, &only, &err))) {
        return cli_fail(&err);
    }
    cli_open_catalog(cli, /* read_only= */ false);
    err = (struct lf_error){0};
    json_begin_array(writer);
    int status = run(cli, writer, &err);
    json_end_array(writer);
    if (err.kind != LF_NONE) {
        (void)(cli->terminal && err.kind != LF_CANCELLED ? cli_fail(&err) : 0);
    } else if (cli->once && !summarize(cli, writer, &text, &err)) {
        return cli_fail(&err);
    }
    return status;
}
