/* SPDX-License-Identifier: Apache-2.0 */
#include "adls_bench.h"

#define ID "0123456789abcdef0123456789abcdef"

/* What puts the text in its place, by the way of publishing. */
static const char *const operations[] = {[ADLS_PUT_BLOB] = "blob.put_blob", [ADLS_RENAME] = "dfs.rename"};

static struct lake *open_way(struct adls_server *server, enum adls_publish publish)
{
    return bench_open(server, (struct adls_options){.publish = publish});
}

static void put_by_put_blob_when_all_is_well_then_one_request(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    struct lake *lake = open_way(server, ADLS_PUT_BLOB);
    must(lake_text_put(lake, "_lakefeed/commits/x", "record", &err), &err);
    must(lake_text_replace(lake, MODEL, NULL, "one", etag, &err), &err);
    must(lake_text_replace(lake, MODEL, etag, "two", etag, &err), &err);
    assert_int_equal(adls_server_count(server, "blob.put_blob"), 3);
    assert_int_equal(adls_server_count(server, NULL), 3);
    lake_close(&lake);
}

static void put_by_rename_when_all_is_well_then_three_requests(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    struct lake *lake = open_way(server, ADLS_RENAME);
    must(lake_text_replace(lake, MODEL, NULL, "one", etag, &err), &err);
    assert_int_equal(adls_server_count(server, NULL), 4); /* the first one looks at the namespace */
    must(lake_text_replace(lake, MODEL, etag, "two", etag, &err), &err);
    assert_int_equal(adls_server_count(server, NULL), 7);
    must(lake_text_put(lake, "_lakefeed/commits/x", "record", &err), &err);
    assert_int_equal(adls_server_count(server, "dfs.create_directory"), 1); /* a rename makes no folders */
    must(lake_text_put(lake, "_lakefeed/commits/y", "record", &err), &err);
    assert_int_equal(adls_server_count(server, NULL), 7 + 5 + 3);
    lake_close(&lake);
}

static void put_when_the_object_exists_then_conflict_whatever_the_service_answers(void **state)
{
    struct adls_server *server = *state;
    static const char *const answers[] = {"{\"put_blob_exists\":\"BlobAlreadyExists\"}",
                                          "{\"put_blob_exists\":\"ConditionNotMet\"}"};
    for (int way = ADLS_PUT_BLOB; way <= ADLS_RENAME; way++) {
        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
            struct lf_error err = {0};
            struct lake *lake = open_way(server, (enum adls_publish)way);
            CLEANUP(text_free) char *path = text_printf("f/%d-%zu", way, i);
            control(server, "options", answers[i]);
            must(lake_text_put(lake, path, "first", &err), &err);
            assert_false(lake_text_put(lake, path, "second", &err));
            assert_int_equal(err.kind, LF_CONFLICT);
            lake_close(&lake);
        }
    }
    control(server, "options", "{\"put_blob_exists\":\"BlobAlreadyExists\"}");
}

/* Whoever makes the same bytes again after a lost answer has made them once. */
static void put_when_the_answer_is_lost_then_found_by_reading_back(void **state)
{
    struct adls_server *server = *state;
    for (int way = ADLS_PUT_BLOB; way <= ADLS_RENAME; way++) {
        struct lf_error err = {0};
        char etag[LAKE_ETAG_SIZE];
        struct lake_stat status;
        bench_begin(state);
        struct lake *lake = open_way(server, (enum adls_publish)way);
        must(lake_text_replace(lake, MODEL, NULL, "one", etag, &err), &err);
        adls_server_fault(server, operations[way], 1, "{\"action\":\"drop_after\"}");
        must(lake_text_replace(lake, MODEL, etag, "two", etag, &err), &err);
        assert_int_equal(adls_server_fired(server), 1);
        must(lake->ops->stat(lake, MODEL, &status, &err), &err);
        assert_string_equal(status.etag, etag);
        assert_true(lake_text_is(lake, MODEL, "two"));
        lake_close(&lake);
    }
}

/* After a lost answer the condition fails, and what stands there is not ours: it may have been, for a while. */
static void put_when_lost_and_another_stands_there_then_transient(void **state)
{
    struct adls_server *server = *state;
    for (int way = ADLS_PUT_BLOB; way <= ADLS_RENAME; way++) {
        struct lf_error err = {0};
        char old[LAKE_ETAG_SIZE];
        char etag[LAKE_ETAG_SIZE];
        bench_begin(state);
        struct lake *lake = open_way(server, (enum adls_publish)way);
        must(lake_text_replace(lake, MODEL, NULL, "one", old, &err), &err);
        must(lake_text_replace(lake, MODEL, old, "another's", etag, &err), &err);
        adls_server_fault(server, operations[way], 1, "{\"action\":\"reset_before\"}");
        assert_false(lake_text_replace(lake, MODEL, old, "ours", etag, &err));
        assert_int_equal(err.kind, LF_TRANSIENT);
        assert_int_equal(adls_server_fired(server), 1);
        assert_true(lake_text_is(lake, MODEL, "another's"));
        lake_close(&lake);
    }
}

/* The first try may have been carried out, so what is refused later is not simply refused. */
static void put_when_lost_and_then_refused_then_transient(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    struct lake *lake = open_way(server, ADLS_PUT_BLOB);
    must(lake_text_replace(lake, MODEL, NULL, "one", etag, &err), &err);
    control(server, "faults",
            "{\"rules\":[{\"operation\":\"blob.put_blob\",\"do\":{\"action\":\"drop_before\"}},"
            "{\"operation\":\"blob.put_blob\",\"nth\":2,\"do\":{\"action\":\"role_missing\"}}]}");
    assert_false(lake_text_replace(lake, MODEL, etag, "two", etag, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_non_null(strstr(err.msg, "AuthorizationPermissionMismatch"));
    lake_close(&lake);
}

static void put_when_refused_at_once_then_auth(void **state)
{
    struct adls_server *server = *state;
    for (int way = ADLS_PUT_BLOB; way <= ADLS_RENAME; way++) {
        struct lf_error err = {0};
        char etag[LAKE_ETAG_SIZE];
        bench_begin(state);
        struct lake *lake = open_way(server, (enum adls_publish)way);
        adls_server_fault(server, operations[way], 1, "{\"action\":\"role_missing\"}");
        assert_false(lake_text_replace(lake, MODEL, NULL, "one", etag, &err));
        assert_int_equal(err.kind, LF_AUTH);
        assert_non_null(strstr(err.msg, "Storage Blob Data Contributor"));
        assert_false(lake_text_exists(lake, MODEL));
        lake_close(&lake);
    }
}

#define MISSING "\"do\":{\"action\":\"status\",\"status\":404,\"code\":\"PathNotFound\"}"

/* As by the collection of a writer who thinks that we are gone: that the path is missing would be no word about the lake. */
static void put_by_rename_when_its_temporary_file_is_removed_then_transient(void **state)
{
    struct adls_server *server = *state;
    static const char *const faults[] = {
        "{\"rules\":[{\"operation\":\"dfs.append\"," MISSING "}]}",
        "{\"rules\":[{\"operation\":\"dfs.append\",\"do\":{\"action\":\"drop_before\"}},"
        "{\"operation\":\"dfs.append\",\"nth\":2," MISSING "},"
        "{\"operation\":\"dfs.head\"," MISSING "}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct lf_error err = {0};
        bench_begin(state);
        struct lake *lake = open_way(server, ADLS_RENAME);
        control(server, "faults", faults[i]);
        assert_false(lake_text_put(lake, "f/a", "text", &err));
        assert_int_equal(err.kind, LF_TRANSIENT);
        assert_non_null(strstr(err.msg, "removed or altered by somebody else while it was written"));
        must(lake_text_put(lake, "f/a", "text", &err), &err);
        lake_close(&lake);
    }
}

static void put_when_the_service_ignores_conditions_then_unsupported(void **state)
{
    struct adls_server *server = *state;
    for (int way = ADLS_PUT_BLOB; way <= ADLS_RENAME; way++) {
        struct lf_error err = {0};
        char etag[LAKE_ETAG_SIZE];
        bench_begin(state);
        struct lake *lake = open_way(server, (enum adls_publish)way);
        must(lake_text_replace(lake, MODEL, NULL, "one", etag, &err), &err);
        adls_server_fault(
            server, operations[way], 1,
            "{\"action\":\"status\",\"status\":201,\"headers\":{\"x-ms-rejected-headers\":\"If-Match\"}}");
        assert_false(lake_text_replace(lake, MODEL, etag, "two", etag, &err));
        assert_int_equal(err.kind, LF_UNSUPPORTED);
        assert_non_null(strstr(err.msg, "x-ms-rejected-headers"));
        lake_close(&lake);
    }
}

/* Every place where a rename can go wrong, for a service that checks the other side first, or gives no ETag back. */
static void rename_when_the_service_answers_otherwise_then_right_all_the_same(void **state)
{
    struct adls_server *server = *state;
    static const char *const options[] = {"{\"rename_checks\":\"destination\",\"rename_etag\":true}",
                                          "{\"rename_checks\":\"source\",\"rename_etag\":false}"};
    static const char *const faults[] = {"{\"action\":\"drop_before\"}", "{\"action\":\"drop_after\"}",
                                         "{\"action\":\"status\",\"status\":500,\"after\":true}"};
    for (size_t i = 0; i < ARRAY_LEN(options) * ARRAY_LEN(faults); i++) {
        bool fired = true;
        for (unsigned nth = 1; fired; nth++) {
            struct lf_error err = {0};
            struct lake_stat status;
            char etag[LAKE_ETAG_SIZE];
            bench_begin(state);
            control(server, "options", options[i / ARRAY_LEN(faults)]);
            struct lake *lake = open_way(server, ADLS_RENAME);
            must(lake_text_replace(lake, MODEL, NULL, "one", etag, &err), &err);
            adls_server_fault(server, NULL, nth, faults[i % ARRAY_LEN(faults)]);
            must(lake_text_replace(lake, MODEL, etag, "two", etag, &err), &err);
            fired = adls_server_fired(server) > 0;
            must(lake->ops->stat(lake, MODEL, &status, &err), &err);
            assert_string_equal(status.etag, etag);
            assert_true(lake_text_is(lake, MODEL, "two"));
            lake_close(&lake);
        }
    }
    control(server, "options", "{\"rename_checks\":\"source\",\"rename_etag\":true}");
}

/* A commit that was interrupted between its temporary file and the rename is made again under the same name. */
static void rename_when_a_temporary_file_was_left_then_made_anew(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    char hex[65];
    struct lake_content content;
    struct buf text = {0};
    struct lake *lake = open_way(server, ADLS_RENAME);
    must(bench_write(lake, "_lakefeed/publish/" ID ".json", "half a mod", 10, &err), &err);
    buf_append_text(&text, "model");
    must(lake_content_from_buf("/tmp", &text, &content, hex, &err), &err);
    content.id = ID;
    must(lake->ops->put_if_match(lake, MODEL, NULL, &content, etag, &err), &err);
    assert_true(lake_text_is(lake, MODEL, "model"));
    assert_false(lake_text_exists(lake, "_lakefeed/publish/" ID ".json"));
    fd_close(&content.fd);
    buf_done(&text);
    lake_close(&lake);
}

static void rename_when_refused_then_no_temporary_file_is_left(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    char etag[LAKE_ETAG_SIZE];
    struct lake *lake = open_way(server, ADLS_RENAME);
    must(lake_text_replace(lake, MODEL, NULL, "one", etag, &err), &err);
    assert_false(lake_text_replace(lake, MODEL, NULL, "two", etag, &err));
    assert_int_equal(err.kind, LF_CONFLICT);
    CLEANUP(buf_done) struct buf all = {0};
    must(lake->ops->list(lake, "", bench_visit, &all, &err), &err);
    assert_string_equal(buf_text(&all), MODEL "=3;");
    lake_close(&lake);
}

static void rename_when_the_namespace_is_flat_then_refused_with_the_cure(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = open_way(server, ADLS_RENAME);
    adls_server_fault(server, "dfs.head_filesystem", 1,
                      "{\"action\":\"status\",\"status\":200,\"headers\":{\"x-ms-namespace-enabled\":\"false\"}}");
    assert_false(lake_text_put(lake, "x", "x", &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_non_null(strstr(err.msg, "publish = put_blob"));
    assert_int_equal(adls_server_count(server, "dfs.create_file"), 0);
    lake_close(&lake);
}

static struct lake *open_auto(struct adls_server *server, const char *blob)
{
    struct adls_place place;
    struct lf_error err = {0};
    CLEANUP(text_free)
    char *url = text_printf("%s/%s/shop", adls_server_endpoint(server), adls_server_filesystem(server));
    must(adls_place_parse(url, NULL, &place, &err), &err);
    if (blob != NULL) {
        text_free(&place.blob);
        place.blob = text_copy(blob);
    }
    struct lake *lake =
        adls_server_open(server, "shop", &(struct adls_options){.place = place, .backoff_ms = 5, .patience_ms = 2000});
    adls_place_done(&place);
    return lake;
}

static void auto_when_blob_answers_then_no_further_request(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = open_auto(server, NULL);
    must(lake_text_put(lake, "x", "x", &err), &err);
    must(lake_text_put(lake, "y", "y", &err), &err);
    assert_int_equal(adls_server_count(server, NULL), 2);
    lake_close(&lake);
}

static void auto_when_blob_cannot_be_connected_to_then_by_rename_from_then_on(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = open_auto(server, "http://127.0.0.1:1/lakeaccount");
    must(lake_text_put(lake, "x", "x", &err), &err);
    assert_int_equal(adls_server_count(server, "dfs.rename"), 1);
    adls_server_clear(server);
    must(lake_text_put(lake, "y", "y", &err), &err);
    assert_int_equal(adls_server_count(server, NULL), 3);
    lake_close(&lake);
}

static void auto_when_blob_has_no_address_then_by_rename(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = open_auto(server, "http://lakeaccount.blob.invalid");
    must(lake_text_put(lake, "x", "x", &err), &err);
    assert_int_equal(adls_server_count(server, "dfs.rename"), 1);
    lake_close(&lake);
}

static void auto_when_blob_is_behind_a_firewall_then_by_rename(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = open_auto(server, NULL);
    control(server, "options", "{\"blob\":false}");
    must(lake_text_put(lake, "x", "x", &err), &err);
    assert_int_equal(adls_server_count(server, "dfs.rename"), 1);
    adls_server_clear(server);
    must(lake_text_put(lake, "y", "y", &err), &err);
    assert_int_equal(adls_server_count(server, NULL), 3);
    control(server, "options", "{\"blob\":true}");
    lake_close(&lake);
}

static void auto_when_blob_is_only_busy_then_undecided(void **state)
{
    struct adls_server *server = *state;
    struct lf_error err = {0};
    struct lake *lake = open_auto(server, NULL);
    control(server, "faults",
            "{\"rules\":[{\"endpoint\":\"blob\",\"times\":0,\"do\":{\"action\":\"status\",\"status\":503}}]}");
    assert_false(lake_text_put(lake, "x", "x", &err));
    assert_int_equal(err.kind, LF_TRANSIENT); /* a try before it may have been carried out */
    adls_server_clear(server);
    must(lake_text_put(lake, "x", "x", &err), &err);
    assert_int_equal(adls_server_count(server, "blob.put_blob"), 1);
    lake_close(&lake);
}

#define TEST(function) cmocka_unit_test_setup(function, bench_begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(put_by_put_blob_when_all_is_well_then_one_request),
        TEST(put_by_rename_when_all_is_well_then_three_requests),
        TEST(put_when_the_object_exists_then_conflict_whatever_the_service_answers),
        TEST(put_when_the_answer_is_lost_then_found_by_reading_back),
        TEST(put_when_lost_and_another_stands_there_then_transient),
        TEST(put_when_lost_and_then_refused_then_transient),
        TEST(put_when_refused_at_once_then_auth),
        TEST(put_by_rename_when_its_temporary_file_is_removed_then_transient),
        TEST(put_when_the_service_ignores_conditions_then_unsupported),
        TEST(rename_when_the_service_answers_otherwise_then_right_all_the_same),
        TEST(rename_when_a_temporary_file_was_left_then_made_anew),
        TEST(rename_when_refused_then_no_temporary_file_is_left),
        TEST(rename_when_the_namespace_is_flat_then_refused_with_the_cure),
        TEST(auto_when_blob_answers_then_no_further_request),
        TEST(auto_when_blob_cannot_be_connected_to_then_by_rename_from_then_on),
        TEST(auto_when_blob_has_no_address_then_by_rename),
        TEST(auto_when_blob_is_behind_a_firewall_then_by_rename),
        TEST(auto_when_blob_is_only_busy_then_undecided),
    };
    return cmocka_run_group_tests(tests, bench_start, bench_stop);
}
