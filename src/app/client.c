/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"

#include "app/instance.h"
#include "base/macros.h"

#include <pthread.h>
#include <stdlib.h>

struct app_client {
    struct lake_services services;
    char *state_dir, *ca_file, *proxy;
    struct log *log;
    pthread_mutex_t mutex; /* of http */
    struct http *http;     /* NULL: no lake has asked for it */
};

static bool get_http(void *context, struct http **ret_http, struct lf_error *err)
{
    struct app_client *client = context;
    const struct http_options options = {.ca_file = client->ca_file, .proxy = client->proxy, .log = client->log};
    pthread_mutex_lock(&client->mutex);
    bool good = client->http != NULL || http_new(&options, &client->http, err);
    *ret_http = client->http;
    pthread_mutex_unlock(&client->mutex);
    return good;
}

static bool get_instance(void *context, char **ret_text, struct lf_error *err)
{
    const struct app_client *client = context;
    return instance_read(client->state_dir, "", ret_text, err);
}

struct app_client *app_client_new(const struct config *config, const char *state_dir, struct log *log)
{
    struct app_client *client = mem_new(1, sizeof *client);
    client->services = (struct lake_services){.http = get_http, .instance = get_instance, .context = client};
    client->state_dir = text_copy(state_dir);
    client->ca_file = text_copy(config->ca_file);
    client->proxy = text_copy(config->proxy);
    client->log = log;
    pthread_mutex_init(&client->mutex, NULL);
    return client;
}

void app_client_free(struct app_client **client)
{
    struct app_client *old = *client;
    *client = NULL;
    if (old == NULL) {
        return;
    }
    http_free(&old->http);
    pthread_mutex_destroy(&old->mutex);
    text_free(&old->state_dir);
    text_free(&old->ca_file);
    text_free(&old->proxy);
    free(old);
}

const struct lake_services *app_client_services(const struct app_client *client)
{
    return &client->services;
}
