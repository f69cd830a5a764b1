/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "link/masking_internal.h"

#include <stdlib.h>

bool masking_open(const struct masking *masking, const struct lf_host *host, const char *url,
                  const struct lf_option_value *options, size_t noptions, struct lf_session **ret_session,
                  struct lf_error *err)
{
    struct lf_session *inner = NULL;
    TRY(masking->inner->open(host, url, options, noptions, &inner, err));
    struct lf_session *session = mem_new(1, sizeof *session);
    *session = (struct lf_session){.masking = masking, .ops = masking->inner, .inner = inner};
    *ret_session = session;
    return true;
}

bool masking_open_or(const struct masking *masking, const struct lf_connector_ops *ops, const struct lf_host *host,
                     const char *url, const struct lf_option_value *options, size_t noptions,
                     struct lf_session **ret_session, struct lf_error *err)
{
    return masking != NULL ? masking_open(masking, host, url, options, noptions, ret_session, err)
                           : ops->open(host, url, options, noptions, ret_session, err);
}

static void close_session(struct lf_session *session)
{
    if (session != NULL) {
        session->ops->close(session->inner);
        free(session);
    }
}

static void stop(struct lf_session *session)
{
    session->ops->stop(session->inner);
}

static bool identity(struct lf_session *session, const char **ret_identity, struct lf_error *err)
{
    return session->ops->identity(session->inner, ret_identity, err);
}

/* ---- discover ---- */

struct discovery {
    const struct masking *masking;
    lf_table_visitor visit;
    void *context;
};

static bool visit_masked(void *context, const struct lf_table *table, struct lf_error *err)
{
    const struct discovery *discovery = context;
    CLEANUP(masking_shape_done) struct masking_shape shape = {0};
    struct lf_table masked = *table;
    const struct masking_rules *rules = masking_find_rules(discovery->masking, table->name, table->id);
    if (rules == NULL || table->refusal != NULL) {
        return discovery->visit(discovery->context, table, err);
    }
    masking_shape_of_source(rules, table->name, &table->schema, NULL, &shape);
    masked.schema = masking_lake_schema(&shape, &shape.arena);
    masked.refusal = masking_refuse_names(&shape, &shape.arena);
    if (masked.refusal == NULL) {
        masked.refusal = masking_refuse(&shape, &shape.arena);
    }
    return discovery->visit(discovery->context, &masked, err);
}

static bool discover(struct lf_session *session, lf_table_visitor visit, void *context, struct lf_error *err)
{
    struct discovery discovery = {session->masking, visit, context};
    return session->ops->discover(session->inner, visit_masked, &discovery, err);
}

/* ---- as it is ---- */

static bool check(struct lf_session *session, const char *const *tables, size_t ntables, lf_finding_visitor visit,
                  void *context, struct lf_error *err)
{
    return session->ops->check(session->inner, tables, ntables, visit, context, err);
}

static bool track(struct lf_session *session, const char *const *tables, size_t ntables, struct lf_error *err)
{
    return session->ops->track(session->inner, tables, ntables, err);
}

static bool untrack(struct lf_session *session, struct lf_error *err)
{
    return session->ops->untrack(session->inner, err);
}

static bool register_consumer(struct lf_session *session, const struct lf_consumer *consumer,
                              struct lf_slice *ret_cursor, struct lf_error *err)
{
    return session->ops->register_consumer(session->inner, consumer, ret_cursor, err);
}

static bool unregister_consumer(struct lf_session *session, const struct lf_consumer *consumer, struct lf_error *err)
{
    return session->ops->unregister_consumer(session->inner, consumer, err);
}

static bool position(struct lf_session *session, struct lf_slice *ret_cursor, struct lf_error *err)
{
    return session->ops->position(session->inner, ret_cursor, err);
}

static bool nudge(struct lf_session *session, struct lf_error *err)
{
    return session->ops->nudge(session->inner, err);
}

static bool ack(struct lf_session *session, const struct lf_consumer *consumer, struct lf_slice cursor,
                struct lf_error *err)
{
    return session->ops->ack(session->inner, consumer, cursor, err);
}

static bool lag(struct lf_session *session, const struct lf_consumer *consumer, struct lf_lag *ret_lag,
                struct lf_error *err)
{
    return session->ops->lag(session->inner, consumer, ret_lag, err);
}

/* Of the ops of the one below only the pure ones are taken over: all others get our session, not its own. open takes what an op
 * cannot carry: masking_open. */
void masking_session_ops(struct masking *masking)
{
    const struct lf_connector_ops *inner = masking->inner;
    masking->ops = (struct lf_connector_ops){.covers = inner->covers,
                                             .includes = inner->includes,
                                             .passed = inner->passed,
                                             .compare = inner->compare,
                                             .print = inner->print};
    masking->ops.close = close_session;
    masking->ops.stop = stop;
    masking->ops.identity = identity;
    masking->ops.discover = discover;
    masking->ops.check = inner->check == NULL ? NULL : check;
    masking->ops.track = inner->track == NULL ? NULL : track;
    masking->ops.untrack = inner->untrack == NULL ? NULL : untrack;
    masking->ops.register_consumer = register_consumer;
    masking->ops.unregister_consumer = unregister_consumer;
    masking->ops.position = position;
    masking->ops.nudge = inner->nudge == NULL ? NULL : nudge;
    masking->ops.ack = ack;
    masking->ops.load_plan = masking_load_plan;
    masking->ops.load_open = masking_load_open;
    masking->ops.load_asof = masking_load_asof;
    masking->ops.load_next = masking_load_next;
    masking->ops.load_close = masking_load_close;
    masking->ops.changes_open = masking_changes_open;
    masking->ops.changes_next = masking_changes_next;
    masking->ops.verify_catalog = inner->verify_catalog == NULL ? NULL : masking_verify_catalog;
    masking->ops.changes_close = masking_changes_close;
    masking->ops.lag = inner->lag == NULL ? NULL : lag;
}
