/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/macros.h"

#include <string.h>
#include <unistd.h>

/* What the lake of each link holds after a single run. */
static void summarize(struct cli *cli, struct progress *progress)
{
    for (size_t i = 0; i < cli->config->nlinks; i++) {
        CLEANUP(lake_close) struct lake *lake = NULL;
        CLEANUP(model_free) struct model *model = NULL;
        struct lf_error err;
        if (cli_read_model(&cli->config->links[i], &lake, &model, &err) && model != NULL) {
            progress_summary(progress, model, stdout);
        }
    }
}

static int run(struct cli *cli, const struct app_options *what)
{
    struct lf_error err = {0};
    CLEANUP(progress_done) struct progress progress;
    bool terminal = isatty(STDERR_FILENO) && !cli->config->log_json;
    progress_init(&progress, stderr, terminal && what->once && !cli->verbose);
    const struct app_options options = {
        .state_dir = cli->state,
        .log = cli->log,
        .track = cli->track,
        .takeover = cli->takeover,
        .once = what->once,
        .log_end = !terminal,
        .resync = what->resync,
        .nresync = what->nresync,
        .resync_all = what->resync_all,
        .observer = progress_observer(&progress),
    };
    int status = app_run(cli->config, &options, &err);
    if (err.kind != LF_NONE) {
        (void)(terminal && err.kind != LF_CANCELLED ? cli_fail(&err) : 0);
    } else if (what->once) {
        progress_done(&progress);
        summarize(cli, &progress);
    }
    return status;
}

int cli_run(struct cli *cli)
{
    struct lf_error err;
    if (!cli_prepare(cli, &err)) {
        return cli_fail(&err);
    }
    return run(cli, &(struct app_options){.once = cli->once});
}

int cli_resync(struct cli *cli)
{
    struct lf_error err;
    const struct config_link *link = NULL;
    if (!cli_prepare(cli, &err) || !cli_choose_link(cli, &link, &err)) {
        return cli_fail(&err);
    }
    if (cli->config->nlinks > 1) {
        lf_error_set(&err, LF_CONFIG, 0, "resync works on a configuration of one link");
        return cli_fail(&err);
    }
    return run(cli, &(struct app_options){
                        .resync = cli->words, .nresync = cli->nwords, .resync_all = cli->nwords == 0, .once = true});
}
