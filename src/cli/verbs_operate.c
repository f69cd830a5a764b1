/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs that are operations on a link.
 */
#include "cli/operate.h"

/* X(verb, every link, progress, render) */
#define OPERATE_VERBS(X) \
    X(status, true, false, render_status) \
    X(check, true, false, render_check) \
    X(failures, true, false, render_failures) \
    X(artifacts, false, false, render_artifacts) \
    X(snapshot, false, true, render_run) \
    X(resync, false, true, render_run) \
    X(enable, false, false, render_enabled) \
    X(disable, false, false, render_enabled) \
    X(unlink, false, false, render_unlink)

#define OPERATE_VERB(name, every, shows, function) \
    int cli_##name(struct cli *cli) \
    { \
        return operate(cli, &(struct operate_verb){ADMIN_##name, every, shows, function}); \
    }
OPERATE_VERBS(OPERATE_VERB)
#undef OPERATE_VERB
