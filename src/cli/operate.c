/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/operate.h"

#include "base/macros.h"
#include "cli/progress.h"
#include "net/unix_http.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the daemon ---- */

static bool request(const struct cli *cli, const struct admin_call *call, struct unix_http_reply *ret_reply,
                    struct lf_error *err)
{
    CLEANUP(text_free) char *socket_path = app_socket_path(cli->state);
    CLEANUP(buf_done) struct buf target = {0};
    CLEANUP(buf_done) struct buf body = {0};
    const char *method = admin_call_print(call, &target, &body);
    const struct unix_http_request http = {
        .socket_path = socket_path,
        .method = method,
        .target = buf_text(&target),
        .body = body.ptr,
        .len = body.len,
        .want_header = ADMIN_STATUS_HEADER,
    };
    return unix_http_call(&http, ret_reply, err);
}

static const struct json *find_link(const struct json *root, const char *name)
{
    for (const struct json *link = json_first(json_member(root, "links")); link != NULL; link = json_next(link)) {
        const char *found = json_text(json_member(link, "name"));
        if (found != NULL && strcmp(found, name) == 0) {
            return link;
        }
    }
    return NULL;
}

/* A daemon whose link has ended, or waits for another owner, cannot change it: that is done here, under the lock. What it knows of the
 * link, it tells in any state. */
static bool can_answer(const struct json *link, enum admin_operation operation)
{
    bool holds = false, at_rest = true;
    (void)json_bool(json_member(link, "holds"), &holds);
    (void)json_bool(json_member(link, "atRest"), &at_rest);
    return !admin_operation_is_change(operation) || (holds && !at_rest);
}

static bool check_same(const struct json *held, const struct config_link *link, struct lf_error *err)
{
    const char *lake = json_text(json_member(held, "lake"));
    if (lake != NULL && strcmp(lake, link->lake_shown) == 0) {
        return true;
    }
    return lf_error_set(err, LF_CONFLICT, 0,
                        "the daemon of this state directory runs a link %s to lake %s, not to %s; give the daemon's "
                        "configuration with -c, or another --name or --state-dir",
                        link->name, lake == NULL ? "?" : lake, link->lake_shown);
}

static bool find_daemon(const struct cli *cli, const struct config_link *link, enum admin_operation operation,
                        bool *ret_found, struct lf_error *err)
{
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    CLEANUP(json_free) struct json *root = NULL;
    const struct admin_call call = {.operation = ADMIN_links};
    *ret_found = false;
    if (!request(cli, &call, &reply, err)) {
        return err->kind == LF_NOT_FOUND; /* nobody listens */
    }
    TRY(reply.status == 200 || admin_error_parse(reply.body.ptr, reply.body.len, err));
    TRY(json_parse("the answer of the daemon", buf_text(&reply.body), reply.body.len, &root, err));
    const struct json *known = find_link(root, link->name);
    *ret_found = known != NULL && can_answer(known, operation);
    return !*ret_found || check_same(known, link, err);
}

/* Asks the daemon when it holds the link. *ret_asked: it does; then the answer or the error is its own. */
static bool ask(const struct cli *cli, const struct config_link *link, const struct admin_call *call,
                struct admin_answer *ret_answer, bool *ret_asked, struct lf_error *err)
{
    TRY(find_daemon(cli, link, call->operation, ret_asked, err));
    return !*ret_asked || operate_daemon(cli, call, ret_answer, err);
}

bool operate_daemon(const struct cli *cli, const struct admin_call *call, struct admin_answer *ret_answer,
                    struct lf_error *err)
{
    CLEANUP(unix_http_reply_done) struct unix_http_reply reply = {0};
    TRY(request(cli, call, &reply, err));
    if (reply.status != 200) {
        (void)admin_error_parse(buf_text(&reply.body), reply.body.len, err);
        err->kind = err->kind == LF_CANCELLED ? LF_TRANSIENT : err->kind; /* nobody stopped this command: it failed */
        return false;
    }
    ret_answer->status = reply.header == NULL ? APP_DONE : (int)strtol(reply.header, NULL, 10);
    ret_answer->json = reply.body;
    reply.body = (struct buf){0};
    return true;
}

/* ---- one link ---- */

static void fill_call(const struct cli *cli, const struct operate_verb *verb, const struct config_link *link,
                      struct admin_call *ret_call)
{
    *ret_call = (struct admin_call){
        .operation = verb->operation,
        .link = text_copy(link->name),
        .reason = text_copy(cli->reason),
        .purge = cli->purge,
        .preview = cli->purge && !cli->yes,
        .takeover = cli->takeover,
    };
    for (size_t i = 0; i < cli->nwords; i++) {
        admin_call_add_entity(ret_call, cli->words[i]);
    }
}

static bool perform(struct cli *cli, const struct operate_verb *verb, const struct config_link *link,
                    struct admin_answer *ret_answer, struct lf_error *err)
{
    CLEANUP(admin_call_done) struct admin_call call = {0};
    CLEANUP(progress_done) struct progress progress;
    bool asked = false;
    fill_call(cli, verb, link, &call);
    progress_init(&progress, stderr, cli->live && verb->progress);
    TRY(ask(cli, link, &call, ret_answer, &asked, err));
    if (asked) {
        return true;
    }
    const struct app_options options = {
        .state_dir = cli->state,
        .client = cli->client,
        .takeover = cli->takeover,
        .log = cli->log,
        .catalog = cli->catalog,
        .observer = progress_observer(&progress),
    };
    return app_perform(cli->config, link, &options, &call, ret_answer, err);
}

/* ---- output ---- */

static bool render(const struct cli *cli, const struct operate_verb *verb, const struct admin_answer *answer,
                   struct lf_error *err)
{
    CLEANUP(json_free) struct json *root = NULL;
    TRY(json_parse("the answer", buf_text(&answer->json), answer->json.len, &root, err));
    verb->render(cli, root, stdout);
    return true;
}

static void print_json(const struct operate_verb *verb, const struct admin_answer *answer, size_t index)
{
    if (verb->every_link) {
        (void)fputs(index == 0 ? "{\"links\": [\n" : ",\n", stdout);
    }
    (void)fwrite(answer->json.ptr, 1, answer->json.len, stdout);
    if (!verb->every_link) {
        (void)fputc('\n', stdout);
    }
}

static bool operate_on(struct cli *cli, const struct operate_verb *verb, const struct config_link *link, size_t index,
                       int *status, struct lf_error *err)
{
    CLEANUP(admin_answer_done) struct admin_answer answer = {0};
    TRY(perform(cli, verb, link, &answer, err));
    *status = answer.status > *status ? answer.status : *status;
    if (cli->json) {
        print_json(verb, &answer, index);
        return true;
    }
    (void)(index > 0 && fputc('\n', stdout));
    return render(cli, verb, &answer, err);
}

/* One link that cannot answer does not keep the others from it; in JSON it is left out. */
static int operate_on_all(struct cli *cli, const struct operate_verb *verb)
{
    int status = APP_DONE;
    size_t shown = 0;
    for (size_t i = 0; i < cli->config->nlinks; i++) {
        struct lf_error err;
        if (operate_on(cli, verb, &cli->config->links[i], shown, &status, &err)) {
            shown++;
            continue;
        }
        int failed = cli_fail(&err);
        status = failed > status ? failed : status;
    }
    (void)(cli->json && fputs(shown > 0 ? "\n]}\n" : "{\"links\": []}\n", stdout));
    return status;
}

int operate(struct cli *cli, const struct operate_verb *verb)
{
    const struct config_link *link = NULL;
    struct lf_error err;
    int status = APP_DONE;
    if (!cli_prepare(cli, verb->progress, &err)) {
        return cli_fail(&err);
    }
    cli_open_catalog(cli, /* read_only= */ !verb->progress);
    if (verb->every_link && cli->link == NULL) {
        return operate_on_all(cli, verb);
    }
    if (!cli_choose_link(cli, &link, &err) || !operate_on(cli, verb, link, 0, &status, &err)) {
        return cli_fail(&err);
    }
    (void)(cli->json && verb->every_link && fputs("\n]}\n", stdout));
    return status;
}
