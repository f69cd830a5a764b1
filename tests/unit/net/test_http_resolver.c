/* SPDX-License-Identifier: Apache-2.0
 *
 * A resolver that does not answer: this program's getaddrinfo takes the place of the C library's, for libcurl too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "unit/net/http_world.h"

#include <netdb.h>

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_released;
    unsigned inside, left;
} gate = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

int getaddrinfo(UNUSED const char *name, UNUSED const char *service, UNUSED const struct addrinfo *hints,
                UNUSED struct addrinfo **ret_addresses)
{
    pthread_mutex_lock(&gate.mutex);
    gate.inside++;
    (void)pthread_cond_broadcast(&gate.changed);
    while (!gate.is_released) {
        (void)pthread_cond_wait(&gate.changed, &gate.mutex);
    }
    gate.left++;
    (void)pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.mutex);
    return EAI_AGAIN;
}

static bool once_inside(void *context)
{
    const unsigned *wanted = context;
    pthread_mutex_lock(&gate.mutex);
    bool inside = gate.inside >= *wanted;
    pthread_mutex_unlock(&gate.mutex);
    return inside;
}

static void call_when_a_resolver_is_stuck_then_it_can_be_given_up_and_others_go_on(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, NULL, 0);
    unsigned wanted = 1;
    struct http_request stuck = a_request(&world, HTTP_PUT);
    stuck.url = "http://lake.example/fs";
    stuck.cancelled = once_inside;
    stuck.cancel_context = &wanted;
    struct lf_error err;
    struct http_reply reply;
    assert_false(http_call(world.http, &stuck, &reply, &err));
    assert_int_equal(err.kind, LF_CANCELLED);
    stuck.cancelled = NULL;
    stuck.connect_ms = 200;
    assert_false(http_call(world.http, &stuck, &reply, &err));
    assert_int_equal(err.kind, LF_TRANSIENT);
    assert_false(http_was_sent(&err));
    struct http_request request = a_request(&world, HTTP_PUT);
    assert_true(http_call(world.http, &request, &reply, &err));
    http_reply_done(&reply);
    world_close(&world);
    pthread_mutex_lock(&gate.mutex);
    gate.is_released = true;
    (void)pthread_cond_broadcast(&gate.changed);
    while (gate.left < gate.inside) {
        (void)pthread_cond_wait(&gate.changed, &gate.mutex);
    }
    pthread_mutex_unlock(&gate.mutex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_when_a_resolver_is_stuck_then_it_can_be_given_up_and_others_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
