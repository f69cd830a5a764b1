/* SPDX-License-Identifier: Apache-2.0 */
#include "app/internal.h"

#include "base/macros.h"

#define READ_PATIENCE_MS 10000 /* somebody waits for the answer */

static bool read_into(struct config *config, const struct config_link *settings, const struct app_options *options,
                      const struct app_process *process, const struct admin_call *call, struct json_writer *writer,
                      int *ret_status, struct lf_error *err)
{
    switch (call->operation) {
    case ADMIN_status:
        return show_status(settings, options, process, writer, err);
    case ADMIN_artifacts:
        return show_artifacts(settings, options, call, writer, err);
    case ADMIN_failures:
        return show_failures(options->catalog, settings, writer, err);
    case ADMIN_check:
        return check_link(config, settings, options, writer, ret_status, err);
    default:
        return lf_error_set(err, LF_INTERNAL, 0, "%s reads nothing", admin_operation_name(call->operation));
    }
}

bool app_read(struct config *config, const struct config_link *settings, const struct app_options *options,
              const struct app_process *process, const struct admin_call *call, struct admin_answer *ret_answer,
              struct lf_error *err)
{
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&ret_answer->json, /* indent= */ true);
    struct app_options impatient = *options;
    impatient.patience_ms = READ_PATIENCE_MS;
    TRY(read_into(config, settings, &impatient, process, call, writer, &ret_answer->status, err));
    return json_writer_finish(writer, err) && buf_check(&ret_answer->json, "the answer", err);
}

static bool change(struct config *config, const struct config_link *settings, const struct app_options *options,
                   const struct admin_call *call, struct json_writer *writer, struct lf_error *err)
{
    CLEANUP(app_link_close) struct app_link app = {.state_lock_fd = -1};
    struct app_options patient = *options;
    patient.lock_patience_ms = APP_LOCK_PATIENCE_MS;
    TRY(app_link_open(config, settings, &patient, &app, err));
    return change_link(&app, call, writer, err);
}

static bool run(struct config *config, const struct config_link *settings, const struct app_options *options,
                const struct admin_call *call, struct json_writer *writer, int *ret_status, struct lf_error *err)
{
    struct app_options once = *options;
    once.once = true;
    once.only = settings->name;
    once.resync = call->operation == ADMIN_resync ? call : NULL;
    *err = (struct lf_error){0};
    *ret_status = app_run(config, &once, writer, err);
    return err->kind == LF_NONE;
}

static bool is_run(enum admin_operation operation)
{
    return operation == ADMIN_snapshot || operation == ADMIN_resync;
}

bool app_perform(struct config *config, const struct config_link *settings, const struct app_options *options,
                 const struct admin_call *call, struct admin_answer *ret_answer, struct lf_error *err)
{
    static const struct app_process nobody = {0};
    if (!admin_operation_is_change(call->operation)) {
        return app_read(config, settings, options, &nobody, call, ret_answer, err);
    }
    CLEANUP(json_writer_free) struct json_writer *writer = json_writer_new(&ret_answer->json, /* indent= */ true);
    TRY(is_run(call->operation) ? run(config, settings, options, call, writer, &ret_answer->status, err)
                                : change(config, settings, options, call, writer, err));
    return json_writer_finish(writer, err) && buf_check(&ret_answer->json, "the answer", err);
}
