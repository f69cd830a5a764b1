/* SPDX-License-Identifier: Apache-2.0 */
#include "local_bench.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool try_open(const struct lake_local_options *options, struct lf_error *err)
{
    struct lake *lake = NULL;
    *err = (struct lf_error){0};
    bool ok = lake_local_open(options, &lake, err);
    lake_close(&lake);
    return ok;
}

static void assert_refused(const char *path, enum lf_error_kind kind, const char *text)
{
    struct lf_error err;
    assert_false(try_open(&(struct lake_local_options){.path = path}, &err));
    assert_int_equal(err.kind, kind);
    if (strstr(err.msg, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.msg, text);
    }
}

static mode_t mode_of(const struct local_bench *bench, const char *path)
{
    struct stat status;
    CLEANUP(text_free) char *full = local_bench_path(bench, path);
    assert_int_equal(stat(full, &status), 0);
    return status.st_mode & 07777;
}

static void open_when_folder_missing_then_made(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    CLEANUP(text_free) char *path = text_printf("%s/new//", bench->folder);
    mode_t mask = umask(0077);
    assert_true(try_open(&(struct lake_local_options){.path = path}, &err));
    (void)umask(mask);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0755);
}

static void open_when_path_relative_then_url_absolute(void **state)
{
    struct local_bench *bench = *state;
    struct lake *lake = NULL;
    struct lf_error err;
    struct buf url = {0};
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(bench->folder), 0);
    bool opened = lake_local_open(&(struct lake_local_options){.path = "fresh"}, &lake, &err);
    assert_int_equal(chdir(before), 0);
    assert_true(opened);
    assert_true(lake->ops->url(lake, "model.json", &url, &err));
    CLEANUP(text_free) char *real = realpath(bench->folder, NULL);
    CLEANUP(text_free) char *expected = text_printf("%s/fresh/model.json", real);
    assert_string_equal(buf_text(&url), expected);
    buf_done(&url);
    lake_close(&lake);
}

static void url_when_public_location_then_in_front(void **state)
{
    struct local_bench *bench = *state;
    struct lake *lake = NULL;
    struct lf_error err;
    struct buf url = {0};
    const struct lake_local_options options = {.path = bench->root, .public_location = "https://files.example/lake/"};
    assert_true(lake_local_open(&options, &lake, &err));
    assert_true(lake->ops->url(lake, "e/Snapshot/1.csv", &url, &err));
    assert_string_equal(buf_text(&url), "https://files.example/lake/e/Snapshot/1.csv");
    buf_done(&url);
    lake_close(&lake);
}

static void url_when_public_location_is_slash_then_not_doubled(void **state)
{
    struct local_bench *bench = *state;
    struct lake *lake = NULL;
    struct lf_error err;
    struct buf url = {0};
    assert_true(
        lake_local_open(&(struct lake_local_options){.path = bench->root, .public_location = "/"}, &lake, &err));
    assert_true(lake->ops->url(lake, "model.json", &url, &err));
    assert_string_equal(buf_text(&url), "/model.json");
    buf_done(&url);
    lake_close(&lake);
}

static void open_when_parent_missing_then_not_found_names_it(void **state)
{
    struct local_bench *bench = *state;
    CLEANUP(text_free) char *parent = text_printf("%s/none", bench->folder);
    CLEANUP(text_free) char *path = text_printf("%s/lake", parent);
    assert_refused(path, LF_NOT_FOUND, parent);
}

static void open_when_no_name_then_config(void **state)
{
    (void)state;
    assert_refused("", LF_CONFIG, "no name");
    assert_refused(NULL, LF_CONFIG, "no name");
}

static void open_when_file_then_config(void **state)
{
    struct local_bench *bench = *state;
    CLEANUP(text_free) char *path = text_printf("%s/file", bench->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_refused(path, LF_CONFIG, "not a folder");
}

static void open_when_link_then_config(void **state)
{
    struct local_bench *bench = *state;
    CLEANUP(text_free) char *path = text_printf("%s/link", bench->folder);
    CLEANUP(text_free) char *slashed = text_printf("%s/", path);
    assert_int_equal(symlink(bench->root, path), 0);
    assert_refused(path, LF_CONFIG, "symbolic link");
    assert_refused(slashed, LF_CONFIG, "symbolic link");
}

static void open_when_network_file_system_then_refused_unless_allowed(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    struct lake_local_options options = {.path = bench->root, .io = power_io_table(bench->power)};
    static const unsigned long magics[] = {0x6969, 0x65735546, 0xFF534D42, 0xFE534D42, 0x01021997};
    for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
        power_io_set_magic(bench->power, magics[i]);
        options.allow_network = false;
        assert_false(try_open(&options, &err));
        assert_int_equal(err.kind, LF_UNSUPPORTED);
        assert_non_null(strstr(err.msg, "allow_network"));
        options.allow_network = true;
        assert_true(try_open(&options, &err));
    }
    power_io_set_magic(bench->power, 0xEF53);
    options.allow_network = false;
    assert_true(try_open(&options, &err));
}

static void open_when_root_cannot_be_made_then_error(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    CLEANUP(text_free) char *path = text_printf("%s/other", bench->folder);
    const struct lake_local_options options = {.path = path, .io = power_io_table(bench->power)};
    power_io_fail(bench->power, "mkdir", 0, 1, EACCES);
    assert_false(try_open(&options, &err));
    assert_int_equal(err.kind, LF_AUTH);
    assert_non_null(strstr(err.msg, "make the folder yourself"));
    power_io_fail(bench->power, "mkdir", 0, 1, ENOSPC);
    assert_false(try_open(&options, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_non_null(strstr(err.msg, "MiB free"));
    power_io_fail(bench->power, "sync", 0, 1, EIO);
    assert_false(try_open(&options, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
}

static void file_mode_when_given_then_umask_has_no_say(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    struct lake *lake = NULL;
    const struct lake_local_options options = {.path = bench->root, .file_mode = 0640};
    assert_true(lake_local_open(&options, &lake, &err));
    mode_t mask = umask(0077);
    bool put =
        lake_text_put(lake, "e/Snapshot/1", "x", &err) && lake_text_replace(lake, "model.json", NULL, "x", NULL, &err);
    (void)umask(mask);
    assert_true(put);
    assert_int_equal(mode_of(bench, "e/Snapshot/1"), 0640);
    assert_int_equal(mode_of(bench, "model.json"), 0640);
    assert_int_equal(mode_of(bench, "e"), 0750);
    assert_int_equal(mode_of(bench, "e/Snapshot"), 0750);
    lake_close(&lake);
}

static void file_mode_when_not_given_then_world_readable(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    mode_t mask = umask(0077);
    bool put = lake_text_put(bench->lake, "e/Snapshot/1", "x", &err);
    (void)umask(mask);
    assert_true(put);
    assert_int_equal(mode_of(bench, "e/Snapshot/1"), 0644);
    assert_int_equal(mode_of(bench, "e/Snapshot"), 0755);
}

static void root_when_moved_away_then_no_commit_and_no_lock(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err = {0};
    CLEANUP(text_free) char *away = text_printf("%s/away", bench->folder);
    assert_int_equal(rename(bench->root, away), 0);
    assert_int_equal(symlink(away, bench->root), 0);
    assert_false(lake_text_replace(bench->lake, "model.json", NULL, "x", NULL, &err));
    assert_int_equal(err.kind, LF_CONFIG);
    assert_non_null(strstr(err.msg, "moved"));
    assert_false(bench->lake->ops->lock(bench->lake, "me", &err));
    assert_int_equal(err.kind, LF_CONFIG);
}

static void probe_when_not_writable_then_finding_says_so(void **state)
{
    struct local_bench *bench = *state;
    struct lf_error err;
    struct lake_finding finding = {.ok = true};
    power_io_fail(bench->power, "rename", 0, 1, EROFS);
    assert_true(bench->lake->ops->probe(bench->lake, &finding, &err));
    assert_false(finding.ok);
    assert_non_null(strstr(finding.text, "right to write"));
    power_io_fail(bench->power, NULL, 0, 0, 0);
    assert_true(bench->lake->ops->probe(bench->lake, &finding, &err));
    assert_true(finding.ok);
    assert_non_null(strstr(finding.text, bench->root));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_TEST(open_when_folder_missing_then_made),
        LOCAL_TEST(open_when_path_relative_then_url_absolute),
        LOCAL_TEST(url_when_public_location_then_in_front),
        LOCAL_TEST(url_when_public_location_is_slash_then_not_doubled),
        LOCAL_TEST(open_when_parent_missing_then_not_found_names_it),
        LOCAL_TEST(open_when_no_name_then_config),
        LOCAL_TEST(open_when_file_then_config),
        LOCAL_TEST(open_when_link_then_config),
        LOCAL_TEST(open_when_network_file_system_then_refused_unless_allowed),
        LOCAL_TEST(open_when_root_cannot_be_made_then_error),
        LOCAL_TEST(file_mode_when_given_then_umask_has_no_say),
        LOCAL_TEST(file_mode_when_not_given_then_world_readable),
        LOCAL_TEST(root_when_moved_away_then_no_commit_and_no_lock),
        LOCAL_TEST(probe_when_not_writable_then_finding_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
