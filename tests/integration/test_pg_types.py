# SPDX-License-Identifier: Apache-2.0
"""Every built-in type with its extremes, by load and by stream: the same text, and the one expected.

What stands in the column `wanted` is the text of the cell; REFUSED is a value that the type of the lake cannot hold.
"""

import base64

import pytest

import pg_compare
from postgres import need_version

REFUSED = object()
SIXTY = "9" * 60
B64 = base64.b64encode

# SQL type → (type in the lake, [(SQL literal, text in the lake)])
TYPES = {
    "boolean": ("boolean", [("true", "True"), ("false", "False")]),
    "smallint": ("int64", [("'-32768'", "-32768"), ("32767", "32767")]),
    "integer": ("int64", [("'-2147483648'", "-2147483648"), ("2147483647", "2147483647"), ("0", "0")]),
    "bigint": ("int64", [("'-9223372036854775808'", "-9223372036854775808"), ("9223372036854775807",) * 2]),
    "real": ("double", [("0.1", "0.1"), ("'1e38'", "1e+38"), ("'1e-37'", "1e-37"), ("16777217", "16777216"),
                        ("'NaN'", "NaN"), ("'-Infinity'", "-Infinity"), ("'-0'", "-0")]),
    "double precision": ("double", [("0.1", "0.1"), ("'1e15'", "1e+15"), ("'123456789012345'", "123456789012345"),
                                    ("'1.7976931348623157e308'", "1.7976931348623157e+308"), ("'5e-324'", "5e-324"),
                                    ("'NaN'", "NaN"), ("'Infinity'", "Infinity"), ("'-0'", "-0"), ("0.0001", "0.0001"),
                                    ("0.00001", "1e-05")]),
    "numeric(10,2)": ("decimal", [("1.5", "1.50"), ("'-99999999.99'", "-99999999.99"), ("0.05", "0.05"),
                                  ("'-0'", "0.00"),
                                  ("'NaN'", REFUSED)]),
    "numeric(38,0)": ("decimal", [("9" * 38,) * 2, ("'-" + "9" * 38 + "'", "-" + "9" * 38)]),
    "numeric(38,37)": ("decimal", [("9." + "9" * 37,) * 2]),
    "numeric(39,1)": ("string", [("9" * 38 + ".5",) * 2, ("'NaN'", "NaN")]),
    "numeric": ("string", [("1.50",) * 2, (SIXTY + "." + SIXTY,) * 2,
                           ("'1e-40'", "0." + "0" * 39 + "1"), ("'NaN'", "NaN"),
                           ("('1' || repeat('0', 1000))::numeric", "1" + "0" * 1000)]),
    "pg_catalog.numeric": ("string", [("'Infinity'", "Infinity"), ("'-Infinity'", "-Infinity")]),
    "text": ("string", [("''", ""), ("E'a\\nb\\r\\tc'", "a\nb\r\tc"), ("'\"q\"\",'", '"q"",'),
                        ("'NULL'", "NULL"), ("E'\\\\N'", "\\N"), ("E'\\\\.'", "\\."), ("E'\\\\x00'", "\\x00"),
                        ("E'\\u0001'", "\x01"), ("U&'\\+01F600 \\00e4'", "\U0001f600 ä"), ("' blank '", " blank ")]),
    "varchar(5)": ("string", [("'abcde'", "abcde"), ("'ää'", "ää")]),
    "char(5)": ("string", [("'ab'", "ab   "), ("''", "     ")]),
    '"char"': ("string", [("'x'", "x"), ("''", "")]),
    "name": ("string", [("'a name'", "a name")]),
    "bytea": ("string", [("'\\x'", ""), ("'\\x00ff10'", B64(b"\x00\xff\x10").decode()),
                         ("decode(repeat('ab', 3000), 'hex')", B64(b"\xab" * 3000).decode())]),
    "date": ("date", [("'2024-02-29'", "2024-02-29"), ("'0001-01-01'", "0001-01-01"), ("'9999-12-31'", "9999-12-31"),
                      ("'infinity'", REFUSED), ("'-infinity'", REFUSED), ("'0044-03-15 BC'", REFUSED),
                      ("'10000-01-01'", REFUSED), ("'0001-12-31 BC'", REFUSED)]),
    "time": ("time", [("'00:00'", "00:00:00.000000"), ("'23:59:59.999999'", "23:59:59.999999"), ("'24:00'", REFUSED)]),
    "time(0)": ("time", [("'12:34:56.4'", "12:34:56")]),
    "time with time zone": ("string", [("'12:34:56.5+05:30'", "12:34:56.5+05:30"), ("'00:00Z'", "00:00:00+00")]),
    "timestamp": ("dateTime", [("'2024-01-02 03:04:05'", "2024-01-02T03:04:05.000000Z"),
                               ("'0001-01-01'", "0001-01-01T00:00:00.000000Z"),
                               ("'9999-12-31 23:59:59.999999'", "9999-12-31T23:59:59.999999Z"), ("'infinity'", REFUSED),
                               ("'10000-01-01'", REFUSED), ("'0044-03-15 12:00 BC'", REFUSED)]),
    "timestamp(3)": ("dateTime", [("'2024-01-02 03:04:05.6789'", "2024-01-02T03:04:05.679Z")]),
    "timestamp(0)": ("dateTime", [("'2024-01-02 03:04:05.4'", "2024-01-02T03:04:05Z")]),
    "timestamptz": ("dateTimeOffset", [("'2024-01-02 03:04:05.6+02'", "2024-01-02T01:04:05.600000Z"),
                                       ("'1883-11-18 12:03:58-04:56:02'", "1883-11-18T17:00:00.000000Z"),
                                       ("'-infinity'", REFUSED)]),
    "interval": ("string", [("'10 mons 3 days 16:05:06.7'", "P10M3DT16H5M6.7S"), ("'-1 day'", "P-1D"), ("'0'", "PT0S"),
                            ("'178000000 years'", "P178000000Y")]),
    "uuid": ("guid", [("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")]),
    "json": ("json", [("'{\"b\": 1,  \"a\": [1e400, null]}'", '{"b": 1,  "a": [1e400, null]}'), ("'null'", "null")]),
    "jsonb": ("json", [("'{\"b\": 1,  \"a\": \"\\u00e4\"}'", '{"a": "ä", "b": 1}'), ("'[]'", "[]"),
                       ("'1e400'", "1" + "0" * 400)]),
    "jsonpath": ("string", [("'$.a[*] ? (@ > 1)'", '$."a"[*]?(@ > 1)')]),
    "xml": ("string", [("'<a b=\"1\">x</a>'", '<a b="1">x</a>')]),
    "inet": ("string", [("'10.0.0.1'", "10.0.0.1"), ("'::1/64'", "::1/64")]),
    "cidr": ("string", [("'10.0.0.0/8'", "10.0.0.0/8")]),
    "macaddr": ("string", [("'08002b:010203'", "08:00:2b:01:02:03")]),
    "macaddr8": ("string", [("'08002b:0102030405'", "08:00:2b:01:02:03:04:05")]),
    "bit(3)": ("string", [("B'101'", "101")]),
    "bit varying": ("string", [("B''", ""), ("B'0000000011'", "0000000011")]),
    "money": ("string", [("'-1234.56'", "-$1,234.56"), ("'92233720368547758.07'", "$92,233,720,368,547,758.07")]),
    "oid": ("int64", [("'4294967295'", "4294967295")]),
    "xid8": ("decimal", [("'18446744073709551615'", "18446744073709551615")]),
    "pg_lsn": ("string", [("'16/B374D848'", "16/B374D848")]),
    "regclass": ("string", [("'pg_catalog.pg_class'", "pg_class")]),
    "tsvector": ("string", [("'a:1 fat:2A'", "'a':1 'fat':2A")]),
    "tsquery": ("string", [("'fat & !rat'", "'fat' & !'rat'")]),
    "point": ("string", [("'(1.5,-2)'", "(1.5,-2)")]),
    "line": ("string", [("'{1,2,3}'", "{1,2,3}")]),
    "lseg": ("string", [("'[(0,0),(1,1)]'", "[(0,0),(1,1)]")]),
    "box": ("string", [("'(1,1),(0,0)'", "(1,1),(0,0)")]),
    "path": ("string", [("'[(0,0),(1,1)]'", "[(0,0),(1,1)]")]),
    "polygon": ("string", [("'((0,0),(1,1))'", "((0,0),(1,1))")]),
    "circle": ("string", [("'<(0,0),1>'", "<(0,0),1>")]),
    "int4range": ("string", [("'[1,5]'", "[1,6)"), ("'empty'", "empty"), ("'(,)'", "(,)")]),
    "tstzrange": ("string", [("'[2024-01-01 00:00+01,)'", '["2023-12-31 23:00:00+00",)')]),
    "datemultirange": ("string", [("'{[2024-01-01,2024-02-01)}'", "{[2024-01-01,2024-02-01)}")]),
    "mood": ("string", [("'so, so'", "so, so")]),
    "positive": ("int64", [("7", "7")]),
    "positive_text": ("string", [("'dom'", "dom")]),
    "pair": ("string", [("ROW(1, 'a,\"b')", '(1,"a,""b")'), ("ROW(NULL, '')", '(,"")')]),
    "hstore": ("string", [("'a=>1, b=>NULL'", '"a"=>"1", "b"=>NULL')]),
    "citext": ("string", [("'MiXed'", "MiXed")]),
    "ltree": ("string", [("'Top.Science'", "Top.Science")]),
    "int[]": ("json", [("'{1,NULL,-3}'", "[1,null,-3]"), ("'{}'", "[]"), ("'{{1,2},{3,4}}'", "[[1,2],[3,4]]"),
                       ("'[2:3]={7,8}'", "[7,8]")]),
    "text[]": ("json", [("ARRAY['a', 'b,\"c', NULL, 'NULL', '', E'\\\\ \\n\\t', 'ä']",
                         '["a","b,\\"c",null,"NULL","","\\\\ \\n\\t","ä"]')]),
    "boolean[]": ("json", [("'{t,f,NULL}'", "[true,false,null]")]),
    "numeric[]": ("json", [("'{1.50,NaN}'", '[1.50,"NaN"]')]),
    "double precision[]": ("json", [("'{0.1,1e300,Infinity}'", '[0.1,1e+300,"Infinity"]')]),
    "jsonb[]": ("json", [("ARRAY['{\"a\": [1]}'::jsonb, 'null']", '[{"a": [1]},null]')]),
    "timestamptz[]": ("json", [("'{2024-01-02 03:04:05+00}'", '["2024-01-02 03:04:05+00"]')]),
    "date[]": ("json", [("'{2024-01-02,infinity}'", '["2024-01-02","infinity"]')]),
    "uuid[]": ("json", [("'{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'", '["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]')]),
    "bytea[]": ("json", [("ARRAY['\\x00ff'::bytea]", '["\\\\x00ff"]')]),
    "box[]": ("json", [("'{(1,1),(0,0);(3,3),(2,2)}'", '["(1,1),(0,0)","(3,3),(2,2)"]')]),
    "mood[]": ("json", [("ARRAY['so, so', 'sad']::mood[]", '["so, so","sad"]')]),
    "positive[]": ("json", [("'{1,2}'", "[1,2]")]),
    "pair[]": ("json", [("ARRAY[ROW(1,'a')::pair]", '["(1,a)"]')]),
}  # fmt: skip
SETUP = [
    "CREATE EXTENSION hstore",
    "CREATE EXTENSION citext",
    "CREATE EXTENSION ltree",
    "CREATE TYPE mood AS ENUM ('sad', 'so, so', 'ok')",
    "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
    "CREATE DOMAIN positive_text AS varchar(10) NOT NULL",
    "CREATE TYPE pair AS (a int, b text)",
]
# What came with a later version than 13.
SINCE = {"datemultirange": 14, "pg_catalog.numeric": 14}
# Settings of role and database that would alter the texts.
HOSTILE = ["datestyle = 'German'", "intervalstyle = 'sql_standard'", "extra_float_digits = '-15'",
           "timezone = 'Asia/Tokyo'",
           "bytea_output = 'escape'", "xmloption = 'document'", "search_path = 'nowhere'", "lc_monetary = 'C'",
           "client_encoding = 'LATIN1'", "standard_conforming_strings = 'off'", "quote_all_identifiers = 'on'",
           "default_transaction_isolation = 'serializable'", "default_transaction_read_only = 'on'",
           "row_security = 'off'", "array_nulls = 'off'", "statement_timeout = '60s'"]  # fmt: skip


def tables(pg):
    names = [name for name in TYPES if pg.server.version >= SINCE.get(name, 0)]
    return {f"t{number}": (name, *TYPES[name]) for number, name in enumerate(names)}


def insert(pg, refused):
    """Rows from 1 on before the load, from 1001 on after it; and NULLs."""
    not_null = [table for table, (name, _, _) in tables(pg).items() if name == "positive_text"]
    for begin in (1, 1001):
        for table, (_, _, values) in tables(pg).items():
            rows = [(begin + index, literal) for index, (literal, wanted) in enumerate(values)
                    if refused or wanted is not REFUSED]  # fmt: skip
            rows += [(begin + 500, "NULL")] if table not in not_null else []
            pg.sql(*[f"INSERT INTO {table} VALUES({key}, {literal})" for key, literal in rows])
        if begin == 1:
            yield


def same(name, got, wanted):
    """Of an array only what it means: escapes and blanks are free."""
    numbers = pg_compare.numbers_as_text
    return numbers(got) == numbers(wanted) if name.endswith("[]") else got == wanted


def test_each_value_by_load_and_by_stream(pg, subtests):
    pg.sql(*SETUP, user="postgres")
    pg.sql(*[f"CREATE TABLE {table}(id int PRIMARY KEY, v {name})" for table, (name, _, _) in tables(pg).items()])
    pg.lakefeed("track", "--source", pg.url, "--state-dir", pg.state)
    for setting in HOSTILE:
        pg.sql(f"ALTER ROLE feed IN DATABASE {pg.db} SET {setting}", user="postgres")
    steps = insert(pg, refused=False)
    next(steps)
    pg.once()
    list(steps)
    pg.sql(*[f"UPDATE {table} SET id = id + 1000 WHERE id > 1000" for table in tables(pg)])
    pg.once()
    lake = pg.read()
    for table, (name, kind, values) in tables(pg).items():
        with subtests.test(type=name):
            entity = lake.of_table(table)
            assert entity.state == "Completed", entity.reason
            assert entity.attribute("v").type == ("binary" if name == "bytea" else kind)
            got = dict(entity.texts())
            assert got.get("501") is None and got.get("2501") is None
            for index, (literal, wanted) in enumerate(values):
                if wanted is not REFUSED:
                    assert got[str(1 + index)] == got[str(2001 + index)], literal
                    assert same(name, got[str(1 + index)], wanted), (literal, got[str(1 + index)], wanted)
    pg.assert_equal()
    pg.verify()
    for name, major in SINCE.items():
        with subtests.test(type=name):
            need_version(pg.server, major, name)


REFUSALS = [(name, literal) for name, (_, values) in TYPES.items() for literal, wanted in values if wanted is REFUSED]


@pytest.mark.parametrize("how", ["load", "stream"])
def test_what_the_lake_cannot_hold_is_refused_and_never_altered(pg, how):
    names = [f"r{number}" for number in range(len(REFUSALS))]
    pg.sql("CREATE TABLE good(id int PRIMARY KEY)")
    for table, (name, literal) in zip(names, REFUSALS):
        pg.sql(f"CREATE TABLE {table}(id int PRIMARY KEY, v {name})")
        if how == "load":
            pg.sql(f"INSERT INTO {table} VALUES(4711, {literal})")
    pg.track_once(expect=1 if how == "load" else 0)
    if how == "stream":
        pg.sql(*[f"INSERT INTO {table} VALUES(4711, {literal})" for table, (_, literal) in zip(names, REFUSALS)])
    pg.sql("INSERT INTO good VALUES(1)")
    pg.once(expect=1)
    lake = pg.read()
    for table, (name, literal) in zip(names, REFUSALS):
        entity = lake.of_table(table)
        assert entity.state == "Error", (name, literal)
        assert "4711" in entity.reason and table in entity.reason, entity.reason
        assert entity.texts() == []
    assert lake.of_table("good").texts() == [("1",)]
    pg.sql(*[f"DELETE FROM {table}" for table in names])
    pg.once()
    pg.assert_equal()


def test_refused_values_can_be_quarantined(pg):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, d date)", "INSERT INTO t VALUES(1, 'infinity'), (2, '2024-01-01')")
    pg.configure(link={"on_bad_row": "quarantine"})
    pg.track_once()
    assert pg.rows_of("t", "id", "d") == [("2", "2024-01-01")]
    pg.sql("INSERT INTO t VALUES(3, '0044-03-15 BC')", "UPDATE t SET d = '2024-05-05' WHERE id = 1")
    pg.once()
    assert pg.rows_of("t", "id", "d") == [("1", "2024-05-05"), ("2", "2024-01-01")]


def test_a_column_of_refused_values_can_be_a_string(pg):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, d date, n numeric(10,2))",
           "INSERT INTO t VALUES(1, 'infinity', 'NaN'), (2, '2024-01-01', 1.5)")  # fmt: skip
    pg.configure(entities=[{"table": "t", "columns": {"d": {"type": "string"}, "n": {"type": "string"}}}])
    pg.track_once()
    pg.sql("INSERT INTO t VALUES(3, '0044-03-15 BC', '-1')")
    pg.once()
    assert pg.rows_of("t", "id", "d", "n") == [
        ("1", "infinity", "NaN"), ("2", "2024-01-01", "1.50"), ("3", "0044-03-15 BC", "-1.00")]  # fmt: skip


def test_an_excluded_column_never_reaches_the_lake(pg):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, secret text, v text)", "INSERT INTO t VALUES(1, 'hush', 'a')")
    pg.configure(entities=[{"table": "t", "exclude": ["secret"]}])
    pg.track_once()
    pg.sql("INSERT INTO t VALUES(2, 'hush', 'b')", "UPDATE t SET secret = 'hush hush', v = 'c' WHERE id = 1")
    pg.once()
    assert pg.read().of_table("t").texts() == [("1", "c"), ("2", "b")]
    for folder in (pg.lake, pg.state):
        assert not [path for path in folder.rglob("*") if path.is_file() and b"hush" in path.read_bytes()]


KEYS = {
    "smallint": ["-5", "0", "32767"],
    "bigint": ["'-9223372036854775808'", "9223372036854775807"],
    "numeric(20,5)": ["-1.5", "0", "1.50", "100000", "0.00001", "'-0.00001'", "12345.67891"],
    "numeric": ["1.50", "2"],
    "text": ["''", "'a'", "'A'", "'ä'", "'z'", "E'\\u0001'", "'a b'", "'\U0001f600'", "repeat('k', 2000)"],
    'text COLLATE "und-x-icu"': ["'a'", "'A'", "'ä'", "'b'", "'Z'", "'_'"],
    "varchar(10)": ["'b'", "'B '", "'ß'"],
    "char(4)": ["'b'", "'a'", "''"],
    "citext": ["'Mixed'", "'a'", "'B'"],
    "date": ["'2024-01-01'", "'0999-12-31'"],
    "timestamp": ["'2024-01-01 00:00:00.5'", "'2024-01-01'", "'1600-01-01'"],
    "timestamptz": ["'2024-01-01 00:00+14'", "'2024-01-01'", "'2023-12-31 12:00-11'"],
    "time": ["'10:00'", "'09:00:00.000001'"],
    "uuid": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000000'"],
    "bytea": ["'\\x00'", "'\\x'", "'\\x0001'", "'\\xff'"],
    "boolean": ["true", "false"],
    "mood": ["'sad'", "'ok'"],
    "inet": ["'10.0.0.2'", "'9.0.0.1'", "'::1'"],
    "double precision": ["'-1.5'", "'NaN'", "0", "'Infinity'", "1e-300"],
    "interval": ["'1 day'", "'2 hours'"],
    "int[]": ["'{1,2}'", "'{10}'"],
    "positive": ["5", "10"],
}


def test_each_type_as_a_key(pg):
    """Loaded in several chunks where the order allows it; then rows change, move and go."""
    pg.sql(*SETUP, user="postgres")
    for number, (name, values) in enumerate(KEYS.items()):
        pg.sql(f"CREATE TABLE k{number}(k {name} PRIMARY KEY, v int)",
               *[f"INSERT INTO k{number} VALUES({value}, 0)" for value in values])  # fmt: skip
    pg.configure(chunk_rows=2)
    pg.track_once()
    for number, (name, values) in enumerate(KEYS.items()):
        pg.sql(f"UPDATE k{number} SET v = 1 WHERE k = {values[0]}", f"DELETE FROM k{number} WHERE k = {values[1]}")
        pg.sql(f"INSERT INTO k{number} VALUES({values[1]}, 2)", f"UPDATE k{number} SET v = v + 10")
        pg.sql(f"DELETE FROM k{number} WHERE k = {values[-1]}")
    pg.once()
    pg.assert_equal()


def test_regression_data_of_values_that_equal_but_differ_in_text(pg):
    """numeric 1.0 and 1.00 are one key; so is citext in two cases: an update of the text alone keeps one row."""
    pg.sql("CREATE EXTENSION citext", user="postgres")
    pg.sql("CREATE TABLE n(k numeric(20,5) PRIMARY KEY, v int)", "CREATE TABLE c(k citext PRIMARY KEY, v int)",
           "INSERT INTO n VALUES(1.0, 1)", "INSERT INTO c VALUES('Abc', 1)")  # fmt: skip
    pg.track_once()
    pg.sql("UPDATE n SET k = 1.00, v = 2", "UPDATE c SET k = 'ABC', v = 2")
    pg.once()
    pg.assert_equal()
    assert pg.rows_of("c", "k", "v") == [("ABC", "2")]


@pytest.mark.parametrize("how", ["load", "stream"])
def test_a_row_over_the_limit_freezes_its_table_alone(pg, how):
    pg.sql("CREATE TABLE t(id int PRIMARY KEY, v text)", "CREATE TABLE other(id int PRIMARY KEY)")
    if how == "load":
        pg.sql("INSERT INTO t VALUES(1, repeat('x', 9000000))")
    pg.track_once(expect=1 if how == "load" else 0)
    pg.sql("INSERT INTO t VALUES(2, repeat('x', 9000000))", "INSERT INTO other VALUES(1)")
    pg.once(expect=1)
    lake = pg.read()
    assert lake.of_table("t").state == "Error" and "8" in lake.of_table("t").reason
    assert lake.of_table("other").texts() == [("1",)]
    pg.sql("DELETE FROM t")
    pg.once()
    pg.assert_equal()
