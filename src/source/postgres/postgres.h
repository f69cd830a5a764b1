/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL 13 and newer, followed through a replication slot with pgoutput.
 */
#ifndef SOURCE_POSTGRES_POSTGRES_H
#define SOURCE_POSTGRES_POSTGRES_H

#include "lakefeed/connector.h"

const struct lf_connector *lakefeed_postgres_connector(void);

#endif
