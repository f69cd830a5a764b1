/* SPDX-License-Identifier: Apache-2.0
 *
 * What catalog.c asks the server: first which tables there are, then of some of them their rows and those of their columns. No query
 * takes a lock on a table, so that one that is locked hides no other; members of a partition tree are found in pg_inherits for that
 * reason. Lists of oids are texts of pg_append_oids.
 */
#ifndef SOURCE_POSTGRES_CATALOG_QUERY_H
#define SOURCE_POSTGRES_CATALOG_QUERY_H

#include "source/postgres/connection.h"

/* All tables of the database by schema and name. */
enum pg_list_field { L_OID, L_AMBIGUOUS };
bool pg_catalog_query_list(struct pg_connection *connection, PGresult **ret, struct lf_error *err) LF_MUST_CHECK;

/* By schema and name. */
enum pg_table_field {
    T_OID,
    T_SCHEMA,
    T_RELATION,
    T_KIND,
    T_PERSISTENCE,
    T_IDENTITY,
    T_ROW_SECURITY,
    T_READABLE,
    T_PUBLISHABLE,
    T_ROWS,
    T_BYTES,
    T_MEMBERSHIP,
    T_FOLLOWED,
    T_FOREIGN_PART,
    T_UNLOGGED_PART,
    T_PARTIAL,
    T_FILTER,
    T_UNCOVERED,
    T_WHOLE
};
bool pg_catalog_query_tables(struct pg_connection *connection, const char *oids, PGresult **ret,
                             struct lf_error *err) LF_MUST_CHECK;

/* By oid of the table and number. */
enum pg_column_field {
    C_TABLE,
    C_ATTNUM,
    C_NAME,
    C_DECLARED,
    C_TYPE,
    C_TYPMOD,
    C_BASE,
    C_ELEMENT,
    C_DELIMITER,
    C_NOT_NULL,
    C_GENERATED,
    C_MISSING,
    C_DEFAULT,
    C_KEY,
    C_COLLATION,
    C_BYTES_COLLATION,
    C_DESCENDING,
    C_UNNAMED
};
bool pg_catalog_query_columns(struct pg_connection *connection, const char *oids, PGresult **ret,
                              struct lf_error *err) LF_MUST_CHECK;

#endif
