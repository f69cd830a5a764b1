/* SPDX-License-Identifier: Apache-2.0
 *
 * What holds in every model and load list. The same checks stand behind the parser (kind DATA: the text is damaged) and in
 * front of the printer (kind INTERNAL: nothing is written that could not be read again). Messages name entity, chunk
 * and partition.
 */
#ifndef CDM_CHECK_H
#define CDM_CHECK_H

#include "cdm/model.h"

bool check_model(const struct model *model, enum lf_error_kind kind, struct lf_error *err) LF_MUST_CHECK;
bool check_load(const struct model_load *load, enum lf_error_kind kind, struct lf_error *err) LF_MUST_CHECK;

/* Relative, without empty, "." or ".." components. */
bool check_path(const char *path);
/* 1 to 64 of [A-Za-z0-9_-]: commit, load, writer and lake ids. */
bool check_id(const char *id);

#endif
