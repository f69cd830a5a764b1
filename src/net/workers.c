/* SPDX-License-Identifier: Apache-2.0 */
#include "net/workers.h"

#include "base/buf.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct job {
    struct job *next;
    void (*run)(void *context);
    void (*drop)(void *context);
    void *context;
};

struct workers {
    pthread_mutex_t mutex; /* guards all but the threads */
    pthread_cond_t changed;
    struct job *first;
    struct job **end;
    bool closing;
    unsigned count;
    pthread_t threads[];
};

/* Waits for a job; false when there will be none any more. */
static bool take_job(struct workers *workers, struct job **ret_job)
{
    pthread_mutex_lock(&workers->mutex);
    while (workers->first == NULL && !workers->closing) {
        (void)pthread_cond_wait(&workers->changed, &workers->mutex);
    }
    struct job *job = workers->closing ? NULL : workers->first;
    if (job != NULL) {
        workers->first = job->next;
        workers->end = workers->first != NULL ? workers->end : &workers->first;
    }
    pthread_mutex_unlock(&workers->mutex);
    *ret_job = job;
    return job != NULL;
}

static void *work(void *context)
{
    struct workers *workers = context;
    struct job *job = NULL;
    while (take_job(workers, &job)) {
        job->run(job->context);
        free(job);
    }
    return NULL;
}

static void drop_job(struct job *job)
{
    if (job->drop != NULL) {
        job->drop(job->context);
    }
    free(job);
}

void workers_post(struct workers *workers, void (*run)(void *context), void (*drop)(void *context), void *context)
{
    struct job *job = mem_new(1, sizeof *job);
    *job = (struct job){.run = run, .drop = drop, .context = context};
    pthread_mutex_lock(&workers->mutex);
    bool closing = workers->closing;
    if (!closing) {
        *workers->end = job;
        workers->end = &job->next;
        (void)pthread_cond_signal(&workers->changed);
    }
    pthread_mutex_unlock(&workers->mutex);
    if (closing) {
        drop_job(job);
    }
}

bool workers_new(unsigned threads, size_t stack_bytes, struct workers **ret_workers, struct lf_error *err)
{
    struct workers *workers = mem_new(1, sizeof *workers + threads * sizeof workers->threads[0]);
    workers->end = &workers->first;
    (void)pthread_mutex_init(&workers->mutex, NULL);
    (void)pthread_cond_init(&workers->changed, NULL);
    int status = 0;
    while (status == 0 && workers->count < threads) {
        status = thread_start(&workers->threads[workers->count], stack_bytes, work, workers);
        workers->count += status == 0 ? 1 : 0;
    }
    if (status != 0) {
        unsigned started = workers->count;
        workers_free(&workers);
        return lf_error_set(err, LF_TRANSIENT, status,
                            "start %u threads, of which %u came: %s; raise the limit of tasks", threads, started,
                            strerror(status));
    }
    *ret_workers = workers;
    return true;
}

void workers_free(struct workers **workers)
{
    struct workers *pool = *workers;
    if (pool == NULL) {
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    (void)pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->count; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    while (pool->first != NULL) {
        struct job *job = pool->first;
        pool->first = job->next;
        drop_job(job);
    }
    (void)pthread_cond_destroy(&pool->changed);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool);
    *workers = NULL;
}
