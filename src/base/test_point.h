/* SPDX-License-Identifier: Apache-2.0
 *
 * Named places where the crash tests stop a process. Without LAKEFEED_TEST_POINTS nothing is compiled in.
 *   LAKEFEED_KILL_POINT=name or name:n        SIGKILL at the first (n-th) passing
 *   LAKEFEED_PAUSE_POINT=name=/path/of/file   wait there until the file exists
 * A name belongs to one source file.
 */
#ifndef BASE_TEST_POINT_H
#define BASE_TEST_POINT_H

#ifdef LAKEFEED_TEST_POINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void test_point_kill(const char *name, const char *wanted)
{
    static atomic_ulong passed;
    const size_t len = strlen(name);
    if (strncmp(wanted, name, len) != 0 || (wanted[len] != '\0' && wanted[len] != ':')) {
        return;
    }
    const unsigned long nth = wanted[len] == ':' ? strtoul(wanted + len + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&passed, 1) + 1 == nth) {
        (void)kill(getpid(), SIGKILL);
    }
}

static inline void test_point(const char *name)
{
    const size_t len = strlen(name);
    const char *pause_point = getenv("LAKEFEED_PAUSE_POINT");
    if (pause_point != NULL && strncmp(pause_point, name, len) == 0 && pause_point[len] == '=') {
        while (access(pause_point + len + 1, F_OK) != 0) {
            (void)usleep(10000);
        }
    }
    const char *kill_point = getenv("LAKEFEED_KILL_POINT");
    if (kill_point != NULL) {
        test_point_kill(name, kill_point);
    }
}

#else

static inline void test_point(const char *name)
{
    (void)name;
}

#endif

#endif
