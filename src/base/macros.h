/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

/* CLEANUP(buf_done) struct buf b = {0}; — declared and initialised in one statement; runs buf_done(&b). */
#define CLEANUP(function) __attribute__((cleanup(function)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* For a parameter that an interface demands and this implementation does not need. */
#define UNUSED __attribute__((unused))

#endif
