/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "base/file.h"
#include "fakes/temp_folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

static void assert_holds(const char *path, const char *text)
{
    CLEANUP(buf_done) struct buf got = {0};
    struct lf_error err = {0};
    if (!file_read_all(path, 1 << 20, &got, &err)) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(buf_text(&got), text);
}

static size_t count_files(const char *folder)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    size_t n = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        n += entry->d_name[0] != '.';
    }
    assert_int_equal(closedir(dir), 0);
    return n;
}

static void replace_then_rights_stay_and_the_old_one_is_kept(UNUSED void **state)
{
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *path = text_printf("%s/c.json", folder);
    CLEANUP(text_free) char *kept = text_printf("%s/c.json.bak", folder);
    struct lf_error err = {0};
    struct stat status;
    write_text(path, "one");
    assert_int_equal(chmod(path, 0640), 0);
    assert_true(config_replace_file(path, slice_of_text("one"), slice_of_text("two"), &err));
    assert_holds(path, "two");
    assert_holds(kept, "one");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_true(config_replace_file(path, slice_of_text("two"), slice_of_text("three"), &err));
    assert_holds(path, "three");
    assert_holds(kept, "two");
    assert_int_equal(count_files(folder), 2);
}

static void replace_when_the_file_has_changed_then_left_as_it_is(UNUSED void **state)
{
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *path = text_printf("%s/c.json", folder);
    CLEANUP(text_free)
    char *message = text_printf("%s has been changed meanwhile and was left as it is; try again", path);
    struct lf_error err = {0};
    write_text(path, "someone else's");
    assert_false(config_replace_file(path, slice_of_text("one"), slice_of_text("two"), &err));
    assert_string_equal(err.msg, message);
    assert_int_equal(err.kind, LF_CONFLICT);
    assert_holds(path, "someone else's");
    assert_int_equal(count_files(folder), 1);
}

static void replace_of_a_link_then_the_file_behind_it(UNUSED void **state)
{
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *path = text_printf("%s/real.json", folder);
    CLEANUP(text_free) char *alias = text_printf("%s/alias.json", folder);
    struct lf_error err = {0};
    struct stat status;
    write_text(path, "one");
    assert_int_equal(symlink("real.json", alias), 0);
    assert_true(config_replace_file(alias, slice_of_text("one"), slice_of_text("two"), &err));
    assert_holds(path, "two");
    assert_int_equal(lstat(alias, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
}

static void replace_when_the_file_is_missing_then_not_found(UNUSED void **state)
{
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *path = text_printf("%s/none.json", folder);
    struct lf_error err = {0};
    assert_false(config_replace_file(path, slice_of_text(""), slice_of_text("two"), &err));
    assert_int_equal(err.kind, LF_NOT_FOUND);
    assert_int_equal(count_files(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replace_then_rights_stay_and_the_old_one_is_kept),
        cmocka_unit_test(replace_when_the_file_has_changed_then_left_as_it_is),
        cmocka_unit_test(replace_of_a_link_then_the_file_behind_it),
        cmocka_unit_test(replace_when_the_file_is_missing_then_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
