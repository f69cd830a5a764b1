/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of an answer; what is missing reads as "", 0 or false.
 */
#ifndef CLI_MEMBER_H
#define CLI_MEMBER_H

#include "base/json.h"

static inline const char *text_of(const struct json *object, const char *name)
{
    const char *text = json_text(json_member(object, name));
    return text == NULL ? "" : text;
}

static inline const char *text_or(const struct json *object, const char *name, const char *otherwise)
{
    const char *text = json_text(json_member(object, name));
    return text == NULL ? otherwise : text;
}

static inline int64_t number_of(const struct json *object, const char *name)
{
    int64_t number = 0;
    (void)json_int(json_member(object, name), &number);
    return number;
}

static inline bool flag_of(const struct json *object, const char *name)
{
    bool flag = false;
    (void)json_bool(json_member(object, name), &flag);
    return flag;
}

static inline const char *plural(int64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

#endif
