/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#define LINKS "config link source lake entities name state-dir verbose help"

const struct cli_verb cli_verbs[] = {
    {"init", NULL, "source lake entities name help", "print a configuration to begin with", cli_init},
    {"check", NULL, LINKS " json", "look for whatever could be wrong, and say what helps", cli_check},
    {"track", NULL, LINKS, "install change tracking in the source's tables", cli_track},
    {"untrack", NULL, LINKS, "remove change tracking without a trace", cli_untrack},
    {"run", NULL, LINKS " interval once track takeover", "follow the source and keep the lake up to date", cli_run},
    {"status", NULL, LINKS " json", "what the lake holds and where it stands", cli_status},
    {"artifacts", "[ENTITY…]", LINKS " json", "every file that model.json names", cli_artifacts},
    {"failures", NULL, LINKS " json", "what failed in the last 90 days", cli_failures},
    {"verify", "[ENTITY…]", LINKS " json", "compare the lake with the source, row by row", cli_verify},
    {"snapshot", NULL, LINKS " json", "bring the lake up to the source's present position now", cli_snapshot},
    {"resync", "[ENTITY…]", LINKS " json", "load entities again, or all; readers keep the old snapshot until then",
     cli_resync},
    {"disable", NULL, LINKS " reason json", "stop a link until it is enabled; the lake remembers", cli_disable},
    {"enable", NULL, LINKS " json", "let a disabled link run again", cli_enable},
    {"unlink", NULL, LINKS " takeover purge yes json",
     "end a link: the source forgets its consumer; the lake's files stay unless purged", cli_unlink},
    {"config", "check | show | schema | export [LINK…] | import FILE | diff FILE | reload",
     "config state-dir json help",
     "check, show, take along, compare and reload configurations; diff ends with 3 when FILE differs", cli_config},
    {"version", NULL, "help", "print the version", cli_version},
    {0},
};
