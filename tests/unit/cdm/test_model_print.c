/* SPDX-License-Identifier: Apache-2.0 */
#include "fixed_model.h"

static void print_of_the_fixed_model_then_the_golden_bytes(UNUSED void **state)
{
    struct model *model = fixed_model();
    struct buf text = {0};
    print_to(model, &text);
    assert_golden("model.json", buf_slice(&text));
    buf_done(&text);
    model_free(&model);
}

static void print_of_a_first_commit_then_the_golden_bytes(UNUSED void **state)
{
    struct model *model = fixed_model();
    struct buf text = {0};
    for (size_t i = 1; i < model->nentities; i++) {
        model_entity_done(&model->entities[i]);
    }
    model->nentities = 1;
    model->commit = 1;
    model->previous_commit = 0;
    text_free(&model->previous_commit_id);
    text_free(&model->history_path);
    model->history_sha256[0] = '\0';
    model->source_time_us = 0;
    print_to(model, &text);
    assert_golden("model-first.json", buf_slice(&text));
    buf_done(&text);
    model_free(&model);
}

/* What a drain sees: how much at once, and whether it fails at call number `fail_at`. */
struct watch {
    size_t most, total;
    int calls, fail_at;
};

static bool watch_drain(void *context, struct buf *text, struct lf_error *err)
{
    struct watch *watch = context;
    watch->most = text->len > watch->most ? text->len : watch->most;
    watch->total += text->len;
    return ++watch->calls != watch->fail_at || lf_error_set(err, LF_TRANSIENT, 28, "no space");
}

static struct model *large_model(void)
{
    struct model *model = fixed_model();
    struct model_entity *entity = &model->entities[1];
    entity->partitions = mem_resize(entity->partitions, 500, sizeof *entity->partitions);
    for (uint32_t i = 2; i < 500; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "n%04u", i);
        entity->partitions[i] = fixed_partition(i + 1, key);
    }
    for (uint32_t i = 0; i < 500; i++) {
        entity->partitions[i].since = 1;
    }
    entity->npartitions = 500;
    entity->next_partition = 501;
    return model;
}

static void print_of_a_large_model_then_the_buffer_stays_small(UNUSED void **state)
{
    struct model *model = large_model();
    struct watch watch = {0};
    struct lf_error err = {0};
    assert_true(model_print(model, watch_drain, &watch, &err));
    assert_true(watch.total > (size_t)4 * 65536);
    assert_in_range(watch.most, 65536, 65536 + 4096);
    model_free(&model);
}

static void print_when_any_drain_fails_then_its_error(UNUSED void **state)
{
    struct model *model = large_model();
    struct watch all = {0};
    struct lf_error err = {0};
    assert_true(model_print(model, watch_drain, &all, &err));
    for (int n = 1; n <= all.calls; n++) {
        struct watch watch = {.fail_at = n};
        assert_false(model_print(model, watch_drain, &watch, &err));
        assert_int_equal(err.kind, LF_TRANSIENT);
        assert_int_equal(watch.calls, n);
    }
    model_free(&model);
}

static void expect_refusal(struct model *model, enum lf_error_kind kind, const char *part)
{
    struct watch watch = {0};
    struct lf_error err = {0};
    assert_false(model_print(model, watch_drain, &watch, &err));
    assert_int_equal(err.kind, kind);
    if (strstr(err.msg, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.msg, part);
    }
    model_free(&model);
}

static void print_of_what_could_not_be_read_again_then_refused(UNUSED void **state)
{
    struct model *model = fixed_model();
    text_free(&model->entities[2].partitions[1].location);
    expect_refusal(model, LF_INTERNAL, "entity orders: partition p00000002 has no location");

    model = fixed_model();
    model_bytes_done(&model->entities[2].partitions[1].first_key);
    expect_refusal(model, LF_INTERNAL, "entity orders: partition p00000002");

    model = fixed_model();
    model->entities[2].shape.attributes[3].id = 1;
    expect_refusal(model, LF_INTERNAL, "entity orders: two attributes have the id 1");

    model = fixed_model();
    model->entities[2].shape.key[0] = 99;
    expect_refusal(model, LF_INTERNAL, "entity orders: the key");

    model = fixed_model();
    text_free(&model->commit_id);
    expect_refusal(model, LF_INTERNAL, "commitId");

    model = fixed_model();
    model_bytes_done(&model->entities[3].stands_at);
    expect_refusal(model, LF_INTERNAL, "entity sales_regions: standsAt");
}

static void print_of_text_that_is_not_utf8_then_refused(UNUSED void **state)
{
    struct model *model = fixed_model();
    text_free(&model->entities[2].table);
    model->entities[2].table = text_copy("a\xff");
    expect_refusal(model, LF_DATA, "UTF-8");
}

static void print_of_an_entity_beyond_the_limit_then_limit(UNUSED void **state)
{
    struct model *model = fixed_model();
    const size_t len = (size_t)49 << 20;
    char *reason = mem_new(len + 1, 1);
    memset(reason, 'x', len);
    text_free(&model->entities[3].reason);
    model->entities[3].reason = reason;
    expect_refusal(model, LF_LIMIT, "entity sales_regions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print_of_the_fixed_model_then_the_golden_bytes),
        cmocka_unit_test(print_of_a_first_commit_then_the_golden_bytes),
        cmocka_unit_test(print_of_a_large_model_then_the_buffer_stays_small),
        cmocka_unit_test(print_when_any_drain_fails_then_its_error),
        cmocka_unit_test(print_of_what_could_not_be_read_again_then_refused),
        cmocka_unit_test(print_of_text_that_is_not_utf8_then_refused),
        cmocka_unit_test(print_of_an_entity_beyond_the_limit_then_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
