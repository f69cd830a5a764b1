/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#define COMMON "config link source lake entities name state-dir verbose help"

const struct cli_verb cli_verbs[] = {
    {"run", NULL, COMMON " interval once track takeover", "follow the source and keep the lake up to date", cli_run},
    {"track", NULL, COMMON, "install change tracking in the source's tables", cli_track},
    {"untrack", NULL, COMMON, "remove change tracking without a trace", cli_untrack},
    {"unlink", NULL, COMMON " takeover", "end a link: the source forgets its consumer, the lake's files stay",
     cli_unlink},
    {"status", NULL, COMMON " json", "what the lake holds and where it stands", cli_status},
    {"artifacts", "[ENTITY…]", COMMON " json", "every file that model.json names", cli_artifacts},
    {"resync", "[ENTITY…]", COMMON, "load entities again, or all; readers keep the old snapshot until then",
     cli_resync},
    {"verify", "[ENTITY…]", COMMON " json", "compare the lake with the source, row by row", cli_verify},
    {"version", NULL, "help", "print the version", cli_version},
    {0},
};
