/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading model.json through a lake that hands out one version of an object, as one in Azure does.
 */
#include "world.h"

/* Small pieces, of whichever version the first one came from. */
struct lake_reader {
    struct lake *lake;
    const char *path;
    uint64_t offset;
    char etag[LAKE_ETAG_SIZE];
};

static struct {
    struct lake lake;
    struct lake_ops ops;
    struct lake *inner;
    unsigned stats;
    void (*after_first)(struct lake *inner); /* called once */
} pinning;

static struct lake_reader *pinning_open(UNUSED struct lake *lake, const char *path, uint64_t offset)
{
    struct lake_reader *reader = mem_new(1, sizeof *reader);
    *reader = (struct lake_reader){.lake = pinning.inner, .path = path, .offset = offset};
    return reader;
}

static bool pinning_read(struct lake_reader *reader, void *ret, size_t len, size_t *ret_len, const char **ret_etag,
                         struct lf_error *err)
{
    struct lake_stat now;
    const bool found = reader->lake->ops->stat(reader->lake, reader->path, &now, err);
    if (reader->etag[0] != '\0' && (!found || strcmp(reader->etag, now.etag) != 0)) {
        return lf_error_set(err, LF_TRANSIENT, 0, "%s was replaced or removed", reader->path);
    }
    TRY(found);
    memcpy(reader->etag, now.etag, sizeof reader->etag);
    *ret_etag = reader->etag;
    TRY(reader->lake->ops->read_range(reader->lake, reader->path, reader->offset, ret, len < 64 ? len : 64, ret_len,
                                      err));
    reader->offset += *ret_len;
    if (pinning.after_first != NULL) {
        pinning.after_first(pinning.inner);
        pinning.after_first = NULL;
    }
    return true;
}

static void pinning_reader_close(struct lake_reader *reader)
{
    free(reader);
}

static bool pinning_stat(UNUSED struct lake *lake, const char *path, struct lake_stat *ret_stat, struct lf_error *err)
{
    pinning.stats++;
    return pinning.inner->ops->stat(pinning.inner, path, ret_stat, err);
}

static bool pinning_url(UNUSED struct lake *lake, const char *path, struct buf *out, struct lf_error *err)
{
    return pinning.inner->ops->url(pinning.inner, path, out, err);
}

/* A lake with two commits, of which the first one's bytes stand in model.json. */
struct fixture {
    struct world *world;
    struct buf older, newer;
    struct model *model;
    char etag[LAKE_ETAG_SIZE];
    struct lf_error err;
};

static struct world *replaced; /* after_first has no context */
static struct buf *replacement;

static void replace(UNUSED struct lake *inner)
{
    memory_store_put(replaced->store, "model.json", replacement->ptr, replacement->len);
}

static void vanish(UNUSED struct lake *inner)
{
    memory_store_remove(replaced->store, "model.json");
}

static void put(struct fixture *fixture, const struct buf *text)
{
    memory_store_put(fixture->world->store, "model.json", buf_text(text), text->len);
}

static void commit_and_keep(struct process *process, struct buf *out)
{
    (void)commit_orders(process);
    assert_true(memory_store_get(process->world->store, "model.json", out));
}

static void fixture_init(struct fixture *fixture)
{
    *fixture = (struct fixture){.world = world_new()};
    struct process process = process_start(fixture->world);
    commit_and_keep(&process, &fixture->older);
    commit_and_keep(&process, &fixture->newer);
    process_close(&process);
    put(fixture, &fixture->older);
    memset(&pinning, 0, sizeof pinning);
    pinning.inner = memory_lake_open(fixture->world->store);
    pinning.ops = (struct lake_ops){.reader_open = pinning_open,
                                    .reader_read = pinning_read,
                                    .reader_close = pinning_reader_close,
                                    .stat = pinning_stat,
                                    .url = pinning_url};
    pinning.lake.ops = &pinning.ops;
    replaced = fixture->world;
    replacement = &fixture->newer;
}

static void fixture_done(struct fixture *fixture)
{
    model_free(&fixture->model);
    buf_done(&fixture->older);
    buf_done(&fixture->newer);
    lake_close(&pinning.inner);
    world_free(fixture->world);
}

static bool read_head(struct fixture *fixture)
{
    return commit_read_head(&pinning.lake, &fixture->model, fixture->etag, &fixture->err);
}

static void head_when_the_lake_pins_versions_then_it_is_read_without_a_look(UNUSED void **state)
{
    struct fixture fixture;
    char etag[LAKE_ETAG_SIZE];
    fixture_init(&fixture);
    assert_true(read_head(&fixture));
    assert_int_equal(pinning.stats, 0);
    assert_int_equal(fixture.model->commit, 1);
    assert_true(memory_store_etag(fixture.world->store, "model.json", etag));
    assert_string_equal(fixture.etag, etag);
    fixture_done(&fixture);
}

static void head_when_replaced_while_it_is_read_then_the_new_one_with_its_etag(UNUSED void **state)
{
    struct fixture fixture;
    char etag[LAKE_ETAG_SIZE];
    fixture_init(&fixture);
    pinning.after_first = replace;
    assert_true(read_head(&fixture));
    assert_int_equal(fixture.model->commit, 2);
    assert_true(memory_store_etag(fixture.world->store, "model.json", etag));
    assert_string_equal(fixture.etag, etag);
    fixture_done(&fixture);
}

static void head_when_removed_while_it_is_read_then_not_found(UNUSED void **state)
{
    struct fixture fixture;
    fixture_init(&fixture);
    pinning.after_first = vanish;
    assert_false(read_head(&fixture));
    assert_int_equal(fixture.err.kind, LF_NOT_FOUND);
    fixture_done(&fixture);
}

static void head_when_there_is_none_then_not_found(UNUSED void **state)
{
    struct fixture fixture;
    fixture_init(&fixture);
    vanish(NULL);
    assert_false(read_head(&fixture));
    assert_int_equal(fixture.err.kind, LF_NOT_FOUND);
    assert_int_equal(pinning.stats, 0);
    fixture_done(&fixture);
}

static void head_when_damaged_then_that_is_said_with_its_place(UNUSED void **state)
{
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.older.ptr[fixture.older.len / 2] = '\x01';
    put(&fixture, &fixture.older);
    assert_false(read_head(&fixture));
    assert_int_equal(fixture.err.kind, LF_DATA);
    assert_non_null(strstr(fixture.err.msg, "is damaged"));
    fixture_done(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_when_the_lake_pins_versions_then_it_is_read_without_a_look),
        cmocka_unit_test(head_when_replaced_while_it_is_read_then_the_new_one_with_its_etag),
        cmocka_unit_test(head_when_removed_while_it_is_read_then_not_found),
        cmocka_unit_test(head_when_there_is_none_then_not_found),
        cmocka_unit_test(head_when_damaged_then_that_is_said_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
