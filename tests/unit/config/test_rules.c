/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "fakes/temp_folder.h"

#include <sys/stat.h>
#include <unistd.h>

static char *two_lakes(const char *first, const char *second)
{
    return text_printf("{\"version\":1,\"links\":[\n"
                       "{\"name\":\"a\",\"source\":{\"url\":\"sqlite:a\"},\"lake\":{\n\"url\":\"%s\"}},\n"
                       "{\"name\":\"b\",\"source\":{\"url\":\"sqlite:b\"},\"lake\":{\n\"url\":\"%s\"}}]}",
                       first, second);
}

static void assert_lakes_refused(const char *first, const char *second, const char *rule)
{
    CLEANUP(text_free) char *text = two_lakes(first, second);
    CLEANUP(text_free) char *message = text_printf("t.json: line 5: links[1].lake.url: %s", rule);
    assert_refused(text, message);
}

#define SAME "links[0] (line 3) writes to this lake already; each link needs one of its own"
#define INSIDE \
    "this lake lies in that of links[0] (line 3), so that one link would take the other's files for its own; put " \
    "them " \
    "beside each other"
#define AROUND \
    "this lake contains that of links[0] (line 3), so that one link would take the other's files for its own; put " \
    "them " \
    "beside each other"

static void lakes_when_one_then_refused_however_it_is_written(UNUSED void **state)
{
    assert_lakes_refused("file:lake", "file:lake", SAME);
    assert_lakes_refused("file:lake", "file:./lake", SAME);
    assert_lakes_refused("file:lake", "file:.//x/../lake/", SAME);
    assert_lakes_refused("file:/srv/lake", "file:///srv/./lake", SAME);
    assert_lakes_refused("abfss://fs@acct.dfs.core.windows.net/a", "ABFSS://fs@Acct.dfs.core.windows.net/b/..//a/",
                         SAME);
    assert_lakes_refused("abfss://fs@acct.dfs.core.windows.net/a b", "https://acct.blob.core.windows.net/fs/a%20b/",
                         SAME);
    assert_lakes_refused("abfss://fs@acct.dfs.core.windows.net", "https://ACCT.dfs.core.windows.net:443/fs", SAME);
    CLEANUP(text_free) char *here = getcwd(NULL, 0);
    CLEANUP(text_free) char *absolute = text_printf("file:%s/lake", here);
    assert_lakes_refused("file:lake", absolute, SAME);
}

static void lakes_when_one_lies_in_the_other_then_refused_in_either_order(UNUSED void **state)
{
    assert_lakes_refused("file:./lake", "file:./lake/shop", INSIDE);
    assert_lakes_refused("file:./lake/shop", "file:./lake", AROUND);
    assert_lakes_refused("file:/", "file:lake", INSIDE);
    assert_lakes_refused("file:lake/a/b", "file:.", AROUND);
    assert_lakes_refused("abfss://fs@a.dfs.core.windows.net/", "abfss://fs@a.dfs.core.windows.net/shop", INSIDE);
    assert_lakes_refused("abfss://fs@a.dfs.core.windows.net/", "https://a.dfs.core.windows.net/fs/shop", INSIDE);
    assert_lakes_refused("https://onelake.blob.fabric.microsoft.com/ws/it.Lakehouse/Files/a",
                         "abfss://ws@onelake.dfs.fabric.microsoft.com/it.Lakehouse/Files", AROUND);
}

static void lakes_when_beside_each_other_then_taken(UNUSED void **state)
{
    static const char *const pairs[][2] = {
        {"file:lake/a", "file:lake/ab"},
        {"file:lake", "file:lake-2"},
        {"file:a/../b", "file:a"},
        {"abfss://fs@a.net/x", "abfss://fs@b.net/x"},
        {"abfss://f@a.net/x", "abfss://f@a.net/X"},
        {"abfss://f@a.dfs.core.windows.net/x", "https://b.dfs.core.windows.net/f/x"},
        {"abfss://f@a.dfs.core.windows.net/x", "abfss://f@a.dfs.core.usgovcloudapi.net/x"},
        {"https://a.dfs.core.windows.net", "https://a.dfs.core.windows.net/"}, /* each has a filesystem of its own */
        {"http://127.0.0.1:10004/a/f", "http://127.0.0.1:10005/a/f"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        CLEANUP(text_free) char *text = two_lakes(pairs[i][0], pairs[i][1]);
        CLEANUP(config_free) struct config *config = must_parse(text);
        assert_int_equal(config->nlinks, 2);
    }
}

static void lakes_when_a_link_leads_into_the_other_then_refused(UNUSED void **state)
{
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *real = text_printf("%s/real", folder);
    CLEANUP(text_free) char *alias = text_printf("%s/alias", folder);
    assert_int_equal(mkdir(real, 0755), 0);
    assert_int_equal(symlink(real, alias), 0);
    CLEANUP(text_free) char *outer = text_printf("file:%s", real);
    CLEANUP(text_free) char *inner = text_printf("file:%s/new/shop", alias);
    CLEANUP(text_free) char *back = text_printf("file:%s/../real", alias);
    assert_lakes_refused(outer, inner, INSIDE);
    assert_lakes_refused(outer, back, SAME);
}

static void lakes_of_three_links_then_the_two_are_found(UNUSED void **state)
{
    assert_refused("{\"version\":1,\"links\":["
                   "{\"name\":\"a\",\"source\":{\"url\":\"sqlite:a\"},\"lake\":{\"url\":\"file:z/deep/er\"}},\n"
                   "{\"name\":\"b\",\"source\":{\"url\":\"sqlite:b\"},\"lake\":{\"url\":\"file:z-1\"}},\n"
                   "{\"name\":\"c\",\"source\":{\"url\":\"sqlite:b\"},\"lake\":{\"url\":\"file:z\"}}]}",
                   "t.json: line 3: links[2].lake.url: this lake contains that of links[0] (line 1), so that one link "
                   "would take the other's files for its own; put them beside each other");
}

static void entity_when_its_name_is_reserved_then_refused(UNUSED void **state)
{
    static const char *const names[] = {"_lakefeed", "_x", "model.json", "Model.JSON", "default.manifest.cdm.json"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(text_free)
        char *members = text_printf("\"entities\":[\"a\",{\"table\":\"t\",\n\"name\":\"%s\"}]", names[i]);
        CLEANUP(text_free)
        char *message =
            text_printf("t.json: line 4: links[0].entities[1].name: \"%s\" is reserved: model.json, "
                        "default.manifest.cdm.json and all that begins with _ have another meaning in a lake; "
                        "choose another name",
                        names[i]);
        assert_link_refused(members, message);
    }
}

static void table_when_it_begins_with_an_underscore_then_taken(UNUSED void **state)
{
    CLEANUP(config_free) struct config *config = must_parse_link("\"entities\":[\"_lakefeed\",{\"table\":\"_x\"}]");
    assert_int_equal(config->links[0].nentities, 2);
}

static void column_when_excluded_twice_then_refused_with_both_lines(UNUSED void **state)
{
    assert_link_refused("\"entities\":[{\"table\":\"t\",\"exclude\":[\"a\",\n\"b\",\n\"b\"]}]",
                        "t.json: line 5: links[0].entities[0].exclude[2]: this column is already exclude[1] (line 4); "
                        "remove one of them");
}

static void entities_when_one_is_short_and_one_an_object_then_both_lines(UNUSED void **state)
{
    assert_link_refused(
        "\"entities\":[{\n\"name\":\"x\",\n\"table\":\"a\"},\n\"a\"]",
        "t.json: line 6: links[0].entities[1]: this table is already entities[0] (line 5); remove one of "
        "them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lakes_when_one_then_refused_however_it_is_written),
        cmocka_unit_test(lakes_when_one_lies_in_the_other_then_refused_in_either_order),
        cmocka_unit_test(lakes_when_beside_each_other_then_taken),
        cmocka_unit_test(lakes_when_a_link_leads_into_the_other_then_refused),
        cmocka_unit_test(lakes_of_three_links_then_the_two_are_found),
        cmocka_unit_test(entity_when_its_name_is_reserved_then_refused),
        cmocka_unit_test(table_when_it_begins_with_an_underscore_then_taken),
        cmocka_unit_test(column_when_excluded_twice_then_refused_with_both_lines),
        cmocka_unit_test(entities_when_one_is_short_and_one_an_object_then_both_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
