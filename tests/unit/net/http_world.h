/* SPDX-License-Identifier: Apache-2.0
 *
 * A scripted server and a client that knows its URL.
 */
#ifndef UNIT_NET_HTTP_WORLD_H
#define UNIT_NET_HTTP_WORLD_H

#include "net/http.h"
#include "unit/net/http_script.h"

struct world {
    struct script script;
    struct http *http;
    char *url;
};

static inline void world_open_with(struct world *world, const struct step *steps, size_t nsteps,
                                   const struct http_options *options)
{
    struct lf_error err;
    script_open(&world->script, steps, nsteps);
    assert_true(http_new(options, &world->http, &err));
    world->url = text_printf("http://127.0.0.1:%u/fs/a%%20file?sig=secret", world->script.port);
}

static inline void world_open(struct world *world, const struct step *steps, size_t nsteps)
{
    world_open_with(world, steps, nsteps, &(struct http_options){0});
}

static inline void world_close(struct world *world)
{
    http_free(&world->http);
    script_close(&world->script);
    text_free(&world->url);
}

static inline struct http_request a_request(const struct world *world, enum http_method method)
{
    return (struct http_request){.method = method, .url = world->url, .direct = true, .patience_ms = -1};
}

static inline const char *head_of(const struct world *world, size_t i)
{
    return world->script.heads[i];
}

static inline bool has_line(const char *head, const char *line)
{
    CLEANUP(text_free) char *whole = text_printf("\r\n%s\r\n", line);
    return strstr(head, whole) != NULL;
}

#endif
