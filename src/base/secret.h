/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets are overwritten before their memory is given back. A buffer that holds one needs its room from the start
 * (secret_buf_init), since growing would leave the old bytes behind.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/buf.h"

void secret_text_free(char **text); /* for CLEANUP; NULL inside is allowed */
/* Empty, with room for max bytes, which is its maximum. */
void secret_buf_init(struct buf *buf, size_t max);
void secret_buf_done(struct buf *buf); /* for CLEANUP */
void secret_buf_reset(struct buf *buf);

#endif
