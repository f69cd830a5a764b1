/* SPDX-License-Identifier: Apache-2.0
 *
 * Which column of now may be a masked one of the lake. Columns are written in short: in "id email* name-" email is masked and name
 * was dropped; "name=2" has another id than that of its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/macros.h"
#include "config/settings.h"
#include "link/masking.h"

#include <stdlib.h>
#include <string.h>

#define KEY ((struct lf_slice){"a key that is long enough", 25})
#define COLUMNS_MAX 8

static struct mask hash_mask(void)
{
    return mask_make(MASK_HASH, NULL, KEY);
}

static struct lf_column column_of(char *word, uint32_t place, struct arena *arena)
{
    const struct mask mask = hash_mask();
    const char *number = strchr(word, '=');
    const bool masked = strchr(word, '*') != NULL, dropped = strchr(word, '-') != NULL;
    struct lf_column column = {.id = number != NULL ? (uint32_t)strtoul(number + 1, NULL, 10) : place,
                               .source_type = "text",
                               .type = LF_TYPE_STRING};
    word[strcspn(word, "*-=")] = '\0';
    column.name = word;
    column = masked ? mask_column(&mask, &column, arena) : column;
    column.dropped = dropped;
    return column;
}

static struct lf_schema schema_of(const char *text, struct arena *arena)
{
    struct lf_column *columns = arena_alloc(arena, COLUMNS_MAX * sizeof *columns);
    struct lf_schema schema = {.columns = columns};
    char *rest = arena_text(arena, text);
    for (char *word = strtok_r(rest, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        columns[schema.ncolumns] = column_of(word, schema.ncolumns + 1, arena);
        schema.ncolumns++;
    }
    return schema;
}

struct seen {
    const char *reason;
    bool changed;
};

/* `none`: a column of which the configuration says that it may come in clear. */
static struct seen look(uint32_t capabilities, const char *lake_text, const char *now_text, const char *none,
                        struct arena *arena)
{
    const struct lf_connector_ops ops = {0};
    const struct lf_connector connector = {.capabilities = capabilities, .ops = &ops};
    const struct masking_column columns[] = {{"email", MASK_HASH, NULL}, {none, MASK_NONE, NULL}};
    const struct masking_table table = {"t", columns, none != NULL ? 2 : 1};
    CLEANUP(masking_free)
    struct masking *masking = masking_new(&(struct masking_options){&connector, KEY, &table, 1});
    const struct lf_schema lake = schema_of(lake_text, arena);
    const struct lf_table now = {.name = "t", .schema = schema_of(now_text, arena)};
    return (struct seen){masking_refuse_table(masking, &connector, &now, &lake, arena),
                         masking_is_changed(masking, &connector, &lake, &now.schema)};
}

struct example {
    const char *lake, *now, *none;
    const char *reason; /* what it begins with; NULL: the table is read */
};

static void assert_examples(uint32_t capabilities, const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(arena_done) struct arena arena = {0};
        const struct example *e = &examples[i];
        const char *reason = look(capabilities, e->lake, e->now, e->none, &arena).reason;
        const bool good = (reason == NULL) == (e->reason == NULL) &&
                          (reason == NULL || strncmp(reason, e->reason, strlen(e->reason)) == 0);
        if (!good) {
            fail_msg("\"%s\" -> \"%s\": %s", e->lake, e->now, reason != NULL ? reason : "taken");
        }
    }
}

#define CALLED_EMAIL " is masked in the lake, where it is called email, and the configuration does not say"
#define MAY_BE_EMAIL " may be the masked column email under another name, and the configuration does not say"

static void column_when_its_id_is_that_of_a_masked_one_then_refused(UNUSED void **state)
{
    static const struct example examples[] = {
        {"id email* name", "id email* name", NULL, NULL},
        {"id email* name", "id email* name more", NULL, NULL},
        {"id email* name", "id name=3", NULL, NULL},
        {"id email* name", "id name=3 email*=4 more", NULL, NULL},
        {"id email* name", "id post name email*", NULL, "its column post" CALLED_EMAIL},
        {"id email* name", "id name=2 email*=3", NULL, "its column name" CALLED_EMAIL},
        {"id post*", "id post", NULL, "its column post is masked in the lake, and the configuration does not say"},
        {"id post*-", "id post", NULL, "its column post is masked in the lake, and"},
        {"id email*- name", "id name=3", NULL, NULL},
        {"id email* name", "id post name email*", "post", NULL},
        {"id post*", "id post", "post", NULL},
    };
    assert_examples(LF_CAP_COLUMN_IDS, examples, ARRAY_LEN(examples));
}

/* Ids are those of the place, whatever was dropped before: they are not looked at. */
static void column_when_ids_tell_nothing_then_refused_if_it_may_be_a_masked_one(UNUSED void **state)
{
    static const struct example examples[] = {
        {"id email* name", "id email* name", NULL, NULL},
        {"id old- email* name", "id email* name", NULL, NULL},
        {"id email* name", "id email* name more", NULL, NULL},
        {"id email* name", "id name", NULL, NULL},
        {"id post*", "id post", NULL, "its column post is masked in the lake, and"},
        {"id email* name", "id post name", NULL, "its column post" MAY_BE_EMAIL},
        {"id email* name", "id post name email*", NULL, "its column post" MAY_BE_EMAIL},
        {"id email*", "id post email*", NULL, "its column post" MAY_BE_EMAIL},
        {"id email* name", "id name email*", NULL, "its column name" MAY_BE_EMAIL}, /* swapped, or came back */
        {"id email* name", "id name more", NULL, "its column more" MAY_BE_EMAIL},
        {"id email*- name", "id name more", NULL, NULL},
        {"id email* name", "id post name email*", "post", NULL},
        {"id email* name", "id name email*", "name", NULL},
        {"id email* name", "id name more", "more", NULL},
    };
    assert_examples(0, examples, ARRAY_LEN(examples));
}

static void reason_then_has_what_to_write(UNUSED void **state)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const struct seen seen = look(LF_CAP_COLUMN_IDS, "id email*", "id post email*", NULL, &arena);
    assert_non_null(strstr(seen.reason, "add \"post\": {\"mask\": \"hash\"} to \"columns\", or \"none\""));
}

static void table_when_nothing_is_masked_any_more_then_refused_all_the_same(UNUSED void **state)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const struct lf_connector connector = {.capabilities = LF_CAP_COLUMN_IDS};
    const struct lf_schema lake = schema_of("id email*", &arena), clear = schema_of("id email", &arena);
    const struct lf_table now = {.name = "t", .schema = clear};
    assert_non_null(masking_refuse_table(NULL, &connector, &now, &lake, &arena));
    assert_null(masking_refuse_table(NULL, &connector, &now, &clear, &arena));
    assert_true(masking_is_changed(NULL, &connector, &lake, &clear));
    assert_false(masking_is_changed(NULL, &connector, &clear, &clear));
}

static void masks_when_other_ones_then_changed(UNUSED void **state)
{
    static const struct {
        uint32_t capabilities;
        const char *lake, *now;
        bool changed;
    } examples[] = {
        {LF_CAP_COLUMN_IDS, "id email* name", "id email* name", false},
        {LF_CAP_COLUMN_IDS, "id email name", "id email* name", true},
        {LF_CAP_COLUMN_IDS, "id email* name", "id email name", true},
        {LF_CAP_COLUMN_IDS, "id email* name", "id post* name email*", false}, /* the same under another name */
        {LF_CAP_COLUMN_IDS, "id email* name", "id name=3", false},
        {0, "id old- email* name", "id email* name", false}, /* by name: ids have moved */
        {0, "id old- email name", "id email* name", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        CLEANUP(arena_done) struct arena arena = {0};
        assert_int_equal(look(examples[i].capabilities, examples[i].lake, examples[i].now, NULL, &arena).changed,
                         examples[i].changed);
    }
}

static void mask_when_its_key_is_another_then_changed(UNUSED void **state)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const struct lf_connector_ops ops = {0};
    const struct lf_connector connector = {.capabilities = LF_CAP_COLUMN_IDS, .ops = &ops};
    const struct masking_column column = {"email", MASK_HASH, NULL};
    const struct masking_table table = {"t", &column, 1};
    const struct lf_slice key = slice_of_text("another key, which is long");
    CLEANUP(masking_free) struct masking *masking = masking_new(&(struct masking_options){&connector, key, &table, 1});
    const struct lf_schema lake = schema_of("id email*", &arena);
    assert_true(masking_is_changed(masking, &connector, &lake, &lake));
}

static void words_of_the_configuration_then_those_of_the_masks(UNUSED void **state)
{
    const char *const *choices = settings_find(SECTION_COLUMN, "mask")->choices;
    size_t count = 0;
    for (; choices[count] != NULL; count++) {
        enum mask_kind kind;
        assert_true(mask_find_word(choices[count], &kind));
        assert_int_equal(kind, count);
    }
    assert_int_equal(count, MASK_NONE + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(column_when_its_id_is_that_of_a_masked_one_then_refused),
        cmocka_unit_test(column_when_ids_tell_nothing_then_refused_if_it_may_be_a_masked_one),
        cmocka_unit_test(reason_then_has_what_to_write),
        cmocka_unit_test(table_when_nothing_is_masked_any_more_then_refused_all_the_same),
        cmocka_unit_test(masks_when_other_ones_then_changed),
        cmocka_unit_test(mask_when_its_key_is_another_then_changed),
        cmocka_unit_test(words_of_the_configuration_then_those_of_the_masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
