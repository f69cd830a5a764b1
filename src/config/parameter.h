/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside config only: ${NAME} in the texts of a configuration.
 *
 * A name is looked up in the environment, then in "parameters". What comes from {"file": …}, from {"env": …}, or from the
 * environment without standing in "parameters" is a secret: nobody has said that it may be shown.
 */
#ifndef CONFIG_PARAMETER_H
#define CONFIG_PARAMETER_H

#include "config/node.h"

/* A text after its parameters have been put in. */
struct resolved {
    char *text;    /* owned; NULL: known only with the secrets, which this reading leaves alone */
    char *written; /* owned; what would have to stand in a file: as it stood there, or the text itself, escaped */
    bool used;     /* at least one parameter */
    bool secret;   /* at least one that is a secret */
    bool whole;    /* nothing but one parameter */
};
void resolved_done(struct resolved *resolved); /* for CLEANUP; overwrites the text */

/* Reads the object "parameters" into the configuration; secrets are read when they are used. */
bool parameters_read(const struct node *map, struct lf_error *err) LF_MUST_CHECK;
/* CONFIG without the place: an unknown name with the nearest one, ${ without }, or a secret that cannot be read. */
bool parameters_resolve(const struct reading *reading, const char *text, struct resolved *ret,
                        struct lf_error *err) LF_MUST_CHECK;

/* A text as it has to be written so that it means itself: "${" becomes "$${". */
void parameters_escape(const char *text, struct buf *out);
/* The next ${NAME} of a text at or behind `at`; NULL: there is none. The name is cut out of the text. */
const char *parameters_next(const char *at, struct lf_slice *ret_name);

#endif
