/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes are either refused or one record that is written back to the same bytes.
 */
#include "base/macros.h"
#include "data/change.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct change change;
    size_t record_size = 0;
    if (!change_read(data, size, &change, &record_size)) {
        return 0;
    }
    assert(record_size <= size && change_size(&change) == record_size);
    CLEANUP(buf_done) struct buf out = {0};
    change_append(&out, &change);
    assert(out.len == record_size && memcmp(out.ptr, data, record_size) == 0);
    return 0;
}
