# SPDX-License-Identifier: Apache-2.0
"""Another configuration for a running daemon: by SIGHUP and by lakefeed config reload."""

import concurrent.futures
import json
import signal

import jsonschema
import pytest

from test_control import call
from world import ROOT, wait_until

SCHEMA = json.loads((ROOT / "docs/formats/answers.schema.json").read_text("utf-8"))


class Shop:
    """A daemon with a configuration file that tests edit."""

    def __init__(self, world):
        self.world = world
        world.sql(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)",
            "INSERT INTO t VALUES(1, 'x')",
            "CREATE TABLE u(id INTEGER PRIMARY KEY)",
            "INSERT INTO u VALUES(7)",
        )
        self.file = world.folder / "lakefeed.json"
        world.config = self.file
        self.links = [self.link("shop")]
        self.write()
        world.lakefeed("track", *world.options())
        self.daemon = world.daemon()
        self.daemon.wait_event("link_started")

    def link(self, name, lake=None, **more):
        lake = lake or self.world.lake
        return {
            "name": name,
            "source": {"url": f"sqlite:{self.world.db}"},
            "lake": {"url": f"file:{lake}"},
            "snapshot": {"interval": "1s"},
            **more,
        }

    def write(self, **more):
        self.file.write_text(json.dumps({"version": 1, "links": self.links, **more}))

    def reload(self, expect=0):
        result = self.world.lakefeed("config", "reload", "--state-dir", self.world.state, expect=expect)
        return result.out if expect == 0 else result.err

    def pid(self):
        return self.daemon.process.pid


@pytest.fixture
def shop(world):
    return Shop(world)


def test_a_reload_without_changes_says_so_and_leaves_the_link_alone(shop):
    assert shop.reload() == "The daemon has read its configuration again; nothing has changed.\n"
    assert len(shop.daemon.wait_event("link_started")) == 1
    answer = json.loads(shop.world.lakefeed("config", "reload", "--json", "--state-dir", shop.world.state).out)
    jsonschema.validate(answer, {**SCHEMA, "$ref": "#/$defs/reload"})


def test_a_table_is_taken_away_and_comes_back_without_a_restart(shop):
    shop.world.wait_equal()
    shop.links[0]["entities"] = ["t"]
    shop.write()
    assert "links[shop].entities" in shop.reload()
    wait_until(lambda: sorted(shop.world.read().entities) == ["t"], "only t is left")
    shop.links[0]["entities"] = ["t", {"table": "u", "name": "renamed"}]
    shop.write()
    shop.daemon.process.send_signal(signal.SIGHUP)
    shop.daemon.wait_event("config_reloaded", count=2)
    wait_until(lambda: sorted(shop.world.read().entities) == ["renamed", "t"], "u is back")
    shop.world.wait_equal()
    assert shop.daemon.process.poll() is None


def test_the_interval_changes_without_a_restart(shop):
    shop.world.wait_equal()
    shop.links[0]["snapshot"]["interval"] = "24h"
    shop.write()
    assert shop.reload() == "links[shop].snapshot.interval: 1s, now 1d\n"
    shop.daemon.wait_event("link_started", count=2)
    before = shop.world.read().commit
    shop.world.sql("INSERT INTO t VALUES(2, 'waits')")
    shop.links[0]["snapshot"]["interval"] = "1s"
    shop.write()
    assert shop.world.read().commit == before
    shop.reload()
    shop.world.wait_equal()


def test_a_link_is_added_and_removed_and_the_other_goes_on(shop):
    world = shop.world
    second = world.folder / "second lake"
    world.lakes.add(second)
    shop.links.append(shop.link("second", second))
    shop.write()
    assert "links[second]" in shop.reload()
    shop.daemon.wait_event("link_added", link="second")
    wait_until(lambda: (second / "model.json").exists(), "the second lake")
    shop.links.pop()
    shop.write()
    shop.reload()
    shop.daemon.wait_event("link_removed", link="second")
    names = [link["link"] for link in json.loads(world.lakefeed("status", *world.options(), "--json").out)["links"]]
    assert names == ["shop"]
    world.sql("INSERT INTO t VALUES(3, 'on')")
    world.wait_equal()
    assert len(shop.daemon.wait_event("link_started", link="shop")) == 1


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda shop: shop.links[0]["lake"].update(url=f"file:{shop.world.folder}/elsewhere"), "links[shop].lake.url"),
        (lambda shop: shop.links[0]["source"].update(url="sqlite:other.db"), "links[shop].source.url"),
    ],
    ids=["lake", "source"],
)
def test_what_cannot_change_live_is_refused_with_the_way(shop, change, path):
    shop.world.wait_equal()
    shop.links[0]["snapshot"]["interval"] = "2s"  # nothing of a refused file comes into force
    change(shop)
    shop.write()
    message = shop.reload(expect=2)
    assert f"lakefeed: {path} cannot change while lakefeed runs: " in message
    shop.daemon.wait_event("config_refused", kind="CONFIG")
    shop.world.sql("INSERT INTO t VALUES(4, 'still here')")
    shop.world.wait_equal()
    assert len(shop.daemon.wait_event("link_started")) == 1


@pytest.mark.parametrize(
    "text", ["{", '{"version": 1, "links": [ { "nmae": "x" } ] }', ""], ids=["half", "typo", "empty"]
)
def test_a_file_that_is_wrong_is_refused_and_the_old_one_stays(shop, text):
    shop.world.wait_equal()
    shop.file.write_text(text)
    shop.daemon.process.send_signal(signal.SIGHUP)
    refused = shop.daemon.wait_event("config_refused")[0]
    assert "lakefeed.json" in refused["message"] and refused["kind"] == "CONFIG"
    assert "line" in shop.reload(expect=2)
    shop.write()
    shop.world.sql("INSERT INTO t VALUES(5, 'still here')")
    shop.world.wait_equal()


def test_a_daemon_made_from_flags_has_no_file_to_read_again(world):
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES(1)")
    world.daemon("--track").wait_event("link_started")
    result = world.lakefeed("config", "reload", "--state-dir", world.state, expect=2)
    assert "there is no file to read again; start it with -c FILE" in result.err


def test_a_reload_without_a_daemon_says_that_nobody_runs(world):
    result = world.lakefeed("config", "reload", "--state-dir", world.state, expect=1)
    assert "no daemon" in result.err


def test_a_link_that_failed_is_tried_again_by_a_reload(world):
    shop = Shop(world)
    broken = world.folder / "broken lake"
    broken.mkdir()
    (broken / "model.json").write_text('{"name": "somebody else\'s"}')
    shop.links.append(shop.link("broken", broken))
    shop.write()
    shop.reload()
    shop.daemon.wait_event("link_failed", link="broken")
    assert sorted(broken.iterdir()) == [broken / "model.json"]  # no trace of ours
    (broken / "model.json").unlink()
    world.lakes.add(broken)
    shop.reload()
    shop.daemon.wait_event("link_started", link="broken")
    wait_until((broken / "model.json").exists, "the mended link")


def test_a_slip_in_a_reloaded_file_does_not_cost_the_daemon(shop):
    shop.world.wait_equal()
    shop.world.sql("CREATE TABLE late(id INTEGER PRIMARY KEY)", "INSERT INTO late VALUES(9)")
    shop.links[0]["entities"] = ["t", "u", "late"]
    shop.write()
    shop.reload()
    failed = shop.daemon.wait_event("link_failed")[0]
    assert "late" in failed["message"] and "track" in failed["message"]
    assert shop.daemon.process.poll() is None
    shop.world.lakefeed("track", *shop.world.options())
    shop.reload()
    wait_until(lambda: "late" in shop.world.read().entities, "the table that was added")
    shop.world.wait_equal()


def test_a_snapshot_that_reloads_interrupt_is_made_all_the_same(shop):
    shop.links[0]["snapshot"]["interval"] = "23h"
    shop.write()
    shop.reload()
    shop.world.sql("WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) "
                   "INSERT INTO t SELECT i, 'many' FROM n")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(call, shop.world, "POST", "/v1/links/shop/snapshot")
        for hours in range(1, 8):
            shop.links[0]["snapshot"]["interval"] = f"{hours}h"
            shop.write()
            shop.reload()
        status, answer = asked.result()
    assert status == 200, answer
    assert answer["rows"] == len(range(10, 200001)) + 1 + 1  # t as it was, and u
    shop.world.assert_equal()


def test_what_is_asked_of_an_unlinked_link_does_not_begin_it_anew(shop):
    world = shop.world
    second = world.folder / "second lake"
    world.lakes.add(second)
    shop.links.append(shop.link("second", second))
    shop.write()
    shop.reload()
    shop.daemon.wait_event("link_started", link="second")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(call, world, "POST", f"/v1/links/second/{verb}") for verb in ["unlink"] + ["snapshot"] * 7]
        answers = [one.result() for one in asked]
    assert answers[0][0] == 200 and {status for status, _ in answers} <= {200, 404}
    for verb in ("snapshot", "resync", "enable", "disable", "unlink"):
        status, answer = call(world, "POST", f"/v1/links/second/{verb}")
        assert (status, answer["error"]["kind"]) == (404, "NOT_FOUND"), verb
    assert world.query("SELECT count(*) FROM lakefeed_consumer") == [(1,)]
    assert shop.daemon.stop() == 0


def test_a_daemon_asked_to_stop_ends_with_0_although_a_link_had_failed(shop):
    broken = shop.world.folder / "broken lake"
    broken.mkdir()
    (broken / "model.json").write_text('{"name": "somebody else\'s"}')
    shop.links.append(shop.link("broken", broken))
    shop.write()
    shop.reload()
    shop.daemon.wait_event("link_failed", link="broken")
    assert shop.daemon.stop() == 0
