/* SPDX-License-Identifier: Apache-2.0
 *
 * Stamps: of each table the trace that its catalog left when the host was told of it last, short enough to stand in the cursor. So
 * a change that rewrites rows without events is found although nobody was looking when it was made.
 */
#ifndef SOURCE_POSTGRES_STREAM_STAMP_H
#define SOURCE_POSTGRES_STREAM_STAMP_H

#include "base/buf.h"
#include "source/postgres/stream_look.h"

/* "oid=16 hex," */
void stream_stamp_append(struct buf *stamps, const struct stream_trace *trace);
/* False: there is none of that table. */
bool stream_stamp_find(struct lf_slice stamps, uint32_t oid, uint64_t *ret_stamp);
/* Whether rows may be other ones, by the rules of a look at a running stream. */
bool stream_stamp_tells_rewrite(uint64_t before, const struct stream_trace *now);

#endif
