# SPDX-License-Identifier: Apache-2.0
"""The parser's messages, init, and what is made from the tables: man page, completions, the page of commands."""

import json
import re
import shutil
import subprocess

import pytest

from world import ROOT

DOCS = ROOT / "docs"
BASH = DOCS / "completion/lakefeed.bash"
ZSH = DOCS / "completion/_lakefeed"
FISH = DOCS / "completion/lakefeed.fish"
MAN = DOCS / "man/lakefeed.1"
ODD_NAMES = [
    "plain",
    'double " quote',
    "single ' quote",
    "back\\slash",
    "new\nline",
    "tab\tand\rreturn",
    "comment */ /* // end",
    "注文",
    "emoji 😀",
    "escape \x1b[2J",
    "${NAME} $NAME %s",
    ",",
    "trailing,",
    " blank ",
    "[x] {y}",
]


def verbs_of(world):
    """As the help lists them."""
    return re.findall(r"^  ([a-z]+)  ", world.lakefeed("help").out.split("\nexit status", maxsplit=1)[0], re.MULTILINE)


def options_of(world, verb):
    return re.findall(r"(?m)^  (?:-\w, )?(--[a-z-]+)", world.lakefeed("help", verb).out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stauts"], "there is no verb stauts; did you mean lakefeed status?"),
        (["nonsense"], "there is no verb nonsense; lakefeed help lists them"),
        (["help", "rnu"], "there is no verb rnu; did you mean lakefeed run?"),
        (["\x1b[2J"], "there is no verb ?[2J; lakefeed help lists them"),
        (["-c", "x"], "-c stands before the verb; write lakefeed VERB [options], such as lakefeed run -c"),
        (["run", "--onec"], "run has no option --onec; did you mean --once?"),
        (["run", "--intervall=1h"], "run has no option --intervall; did you mean --interval?"),
        (["run", "--nonsense"], "run has no option --nonsense"),
        (["run", "--\x1b]0;x"], "run has no option --?]0;x"),
        (["run", "--l", "x"], "--l could be any of --link, --lake"),
        (["run", "-x"], "run has no option -x"),
        (["version", "--once"], "version takes no option --once; these verbs do: run"),
        (["version", "-c", "x"], "version takes no option --config; these verbs do: check, track, untrack, run"),
        (["run", "--once=yes"], "--once takes no value; write it alone"),
        (["run", "--lake"], "--lake needs a value: --lake URL, lake, such as file:./lake"),
        (["run", "word"], "run takes options alone, no word such as word"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_slip_is_answered_with_what_was_meant(world, arguments, message):
    result = world.lakefeed(*arguments, expect=2)
    lines = result.err.splitlines()
    assert lines[0].startswith(f"lakefeed: {message}") and result.out == ""
    known = arguments[0] in verbs_of(world)
    assert lines[1:] == ([f"lakefeed: see lakefeed help {arguments[0]}"] if known else [])


def test_without_arguments_the_verbs_are_shown_and_the_status_is_2(world):
    result = subprocess.run([world.binary], capture_output=True, text=True, check=False, timeout=30)
    assert result.returncode == 2 and result.stdout == ""
    assert "usage: lakefeed VERB" in result.stderr and all(verb in result.stderr for verb in verbs_of(world))


def test_help_of_a_verb_is_the_same_both_ways_and_names_every_exit_status(world):
    for verb in verbs_of(world):
        text = world.lakefeed("help", verb).out
        assert text == world.lakefeed(verb, "--help").out == world.lakefeed(verb, "-h").out
        assert re.findall(r"(?m)^  (\d)  ", text) == list("012345")


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_help_fits_the_width_that_is_given(world, columns):
    for arguments in [["help"], *(["help", verb] for verb in verbs_of(world))]:
        text = world.lakefeed(*arguments, env={"COLUMNS": str(columns)}).out
        wide = [line for line in text.splitlines() if len(line) > columns]
        # Nothing is broken but at blanks: usage lines, the example, and single words may be wider.
        assert all("lakefeed" in line or len(line.split()) == 1 or "--" in line for line in wide), wide


# --- init ---


def init(world, *arguments, expect=0, cwd=None, lake="file:./lake"):
    return world.lakefeed(
        "init", "--source", f"sqlite:{world.db}", "--lake", lake, *arguments, expect=expect, cwd=cwd or world.folder
    )


def without_comments(text):
    """Our own reader of JSON with comments: tokens are strings, comments, or anything else."""
    token = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
    return token.sub(lambda found: found.group() if found.group().startswith('"') else " ", text)


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def test_init_lists_tables_of_any_name_and_the_lake_is_made_from_it(world):
    for name in ODD_NAMES:
        world.sql(f"CREATE TABLE {quoted(name)}(id INTEGER PRIMARY KEY)", f"INSERT INTO {quoted(name)} VALUES(1), (2)")
    result = init(world, "--name", "odd")
    config = json.loads(without_comments(result.out))
    link = config["links"][0]
    assert sorted(name.replace("$${", "${") for name in link["entities"]) == sorted(ODD_NAMES)
    assert link["name"] == "odd" and link["source"]["url"] == f"sqlite:{world.db}"
    assert result.out.count("// about 2 rows") == len(ODD_NAMES)
    assert "\x1b" not in result.out + result.err
    assert sorted(path.name for path in world.folder.iterdir()) == [world.db.name]
    world.config = world.folder / "lakefeed.json"
    world.config.write_text(result.out, encoding="utf-8")
    world.lakes.add(world.folder / "lake")
    world.lakefeed("track", *world.options(), cwd=world.folder)
    world.lakefeed("run", *world.options(), "--once", cwd=world.folder)
    world.assert_equal(lake=world.folder / "lake")


def test_init_tells_why_a_table_is_left_out(world):
    world.sql("CREATE TABLE good(id INTEGER PRIMARY KEY)", 'CREATE TABLE "no\nkey */"(a)')
    result = init(world)
    assert json.loads(without_comments(result.out))["links"][0]["entities"] == ["good"]
    (line,) = [line for line in result.out.splitlines() if "no?key" in line]
    assert line.strip().startswith('// "no?key */" is left out: ') and "PRIMARY KEY" in line
    assert "1 left out" in result.err


def test_init_of_a_database_without_tables_is_a_configuration(world):
    world.sql("CREATE TABLE t(a)", "DROP TABLE t")
    link = json.loads(without_comments(init(world).out))["links"][0]
    assert "entities" not in link


def test_init_lists_a_thousand_tables(world):
    world.sql(*(f"CREATE TABLE t{number}(id INTEGER PRIMARY KEY)" for number in range(1000)))
    config = json.loads(without_comments(init(world).out))
    assert len(config["links"][0]["entities"]) == 1000


def test_a_list_too_long_for_a_configuration_is_left_out_of_it(world):
    world.sql(*(f"CREATE TABLE {'t' * 1900}{number}(id INTEGER PRIMARY KEY)" for number in range(500)))
    result = init(world)
    assert len(result.out) < 1 << 20 and "entities" not in json.loads(without_comments(result.out))["links"][0]
    assert "500 tables are too many" in result.out


def test_a_comment_of_init_can_become_a_setting_each_alone_and_all_together(world):
    """Whoever takes the slashes away gets a configuration, and thinks of no comma."""
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY)")
    text = init(world).out
    lines = text.splitlines()
    settings = [n for n, line in enumerate(lines) if re.match(r'\s*// "[a-z_]+": ', line) and '"…"' not in line]
    assert len(settings) > 5
    for chosen in [*([n] for n in settings), settings]:
        changed = [line.replace("// ", "", 1) if n in chosen else line for n, line in enumerate(lines)]
        json.loads(without_comments("\n".join(changed)))
    secret = world.folder / "PATH"  # the name that stands where a file is to be given
    secret.write_text("a key of a mask that is long enough", encoding="utf-8")
    secret.chmod(0o600)
    world.config = world.folder / "all.json"
    world.config.write_text("\n".join(changed), encoding="utf-8")
    world.lakefeed("track", *world.options(), cwd=world.folder)


def test_init_says_what_comes_next_and_each_command_works(world):
    world.sql("CREATE TABLE t(id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES(1)")
    result = init(world)
    (world.folder / "lakefeed.json").write_text(result.out, encoding="utf-8")
    world.lakes.add(world.folder / "lake")
    commands = [line.split()[1:] for line in result.err.splitlines() if line.startswith("  lakefeed ")]
    assert [command[0] for command in commands] == ["check", "track", "run"]
    for command in commands:
        # check finds that nothing is tracked yet
        expect = 2 if command[0] == "check" else 0
        world.lakefeed(*command, "--state-dir", world.state, cwd=world.folder, expect=expect)
    world.assert_equal(lake=world.folder / "lake")
    assert "track" not in init(world).err


def test_init_refuses_a_password_and_shows_none(world):
    result = world.lakefeed("init", "--source", "postgresql://me:s3cret@db/shop", "--lake", "file:lake", expect=2)
    assert "s3cret" not in result.out + result.err and "pgpass" in result.err and result.out == ""


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ([], "--source is missing"),
        (["--source", "sqlite:x.db"], "--lake is missing"),
        (["--source", "x.db", "--lake", "file:l"], "a source is given as sqlite:FILE"),
    ],
    ids=["nothing", "no lake", "no scheme"],
)
def test_init_without_what_it_needs_says_so(world, arguments, wanted):
    result = world.lakefeed("init", *arguments, expect=2, cwd=world.folder)
    assert wanted in result.err and result.out == ""


# --- made from the tables ---


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def shell(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and done.stderr == "", (command, done.stdout, done.stderr)
    return done.stdout


def complete_bash(folder, *words):
    """What bash offers for the last word."""
    script = 'cd "$1"; . "$2"; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lakefeed; '
    script += 'printf "%s\\n" "${COMPREPLY[@]}"'
    return shell("bash", "--norc", "-c", script, "bash", str(folder), str(BASH), "lakefeed", *words).split("\n")[:-1]


def test_bash_completes_verbs_options_and_files(world):
    (world.folder / "my config.json").write_text("{}")
    (world.folder / "my folder").mkdir()
    verbs = verbs_of(world)
    assert complete_bash(world.folder, "") == [*verbs, "help", "--help", "--version"]
    assert complete_bash(world.folder, "ver") == [verb for verb in verbs if verb.startswith("ver")]
    assert complete_bash(world.folder, "help", "ru") == ["run"]
    for verb in verbs:
        assert complete_bash(world.folder, verb, "-") == options_of(world, verb)
    assert complete_bash(world.folder, "run", "--once", "--zz") == [""]
    assert complete_bash(world.folder, "run", "--tak") == ["--takeover"]
    for words in (["run", "-c", "my"], ["run", "--config", "my"], ["run", "--config", "=", "my"]):
        assert sorted(complete_bash(world.folder, *words)) == ["my config.json", "my folder"]
    assert complete_bash(world.folder, "run", "--state-dir", "my") == ["my folder"]
    assert complete_bash(world.folder, "run", "--source", "s") == [""]


@needs("zsh")
def test_zsh_loads_the_completion_and_knows_every_verb(world):
    shell("zsh", "-n", str(ZSH))
    script = f"autoload -U compinit; compinit -D -u; source '{ZSH}'; print $_comps[lakefeed]"
    assert shell("zsh", "-f", "-c", script) == "_lakefeed\n"
    text = ZSH.read_text("utf-8")
    assert all(f"        {verb})\n" in text for verb in verbs_of(world))


@needs("fish")
def test_fish_completes_verbs_and_options(world):
    def offered(line):
        text = shell("fish", "--no-config", "-c", f"source '{FISH}'; complete -C '{line}'")
        return sorted(row.split("\t")[0] for row in text.splitlines())

    assert offered("lakefeed ") == sorted([*verbs_of(world), "help"])
    assert offered("lakefeed run --tak") == ["--takeover"]
    for verb in verbs_of(world):
        assert offered(f"lakefeed {verb} --") == sorted(options_of(world, verb))


@needs("man")
@needs("groff")
def test_man_shows_the_page_without_a_warning(world):
    done = subprocess.run(
        ["man", "--warnings", "-l", str(MAN)], capture_output=True, text=True, check=False, timeout=30,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr
    headings = re.findall(r"(?m)^[A-Z][A-Z ]+$", done.stdout)
    assert headings == ["NAME", "SYNOPSIS", "DESCRIPTION", "VERBS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES",
                        "EXAMPLES", "SEE ALSO"]  # fmt: skip
    assert all(f"       lakefeed {verb} " in done.stdout for verb in verbs_of(world))


@needs("mandoc")
def test_mandoc_has_nothing_to_say_about_the_man_page():
    assert shell("mandoc", "-Tlint", str(MAN)) == ""


def test_the_page_of_commands_has_every_verb_with_its_options(world):
    text = (DOCS / "commands.md").read_text("utf-8")
    for verb in verbs_of(world):
        section = re.search(rf"(?ms)^## {verb}$(.*?)(?=^## )", text).group(1)
        assert [option for option in options_of(world, verb) if f"{option}" not in section] == []
