/* SPDX-License-Identifier: Apache-2.0 */
#include "source/registry.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "fakes/temp_folder.h"
#include "plugin/example_control.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MODULE_MAX ((size_t)16 << 20)

/* A folder of our own, so that neither the owner nor the umask of the build matters. */
struct fixture {
    char *folder;
};

static void copy_module(const struct fixture *fixture, const char *from, const char *name)
{
    struct lf_error err = {0};
    CLEANUP(buf_done) struct buf bytes = {0};
    CLEANUP(text_free) char *path = text_printf("%s/lakefeed_%s.so", fixture->folder, name);
    assert_true(file_read_all(from, MODULE_MAX, &bytes, &err));
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_true(file_write_all(fd, bytes.ptr, bytes.len, path, &err));
}

static void copy_bad(const struct fixture *fixture, const char *name)
{
    CLEANUP(text_free) char *from = text_printf("%s/lakefeed_%s.so", LAKEFEED_BAD_PLUGINS, name);
    copy_module(fixture, from, name);
}

static int setup(void **state)
{
    struct fixture *fixture = mem_new(1, sizeof *fixture);
    fixture->folder = temp_folder_make();
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    temp_folder_remove(&fixture->folder);
    free(fixture);
    return 0;
}

static void expect_refusal(const struct registry_folder *folder, const char *name, enum lf_error_kind kind,
                           const char *part_of_message)
{
    struct lf_error err = {0};
    struct registry_plugin *plugin = NULL;
    assert_false(registry_load(folder, name, &plugin, &err));
    assert_null(plugin);
    assert_string_equal(lf_error_kind_name(err.kind), lf_error_kind_name(kind));
    if (strstr(err.msg, part_of_message) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", err.msg, part_of_message);
    }
}

static void expect_bad(void **state, const char *name, const char *part_of_message)
{
    const struct fixture *fixture = *state;
    copy_bad(fixture, name);
    const struct registry_folder folder = {.path = fixture->folder, .any_owner = true};
    expect_refusal(&folder, name, LF_UNSUPPORTED, part_of_message);
}

static void find_by_name_or_scheme_when_known_then_gives_connector(void **state)
{
    (void)state;
    const struct lf_connector one = {.name = "postgres", .scheme = "postgresql"};
    const struct lf_connector two = {.name = "sqlite", .scheme = "sqlite"};
    const struct lf_connector *const table[] = {&one, &two};
    const struct registry registry = {.connectors = table, .nconnectors = 2};
    assert_ptr_equal(registry_find(&registry, "postgres"), &one);
    assert_ptr_equal(registry_find(&registry, "postgresql"), &one);
    assert_ptr_equal(registry_find(&registry, "sqlite"), &two);
    assert_null(registry_find(&registry, "postgre"));
    assert_null(registry_find(&registry, ""));
    assert_null(registry_find(&(struct registry){0}, "sqlite"));
}

static bool never_cancelled(void *context)
{
    (void)context;
    return false;
}

static void load_when_good_then_its_sessions_work(void **state)
{
    const struct fixture *fixture = *state;
    const struct registry_folder folder = {.path = fixture->folder, .any_owner = true};
    const struct lf_host host = {.cancelled = never_cancelled};
    struct lf_error err = {0};
    struct lf_session *session = NULL;
    const char *identity;
    copy_module(fixture, LAKEFEED_EXAMPLE_MODULE, "example");
    struct registry_plugin *plugin = NULL;
    assert_true(registry_load(&folder, "example", &plugin, &err));
    const struct lf_connector *connector = registry_connector(plugin);
    assert_string_equal(connector->scheme, "example");
    assert_true(connector->ops != lakefeed_connector()->ops); /* the module's, not those linked into this test */
    assert_null(connector->ops->track);
    assert_true(connector->ops->open(&host, "example:shop?create=true&steps=50", NULL, 0, &session, &err));
    assert_true(connector->ops->identity(session, &identity, &err));
    assert_string_equal(identity, "example:shop-0000000000000001");
    connector->ops->close(session);
    registry_unload(&plugin);
    assert_null(plugin);
}

static void load_when_built_with_later_headers_then_common_part_is_used(void **state)
{
    const struct fixture *fixture = *state;
    const struct registry_folder folder = {.path = fixture->folder, .any_owner = true};
    struct lf_error err = {0};
    CLEANUP(registry_unload) struct registry_plugin *plugin = NULL;
    copy_bad(fixture, "longer");
    assert_true(registry_load(&folder, "longer", &plugin, &err));
    const struct lf_connector *connector = registry_connector(plugin);
    assert_int_equal(connector->struct_size, sizeof *connector);
    assert_int_equal(connector->ops_size, sizeof *connector->ops);
    assert_null(connector->ops->nudge);
    assert_non_null(connector->ops->changes_close);
}

static void load_when_symbol_is_missing_then_says_which(void **state)
{
    expect_bad(state, "symbol", "lakefeed_connector");
}

static void load_when_no_descriptor_then_refuses(void **state)
{
    expect_bad(state, "null", "no descriptor");
}

static void load_when_abi_differs_then_names_both_numbers(void **state)
{
    expect_bad(state, "abi", "ABI 77, this lakefeed has ABI 1");
}

static void load_when_descriptor_is_short_then_refuses(void **state)
{
    expect_bad(state, "descriptor", "24 bytes");
}

static void load_when_ops_are_short_then_names_first_missing(void **state)
{
    expect_bad(state, "ops_size", "changes_open");
}

static void load_when_required_op_is_null_then_names_it(void **state)
{
    expect_bad(state, "op", "load_asof");
}

static void load_when_ops_are_null_then_refuses(void **state)
{
    expect_bad(state, "ops", "no ops");
}

static void load_when_scheme_is_missing_then_refuses(void **state)
{
    expect_bad(state, "scheme", "scheme");
}

static void load_when_name_differs_from_file_then_names_both(void **state)
{
    expect_bad(state, "other_name", "calls itself another, its file name says other_name");
}

static void load_when_file_is_no_module_then_says_so(void **state)
{
    const struct fixture *fixture = *state;
    copy_module(fixture, LAKEFEED_TESTS_DIR "/tests.cmake", "text");
    const struct registry_folder folder = {.path = fixture->folder, .any_owner = true};
    expect_refusal(&folder, "text", LF_UNSUPPORTED, "cannot be loaded");
}

static void load_when_file_is_missing_then_not_found_with_path(void **state)
{
    const struct fixture *fixture = *state;
    const struct registry_folder folder = {.path = fixture->folder, .any_owner = true};
    expect_refusal(&folder, "nowhere", LF_NOT_FOUND, "lakefeed_nowhere.so");
    const struct registry_folder missing = {.path = "/nonexistent/plugins", .any_owner = true};
    expect_refusal(&missing, "nowhere", LF_NOT_FOUND, "/nonexistent/plugins");
}

static void load_when_name_is_a_path_then_config(void **state)
{
    const struct fixture *fixture = *state;
    const struct registry_folder folder = {.path = fixture->folder, .any_owner = true};
    static const char *const names[] = {"", "../example", "a/b", "Example", "a.so"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        expect_refusal(&folder, names[i], LF_CONFIG, "a name has");
    }
}

static void load_when_others_may_write_then_config(void **state)
{
    const struct fixture *fixture = *state;
    const struct registry_folder folder = {.path = fixture->folder, .any_owner = true};
    CLEANUP(text_free) char *file = text_printf("%s/lakefeed_longer.so", fixture->folder);
    copy_bad(fixture, "longer");
    assert_int_equal(chmod(file, 0620), 0);
    expect_refusal(&folder, "longer", LF_CONFIG, "lakefeed_longer.so can be written");
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(chmod(fixture->folder, 0702), 0);
    expect_refusal(&folder, "longer", LF_CONFIG, "can be written");
    assert_int_equal(chmod(fixture->folder, 0700), 0);
}

static void load_when_file_is_a_link_then_refuses(void **state)
{
    const struct fixture *fixture = *state;
    const struct registry_folder folder = {.path = fixture->folder, .any_owner = true};
    CLEANUP(text_free) char *file = text_printf("%s/lakefeed_text.so", fixture->folder);
    assert_int_equal(symlink(LAKEFEED_EXAMPLE_MODULE, file), 0);
    struct lf_error err = {0};
    struct registry_plugin *plugin = NULL;
    assert_false(registry_load(&folder, "text", &plugin, &err));
    assert_int_equal(err.code, ELOOP);
}

static void load_when_owner_is_not_root_then_config(void **state)
{
    const struct fixture *fixture = *state;
    const struct registry_folder folder = {.path = fixture->folder};
    copy_bad(fixture, "longer");
    if (geteuid() == 0) {
        assert_int_equal(chown(fixture->folder, 65534, 65534), 0);
    }
    expect_refusal(&folder, "longer", LF_CONFIG, "belongs to user");
}

static void check_when_example_then_complete(void **state)
{
    (void)state;
    struct lf_error err = {0};
    assert_true(registry_check(lakefeed_connector(), "example", &err));
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_by_name_or_scheme_when_known_then_gives_connector),
        WITH_FOLDER(load_when_good_then_its_sessions_work),
        WITH_FOLDER(load_when_built_with_later_headers_then_common_part_is_used),
        WITH_FOLDER(load_when_symbol_is_missing_then_says_which),
        WITH_FOLDER(load_when_no_descriptor_then_refuses),
        WITH_FOLDER(load_when_abi_differs_then_names_both_numbers),
        WITH_FOLDER(load_when_descriptor_is_short_then_refuses),
        WITH_FOLDER(load_when_ops_are_short_then_names_first_missing),
        WITH_FOLDER(load_when_required_op_is_null_then_names_it),
        WITH_FOLDER(load_when_ops_are_null_then_refuses),
        WITH_FOLDER(load_when_scheme_is_missing_then_refuses),
        WITH_FOLDER(load_when_name_differs_from_file_then_names_both),
        WITH_FOLDER(load_when_file_is_no_module_then_says_so),
        WITH_FOLDER(load_when_file_is_missing_then_not_found_with_path),
        WITH_FOLDER(load_when_name_is_a_path_then_config),
        WITH_FOLDER(load_when_others_may_write_then_config),
        WITH_FOLDER(load_when_file_is_a_link_then_refuses),
        WITH_FOLDER(load_when_owner_is_not_root_then_config),
        cmocka_unit_test(check_when_example_then_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
