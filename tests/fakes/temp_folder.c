/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/temp_folder.h"

#include "base/buf.h"

#include <assert.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char *temp_folder_make(void)
{
    const char *base = getenv("TMPDIR");
    char *folder = text_printf("%s/lakefeed-test-XXXXXX", base != NULL ? base : "/tmp");
    const char *made = mkdtemp(folder);
    assert(made != NULL);
    return folder;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    return place->level == 0 ? 0 : remove(path);
}

void temp_folder_clear(const char *folder)
{
    int failed = nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert(failed == 0);
}

void temp_folder_remove(char **folder)
{
    if (*folder != NULL) {
        temp_folder_clear(*folder);
        (void)rmdir(*folder);
    }
    text_free(folder);
}
