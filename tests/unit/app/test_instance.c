/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/instance.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"
#include "fakes/temp_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A state directory and the root of a machine. */
struct bench {
    char *folder, *state, *root;
};

static void write_text(const char *folder, const char *path, const char *text)
{
    CLEANUP(text_free) char *whole = text_printf("%s/%s", folder, path);
    CLEANUP(text_free) char *parent = text_copy_len(whole, (size_t)(strrchr(whole, '/') - whole));
    struct lf_error err;
    assert_true(file_make_folders(parent, 0700, &err));
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

static int make(void **state)
{
    static struct bench bench;
    struct lf_error err;
    bench.folder = temp_folder_make();
    bench.state = text_printf("%s/state", bench.folder);
    bench.root = text_printf("%s/root", bench.folder);
    write_text(bench.root, "etc/machine-id", "0123\n");
    write_text(bench.root, "sys/class/dmi/id/product_uuid", "4567\n");
    write_text(bench.root, "sys/class/net/eth0/address", "02:00:00:00:00:01\n");
    write_text(bench.root, "sys/class/net/eth0/device/driver", "");
    write_text(bench.root, "sys/class/net/docker0/address", "02:00:00:00:00:02\n");
    *state = &bench;
    return file_make_folders(bench.state, 0700, &err) ? 0 : -1;
}

static int drop(void **state)
{
    struct bench *bench = *state;
    temp_folder_remove(&bench->folder);
    text_free(&bench->state);
    text_free(&bench->root);
    return 0;
}

static char *read_instance(const struct bench *bench)
{
    struct lf_error err = {0};
    char *text = NULL;
    if (!instance_read(bench->state, bench->root, &text, &err)) {
        fail_msg("%s", err.msg);
    }
    return text;
}

static void instance_when_read_again_then_the_same(void **state)
{
    struct bench *bench = *state;
    CLEANUP(text_free) char *first = read_instance(bench);
    CLEANUP(text_free) char *second = read_instance(bench);
    assert_string_equal(first, second);
    assert_int_equal(strlen(first), 64);
}

static void instance_in_another_state_directory_then_another(void **state)
{
    struct bench *bench = *state;
    struct lf_error err;
    CLEANUP(text_free) char *first = read_instance(bench);
    struct bench other = {.root = bench->root, .state = text_printf("%s/other", bench->folder)};
    assert_true(file_make_folders(other.state, 0700, &err));
    CLEANUP(text_free) char *second = read_instance(&other);
    assert_string_not_equal(first, second);
    text_free(&other.state);
}

static void state_directory_on_another_machine_then_another_instance(void **state)
{
    static const struct {
        const char *path, *text;
    } parts[] = {
        {"etc/machine-id", "9999\n"},
        {"sys/class/dmi/id/product_uuid", "9999\n"},
        {"sys/class/net/eth0/address", "02:00:00:00:00:09\n"},
    };
    struct bench *bench = *state;
    CLEANUP(text_free) char *before = read_instance(bench);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        write_text(bench->root, parts[i].path, parts[i].text);
        char *after = read_instance(bench);
        assert_string_not_equal(before, after);
        text_free(&before);
        before = after;
    }
}

static void network_of_a_container_that_comes_and_goes_then_the_same(void **state)
{
    struct bench *bench = *state;
    CLEANUP(text_free) char *first = read_instance(bench);
    write_text(bench->root, "sys/class/net/docker0/address", "02:00:00:00:00:77\n");
    write_text(bench->root, "sys/class/net/veth1/address", "02:00:00:00:00:78\n");
    CLEANUP(text_free) char *second = read_instance(bench);
    assert_string_equal(first, second);
}

static void number_that_is_damaged_then_a_new_one(void **state)
{
    static const char *const damaged[] = {"", "short\n", "0123456789abcdef0123456789abcdeX\n",
                                          "0123456789abcdef0123456789abcdef0123456789abcdef\n"};
    struct bench *bench = *state;
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        write_text(bench->state, "instance", damaged[i]);
        CLEANUP(text_free) char *first = read_instance(bench);
        CLEANUP(text_free) char *second = read_instance(bench);
        assert_string_equal(first, second);
    }
}

static void state_directory_that_is_missing_then_an_error(void **state)
{
    struct bench *bench = *state;
    struct bench missing = {.root = bench->root, .state = "/nonexistent/lakefeed"};
    struct lf_error err = {0};
    char *text = NULL;
    assert_false(instance_read(missing.state, missing.root, &text, &err));
    assert_non_null(strstr(err.msg, "/nonexistent/lakefeed/instance"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(instance_when_read_again_then_the_same, make, drop),
        cmocka_unit_test_setup_teardown(instance_in_another_state_directory_then_another, make, drop),
        cmocka_unit_test_setup_teardown(state_directory_on_another_machine_then_another_instance, make, drop),
        cmocka_unit_test_setup_teardown(network_of_a_container_that_comes_and_goes_then_the_same, make, drop),
        cmocka_unit_test_setup_teardown(number_that_is_damaged_then_a_new_one, make, drop),
        cmocka_unit_test_setup_teardown(state_directory_that_is_missing_then_an_error, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
