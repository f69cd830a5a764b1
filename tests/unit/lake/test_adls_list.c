/* SPDX-License-Identifier: Apache-2.0 */
#include "adls_bench.h"
#include "lake/adls_internal.h"

#define MANY 100000

struct tally {
    unsigned count;
    uint64_t sum; /* of the numbers in the names */
};

static bool tally_visit(void *context, const char *path, uint64_t bytes, UNUSED struct lf_error *err)
{
    struct tally *tally = context;
    assert_int_equal(bytes, 0);
    assert_memory_equal(path, "many/", 5);
    tally->count++;
    tally->sum += strtoull(path + 5, NULL, 10);
    return true;
}

static void list_when_there_are_100000_files_then_each_once(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct tally tally = {0};
    CLEANUP(text_free)
    char *fill = text_printf("{\"filesystem\":\"%s\",\"directory\":\"shop/many\",\"count\":%d}",
                             adls_server_filesystem(server), MANY);
    control(server, "fill", fill);
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(lake->ops->list(lake, "", tally_visit, &tally, &err), &err);
    assert_int_equal(tally.count, MANY);
    assert_true(tally.sum == (uint64_t)MANY * (MANY - 1) / 2);
    assert_int_equal(adls_server_count(server, "dfs.list_paths"), MANY / 1000 + 1); /* the folder is an entry, too */
    lake_close(&lake);
}

static void list_when_pages_are_small_or_empty_then_complete(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct buf found = {0};
    struct lake *lake = bench_open(server, (struct adls_options){0});
    for (int i = 0; i < 9; i++) {
        CLEANUP(text_free) char *path = text_printf("a b/%d/\xC3\xA4+%%2F", i);
        must(lake_text_put(lake, path, "x", &err), &err);
    }
    control(server, "options", "{\"page_size\":2,\"empty_pages\":true}");
    must(lake->ops->list(lake, "a b", bench_visit, &found, &err), &err);
    assert_string_equal(buf_text(&found),
                        "a b/0/\xC3\xA4+%2F=1;a b/1/\xC3\xA4+%2F=1;a b/2/\xC3\xA4+%2F=1;a b/3/\xC3\xA4+%2F=1;"
                        "a b/4/\xC3\xA4+%2F=1;a b/5/\xC3\xA4+%2F=1;a b/6/\xC3\xA4+%2F=1;a b/7/\xC3\xA4+%2F=1;"
                        "a b/8/\xC3\xA4+%2F=1;");
    assert_true(adls_server_count(server, "dfs.list_paths") >= 9);
    control(server, "options", "{\"page_size\":null,\"empty_pages\":false}");
    buf_done(&found);
    lake_close(&lake);
}

/* An empty list would say that nothing is there, and half of one that the rest is gone. */
static void list_when_a_404_is_a_proxys_or_comes_late_then_an_error(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct buf found = {0};
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(lake_text_put(lake, "a/1", "x", &err), &err);
    must(lake_text_put(lake, "a/2", "x", &err), &err);
    adls_server_fault(server, "dfs.list_paths", 1, "{\"action\":\"status\",\"status\":404,\"plain\":true}");
    assert_false(lake->ops->list(lake, "a", bench_visit, &found, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_non_null(strstr(err.msg, "not the storage service"));
    control(server, "options", "{\"page_size\":1}");
    adls_server_fault(server, "dfs.list_paths", 2, "{\"action\":\"status\",\"status\":404,\"code\":\"PathNotFound\"}");
    assert_false(lake->ops->list(lake, "a", bench_visit, &found, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    control(server, "options", "{\"page_size\":null}");
    buf_done(&found);
    lake_close(&lake);
}

static void list_when_a_neighbour_begins_alike_then_not_listed(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct buf found = {0};
    struct lake *lake = bench_open(server, (struct adls_options){0});
    struct lake *beside = adls_server_open(server, "shopping", &(struct adls_options){.publish = ADLS_PUT_BLOB});
    must(lake_text_put(lake, "x", "x", &err), &err);
    must(lake_text_put(beside, "y", "y", &err), &err);
    must(lake->ops->list(lake, "", bench_visit, &found, &err), &err);
    assert_string_equal(buf_text(&found), "x=1;");
    buf_done(&found);
    lake_close(&beside);
    lake_close(&lake);
}

static void parse(const char *json, const char *prefix, struct buf *found, struct lf_error *err, bool expected)
{
    struct buf text = {0};
    const struct adls_place place = {.prefix = (char *)prefix};
    buf_append_text(&text, json);
    assert_int_equal(adls_list_parse(&place, "", &text, bench_visit, found, err), expected);
    buf_done(&text);
}

static void page_when_numbers_and_booleans_are_texts_or_not_then_the_same(UNUSED void **state)
{
    static const char *const pages[] = {
        "{\"paths\":[{\"name\":\"p/d\",\"isDirectory\":\"true\",\"contentLength\":\"0\"},"
        "{\"name\":\"p/d/f\",\"contentLength\":\"12345\",\"isDirectory\":\"false\"}],\"more\":[1]}",
        "{\"paths\":[{\"name\":\"p/d\",\"isDirectory\":true},{\"contentLength\":12345,\"name\":\"p/d/"
        "f\",\"isDirectory\":false}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct buf found = {0};
        struct lf_error err = {0};
        parse(pages[i], "p", &found, &err, true);
        assert_string_equal(buf_text(&found), "d/f=12345;");
        buf_done(&found);
    }
}

static void page_when_malformed_then_error(UNUSED void **state)
{
    static const char *const pages[] = {
        "",
        "[]",
        "{\"paths\":",
        "{\"paths\":{}}",
        "{\"paths\":[{\"contentLength\":\"1\"}]}",
        "{\"paths\":[{\"name\":\"x\",\"contentLength\":\"-1\"}]}",
        "{\"paths\":[{\"name\":\"x\",\"contentLength\":\"1x\"}]}",
        "{\"paths\":[{\"name\":\"x\",\"contentLength\":\"99999999999999999999999\"}]}",
        "{\"paths\":[{\"name\":\"x\",\"contentLength\":-5}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct buf found = {0};
        struct lf_error err = {0};
        parse(pages[i], "", &found, &err, false);
        assert_int_not_equal(err.kind, LF_NONE);
        assert_int_equal(found.len, 0);
        buf_done(&found);
    }
}

static void folder_when_removed_then_only_if_empty(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = bench_open(server, (struct adls_options){0});
    must(lake_text_put(lake, "a/b/x", "x", &err), &err);
    must(lake->ops->remove_folder(lake, "a", &err), &err);
    assert_true(lake_text_exists(lake, "a/b/x"));
    must(lake->ops->remove(lake, "a/b/x", &err), &err);
    must(lake->ops->remove_folder(lake, "a/b", &err), &err);
    must(lake->ops->remove_folder(lake, "a/b", &err), &err);
    CLEANUP(text_free) char *all = adls_server_control(server, "state", "");
    CLEANUP(text_free) char *gone = text_printf("\"shop/a/b\"");
    assert_null(strstr(strstr(all, adls_server_filesystem(server)), gone));
    lake_close(&lake);
}

#define TEST(function) cmocka_unit_test_setup(function, bench_begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(list_when_there_are_100000_files_then_each_once),
        TEST(list_when_pages_are_small_or_empty_then_complete),
        TEST(list_when_a_404_is_a_proxys_or_comes_late_then_an_error),
        TEST(list_when_a_neighbour_begins_alike_then_not_listed),
        TEST(page_when_numbers_and_booleans_are_texts_or_not_then_the_same),
        TEST(page_when_malformed_then_error),
        TEST(folder_when_removed_then_only_if_empty),
    };
    return cmocka_run_group_tests(tests, bench_start, bench_stop);
}
