/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/adls/server.py as a child process, with a client and an identity that it takes, and lakes in it.
 *
 *   struct adls_server *server = adls_server_start(NULL);
 *   struct lake *lake = adls_server_open(server, &(struct adls_options){…what differs…}); … lake_close(&lake);
 *   adls_server_stop(&server);
 *
 * Everything fails the cmocka test that runs. One thread controls it; lakes may be used from any.
 */
#ifndef FAKES_ADLS_SERVER_H
#define FAKES_ADLS_SERVER_H

#include "lake/adls.h"

struct adls_server;

/* `arguments`: further ones of server.py, NULL-ended; NULL: none. */
struct adls_server *adls_server_start(const char *const *arguments);
void adls_server_stop(struct adls_server **server);

struct http *adls_server_http(struct adls_server *server);
struct auth *adls_server_auth(struct adls_server *server);
const char *adls_server_endpoint(const struct adls_server *server); /* http://127.0.0.1:PORT/ACCOUNT */
/* A filesystem that no test has used yet; made unless told otherwise. */
void adls_server_next_filesystem(struct adls_server *server, bool make);
const char *adls_server_filesystem(const struct adls_server *server);
/* A lake of its own lease id at `prefix` of the filesystem; what `options` leaves empty is filled in. */
struct lake *adls_server_open(struct adls_server *server, const char *prefix, const struct adls_options *options);

/* POST /__control/<verb>; the answer is the caller's. */
char *adls_server_control(struct adls_server *server, const char *verb, const char *json);
/* Requests since the record was cleared last, those of `operation` ("dfs.append"; NULL: all). */
unsigned adls_server_count(struct adls_server *server, const char *operation);
void adls_server_clear(struct adls_server *server); /* record, faults and clock */
/* The n-th request from now on, of `operation` or (NULL) of all, meets `action` (a JSON object). */
void adls_server_fault(struct adls_server *server, const char *operation, unsigned nth, const char *action);
unsigned adls_server_fired(struct adls_server *server); /* faults so far under the plan */
void adls_server_advance(struct adls_server *server, int seconds);

#endif
