# SPDX-License-Identifier: Apache-2.0
"""Compares a lake with a PostgreSQL database: what must stand in each cell is computed from the text of the server.

Shares no code with lakefeed; lake_reader.py reads the lake.
"""

import json
import re

import lake_reader
from lake_reader import expect, quote_name

SESSION = """
SET datestyle = 'ISO, YMD'; SET intervalstyle = 'iso_8601'; SET timezone = 'UTC'; SET extra_float_digits = 1;
SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET search_path = pg_catalog; SET row_security = off
"""
TABLES = """
SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p' AND n.nspname !~ '^pg_'
  AND n.nspname <> 'information_schema'
  AND EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND (i.indisprimary OR i.indisreplident))
ORDER BY 2, 3
"""
# The type below all domains, and for an array what its elements are.
COLUMNS = """
WITH RECURSIVE base AS (
    SELECT a.attnum, a.attname, a.attgenerated, a.atttypid AS type FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
    SELECT b.attnum, b.attname, b.attgenerated, t.typbasetype FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type
    WHERE t.typtype = 'd')
SELECT b.attname, t.typname, COALESCE(d.typname, e.typname), e.typdelim, b.attgenerated FROM base b
JOIN pg_catalog.pg_type t ON t.oid = b.type LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
LEFT JOIN pg_catalog.pg_type d ON d.oid = e.typbasetype AND e.typtype = 'd'
WHERE t.typtype <> 'd' ORDER BY b.attnum
"""
NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric", "oid"}
MOMENT = re.compile(r"(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?(?:\+00)?")


class Column:
    def __init__(self, name, kind, element, delimiter, generated):
        self.name, self.kind, self.element, self.delimiter = name, kind, element, delimiter
        self.generated = bool(generated)

    def expression(self, attribute):
        if attribute.type == "binary" and self.kind == "bytea":
            return f"translate(encode({quote_name(self.name)}, 'base64'), E'\\n', '')"
        if self.kind == "money" and attribute.type == "decimal":
            return f"{quote_name(self.name)}::numeric::text"
        if self.kind in ("bpchar", "inet"):  # a cast strips blanks, and adds a netmask
            return f"CASE WHEN {quote_name(self.name)} IS NOT NULL THEN format('%s', {quote_name(self.name)}) END"
        return f"{quote_name(self.name)}::text"


def columns_of(db, oid):
    return [Column(*row) for row in db.execute(COLUMNS, [oid])]


def source_tables(db):
    """Name in messages and annotations, with the oid."""
    found = {}
    for oid, schema, table in db.execute(TABLES):
        found[table if schema == "public" else f"{schema}.{table}"] = oid
    return found


# --- cells ---


def scaled(digits, scale):
    digits = digits or ""
    expect(not digits[scale:].strip("0"), f"digits beyond the scale {scale}: {digits}")
    return "." + digits[:scale].ljust(scale, "0") if scale else ""


def moment(text, scale):
    match = MOMENT.fullmatch(text)
    expect(match, f"no moment of a calendar: {text!r}")
    return f"{match[1]}T{match[2]}{scaled(match[3], scale)}Z"


def time(text, scale):
    whole, _, digits = text.partition(".")
    return whole + scaled(digits, scale)


def parse_array(text, delimiter):
    """The text of an array: nested lists of texts and None. Bounds in front are dropped."""
    at = text.index("{")
    items, at = parse_items(text, at + 1, delimiter)
    expect(at == len(text), f"what follows the array? {text!r}")
    return items


def parse_items(text, at, delimiter):
    items = []
    while text[at] != "}":
        if text[at] == delimiter:
            at += 1
        elif text[at] == "{":
            item, at = parse_items(text, at + 1, delimiter)
            items.append(item)
        elif text[at] == '"':
            match = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL).match(text, at)
            items.append(re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL))
            at = match.end()
        else:
            match = re.compile(f"[^{delimiter}{{}}]+").match(text, at)
            items.append(None if match[0] == "NULL" else match[0])
            at = match.end()
    return items, at + 1


def json_element(kind, item):
    """An element as json.loads with numbers as texts gives it."""
    if isinstance(item, list):
        return [json_element(kind, inner) for inner in item]
    if item is None:
        return None
    if kind == "bool":
        return item == "t"
    if kind in NUMBERS:
        return item if item in ("NaN", "Infinity", "-Infinity") else ("number", item)
    if kind in ("json", "jsonb"):
        return numbers_as_text(item)
    return item


def numbers_as_text(text):
    def number(digits):
        return ("number", digits)

    return json.loads(text, parse_int=number, parse_float=number, parse_constant=number)


def wanted_cell(attribute, column, text):
    kind = attribute.type
    if text is None:
        return None
    if kind == "boolean":
        return (False, {"true": "True", "false": "False"}[text])
    if kind in ("int64", "decimal", "guid"):
        return (False, text)
    if kind == "double":
        wanted = lake_reader.double_text(float(text))
        expect(column.kind != "float8" or text == wanted, f"{text}: the server prints doubles otherwise")
        return (False, wanted)
    if kind == "time":
        return (True, time(text, attribute.scale))
    if kind in ("dateTime", "dateTimeOffset"):
        return (True, moment(text, attribute.scale))
    if column.element is not None and column.kind.startswith("_"):
        return (True, json_element(column.element, parse_array(text, column.delimiter)))
    return (True, text)


def got_cell(column, cell):
    if cell is not None and column.element is not None and column.kind.startswith("_"):
        return (cell[0], numbers_as_text(cell[1]))
    return cell


# --- tables ---


def wanted_rows(db, oid, columns, attributes):
    cells = ", ".join(column.expression(attribute) for column, attribute in zip(columns, attributes))
    # A child by inheritance is a table of its own, a partition is none.
    named = "CASE relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || oid::pg_catalog.regclass"
    relation = db.execute(f"SELECT {named} FROM pg_catalog.pg_class WHERE oid = %s", [oid]).fetchone()[0]
    return [
        tuple(wanted_cell(attribute, column, text) for attribute, column, text in zip(attributes, columns, row))
        for row in db.execute(f"SELECT {cells} FROM {relation}")
    ]


def compare_entity(entity, db, oid):
    alive = [index for index, attribute in enumerate(entity.attributes) if not attribute.dropped]
    attributes = [entity.attributes[index] for index in alive]
    columns = {column.name: column for column in columns_of(db, oid)}
    ours = sorted(attribute.column for attribute in attributes)
    stored = sorted(name for name, column in columns.items() if not column.generated)
    expect(ours in (stored, sorted(columns)), f"{entity.name}: columns {sorted(columns)}, in the lake {ours}")
    columns = [columns[attribute.column] for attribute in attributes]
    wanted = wanted_rows(db, oid, columns, attributes)
    rows = entity.rows()
    for index, attribute in enumerate(entity.attributes):
        empty = index in alive or all(row[index] is None for row in rows)
        expect(empty, f"{entity.name}: {attribute.name} was dropped, but has values")
    lake_reader.check_keys(entity, rows)
    got = [tuple(got_cell(column, row[index]) for column, index in zip(columns, alive)) for row in rows]
    assert_same(entity.name, got, wanted)


def assert_same(name, got, wanted):
    got, wanted = sorted(map(repr, got)), sorted(map(repr, wanted))
    if got != wanted:
        lake, source = set(got) - set(wanted), set(wanted) - set(got)
        raise lake_reader.LakeError(
            f"{name}: {len(got)} rows in the lake, {len(wanted)} in the source; "
            f"only in the lake {sorted(lake)[:3]}, only in the source {sorted(source)[:3]}"
        )


def compare(folder, db, tables=None, duckdb=True):
    """The lake holds exactly these tables (default: all that have a primary key), each with the rows of the source."""
    lake = lake_reader.Lake(folder)
    db.execute(SESSION)
    with db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        oids = source_tables(db)
        names = sorted(oids) if tables is None else sorted(tables)
        have = sorted(entity.table for entity in lake.entities.values())
        expect(have == names, f"the lake has {have}, wanted {names}")
        for entity in lake.entities.values():
            expect(entity.state == "Completed", f"{entity.name} is {entity.state}: {entity.reason}")
            expect("lakefeed:loading" not in entity.notes, f"{entity.name} is being loaded")
            compare_entity(entity, db, oids[entity.table])
    if duckdb:
        lake_reader.compare_duckdb(lake)
    return lake
