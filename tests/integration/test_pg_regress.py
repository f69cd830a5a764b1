# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's own regression tests as a source that the tests of lakefeed have never seen: by load, then by stream."""

import re

import psycopg
from psycopg import sql as pgsql

import pg_regress

KEY = "lakefeed key"
# Tables of the application, with the columns of their partition key.
TABLES = """
SELECT n.nspname, c.relname, EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),
  ARRAY(SELECT a.attname::text FROM pg_partitioned_table p JOIN pg_attribute a
    ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs::int2[]) WHERE p.partrelid = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
  AND n.nspname <> 'information_schema' ORDER BY c.oid
"""
# Those that can be written.
COLUMNS = """
SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attidentity, attnum
"""
ASIDE = "CREATE TEMPORARY TABLE aside ON COMMIT DROP AS SELECT {} FROM {} TABLESAMPLE BERNOULLI (50)"
LEAST_TABLES = 150
REFUSED_VALUE = re.compile(r'configure "columns": \{".*?": \{"type": "string"\}\}')


def try_each(db, *statements):
    """Whether all of them worked; else none did."""
    try:
        with db.transaction():
            for statement in statements:
                db.execute(statement)
        return True
    except psycopg.Error:
        return False


def add_keys(db):
    """Most of these tables have none. Children inherit the column, but not the key."""
    for schema, table, has_key, partition_key in db.execute(TABLES).fetchall():
        if not has_key:
            relation, key = pgsql.Identifier(schema, table), pgsql.Identifier(KEY)
            columns = pgsql.SQL(", ").join([key, *map(pgsql.Identifier, partition_key)])
            try_each(
                db,
                pgsql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} bigserial").format(relation, key),
                pgsql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(relation, columns),
            )


def columns_of(db, table):
    """The quoted name of the table, and its columns."""
    relation = pgsql.Identifier(*(table.split(".", 1) if "." in table else ("public", table)))
    return relation, [name for (name,) in db.execute(COLUMNS, [relation.as_string(db)])]


def load(world):
    """All tables that can be followed. One with values that a typed lake cannot hold comes as texts; keys may be too long."""
    world.configure()
    result = world.track_once(expect=None)
    settings = {entity.table: {} for entity in world.read().entities.values()}
    frozen = [entity for entity in world.read().entities.values() if entity.state == "Error"]
    for entity in frozen:
        if "longer than 16384 bytes" in entity.reason:
            del settings[entity.table]
            continue
        assert REFUSED_VALUE.search(entity.reason), entity.reason
        with world.admin() as db:
            _, names = columns_of(db, entity.table)
        settings[entity.table] = {name: {"type": "string"} for name in names if name != KEY}
    assert frozen and result.status == 1, result.err
    world.configure([{"table": table, "columns": columns} for table, columns in settings.items()])
    world.once()
    return sorted(settings)


def change(db, table):
    """Every row, then some of them away and back. False where the table forbids it."""
    relation, names = columns_of(db, table)
    columns = pgsql.SQL(", ").join(map(pgsql.Identifier, names))
    return try_each(
        db,
        pgsql.SQL("UPDATE {} SET {} = {}").format(relation, *[pgsql.Identifier(names[0])] * 2),
        pgsql.SQL(ASIDE).format(columns, relation),
        pgsql.SQL("DELETE FROM {}").format(relation),
        pgsql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT * FROM aside").format(relation, columns),
    )


def test_the_tables_of_the_servers_own_regression_tests(own):
    own.user = "postgres"
    own.damaged.add(own.lake)  # not damaged, but DuckDB takes minutes for so many files
    failed = pg_regress.fill(own.server, own.db)
    with own.admin() as db:
        add_keys(db)
    tables = load(own)
    assert len(tables) >= LEAST_TABLES, tables
    own.assert_equal(tables, duckdb=False)
    with own.admin() as db:
        db.execute("SET session_replication_role = replica")  # no trigger, rule or foreign key
        unchanged = [table for table in tables if not change(db, table)]
    print(f"{failed} statements of the regression tests failed; {len(tables)} tables; unchanged are {unchanged}")
    assert len(unchanged) <= len(tables) // 10, unchanged
    own.once()
    own.assert_equal(tables, duckdb=False)
    own.verify()
