/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <string.h>

void secret_text_free(char **text)
{
    if (*text != NULL) {
        explicit_bzero(*text, strlen(*text));
        text_free(text);
    }
}

void secret_buf_init(struct buf *buf, size_t max)
{
    buf_init(buf, max);
    (void)buf_reserve(buf, max);
}

void secret_buf_reset(struct buf *buf)
{
    if (buf->ptr != NULL) {
        explicit_bzero(buf->ptr, buf->size);
    }
    buf_reset(buf);
}

void secret_buf_done(struct buf *buf)
{
    secret_buf_reset(buf);
    buf_done(buf);
}
