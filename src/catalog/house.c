/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"
#include "catalog/internal.h"

#include <stdlib.h>

#define DAY_MS INT64_C(86400000)
#define TRIM_EVERY 100 /* rows: trimming looks at all of them */

/* A clock that is wrong for once must not cost the history. The time that counts is the earlier of now and of the last look,
 * which is a day or more from now: a jump forward is believed at the second look, a jump back at once, and makes nothing
 * older. */
bool house_forget(struct catalog *catalog, struct lf_error *err)
{
    int64_t now_ms = clock_now_ms(&catalog->clock);
    int64_t last_ms = catalog->forgot_ms;
    if (llabs(now_ms - last_ms) < DAY_MS) {
        return true;
    }
    int64_t counts_ms = now_ms < last_ms ? now_ms : last_ms;
    int64_t horizon_ms = counts_ms - CATALOG_KEEP_DAYS * DAY_MS;
    TRY(store_run(catalog->store, STORE_FORGET_FAILURES, STORE_VALUES(STORE_NUM(horizon_ms), STORE_NUM(counts_ms)),
                  NULL, NULL, err));
    TRY(store_run(catalog->store, STORE_FORGET_OPERATIONS, STORE_VALUES(STORE_NUM(horizon_ms), STORE_NUM(counts_ms)),
                  NULL, NULL, err));
    TRY(store_run(catalog->store, STORE_SET_META, STORE_VALUES(STORE_TEXT("forgot_ms"), STORE_NUM(now_ms)), NULL, NULL,
                  err));
    TRY(store_run(catalog->store, STORE_VACUUM, NULL, 0, NULL, NULL, err));
    catalog->forgot_ms = now_ms;
    return true;
}

bool house_trim(struct catalog *catalog, enum store_statement trim, int64_t most, struct lf_error *err)
{
    /* Counted by the ids of the file, for a process may end after a single row. */
    if (store_last_id(catalog->store) % TRIM_EVERY != 0) {
        return true;
    }
    return store_run(catalog->store, trim, STORE_VALUES(STORE_NUM(most)), NULL, NULL, err);
}
