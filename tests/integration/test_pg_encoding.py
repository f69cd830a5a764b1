# SPDX-License-Identifier: Apache-2.0
"""Databases that are not in UTF-8: their text is Unicode in the lake, through load and stream alike."""

import pytest


@pytest.fixture(name="source_in")
def make_source(pg):
    def make(encoding):
        name = f"{pg.db}_{encoding.lower()}"
        with pg.server.connect() as db:
            db.execute(f"CREATE DATABASE {name} OWNER app ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        pg.databases.append(name)
        pg.db = name
        return pg

    return make


def test_latin1_is_unicode_in_the_lake(source_in):
    shop = source_in("LATIN1")
    every = "SELECT chr(i), repeat(chr(i), 3) FROM generate_series({}, {}) i"
    shop.sql('CREATE TABLE "größe"("schlüssel" text PRIMARY KEY, v varchar(9))',
             'INSERT INTO "größe" ' + every.format(128, 200))  # fmt: skip
    shop.track_once()
    shop.assert_equal()
    shop.sql('INSERT INTO "größe" ' + every.format(201, 255), 'UPDATE "größe" SET v = \'ÿ\' WHERE "schlüssel" = \'é\'',
             'DELETE FROM "größe" WHERE "schlüssel" = \'ö\'',
             'UPDATE "größe" SET "schlüssel" = \'ß!\' WHERE "schlüssel" = \'ß\'')  # fmt: skip
    shop.once()
    shop.assert_equal()
    assert ("ß!", "ßßß") in shop.rows_of("größe", "schlüssel", "v")


def test_sql_ascii_is_taken_as_utf8_and_what_is_none_freezes_its_table_alone(source_in):
    shop = source_in("SQL_ASCII")
    shop.sql("CREATE TABLE t(id int PRIMARY KEY, v text)", r"INSERT INTO t VALUES(1, E'\xc3\xa9')",
             "CREATE TABLE other(id int PRIMARY KEY)", "CREATE TABLE loaded(id int PRIMARY KEY, v text)",
             r"INSERT INTO loaded VALUES(1, E'\xff')")  # fmt: skip
    shop.track_once(expect=1)
    shop.sql(r"INSERT INTO t VALUES(2, E'\xc3\xbc')")
    shop.once(expect=1)
    assert shop.rows_of("t", "id", "v") == [("1", "é"), ("2", "ü")]
    shop.sql(r"INSERT INTO t VALUES(3, E'\xff')", "INSERT INTO other VALUES(1)")
    shop.once(expect=1)
    lake = shop.read()
    for table in ("t", "loaded"):
        assert lake.entities[table].state == "Error" and "UTF-8" in lake.entities[table].reason
    assert lake.of_table("other").texts() == [("1",)]


def test_text_without_unicode_ends_the_stream_with_a_way_out_and_freezes_its_table_alone(source_in):
    """The server itself cannot convert it, and does not say of which table it is until that is loaded."""
    shop = source_in("WIN1252")
    shop.sql("CREATE TABLE t(id int PRIMARY KEY, v text)", "CREATE TABLE other(id int PRIMARY KEY, v text)",
             "INSERT INTO other VALUES(1, 'œuf €')")  # fmt: skip
    shop.track_once()
    shop.assert_equal()
    shop.sql("INSERT INTO t VALUES(1, chr(129))", "INSERT INTO other VALUES(2, 'Œ')")
    told = [event for event in shop.once(expect=5).events if event["event"] == "resync_required"]
    assert "0x81" in told[0]["message"] and "lakefeed resync" in told[0]["message"]
    shop.lakefeed("resync", *shop.options(), expect=1)
    lake = shop.read()
    assert lake.entities["t"].state == "Error" and "0x81" in lake.entities["t"].reason
    assert shop.rows_of("other", "id", "v") == [("1", "œuf €"), ("2", "Œ")]
    shop.sql("UPDATE t SET v = 'corrected' WHERE id = 1")
    shop.once()
    shop.assert_equal()


def test_text_without_unicode_that_is_gone_costs_a_resync(source_in):
    shop = source_in("WIN1252")
    shop.sql("CREATE TABLE t(id int PRIMARY KEY, v text)")
    shop.track_once()
    shop.sql("INSERT INTO t VALUES(1, chr(129))")
    shop.sql("UPDATE t SET v = 'corrected'")
    shop.once(expect=5)
    shop.lakefeed("resync", *shop.options())
    shop.assert_equal()
