# SPDX-License-Identifier: Apache-2.0
"""The verb config, and the JSON Schema of the configuration in the hands of an independent validator."""

import json
import os
import re
import stat

import jsonschema
import pytest

from world import ROOT

SCHEMA = json.loads((ROOT / "config/lakefeed.schema.json").read_text("utf-8"))
EXAMPLE = (ROOT / "config/lakefeed.example.json").read_text("utf-8")
OWN = """// the shop's lakes
{
  "version": 1,
  "parameters": { "ROOT": "/srv/lake" },
  "links": [
    {
      "name": "shop", // the first one
      "source": { "url": "sqlite:shop.db", "poll_interval": "2s" },
      "lake": { "url": "file:${ROOT}/shop" },
      "entities": [ "orders", { "table": "customers", "exclude": ["password_hash"] } ]
    } // end of shop
  ],
  "memory": "32MiB" // a small machine
}
"""


def strip_comments(text):
    """None of the texts here holds // inside of quotes but those of URLs with a scheme before them."""
    return re.sub(r'(?<!:)//[^\n]*', "", text)


def link(name, **members):
    return {"name": name, "source": {"url": f"sqlite:{name}.db"}, "lake": {"url": f"file:/srv/{name}"}, **members}


@pytest.fixture
def own(world):
    path = world.folder / "own.json"
    path.write_text(OWN)
    return path


def config(world, path, *words, expect=0, env=None):
    return world.lakefeed("config", "-c", path, *words, expect=expect, env=env, cwd=world.folder)


def write(world, document, name="other.json"):
    path = world.folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


# --- check ---


def test_check_counts_what_a_right_file_holds(world, own):
    assert config(world, own, "check").out == f"{own}: right: 1 link, 2 entities\n"
    two = write(world, {"version": 1, "links": [link("a"), link("b", entities=["t"])]})
    assert config(world, two, "check").out == f"{two}: right: 2 links, 1 entity, and all tables of 1 link\n"
    answer = json.loads(config(world, two, "check", "--json").out)
    assert answer == {"file": str(two), "right": True, "links": 2, "entities": 1, "errors": []}


def test_check_tells_an_error_of_each_link_and_ends_with_2(world):
    bad = write(
        world,
        '{ "version": 1, "links": [\n{ "nam": "a" },\n'
        '{ "name": "b", "source": { "url": "sqlite:b" }, "lake": { "url": "file:b" } },\n'
        '{ "name": "c", "source": { "url": "sqlite:c" }, "lake": { "url": "file:c" }, "snapshot": { "keep": 0 } } ] }',
    )
    errors = [
        f'{bad}: line 2: links[0].nam: there is no setting "nam"; did you mean "name"?',
        f"{bad}: line 4: links[2].snapshot.keep: 0 is out of range; write one from 1 to 1000",
    ]
    result = config(world, bad, "check", expect=2)
    assert result.out == "" and result.err == "".join(f"lakefeed: {error}\n" for error in errors)
    assert json.loads(config(world, bad, "check", "--json", expect=2).out)["errors"] == errors


def test_check_asks_the_connectors_about_their_options(world):
    bad = write(world, {"version": 1, "links": [link("a"), link("b")]})
    document = json.loads(bad.read_text())
    document["links"][0]["source"]["poll_intervall"] = "1s"
    document["links"][1]["source"]["url"] = "oracle:x"
    bad.write_text(json.dumps(document))
    result = config(world, bad, "check", expect=2)
    assert result.err.splitlines() == [
        f"lakefeed: {bad}: link a: source.poll_intervall: the connector has no such option; it has: poll_interval",
        f"lakefeed: {bad}: no connector for source oracle:x; a source is given as sqlite:FILE or "
        "postgresql://HOST/DATABASE",
    ]


def test_check_of_a_missing_file(world):
    result = config(world, world.folder / "none.json", "check", expect=2)
    assert result.err == f"lakefeed: the configuration: open {world.folder}/none.json: No such file or directory\n"


def test_check_refuses_a_secret_that_others_can_read(world):
    secret = world.folder / "secret"
    secret.write_text("/srv/hush\n")
    secret.chmod(0o640)
    parameters, links = {"S": {"file": str(secret)}}, [link("a", lake={"url": "file:${S}"})]
    path = write(world, {"version": 1, "parameters": parameters, "links": links})
    result = config(world, path, "check", expect=2)
    assert result.err == (
        f"lakefeed: {path}: line 1: links[0].lake.url: the parameter ${{S}}: the file {secret} has mode 0640, so that "
        f"others than its owner can read the secret; type: chmod 600 {secret}\n"
    )
    secret.chmod(0o600)
    assert "right: 1 link" in config(world, path, "check").out


@pytest.mark.parametrize(
    "words",
    [[], ["chek"], ["check", "x"], ["import"], ["diff"], ["diff", "a", "b"], ["schema", "x"]],
    ids=" ".join,
)
def test_wrong_words_end_with_2_and_tell_the_right_ones(world, own, words):
    result = config(world, own, *words, expect=2)
    assert result.out == "" and result.err.startswith("lakefeed: ")


# --- show ---


def test_show_gives_the_effective_configuration_with_every_default(world, own):
    shown = json.loads(config(world, own, "show").out)
    shop = shown["links"][0]
    assert shop["lake"]["url"] == "file:/srv/lake/shop" and shop["snapshot"]["keep"] == 5
    assert shop["source"] == {"url": "sqlite:shop.db", "poll_interval": "2s"}
    assert shown["memory"] == "32MiB" and shown["spool"]["max_bytes"] == "10GiB"
    again = write(world, shown)
    assert json.loads(config(world, again, "show").out) == shown
    assert config(world, own, "diff", again).out == ""


def test_show_takes_a_variable_before_the_parameter(world, own):
    shown = json.loads(config(world, own, "show", env={"ROOT": "/mnt"}).out)
    assert shown["links"][0]["lake"]["url"] == "file:/mnt/shop"


def test_nothing_shows_a_secret(world):
    secret = world.folder / "secret"
    secret.write_text("hush-file")
    secret.chmod(0o600)
    path = write(
        world,
        {
            "version": 1,
            "parameters": {"S": {"file": str(secret)}, "E": {"env": "SHOP_HUSH"}},
            "links": [link("a", lake={"url": "file:/x/${S}/${E}/${SHOP_UNDECLARED}"})],
        },
    )
    env = {"SHOP_HUSH": "hush-env", "SHOP_UNDECLARED": "hush-undeclared"}
    assert "right" in config(world, path, "check", env=env).out
    empty = write(world, {"version": 1, "links": [link("b")]}, "empty.json")
    for words in (["show"], ["export"], ["diff", empty], ["check"]):
        result = config(world, path, *words, expect=None, env=env)
        assert "hush" not in result.out.replace("SHOP_HUSH", "") + result.err, words
    shown = json.loads(config(world, path, "show").out)["links"][0]
    assert shown["lake"]["url"] == "file:/x/${S}/${E}/${SHOP_UNDECLARED}"


# --- schema ---


def test_schema_is_the_committed_one_and_is_a_schema(world, own):
    assert json.loads(config(world, own, "schema").out) == SCHEMA
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_schema_takes_what_lakefeed_takes(world, own):
    for document in (json.loads(strip_comments(EXAMPLE)), json.loads(strip_comments(OWN)),
                     json.loads(config(world, own, "show").out), json.loads(config(world, own, "export").out)):
        document["$schema"] = "lakefeed.schema.json"
        jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
        assert "right" in config(world, write(world, document), "check").out


BAD = {
    "no links": {"version": 1, "links": []},
    "no version": {"links": [link("a")]},
    "another version": {"version": 2, "links": [link("a")]},
    "unknown key": {"version": 1, "links": [link("a", snapshots={})]},
    "name": {"version": 1, "links": [link("a b")]},
    "duration": {"version": 1, "links": [link("a", snapshot={"interval": "1 hour"})]},
    "duration without unit": {"version": 1, "links": [link("a", snapshot={"interval": 60})]},
    "integer": {"version": 1, "links": [link("a", snapshot={"keep": 0})]},
    "integer in quotes": {"version": 1, "links": [link("a", snapshot={"keep": "5"})]},
    "size": {"version": 1, "memory": "48MB", "links": [link("a")]},
    "small size": {"version": 1, "memory": 4096, "links": [link("a")]},
    "choice": {"version": 1, "log": {"format": "xml"}, "links": [link("a")]},
    "boolean": {"version": 1, "links": [link("a", lake={"url": "file:a", "allow_network": "yes"})]},
    "plain password": {"version": 1, "links": [link("a", source={"url": "sqlite:a", "password": "hush"})]},
    "option of another kind": {"version": 1, "links": [link("a", source={"url": "sqlite:a", "x": [1]})]},
    "no entities": {"version": 1, "links": [link("a", entities=[])]},
    "column twice": {"version": 1, "links": [link("a", entities=[{"table": "t", "exclude": ["c", "c"]}])]},
    "column type": {"version": 1, "links": [link("a", entities=[{"table": "t", "columns": {"c": {"type": "text"}}}])]},
    "parameter": {"version": 1, "parameters": {"A B": 1}, "links": [link("a")]},
    "secret": {"version": 1, "parameters": {"A": {"env": "X", "file": "y"}}, "links": [link("a")]},
}


@pytest.mark.parametrize("what", BAD)
def test_schema_and_lakefeed_refuse_the_same(world, what):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(BAD[what], SCHEMA, cls=jsonschema.Draft202012Validator)
    assert "line 1" in config(world, write(world, BAD[what]), "check", expect=2).err


# --- export and import ---


def test_import_of_an_export_keeps_the_file_and_adds_the_link(world, own):
    other = write(world, {"version": 1, "links": [link("second", entities=["t"]), link("third")]})
    exported = write(world, config(world, other, "export", "second").out, "exported.json")
    own.chmod(0o640)
    result = config(world, own, "import", exported)
    assert result.out == f"{own}: 1 link and 2 parameters added; the file as it was: {own}.bak\n"
    text = own.read_text()
    for line in OWN.splitlines():
        assert line in text or line.strip() in ('} // end of shop', '"memory": "32MiB" // a small machine',
                                                '"parameters": { "ROOT": "/srv/lake" },'), line
    assert '}, // end of shop\n' in text
    assert (world.folder / "own.json.bak").read_text() == OWN
    assert stat.S_IMODE(own.stat().st_mode) == 0o640
    assert sorted(os.listdir(world.folder)) == ["exported.json", "other.json", "own.json", "own.json.bak"]
    shown = json.loads(config(world, own, "show").out)
    assert [entry["name"] for entry in shown["links"]] == ["shop", "second"]
    assert shown["links"][1]["lake"]["url"] == "file:/srv/second"
    moved = json.loads(config(world, own, "show", env={"SECOND_LAKE_URL": "file:/elsewhere"}).out)
    assert moved["links"][1]["lake"]["url"] == "file:/elsewhere"


def test_import_when_refused_changes_nothing(world, own):
    clash = write(world, {"version": 1, "links": [link("shop")]})
    result = config(world, own, "import", clash, expect=2)
    assert result.err == (
        f"lakefeed: {clash}: line 1: links[0].name: {own} has a link of this name already (line 6); give one of them "
        "another name\n"
    )
    inside = write(world, {"version": 1, "links": [link("b", lake={"url": "file:/srv/lake/shop/b"})]})
    assert "lies in that of links[0] (line 9)" in config(world, own, "import", inside, expect=2).err
    process = write(world, {"version": 1, "memory": "64MiB", "links": [link("b")]})
    assert "belongs to the whole process" in config(world, own, "import", process, expect=2).err
    assert own.read_text() == OWN and not (world.folder / "own.json.bak").exists()


def test_export_of_an_unknown_link_names_those_that_are(world, own):
    result = config(world, own, "export", "nope", expect=2)
    assert result.err == "lakefeed: the configuration has no link nope; it has: shop\n"


# --- diff ---


def test_diff_tells_each_difference_and_what_it_takes_and_ends_with_3(world, own):
    changed = write(world, OWN.replace('"2s"', '"3s"').replace("32MiB", "64MiB").replace('"orders", ', "")
                    .replace('"name": "shop",', '"name": "shop", "snapshot": { "interval": "5min" },'))
    result = config(world, own, "diff", changed, expect=3)
    assert result.out.splitlines() == [
        "memory: 32MiB → 64MiB; refused: it belongs to the whole process; restart the daemon",
        "links[shop].snapshot.interval: 1h → 5min; taken over while the daemon runs",
        "links[shop].source.poll_interval: 2s → 3s; taken over by a restart of the link alone",
        "links[shop].entities[orders]: removed: orders; taken over by a restart of the link alone",
    ]
    answer = json.loads(config(world, own, "diff", changed, "--json", expect=3).out)
    assert answer[1] == {
        "path": "links[shop].snapshot.interval", "old": "1h", "new": "5min", "change": "live", "way": None
    }
    assert {entry["change"] for entry in answer} == {"live", "restart_link", "refused"}


def test_diff_of_one_configuration_in_two_forms_is_empty(world, own):
    other = write(world, strip_comments(OWN).replace("${ROOT}", "/srv/lake").replace('"32MiB"', "33554432"))
    assert config(world, own, "diff", other).out == ""
    assert json.loads(config(world, own, "diff", other, "--json").out) == []
