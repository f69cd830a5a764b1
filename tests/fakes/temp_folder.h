/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder of a test's own. Fails the test (abort) when it cannot be made.
 */
#ifndef FAKES_TEMP_FOLDER_H
#define FAKES_TEMP_FOLDER_H

/* Below $TMPDIR or /tmp; heap text, given back to temp_folder_remove. */
char *temp_folder_make(void);
void temp_folder_remove(char **folder); /* with everything in it; for CLEANUP */
/* Removes what is in the folder, not the folder itself. */
void temp_folder_clear(const char *folder);

#endif
