/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers as people read them: one function for each operation, all from the JSON document that --json prints.
 */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include "base/json.h"
#include "cli/cli.h"

void render_status(const struct cli *cli, const struct json *answer, FILE *out);
void render_artifacts(const struct cli *cli, const struct json *answer, FILE *out);
void render_failures(const struct cli *cli, const struct json *answer, FILE *out);
void render_check(const struct cli *cli, const struct json *answer, FILE *out);
/* snapshot, resync, run --once; what to do next comes last */
void render_run(const struct cli *cli, const struct json *answer, FILE *out);
/* The same for several links. */
void render_runs(const struct cli *cli, const struct json *answers, FILE *out);
void render_enabled(const struct cli *cli, const struct json *answer, FILE *out);
void render_unlink(const struct cli *cli, const struct json *answer, FILE *out);

#endif
