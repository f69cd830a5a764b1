/* SPDX-License-Identifier: Apache-2.0 */
#include "config_text.h"

#include "config/secret.h"
#include "fakes/temp_folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static char *make_secret(const char *folder, mode_t mode)
{
    char *path = text_printf("%s/secret", folder);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "hush\n", 5), 5);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    return path;
}

static void file_when_others_may_read_it_then_refused_with_its_mode_and_the_cure(UNUSED void **state)
{
    static const mode_t modes[] = {0640, 0604, 0644, 0440};
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        CLEANUP(text_free) char *path = make_secret(folder, modes[i]);
        CLEANUP(text_free) char *text = NULL;
        CLEANUP(text_free)
        char *message =
            text_printf("the file %s has mode %04o, so that others than its owner can read the secret; type: "
                        "chmod 600 %s",
                        path, (unsigned)modes[i], path);
        struct lf_error err = {0};
        assert_false(secret_read(CONFIG_FILE, path, &text, &err));
        assert_string_equal(err.msg, message);
        assert_int_equal(err.kind, LF_CONFIG);
        assert_null(text);
        assert_int_equal(chmod(path, 0600), 0);
    }
}

static void file_when_its_owner_alone_may_read_it_then_taken(UNUSED void **state)
{
    static const mode_t modes[] = {0600, 0400, 0700, 0622};
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        CLEANUP(text_free) char *path = make_secret(folder, modes[i]);
        CLEANUP(text_free) char *text = NULL;
        struct lf_error err = {0};
        if (!secret_read(CONFIG_FILE, path, &text, &err)) {
            fail_msg("%s", err.msg);
        }
        assert_string_equal(text, "hush");
        assert_int_equal(chmod(path, 0600), 0);
    }
}

/* An access list of the owner, one user and the group; its mask becomes the group's bits of the mode. */
static bool set_access_list(const char *path, uid_t user, unsigned char group_reads)
{
    const unsigned char list[] = {
        2,
        0,
        0,
        0, /* version */
        0x01,
        0,
        6,
        0,
        0xFF,
        0xFF,
        0xFF,
        0xFF, /* owner */
        0x02,
        0,
        4,
        0,
        (unsigned char)user,
        (unsigned char)(user >> 8),
        (unsigned char)(user >> 16),
        0, /* user */
        0x04,
        0,
        group_reads,
        0,
        0xFF,
        0xFF,
        0xFF,
        0xFF, /* group */
        0x10,
        0,
        4,
        0,
        0xFF,
        0xFF,
        0xFF,
        0xFF, /* mask */
        0x20,
        0,
        0,
        0,
        0xFF,
        0xFF,
        0xFF,
        0xFF, /* others */
    };
    return setxattr(path, "system.posix_acl_access", list, sizeof list, 0) == 0;
}

static void file_when_an_access_list_opens_it_to_us_alone_then_taken_and_to_others_refused(UNUSED void **state)
{
    static const struct {
        uid_t user;
        unsigned char group_reads;
        bool good;
    } cases[] = {{0, 0, true}, {4242, 0, false}, {0, 4, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
        CLEANUP(text_free) char *path = make_secret(folder, 0600);
        CLEANUP(text_free) char *text = NULL;
        struct lf_error err = {0};
        struct stat status;
        if (!set_access_list(path, cases[i].user, cases[i].group_reads)) {
            print_message("no access lists here: %s\n", folder);
            return;
        }
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0640);
        assert_int_equal(secret_read(CONFIG_FILE, path, &text, &err), cases[i].good);
    }
}

static void file_when_it_belongs_to_another_user_then_refused(UNUSED void **state)
{
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *path = make_secret(folder, 0600);
    CLEANUP(text_free) char *text = NULL;
    CLEANUP(text_free)
    char *message =
        text_printf("the file %s belongs to user 4242, who could exchange the secret; make it belong to the "
                    "user of lakefeed: chown %u %s",
                    path, (unsigned)geteuid(), path);
    struct lf_error err = {0};
    if (chown(path, 4242, (gid_t)-1) != 0) {
        skip(); /* root alone can give a file away */
    }
    assert_false(secret_read(CONFIG_FILE, path, &text, &err));
    assert_string_equal(err.msg, message);
}

static void file_when_it_is_a_pipe_then_refused_without_waiting(UNUSED void **state)
{
    CLEANUP(temp_folder_remove) char *folder = temp_folder_make();
    CLEANUP(text_free) char *path = text_printf("%s/pipe", folder);
    CLEANUP(text_free) char *message = text_printf("%s is no file", path);
    CLEANUP(text_free) char *text = NULL;
    struct lf_error err = {0};
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(secret_read(CONFIG_FILE, path, &text, &err));
    assert_string_equal(err.msg, message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_when_others_may_read_it_then_refused_with_its_mode_and_the_cure),
        cmocka_unit_test(file_when_its_owner_alone_may_read_it_then_taken),
        cmocka_unit_test(file_when_an_access_list_opens_it_to_us_alone_then_taken_and_to_others_refused),
        cmocka_unit_test(file_when_it_belongs_to_another_user_then_refused),
        cmocka_unit_test(file_when_it_is_a_pipe_then_refused_without_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
