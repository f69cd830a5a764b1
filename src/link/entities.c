/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

#include "base/nearest.h"

#include <stdlib.h>
#include <string.h>

/* A table as discovered, kept beyond the visit. */
struct found {
    struct lf_table table; /* name, id and refusal point into the arena; schema into `schema` */
    struct schema *schema; /* NULL when the table is refused */
    bool chosen;
};

struct search {
    struct link *link;
    struct arena arena;
    struct found *found;
    size_t nfound, size;
    const char **taken; /* entity names in use, NULL-ended */
    size_t ntaken, taken_size;
};

static void search_reset(struct search *search)
{
    for (size_t i = 0; i < search->nfound; i++) {
        schema_free(&search->found[i].schema);
    }
    search->nfound = 0;
    arena_reset(&search->arena);
}

static void search_done(struct search *search)
{
    search_reset(search);
    free(search->found);
    free(search->taken);
    arena_done(&search->arena);
}

static bool visit_table(void *context, const struct lf_table *table, struct lf_error *err)
{
    struct search *search = context;
    struct found found = {.table = *table};
    found.table.name = arena_text(&search->arena, table->name);
    found.table.id = arena_slice(&search->arena, table->id);
    found.table.refusal = table->refusal == NULL ? NULL : arena_text(&search->arena, table->refusal);
    if (table->refusal == NULL) {
        if (!schema_new(&table->schema, 1, &found.schema, err)) {
            found.table.refusal = arena_text(&search->arena, err->msg);
        } else {
            found.table.schema = found.schema->lf;
        }
    }
    mem_grow(&search->found, &search->size, search->nfound + 1, sizeof *search->found);
    search->found[search->nfound++] = found;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct found *)a)->table.name, ((const struct found *)b)->table.name);
}

static struct found *find_name(struct search *search, const char *name)
{
    for (size_t i = 0; i < search->nfound; i++) {
        if (strcmp(search->found[i].table.name, name) == 0) {
            return &search->found[i];
        }
    }
    return NULL;
}

static struct found *find_id(struct search *search, const struct model_bytes *id)
{
    for (size_t i = 0; id->len > 0 && i < search->nfound; i++) {
        if (slice_equal(search->found[i].table.id, model_bytes_slice(id))) {
            return &search->found[i];
        }
    }
    return NULL;
}

static const struct model_entity *head_entity_of_table(const struct link *link, const char *table)
{
    const struct model *head = committer_head(link->committer);
    for (size_t i = 0; head != NULL && i < head->nentities; i++) {
        if (strcmp(head->entities[i].table, table) == 0) {
            return &head->entities[i];
        }
    }
    return NULL;
}

/* By id, else by name, unless the table that the entity of that name follows lives on under another one. */
static const struct model_entity *head_entity_of(struct search *search, const struct lf_table *table)
{
    const struct model *head = committer_head(search->link->committer);
    for (size_t i = 0; head != NULL && i < head->nentities; i++) {
        if (table->id.len > 0 && slice_equal(model_bytes_slice(&head->entities[i].table_id), table->id)) {
            return &head->entities[i];
        }
    }
    const struct model_entity *named = head_entity_of_table(search->link, table->name);
    const struct found *other = named == NULL ? NULL : find_id(search, &named->table_id);
    return other != NULL && other->chosen ? NULL : named;
}

/* Its newest columns in the lake. The caller frees the list that the view points to. */
static struct lf_schema view_lake(const struct model_entity *old, struct lf_column **ret_columns)
{
    struct lf_schema lake;
    model_shape_view(old->load != NULL ? &old->load->shape : &old->shape, &lake, ret_columns);
    return lake;
}

/* Before anything of it is read: not one masked value may come in clear because its column has another name now. */
static void refuse_bare(struct search *search, struct found *found)
{
    const struct link_options *options = &search->link->options;
    const struct model_entity *old = head_entity_of(search, &found->table);
    struct lf_column *columns = NULL;
    if (old == NULL || found->table.refusal != NULL) {
        return;
    }
    const struct lf_schema lake = view_lake(old, &columns);
    found->table.refusal =
        masking_refuse_table(options->masking, options->connector, &found->table, &lake, &search->arena);
    free(columns);
}

static bool discover(struct search *search, struct lf_error *err)
{
    search_reset(search);
    TRY(search->link->ops->discover(search->link->session, visit_table, search, err));
    if (search->nfound > 0) {
        qsort(search->found, search->nfound, sizeof *search->found, by_name);
    }
    for (size_t i = 0; i < search->nfound; i++) {
        refuse_bare(search, &search->found[i]);
    }
    return true;
}

/* ---- choosing ---- */

/* The entity of a configured table that has another name by now: it still has the name that the configuration gives it. */
static const struct model_entity *head_entity_configured(const struct link *link,
                                                         const struct link_entity_config *config)
{
    const struct model_entity *old = head_entity_of_table(link, config->table);
    const struct model *head = committer_head(link->committer);
    CLEANUP(buf_done) struct buf name = {0};
    if (old != NULL || head == NULL) {
        return old;
    }
    if (config->name != NULL) {
        buf_append_text(&name, config->name);
    } else {
        lake_entity_name(config->table, NULL, &name);
    }
    return model_find(head, buf_text(&name));
}

/* A table that was renamed keeps its masks. */
static void bind_masks(const struct link *link)
{
    for (size_t i = 0; link->options.masking != NULL && i < link->options.nentities; i++) {
        const struct model_entity *old = head_entity_configured(link, &link->options.entities[i]);
        if (old != NULL && old->table_id.len > 0) {
            masking_bind(link->options.masking, link->options.entities[i].table, model_bytes_slice(&old->table_id));
        }
    }
}

/* What is configured of a table, which may have another name by now; `old` (may be NULL): its entity. NULL: nothing. */
static const struct link_entity_config *config_of(const struct link *link, const char *table,
                                                  const struct model_entity *old)
{
    const struct link_options *options = &link->options;
    for (size_t i = 0; i < options->nentities; i++) {
        if (strcmp(options->entities[i].table, table) == 0) {
            return &options->entities[i];
        }
    }
    for (size_t i = 0; old != NULL && i < options->nentities; i++) {
        if (head_entity_configured(link, &options->entities[i]) == old) {
            return &options->entities[i];
        }
    }
    return NULL;
}

/* A configured table may have been renamed: its entity leads to it by the table's id. */
static struct found *find_configured(struct search *search, const struct link_entity_config *config)
{
    struct found *found = find_name(search, config->table);
    const struct model_entity *old = found == NULL ? head_entity_configured(search->link, config) : NULL;
    return old == NULL ? found : find_id(search, &old->table_id);
}

static bool refuse_unknown(const struct search *search, const char *table, struct lf_error *err)
{
    struct nearest nearest = nearest_to(table);
    for (size_t i = 0; i < search->nfound; i++) {
        nearest_offer(&nearest, search->found[i].table.name);
    }
    if (nearest.name != NULL) {
        return lf_error_set(err, LF_CONFIG, 0, "there is no table %s in the source; did you mean %s?", table,
                            nearest.name);
    }
    return lf_error_set(err, LF_CONFIG, 0, "there is no table %s in the source; correct the list of entities", table);
}

static bool choose_configured(struct search *search, struct lf_error *err)
{
    const struct link_options *options = &search->link->options;
    for (size_t i = 0; i < options->nentities; i++) {
        const char *name = options->entities[i].table;
        struct found *found = find_configured(search, &options->entities[i]);
        if (found != NULL && found->table.refusal == NULL) {
            found->chosen = true;
            continue;
        }
        if (head_entity_configured(search->link, &options->entities[i]) != NULL) {
            continue; /* what the lake has of it stands frozen, and the others go on */
        }
        return found == NULL
                   ? refuse_unknown(search, name, err)
                   : lf_error_set(err, LF_CONFIG, 0, "table %s cannot be replicated: %s", name, found->table.refusal);
    }
    return true;
}

static void skip_table(struct link *link, const char *table, const char *reason)
{
    link_log(link, NULL, EVENT_entity_skipped,
             (struct log_field[]){LOG_TEXT("table", table), LOG_TEXT("reason", reason), {0}});
    if (link->options.observer.skipped != NULL) {
        link->options.observer.skipped(link->options.observer.context, table, reason);
    }
}

/* Tells the reason of one: of several it is mostly the same. */
static bool refuse_all(const struct search *search, struct lf_error *err)
{
    if (search->nfound == 0) {
        return lf_error_set(err, LF_CONFIG, 0, "the source has no table, or none that this role may see");
    }
    const struct lf_table *first = &search->found[0].table;
    (void)lf_error_set(err, LF_CONFIG, 0, "the source has no table that can be replicated; table %.200s: %s",
                       first->name, first->refusal);
    size_t len = strlen(err->msg);
    if (search->nfound > 1) {
        (void)snprintf(err->msg + len, sizeof err->msg - len, " (and %zu more, which lakefeed check explains)",
                       search->nfound - 1);
    }
    return false;
}

static bool choose_all(struct search *search, struct lf_error *err)
{
    size_t chosen = 0;
    for (size_t i = 0; i < search->nfound; i++) {
        struct found *found = &search->found[i];
        found->chosen = found->table.refusal == NULL;
        chosen += found->chosen ? 1 : 0;
    }
    return chosen > 0 || committer_head(search->link->committer) != NULL || refuse_all(search, err);
}

static bool choose(struct search *search, struct lf_error *err)
{
    return search->link->options.entities != NULL ? choose_configured(search, err) : choose_all(search, err);
}

static size_t count_untracked(struct search *search, const char ***ret_names, size_t *ret_chosen)
{
    const char **names = mem_new(search->nfound + 1, sizeof *names);
    size_t n = 0;
    *ret_chosen = 0;
    for (size_t i = 0; i < search->nfound; i++) {
        *ret_chosen += search->found[i].chosen ? 1 : 0;
        if (search->found[i].chosen && !search->found[i].table.tracked) {
            names[n++] = search->found[i].table.name;
        }
    }
    *ret_names = names;
    return n;
}

static bool refuse_untracked(const struct link *link, const char *first, size_t n, struct lf_error *err)
{
    return lf_error_set(err, LF_CONFIG, 0,
                        "changes of table %s%s are not tracked; nothing is installed in a source without being asked. "
                        "Add --track to this command, or run: %s",
                        first, n > 1 ? " and others" : "", link->options.track_command);
}

/* Tables without change tracking: tracked now when that was asked for, else refused (named ones, or all of them) or left out. */
static bool settle_tracking(struct search *search, struct lf_error *err)
{
    struct link *link = search->link;
    const char **names = NULL;
    size_t chosen = 0;
    size_t n = count_untracked(search, &names, &chosen);
    bool ok = true;
    if (n > 0 && link->options.track && link->ops->track != NULL) {
        ok = link->ops->track(link->session, names, n, err) && discover(search, err) && choose(search, err);
    } else if (n > 0 && (n == chosen || link->options.entities != NULL)) {
        ok = refuse_untracked(link, names[0], n, err);
    }
    free(names);
    for (size_t i = 0; ok && i < search->nfound; i++) {
        struct found *found = &search->found[i];
        if (found->chosen && !found->table.tracked) {
            found->chosen = false;
            skip_table(link, found->table.name, "its changes are not tracked; run lakefeed track");
        } else if (found->table.refusal != NULL && link->options.entities == NULL) {
            skip_table(link, found->table.name, found->table.refusal);
        }
    }
    return ok;
}

/* ---- names ---- */

static void take_name(struct search *search, const char *name)
{
    mem_grow(&search->taken, &search->taken_size, search->ntaken + 2, sizeof *search->taken);
    search->taken[search->ntaken++] = name;
    search->taken[search->ntaken] = NULL;
}

static void take_head_names(struct search *search)
{
    const struct model *head = committer_head(search->link->committer);
    take_name(search, "");
    search->ntaken = 0;
    for (size_t i = 0; head != NULL && i < head->nentities; i++) {
        take_name(search, arena_text(&search->arena, head->entities[i].name));
    }
}

static bool name_entity(struct search *search, const struct found *found, const struct link_entity_config *config,
                        const struct model_entity *old, struct buf *out, struct lf_error *err)
{
    const char *configured = config != NULL ? config->name : NULL;
    if (old != NULL) {
        buf_append_text(out, old->name);
        return true;
    }
    if (configured != NULL) {
        TRY(lake_entity_name_check(configured, err));
        for (size_t i = 0; i < search->ntaken; i++) {
            if (strcasecmp(search->taken[i], configured) == 0) {
                return lf_error_set(err, LF_CONFIG, 0,
                                    "two entities have the name %s; give one of them another \"name\"", configured);
            }
        }
        buf_append_text(out, configured);
    } else {
        lake_entity_name(found->table.name, search->taken, out);
    }
    take_name(search, arena_text(&search->arena, buf_text(out)));
    return true;
}

/* ---- entities ---- */

static void add_entity(struct link *link, struct entity *entity)
{
    mem_grow(&link->entities, &link->entities_size, link->nentities + 1, sizeof(struct entity *));
    link->entities[link->nentities++] = entity;
}

static uint32_t newest_version(const struct model_entity *old)
{
    uint32_t version = old->shape.version;
    return old->load != NULL && old->load->shape.version > version ? old->load->shape.version : version;
}

static bool is_recreated(const struct model_entity *old, const struct lf_table *table)
{
    const struct model_bytes *id = old->load != NULL ? &old->load->table_id : &old->table_id;
    return !slice_equal(model_bytes_slice(id), table->id);
}

/* Why an entity of the head, whose table is the same, has to be loaded again at start; NULL: it goes on. */
static const char *restart_reason(const struct model_entity *old)
{
    if (old->state == MODEL_ERROR) {
        return "it stood frozen; tried again";
    }
    if (old->load_path != NULL && old->load == NULL) {
        return "its load list could not be read";
    }
    return old->quarantine_path != NULL && old->quarantine == NULL ? "its quarantine file could not be read" : NULL;
}

static bool is_remasked(const struct link *link, const struct model_entity *old, const struct lf_schema *now)
{
    struct lf_column *columns = NULL;
    const struct lf_schema lake = view_lake(old, &columns);
    const bool changed = masking_is_changed(link->options.masking, link->options.connector, &lake, now);
    free(columns);
    return changed;
}

static bool start_versions(struct entity *entity, const struct found *found, const struct model_entity *old,
                           struct lf_error *err)
{
    if (old != NULL && entity->reload_reason == NULL) {
        return entity_push_shape(entity, old->load != NULL ? &old->load->shape : &old->shape, err);
    }
    struct schema *schema = NULL;
    TRY(schema_new(&found->schema->lf, old == NULL ? 1 : newest_version(old) + 1, &schema, err));
    entity_push_schema(entity, schema);
    return true;
}

/* Asked for once: a link that is opened again after its first commit goes on. */
static bool is_resynced(const struct link *link, const char *name)
{
    bool named = link->options.resync_all;
    for (size_t i = 0; !named && i < link->options.nresync; i++) {
        named = strcmp(link->options.resync[i], name) == 0;
    }
    return named && link->commits == 0;
}

/* What stands in the lake goes on, is loaded again, or stays frozen while a file is lost, unless somebody asks for a load. */
static bool judge_old(struct link *link, struct entity *entity, const struct model_entity *old,
                      const struct lf_table *table, struct lf_error *err)
{
    CLEANUP(text_free) char *problem = NULL;
    if (is_resynced(link, entity->name)) {
        entity->reload_reason = text_copy("resync was asked for");
        return true;
    }
    if (is_recreated(old, table)) {
        entity->reload_reason = text_copy("the table was dropped and created again, or its filter changed");
        return true;
    }
    if (is_remasked(link, old, &table->schema)) { /* before all else: not one more row under the old masks */
        entity->reload_reason = text_copy("the mask of a column changed");
        return true;
    }
    const char *reason = restart_reason(old);
    if (reason != NULL && entity->policy.freeze_on_lost_file) {
        TRY(files_find_lost(link, old, old->reason, &problem, err));
    }
    if (problem != NULL) {
        entity->fault_reason = files_freeze_reason(entity->name, problem);
    } else {
        entity->reload_reason = text_copy(reason);
    }
    return true;
}

static bool make_entity(struct search *search, const struct found *found, struct lf_error *err)
{
    struct link *link = search->link;
    CLEANUP(buf_done) struct buf name = {0};
    const struct model_entity *old = head_entity_of(search, &found->table);
    const struct link_entity_config *config = config_of(link, found->table.name, old);
    TRY(name_entity(search, found, config, old, &name, err));
    struct entity *entity = entity_new(buf_text(&name), &found->table);
    add_entity(link, entity);
    entity->followed = true;
    entity->policy = config != NULL ? config->policy : link->options.policy;
    if (old != NULL) {
        TRY(judge_old(link, entity, old, &found->table, err));
    }
    return start_versions(entity, found, old, err);
}

static bool is_made(const struct link *link, const char *name)
{
    for (size_t i = 0; i < link->nentities; i++) {
        if (strcmp(link->entities[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Entities of the head whose table cannot be followed any more keep their last snapshot. */
static void freeze_missing(struct search *search)
{
    struct link *link = search->link;
    const struct model *head = committer_head(link->committer);
    for (size_t i = 0; head != NULL && i < head->nentities; i++) {
        const struct model_entity *old = &head->entities[i];
        bool wanted = link->options.entities == NULL || config_of(link, old->table, old) != NULL;
        if (is_made(link, old->name) || !wanted) {
            continue;
        }
        const struct found *same = find_id(search, &old->table_id);
        const struct found *found = same != NULL ? same : find_name(search, old->table);
        const char *reason = found == NULL ? "the table was dropped"
                             : found->table.refusal != NULL
                                 ? found->table.refusal
                                 : "its changes are not tracked any more; run lakefeed track";
        struct lf_table gone = {.name = old->table, .id = model_bytes_slice(&old->table_id), .estimated_rows = -1};
        struct entity *entity = entity_new(old->name, &gone);
        entity->fault_reason = text_copy(reason);
        add_entity(link, entity);
    }
}

static bool check_resync_names(const struct link *link, struct lf_error *err)
{
    for (size_t i = 0; i < link->options.nresync; i++) {
        if (!is_made(link, link->options.resync[i])) {
            return lf_error_set(err, LF_CONFIG, 0,
                                "there is no entity %s in this link; lakefeed status shows their names",
                                link->options.resync[i]);
        }
    }
    return true;
}

bool entities_choose(struct link *link, struct lf_error *err)
{
    CLEANUP(search_done) struct search search = {.link = link};
    bind_masks(link);
    TRY(discover(&search, err));
    TRY(choose(&search, err));
    TRY(settle_tracking(&search, err));
    take_head_names(&search);
    for (size_t i = 0; i < search.nfound; i++) {
        if (search.found[i].chosen) {
            TRY(make_entity(&search, &search.found[i], err));
        }
    }
    freeze_missing(&search);
    for (size_t i = 0; i < link->nentities; i++) {
        link->entities[i]->slot = (uint32_t)i;
    }
    return check_resync_names(link, err);
}
