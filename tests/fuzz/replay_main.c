/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for libFuzzer: hands every file of the folders given as arguments to the fuzz target once.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *folder, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    uint8_t *data = NULL;
    size_t len = 0;
    size_t size = 0;
    do {
        size += 1 << 16;
        data = realloc(data, size);
        if (data == NULL) {
            abort();
        }
        len += fread(data + len, 1, size - len, file);
    } while (len == size);
    (void)fclose(file);
    /* An exact allocation lets AddressSanitizer see a read past the end. */
    uint8_t *exact = malloc(len > 0 ? len : 1);
    if (exact == NULL) {
        abort();
    }
    memcpy(exact, data, len);
    free(data);
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
            if (entry->d_name[0] != '.') {
                failed |= replay_file(argv[i], entry->d_name);
                count++;
            }
        }
        (void)closedir(folder);
    }
    (void)printf("%d inputs replayed\n", count);
    return failed != 0 || count == 0 ? 1 : 0;
}
