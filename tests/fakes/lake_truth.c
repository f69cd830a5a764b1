/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/lake_truth.h"

#include "base/crypto.h"
#include "base/json.h"
#include "base/macros.h"
#include "cdm/history.h"
#include "data/csv.h"
#include "lake/path.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)64 << 20)

/* ---- documents ---- */

static char *read_file(struct lake *lake, const char *path, struct buf *out)
{
    struct lf_error err;
    if (lake_read_all(lake, path, FILE_MAX, out, NULL, &err)) {
        return NULL;
    }
    return text_printf("%s cannot be read: %s", path, err.msg);
}

struct text_input {
    const struct buf *text;
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

static char *read_loads(struct lake *lake, struct model *model)
{
    for (size_t i = 0; i < model->nentities; i++) {
        struct model_entity *entity = &model->entities[i];
        CLEANUP(buf_done) struct buf text = {0};
        struct lf_error err;
        if (entity->load_path == NULL) {
            continue;
        }
        char *problem = read_file(lake, entity->load_path, &text);
        if (problem != NULL) {
            return problem;
        }
        if (!model_load_parse(buf_text(&text), text.len, &entity->load, &err)) {
            return text_printf("%s cannot be read: %s", entity->load_path, err.msg);
        }
    }
    return NULL;
}

static struct model *read_model(struct lake *lake, const char *path, char **ret_problem)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct model *model = NULL;
    struct lf_error err;
    *ret_problem = read_file(lake, path, &text);
    if (*ret_problem != NULL) {
        return NULL;
    }
    struct text_input input = {.text = &text};
    if (!model_parse(read_text, &input, &model, &err)) {
        *ret_problem = text_printf("%s cannot be read: %s", path, err.msg);
        return NULL;
    }
    *ret_problem = read_loads(lake, model);
    if (*ret_problem != NULL) {
        model_free(&model);
    }
    return model;
}

struct model *lake_truth_head(struct lake *lake, char **ret_problem)
{
    struct lake_stat stat;
    struct lf_error err;
    *ret_problem = NULL;
    if (!lake->ops->stat(lake, LAKE_PATH_MODEL, &stat, &err) && err.kind == LF_NOT_FOUND) {
        return NULL;
    }
    return read_model(lake, LAKE_PATH_MODEL, ret_problem);
}

/* ---- rows ---- */

struct comparison {
    const struct model_entity *entity;
    bool replaced;   /* broken text stands in the lake with U+FFFD */
    struct buf bad;  /* keys of rows that cannot be taken, each with a NUL */
    struct buf rows; /* of all partitions */
    size_t at;
    uint64_t position;
    char *problem;
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

/* ---- values that cannot be taken: those that the random workload makes, and no others ---- */

static bool has_bytes(struct lf_slice value, const char *bytes, size_t len)
{
    return memmem(value.ptr, value.len, bytes, len) != NULL;
}

/* A character that breaks off stands at the end. */
static bool is_broken_text(const struct lf_column *column, const struct lf_cell *cell)
{
    if (cell->state != LF_CELL_VALUE || (column->type != LF_TYPE_STRING && column->type != LF_TYPE_JSON)) {
        return false;
    }
    struct lf_slice v = cell->bytes;
    bool cut = v.len >= 2 && memcmp((const char *)v.ptr + v.len - 2, "\xE2\x82", 2) == 0;
    return cut || has_bytes(v, "\xFF", 1) || has_bytes(v, "\0", 1) || has_bytes(v, "\xED\xA0\x80", 3);
}

static bool is_wrong_value(const struct lf_column *column, const struct lf_cell *cell)
{
    static const char date[] = "0000-01-01", number[] = "12345678901234.5";
    if (cell->state != LF_CELL_VALUE) {
        return false;
    }
    switch (column->type) {
    case LF_TYPE_BOOLEAN:
        return cell->i == 2;
    case LF_TYPE_DATE:
        return cell->bytes.len == strlen(date) && memcmp(cell->bytes.ptr, date, strlen(date)) == 0;
    case LF_TYPE_DECIMAL:
        return cell->bytes.len == strlen(number) && memcmp(cell->bytes.ptr, number, strlen(number)) == 0;
    default:
        return false;
    }
}

/* Each broken piece once; of a surrogate, which begins no character, each byte. */
static void append_replaced(struct buf *out, struct lf_slice value)
{
    static const struct {
        const char *bytes;
        size_t len, times;
    } pieces[] = {{"\xFF", 1, 1}, {"\xE2\x82", 2, 1}, {"\xED\xA0\x80", 3, 3}, {"\0", 1, 1}};
    const char *at = value.ptr;
    const char *end = at + value.len;
    while (at < end) {
        size_t i = 0;
        while (i < ARRAY_LEN(pieces) &&
               ((size_t)(end - at) < pieces[i].len || memcmp(at, pieces[i].bytes, pieces[i].len) != 0 ||
                (i == 1 && end - at > 2 && ((unsigned char)at[2] & 0xC0) == 0x80))) {
            i++;
        }
        if (i == ARRAY_LEN(pieces)) {
            buf_append_char(out, *at++);
            continue;
        }
        for (size_t n = 0; n < pieces[i].times; n++) {
            buf_append_text(out, "\xEF\xBF\xBD");
        }
        at += pieces[i].len;
    }
}

static void note_bad_row(struct comparison *c, const struct lf_schema *schema, const struct lf_cell *cells)
{
    for (uint32_t i = 0; i < schema->nkey; i++) {
        const struct lf_cell *cell = &cells[schema->key[i]];
        buf_append_text(&c->bad, i > 0 ? "\t" : "");
        if (schema->columns[schema->key[i]].type == LF_TYPE_INT64) {
            buf_printf(&c->bad, "%lld", (long long)cell->i);
        } else {
            buf_append(&c->bad, cell->bytes.ptr, cell->bytes.len);
        }
    }
    buf_append_char(&c->bad, '\0');
}

/* Whether the row has to be in quarantine. Only columns that the lake knows count. */
static bool is_bad_row(const struct comparison *c, const struct lf_schema *view, const struct lf_schema *schema,
                       const struct lf_cell *cells)
{
    for (uint32_t i = 0; i < view->ncolumns; i++) {
        const struct lf_cell *cell = cell_of(schema, cells, view->columns[i].id);
        if (!view->columns[i].dropped &&
            (is_wrong_value(&view->columns[i], cell) || (!c->replaced && is_broken_text(&view->columns[i], cell)))) {
            return true;
        }
    }
    return false;
}

static bool append_want(const struct comparison *c, const struct lf_column *column, const struct lf_cell *cell,
                        struct buf *want, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct lf_cell copy = *cell;
    if (c->replaced && is_broken_text(column, cell)) {
        append_replaced(&text, cell->bytes);
        copy.bytes = buf_slice(&text);
    }
    return csv_append_cell(want, column, &copy, err);
}

static bool compare_row(void *context, const struct lf_schema *schema, const struct lf_cell *cells)
{
    struct comparison *c = context;
    struct lf_schema view;
    struct lf_column *columns = NULL;
    struct lf_error err = {0};
    CLEANUP(buf_done) struct buf want = {0};
    model_shape_view(&c->entity->shape, &view, &columns);
    bool ok = true;
    bool bad = is_bad_row(c, &view, schema, cells);
    for (uint32_t i = 0; !bad && ok && i < view.ncolumns; i++) {
        const struct lf_cell null = {.state = LF_CELL_NULL};
        const struct lf_cell *cell = view.columns[i].dropped ? &null : cell_of(schema, cells, view.columns[i].id);
        buf_append(&want, ",", i > 0 ? 1 : 0);
        ok = append_want(c, &view.columns[i], cell, &want, &err);
    }
    free(columns);
    if (bad) {
        note_bad_row(c, schema, cells);
        return true;
    }
    size_t end = row_end(&c->rows, c->at);
    struct lf_slice have = {.ptr = c->rows.ptr + c->at, .len = end - c->at};
    if (!ok || c->at >= c->rows.len || !slice_equal(have, buf_slice(&want))) {
        c->problem = text_printf("entity %s at %llu: the lake has '%.*s', the source '%s' %s", c->entity->name,
                                 (unsigned long long)c->position, (int)have.len,
                                 c->at < c->rows.len ? (const char *)have.ptr : "", buf_text(&want), err.msg);
        return false;
    }
    c->at = end + 1;
    return true;
}

static void append_key_of(const struct json *line, struct buf *keys)
{
    for (const struct json *cell = json_first(json_member(line, "key")); cell != NULL; cell = json_next(cell)) {
        buf_append_text(keys, json_text(cell));
        buf_append_char(keys, json_next(cell) != NULL ? '\t' : '\0');
    }
}

/* The keys of the lines that belong to the partitions, as note_bad_row writes them. */
static char *read_listing(struct lake *lake, const struct model_entity *entity, struct buf *keys)
{
    CLEANUP(buf_done) struct buf text = {0};
    char sha256[SHA256_HEX_SIZE];
    uint64_t lines = 0;
    if (entity->quarantine_path == NULL) {
        return NULL;
    }
    char *problem = read_file(lake, entity->quarantine_path, &text);
    sha256_of(buf_text(&text), text.len, sha256);
    if (problem == NULL && strcmp(sha256, entity->quarantine_sha256) != 0) {
        return text_printf("%s is not what the commit says", entity->quarantine_path);
    }
    const char *end = buf_text(&text) + text.len;
    for (const char *at = buf_text(&text); problem == NULL && at < end; lines++) {
        CLEANUP(json_free) struct json *line = NULL;
        struct lf_error err;
        size_t len = strcspn(at, "\n");
        if (!json_parse("line", at, len, &line, &err)) {
            return text_printf("%s: %s", entity->quarantine_path, err.msg);
        }
        at += len + 1;
        if (strcmp(json_text(json_member(line, "load")), entity->load_id) != 0) {
            continue;
        }
        append_key_of(line, keys);
    }
    return problem != NULL || lines == entity->quarantine_rows
               ? problem
               : text_printf("%s has another number of lines than the commit says", entity->quarantine_path);
}

static char *compare_listing(struct lake *lake, const struct comparison *c)
{
    CLEANUP(buf_done) struct buf keys = {0};
    char *problem = read_listing(lake, c->entity, &keys);
    if (problem == NULL && !slice_equal(buf_slice(&keys), buf_slice(&c->bad))) {
        problem = text_printf(
            "entity %s at %llu: the quarantine has %zu bytes of keys from '%s', the source %zu from '%s'",
            c->entity->name, (unsigned long long)c->position, keys.len, buf_text(&keys), c->bad.len, buf_text(&c->bad));
    }
    return problem;
}

static char *read_partition(struct lake *lake, const struct model_partition *partition, struct buf *rows)
{
    char sha256[SHA256_HEX_SIZE];
    size_t before = rows->len;
    CLEANUP(buf_done) struct buf text = {0};
    char *problem = read_file(lake, partition->path, &text);
    if (problem != NULL) {
        return problem;
    }
    buf_append(rows, text.ptr, text.len);
    sha256_of(rows->ptr + before, rows->len - before, sha256);
    if (text.len != partition->bytes || strcmp(sha256, partition->sha256) != 0) {
        return text_printf("%s is not what the commit says", partition->path);
    }
    return NULL;
}

static char *check_entity(struct lake *lake, struct example_db *db, const struct model *model,
                          const struct model_entity *entity, bool replaced)
{
    struct lf_slice cursor = model_bytes_slice(entity->stands_at.len > 0 ? &entity->stands_at : &model->cursor);
    struct comparison c = {.entity = entity, .replaced = replaced};
    struct lf_error err = {0};
    char *problem = NULL;
    if (!example_cursor_position(cursor, &c.position)) {
        return text_printf("entity %s has a cursor that is none", entity->name);
    }
    if (entity->completed_ms == 0) {
        return NULL;
    }
    for (size_t i = 0; problem == NULL && i < entity->npartitions; i++) {
        problem = read_partition(lake, &entity->partitions[i], &c.rows);
    }
    if (problem == NULL && !example_state_at(db, c.position, entity->table, compare_row, &c, &err)) {
        problem = c.problem != NULL ? c.problem : text_printf("no truth of %s: %s", entity->table, err.msg);
    } else if (problem == NULL && c.at < c.rows.len) {
        problem = text_printf("entity %s at %llu has rows too many: %s", entity->name, (unsigned long long)c.position,
                              c.rows.ptr + c.at);
    }
    if (problem == NULL) {
        problem = compare_listing(lake, &c);
    }
    buf_done(&c.bad);
    buf_done(&c.rows);
    return problem;
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

static bool is_named(const struct named *named, const char *path)
{
    for (size_t i = 0; i < named->count; i++) {
        if (strcmp(named->paths[i], path) == 0) {
            return true;
        }
    }
    return false;
}

static void add_partitions(struct named *named, const struct model_partition *partitions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add_named(named, partitions[i].path);
    }
}

static void add_model(struct named *named, const struct model *model)
{
    for (size_t i = 0; i < model->nentities; i++) {
        const struct model_entity *entity = &model->entities[i];
        add_partitions(named, entity->partitions, entity->npartitions);
        if (entity->quarantine_path != NULL) {
            add_named(named, entity->quarantine_path);
        }
        if (entity->load == NULL) {
            continue;
        }
        add_named(named, entity->load_path);
        for (size_t c = 0; c < entity->load->nchunks; c++) {
            add_partitions(named, entity->load->chunks[c].partitions, entity->load->chunks[c].npartitions);
        }
    }
    if (model->history_path != NULL) {
        add_named(named, model->history_path);
    }
}

static char *add_record(struct lake *lake, const struct history_record *record, struct named *named)
{
    CLEANUP(buf_done) struct buf path = {0};
    char *problem = NULL;
    lake_path_commit(record->commit, record->commit_id, &path);
    add_named(named, buf_text(&path));
    CLEANUP(model_free) struct model *old = read_model(lake, buf_text(&path), &problem);
    if (old != NULL) {
        add_model(named, old);
    }
    return problem;
}

/* What the head and its retained records name, and apart from it what the history still has to remove. */
static char *add_retained(struct lake *lake, const struct model *model, struct named *named, struct named *waiting)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(history_free) struct history *history = NULL;
    struct lf_error err;
    char *problem = NULL;
    add_named(named, LAKE_PATH_MODEL);
    add_model(named, model);
    if (model->history_path == NULL) {
        return NULL;
    }
    problem = read_file(lake, model->history_path, &text);
    if (problem == NULL && !history_parse(buf_text(&text), text.len, &history, &err)) {
        problem = text_printf("%s cannot be read: %s", model->history_path, err.msg);
    }
    for (size_t i = 0; problem == NULL && i < history->nrecords; i++) {
        if (!history->records[i].dropped) {
            problem = add_record(lake, &history->records[i], named);
            continue;
        }
        CLEANUP(buf_done) struct buf path = {0};
        lake_path_commit(history->records[i].commit, history->records[i].commit_id, &path);
        add_named(waiting, buf_text(&path));
    }
    for (size_t i = 0; problem == NULL && i < history->nfiles; i++) {
        add_named(waiting, history->files[i].path);
    }
    return problem;
}

static char *check_files(struct lake *lake, const struct model *model)
{
    CLEANUP(named_done) struct named named = {0};
    CLEANUP(named_done) struct named waiting = {0};
    char *problem = add_retained(lake, model, &named, &waiting);
    for (size_t i = 0; problem == NULL && i < named.count; i++) {
        struct lake_stat stat;
        struct lf_error err;
        if (!lake->ops->stat(lake, named.paths[i], &stat, &err)) {
            problem = text_printf("commit %llu or a retained one names %s: %s", (unsigned long long)model->commit,
                                  named.paths[i], err.msg);
        }
    }
    return problem;
}

/* ---- all of it ---- */

char *lake_truth_check(struct lake *lake, struct example_db *db, const char *link)
{
    return lake_truth_check_bad(lake, db, link, /* replaced= */ false);
}

uint64_t lake_truth_bad_rows(struct lake *lake)
{
    char *problem = NULL;
    uint64_t rows = 0;
    CLEANUP(model_free) struct model *model = lake_truth_head(lake, &problem);
    free(problem);
    for (size_t i = 0; model != NULL && i < model->nentities; i++) {
        rows += model->entities[i].state == MODEL_COMPLETED ? model->entities[i].quarantine_rows : 0;
    }
    return rows;
}

char *lake_truth_check_bad(struct lake *lake, struct example_db *db, const char *link, bool replaced)
{
    char *problem = NULL;
    uint64_t acked = 0, position = 0;
    CLEANUP(model_free) struct model *model = lake_truth_head(lake, &problem);
    if (model == NULL) {
        return problem;
    }
    if (!example_cursor_position(model_bytes_slice(&model->cursor), &position)) {
        return text_printf("the model has a cursor that is none");
    }
    (void)example_acked(db, link, &acked);
    if (acked > position && model->commit > 1) {
        return text_printf("acknowledged %llu, committed %llu", (unsigned long long)acked,
                           (unsigned long long)position);
    }
    problem = check_files(lake, model);
    for (size_t i = 0; problem == NULL && i < model->nentities; i++) {
        problem = check_entity(lake, db, model, &model->entities[i], replaced);
    }
    return problem;
}

char *lake_truth_converged(struct lake *lake, struct example_db *db)
{
    char *problem = NULL;
    uint64_t position = 0;
    CLEANUP(model_free) struct model *model = lake_truth_head(lake, &problem);
    if (model == NULL) {
        return problem != NULL ? problem : text_copy("there is no model.json");
    }
    (void)example_cursor_position(model_bytes_slice(&model->cursor), &position);
    if (position != example_end(db)) {
        return text_printf("the lake stands at %llu, the source at %llu", (unsigned long long)position,
                           (unsigned long long)example_end(db));
    }
    for (size_t i = 0; i < model->nentities; i++) {
        const struct model_entity *entity = &model->entities[i];
        if (entity->state != MODEL_COMPLETED || entity->load_path != NULL || entity->stands_at.len > 0) {
            return text_printf("entity %s is in state %d: %s", entity->name, entity->state,
                               entity->reason != NULL ? entity->reason : "");
        }
    }
    return NULL;
}

struct leftovers {
    struct named named, waiting;
    char *first;
};

static bool visit_file(void *context, const char *path, UNUSED uint64_t bytes, UNUSED struct lf_error *err)
{
    struct leftovers *leftovers = context;
    bool ours = lake_path_kind(path) != LAKE_PATH_IS_FOREIGN;
    if (ours && leftovers->first == NULL && !is_named(&leftovers->named, path) &&
        !is_named(&leftovers->waiting, path)) {
        leftovers->first = text_copy(path);
    }
    return true;
}

char *lake_truth_leftover(struct lake *lake)
{
    struct leftovers leftovers = {0};
    struct lf_error err;
    char *problem = NULL;
    CLEANUP(model_free) struct model *model = lake_truth_head(lake, &problem);
    if (model != NULL) {
        problem = add_retained(lake, model, &leftovers.named, &leftovers.waiting);
    }
    if (problem == NULL && !lake->ops->list(lake, "", visit_file, &leftovers, &err)) {
        problem = text_printf("the lake cannot be listed: %s", err.msg);
    }
    named_done(&leftovers.named);
    named_done(&leftovers.waiting);
    if (problem != NULL) {
        free(leftovers.first);
        return problem;
    }
    return leftovers.first;
}
