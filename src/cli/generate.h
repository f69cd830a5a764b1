/* SPDX-License-Identifier: Apache-2.0
 *
 * What is made from the tables of the command line for people and shells: docs/man, docs/completion and docs/commands.md. The
 * program lakefeed_generate (generate.c) writes them; lakefeed itself holds none of this.
 */
#ifndef CLI_GENERATE_H
#define CLI_GENERATE_H

#include "base/buf.h"
#include "cli/tables.h"

void generate_man(struct buf *out);
void generate_page(struct buf *out);
void generate_bash(struct buf *out);
void generate_zsh(struct buf *out);
void generate_fish(struct buf *out);

#endif
