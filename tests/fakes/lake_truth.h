/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a lake tells the truth about an example database. Problems come as heap text, NULL when all is well; a lake
 * without model.json is well.
 */
#ifndef FAKES_LAKE_TRUTH_H
#define FAKES_LAKE_TRUTH_H

#include "cdm/model.h"
#include "lake/lake.h"
#include "plugin/example_control.h"

/* The head, with its load lists. NULL: there is none, or (*ret_problem) it cannot be read. */
struct model *lake_truth_head(struct lake *lake, char **ret_problem);

/* Every entity whose first load has finished shows, byte for byte, the source's rows at its cursor; every file that the head or a
 * retained commit names is there; nothing was acknowledged beyond the cursor for consumer `link`. */
char *lake_truth_check(struct lake *lake, struct example_db *db, const char *link);

/* The same of a source whose rows cannot all be taken, under the policy of quarantine (`replaced`: broken text is replaced): each
 * row that holds a value of EXAMPLE_STEP_BAD is in no partition, and its key in the quarantine file that the entity names,
 * with nothing else. */
char *lake_truth_check_bad(struct lake *lake, struct example_db *db, const char *link, bool replaced);
/* Rows in the quarantine files of the head's complete entities. */
uint64_t lake_truth_bad_rows(struct lake *lake);

/* The cursor is the source's end, and no entity is frozen or being loaded. */
char *lake_truth_converged(struct lake *lake, struct example_db *db);

/* The first file that neither the head nor its history accounts for. */
char *lake_truth_leftover(struct lake *lake);

#endif
