/* SPDX-License-Identifier: Apache-2.0
 *
 * lakefeed_generate [--check] DOCS: writes what is made from the tables below the folder DOCS. With --check it writes nothing
 * and fails when a file is out of date, unless LAKEFEED_REGENERATE is set.
 */
#include "cli/generate.h"

#include "base/file.h"
#include "base/macros.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES ((size_t)4 << 20)

struct output {
    const char *path; /* below DOCS */
    void (*make)(struct buf *out);
};

static const struct output outputs[] = {
    {"commands.md", generate_page},
    {"man/lakefeed.1", generate_man},
    {"completion/lakefeed.bash", generate_bash},
    {"completion/_lakefeed", generate_zsh},
    {"completion/lakefeed.fish", generate_fish},
};

static bool write_file(const char *path, const struct buf *text)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return false;
    }
    bool good = fwrite(text->ptr, 1, text->len, file) == text->len;
    return fclose(file) == 0 && good;
}

static bool settle(const char *folder, const struct output *output, bool check)
{
    CLEANUP(buf_done) struct buf wanted = {0};
    CLEANUP(buf_done) struct buf found = {0};
    CLEANUP(text_free) char *path = text_printf("%s/%s", folder, output->path);
    struct lf_error err;
    output->make(&wanted);
    if (file_read_all(path, FILE_MAX_BYTES, &found, &err) && slice_equal(buf_slice(&wanted), buf_slice(&found))) {
        return true;
    }
    if (check) {
        (void)fprintf(stderr, "%s is out of date; run scripts/generate_docs\n", path);
        return false;
    }
    if (!write_file(path, &wanted)) {
        perror(path);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    bool check = argc == 3 && strcmp(argv[1], "--check") == 0;
    bool good = true;
    if (argc != 2 && !check) {
        (void)fputs("usage: lakefeed_generate [--check] DOCS\n", stderr);
        return EXIT_FAILURE;
    }
    check = check && getenv("LAKEFEED_REGENERATE") == NULL;
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++) {
        good = settle(argv[argc - 1], &outputs[i], check) && good;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
