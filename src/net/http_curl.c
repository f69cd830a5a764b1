/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_curl.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

static void set_up(void)
{
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    assert(code == CURLE_OK); /* no memory */
    (void)code;
}

void http_curl_prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_up);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool http_curl_split(const char *line, size_t len, struct lf_slice *ret_name, struct lf_slice *ret_value)
{
    const char *colon = memchr(line, ':', len);
    if (colon == NULL || colon == line || memchr(line, ' ', (size_t)(colon - line)) != NULL) {
        return false;
    }
    const char *begin = colon + 1;
    const char *end = line + len;
    while (begin < end && is_blank(*begin)) {
        begin++;
    }
    while (end > begin && is_blank(end[-1])) {
        end--;
    }
    *ret_name = (struct lf_slice){.ptr = line, .len = (size_t)(colon - line)};
    *ret_value = (struct lf_slice){.ptr = begin, .len = (size_t)(end - begin)};
    return true;
}

void http_curl_append(struct curl_slist **lines, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*lines, line);
    assert(longer != NULL);
    *lines = longer;
}

void http_curl_lines_free(struct curl_slist **lines)
{
    for (struct curl_slist *line = *lines; line != NULL; line = line->next) {
        explicit_bzero(line->data, strlen(line->data));
    }
    curl_slist_free_all(*lines);
    *lines = NULL;
}
