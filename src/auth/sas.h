/* SPDX-License-Identifier: Apache-2.0
 *
 * A shared access signature: an opaque query that is put behind each URL. Only its end is of interest here, for nobody but the
 * owner of the account can renew it. Pure.
 */
#ifndef AUTH_SAS_H
#define AUTH_SAS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct sas {
    char *query;       /* without the leading ? */
    int64_t starts_ms; /* 0: not said */
    int64_t
        expires_ms; /* the earlier end of signature and of the key behind it; 0: not said (a stored access policy) */
};

/* CONFIG: what is missing or does not belong there; `place` (may be NULL) says where it stands. */
bool sas_parse(const char *text, const char *place, struct sas *ret_sas, struct lf_error *err) LF_MUST_CHECK;
void sas_done(struct sas *sas); /* for CLEANUP; wipes */

/* AUTH: it is over or has not begun. */
bool sas_check(const struct sas *sas, int64_t now_ms, const char *place, struct lf_error *err) LF_MUST_CHECK;

#endif
