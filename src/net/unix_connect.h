/* SPDX-License-Identifier: Apache-2.0
 *
 * Connects to a unix domain socket, and tells why it cannot in words of who may do what.
 */
#ifndef NET_UNIX_CONNECT_H
#define NET_UNIX_CONNECT_H

#include "lakefeed/error.h"

#include <stdint.h>

/* Blocks, against a full backlog, until the server takes it, at most timeout_ms (0: for ever). NOT_FOUND, AUTH, CONFIG, TRANSIENT as in
 * unix_http.h. */
bool unix_connect(const char *path, int64_t timeout_ms, int *ret_fd, struct lf_error *err) LF_MUST_CHECK;

#endif
