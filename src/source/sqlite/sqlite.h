/* SPDX-License-Identifier: Apache-2.0
 *
 * The SQLite connector. `track` puts triggers and a log of changed keys into the database; the stream gives net changes:
 * each read transaction compares the keys logged since the last one with the rows as they are now.
 */
#ifndef SOURCE_SQLITE_SQLITE_H
#define SOURCE_SQLITE_SQLITE_H

#include "lakefeed/connector.h"

const struct lf_connector *lakefeed_sqlite_connector(void);

#endif
