/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule/world.h"

#include "base/macros.h"
#include "cdm/history.h"
#include "data/csv.h"
#include "lake/path.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void world_violation(const struct world *world, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)printf("VIOLATION seed %llu, step %llu: ", (unsigned long long)world->seed, (unsigned long long)world->steps);
    (void)vprintf(fmt, args);
    (void)printf("\n");
    va_end(args);
    if (world->trace) {
        example_dump(world->db, stdout);
    }
    (void)fflush(stdout);
    abort();
}

static void get(const struct world *world, const char *path, struct buf *out)
{
    if (!memory_store_get(world->store, path, out)) {
        world_violation(world, "file %s is missing", path);
    }
}

struct text_input {
    struct buf *text;
    size_t at;
};

static bool read_text(void *context, char *ret, size_t size, size_t *ret_len, UNUSED struct lf_error *err)
{
    struct text_input *input = context;
    size_t left = input->text->len - input->at;
    *ret_len = left < size ? left : size;
    memcpy(ret, input->text->ptr + input->at, *ret_len);
    input->at += *ret_len;
    return true;
}

static struct model *parse(const struct world *world, const char *path, struct buf *text)
{
    struct model *model = NULL;
    struct lf_error err;
    struct text_input input = {.text = text};
    if (!model_parse(read_text, &input, &model, &err)) {
        world_violation(world, "%s cannot be read: %s", path, err.msg);
    }
    return model;
}

static struct model_load *parse_load(const struct world *world, const struct model_entity *entity)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct model_load *load = NULL;
    struct lf_error err;
    get(world, entity->load_path, &text);
    if (!model_load_parse(buf_text(&text), text.len, &load, &err)) {
        world_violation(world, "%s cannot be read: %s", entity->load_path, err.msg);
    }
    return load;
}

/* ---- rows ---- */

struct comparison {
    const struct world *world;
    const struct model_entity *entity;
    const struct buf *rows; /* lake text of all partitions */
    size_t at;
    uint64_t nrows;
    uint64_t position;
};

static const struct lf_cell *cell_of(const struct lf_schema *schema, const struct lf_cell *cells, uint32_t id)
{
    static const struct lf_cell null = {.state = LF_CELL_NULL};
    for (uint32_t i = 0; i < schema->ncolumns; i++) {
        if (schema->columns[i].id == id) {
            return &cells[i];
        }
    }
    return &null;
}

static size_t row_end(const struct buf *rows, size_t at)
{
    bool quoted = false;
    while (at < rows->len && (quoted || rows->ptr[at] != '\n')) {
        quoted = quoted != (rows->ptr[at] == '"');
        at++;
    }
    return at;
}

static bool compare_row(void *context, const struct lf_schema *schema, const struct lf_cell *cells)
{
    struct comparison *c = context;
    const struct model_shape *shape = &c->entity->shape;
    struct lf_schema view;
    struct lf_column *columns = NULL;
    struct lf_error err = {0};
    CLEANUP(buf_done) struct buf want = {0};
    model_shape_view(shape, &view, &columns);
    for (uint32_t i = 0; i < view.ncolumns; i++) {
        const struct lf_cell null = {.state = LF_CELL_NULL};
        const struct lf_cell *cell = view.columns[i].dropped ? &null : cell_of(schema, cells, view.columns[i].id);
        buf_append(&want, ",", i > 0 ? 1 : 0);
        if (!csv_append_cell(&want, &view.columns[i], cell, &err)) {
            world_violation(c->world, "truth of %s cannot be written: %s", c->entity->name, err.msg);
        }
    }
    free(columns);
    size_t end = row_end(c->rows, c->at);
    struct lf_slice have = {.ptr = c->rows->ptr + c->at, .len = end - c->at};
    if (c->at >= c->rows->len || !slice_equal(have, buf_slice(&want))) {
        world_violation(c->world, "entity %s at %llu, row %llu: lake '%.*s', source '%s'", c->entity->name,
                        (unsigned long long)c->position, (unsigned long long)c->nrows,
                        c->at < c->rows->len ? (int)have.len : 0, c->at < c->rows->len ? (const char *)have.ptr : "",
                        buf_text(&want));
    }
    c->at = end + 1;
    c->nrows++;
    return true;
}

static void check_entity(struct world *world, const struct model *model, const struct model_entity *entity)
{
    CLEANUP(buf_done) struct buf rows = {0};
    struct lf_slice cursor = model_bytes_slice(entity->stands_at.len > 0 ? &entity->stands_at : &model->cursor);
    struct comparison c = {.world = world, .entity = entity, .rows = &rows};
    struct lf_error err;
    if (!example_cursor_position(cursor, &c.position)) {
        world_violation(world, "entity %s has a cursor that is none", entity->name);
    }
    if (entity->completed_ms == 0) {
        return;
    }
    for (size_t i = 0; i < entity->npartitions; i++) {
        size_t before = rows.len;
        get(world, entity->partitions[i].path, &rows);
        if (rows.len - before != entity->partitions[i].bytes) {
            world_violation(world, "%s has another size than the commit says", entity->partitions[i].path);
        }
    }
    if (!example_state_at(world->db, c.position, entity->table, compare_row, &c, &err)) {
        world_violation(world, "no truth of %s at %llu: %s", entity->table, (unsigned long long)c.position, err.msg);
    }
    if (c.at < rows.len) {
        world_violation(world, "entity %s at %llu has rows too many: '%s'", entity->name,
                        (unsigned long long)c.position, rows.ptr + c.at);
    }
}

/* ---- files ---- */

struct named {
    char **paths;
    size_t count, size;
};

static void add_named(struct named *named, const char *path)
{
    mem_grow(&named->paths, &named->size, named->count + 1, sizeof *named->paths);
    named->paths[named->count++] = text_copy(path);
}

static void named_done(struct named *named)
{
    for (size_t i = 0; i < named->count; i++) {
        free(named->paths[i]);
    }
    free(named->paths);
}

static void add_model(struct world *world, const struct model *model, struct named *named)
{
    for (size_t i = 0; i < model->nentities; i++) {
        const struct model_entity *entity = &model->entities[i];
        for (size_t j = 0; j < entity->npartitions; j++) {
            add_named(named, entity->partitions[j].path);
        }
        if (entity->load_path == NULL) {
            continue;
        }
        CLEANUP(model_load_free) struct model_load *load = parse_load(world, entity);
        add_named(named, entity->load_path);
        for (size_t c = 0; c < load->nchunks; c++) {
            for (size_t j = 0; j < load->chunks[c].npartitions; j++) {
                add_named(named, load->chunks[c].partitions[j].path);
            }
        }
    }
    if (model->history_path != NULL) {
        add_named(named, model->history_path);
    }
}

/* Everything that the head and its retained records name. */
static void add_retained(struct world *world, const struct model *model, struct named *named)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(history_free) struct history *history = NULL;
    struct lf_error err;
    add_named(named, LAKE_PATH_MODEL);
    add_model(world, model, named);
    if (model->history_path == NULL) {
        return;
    }
    get(world, model->history_path, &text);
    if (!history_parse(buf_text(&text), text.len, &history, &err)) {
        world_violation(world, "%s cannot be read: %s", model->history_path, err.msg);
    }
    for (size_t i = 0; i < history->nrecords; i++) {
        if (history->records[i].dropped) {
            continue;
        }
        CLEANUP(buf_done) struct buf path = {0};
        CLEANUP(buf_done) struct buf record = {0};
        lake_path_commit(history->records[i].commit, history->records[i].commit_id, &path);
        get(world, buf_text(&path), &record);
        add_named(named, buf_text(&path));
        CLEANUP(model_free) struct model *old = parse(world, buf_text(&path), &record);
        add_model(world, old, named);
    }
}

void world_check(struct world *world)
{
    char etag[LAKE_ETAG_SIZE];
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(named_done) struct named named = {0};
    uint64_t acked = 0, position = 0;
    struct memory_counts counts = memory_store_counts(world->store);
    (void)example_acked(world->db, "w", &acked);
    uint64_t effects = counts.put_if_match + counts.remove + acked;
    if (effects == world->checked_effects || !memory_store_etag(world->store, LAKE_PATH_MODEL, etag)) {
        return;
    }
    world->checked_effects = effects;
    get(world, LAKE_PATH_MODEL, &text);
    CLEANUP(model_free) struct model *model = parse(world, LAKE_PATH_MODEL, &text);
    if (!example_cursor_position(model_bytes_slice(&model->cursor), &position)) {
        world_violation(world, "the model has a cursor that is none");
    }
    if (acked > position && model->commit > 1) {
        world_violation(world, "acknowledged %llu, committed %llu", (unsigned long long)acked,
                        (unsigned long long)position);
    }
    add_retained(world, model, &named);
    for (size_t i = 0; i < named.count; i++) {
        char ignored[LAKE_ETAG_SIZE];
        if (!memory_store_etag(world->store, named.paths[i], ignored)) {
            world_violation(world, "commit %llu or a retained one names %s, which is gone",
                            (unsigned long long)model->commit, named.paths[i]);
        }
    }
    if (strcmp(etag, world->checked_etag) == 0) {
        return;
    }
    memcpy(world->checked_etag, etag, sizeof world->checked_etag);
    if (world->trace) {
        (void)printf("%lld step %llu: commit %llu at %llu, acknowledged %llu, source %llu, writer %s\n",
                     (long long)world->now_ms, (unsigned long long)world->steps, (unsigned long long)model->commit,
                     (unsigned long long)position, (unsigned long long)acked,
                     (unsigned long long)example_end(world->db), model->writer);
    }
    world->checks++;
    for (size_t i = 0; i < model->nentities; i++) {
        check_entity(world, model, &model->entities[i]);
    }
}

void world_check_converged(struct world *world)
{
    CLEANUP(buf_done) struct buf text = {0};
    uint64_t acked = 0, position = 0, end = example_end(world->db);
    get(world, LAKE_PATH_MODEL, &text);
    CLEANUP(model_free) struct model *model = parse(world, LAKE_PATH_MODEL, &text);
    (void)example_cursor_position(model_bytes_slice(&model->cursor), &position);
    (void)example_acked(world->db, "w", &acked);
    if (position != end || acked != end || model->nentities != 2) {
        world_violation(world, "not converged: cursor %llu, acknowledged %llu, source %llu, %zu entities",
                        (unsigned long long)position, (unsigned long long)acked, (unsigned long long)end,
                        model->nentities);
    }
    for (size_t i = 0; i < model->nentities; i++) {
        if (model->entities[i].state != MODEL_COMPLETED || model->entities[i].load_path != NULL) {
            world_violation(world, "not converged: entity %s is in state %d, %s", model->entities[i].name,
                            model->entities[i].state,
                            model->entities[i].reason == NULL ? "" : model->entities[i].reason);
        }
    }
}

void world_check_leftovers(struct world *world)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(named_done) struct named named = {0};
    char **paths = NULL;
    size_t count = 0;
    get(world, LAKE_PATH_MODEL, &text);
    CLEANUP(model_free) struct model *model = parse(world, LAKE_PATH_MODEL, &text);
    add_retained(world, model, &named);
    memory_store_paths(world->store, &paths, &count);
    size_t extra = 0;
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t j = 0; !found && j < named.count; j++) {
            found = strcmp(paths[i], named.paths[j]) == 0;
        }
        extra += found ? 0 : 1;
        if (!found && world->trace) {
            (void)printf("left over: %s\n", paths[i]);
        }
    }
    /* What the last two commits superseded waits for the second commit that finds it expired. */
    if (extra > 24) {
        world_violation(world, "%zu files are left over, the first after %zu named ones", extra, named.count);
    }
    memory_paths_free(paths, count);
}
