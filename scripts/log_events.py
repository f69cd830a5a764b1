#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of log events in src/base/log_events.h, and whether the calls in src keep to it.

Run alone it prints file:line for each call whose fields are not those of the table, and each event that no call uses.
scripts/generate_docs reads the table with it.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = "src/base/log_events.h"

STRING = r'"(?:[^"\\\n]|\\.)*"'
TEXT = rf'{STRING}(?:\s*{STRING})*'
ENTRY = re.compile(rf"X\(\s*(?P<name>\w+)\s*,\s*LOG_(?P<level>\w+)\s*,\s*(?P<fields>{TEXT})\s*,\s*(?P<meaning>{TEXT})\s*\)")
PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(r"\\(.)")

# What looks like a bracket, a field or an event inside a comment is none.
COMMENT = re.compile(rf"{STRING}|'(?:[^'\\\n]|\\.)*'|//[^\n]*|/\*.*?\*/", re.DOTALL)
EVENT = re.compile(r"\bEVENT_(\w+)")
FIELD = re.compile(r'\bLOG_(?:TEXT|NUM)\(\s*"(\w+)"')
CALLER = re.compile(r"(\w+)\s*$")
LOOK_UP = re.compile(r"log_event_\w+|if|while|switch|return|sizeof|assert")
OF_FAILURE = ["kind", "code", "message"]


def join(text):
    return "".join(ESCAPE.sub(r"\1", piece) for piece in PIECE.findall(text))


def read_events(root=ROOT):
    """Yields name, level, fields and meaning of each event of the header."""
    source = (root / TABLE).read_text(encoding="utf-8")
    table = re.search(r"#define LOG_EVENTS\(X\)(.*?)\n\n", source, re.DOTALL)
    if table is None:
        sys.exit(f"{TABLE}: there is no table LOG_EVENTS")
    body = table.group(1).replace("\\\n", "\n")
    for entry in ENTRY.finditer(body):
        fields = [name for name in join(entry["fields"]).split(", ") if name]
        yield entry["name"], entry["level"].lower(), fields, join(entry["meaning"])
    rest = ENTRY.sub("", body).strip()
    if rest:
        sys.exit(f"{TABLE}: not understood: {rest[:80]}")


def blank(source):
    """The source, of the same length, without comments; strings stay, for they name the fields."""
    return COMMENT.sub(lambda m: m[0] if m[0][0] == '"' else re.sub(r"[^\n]", " ", m[0]), source)


def mask_strings(code):
    return re.sub(STRING, lambda m: '"' + "." * (len(m[0]) - 2) + '"', code)


def enclosing_call(masked, at):
    """(name, start, end) of the innermost call around the place, or None."""
    depth, start = 0, at
    while start > 0:
        start -= 1
        depth += {")": 1, "(": -1}.get(masked[start], 0)
        if depth < 0:
            break
        if depth == 0 and masked[start] in ";{}":
            return None
    name = CALLER.search(masked, 0, start)
    depth, end = 0, start
    while end < len(masked):
        depth += {"(": 1, ")": -1}.get(masked[end], 0)
        end += 1
        if depth == 0:
            break
    return (name.group(1), start, end) if name else None


def calls_of(source):
    """Yields line, event and fields (None: not told in the call) of each call that logs."""
    code = blank(source)
    masked = mask_strings(code)
    for event in EVENT.finditer(masked):
        line = masked.count("\n", 0, event.start()) + 1
        call = enclosing_call(masked, event.start())
        if call is None:
            yield line, event.group(1), None
        elif not LOOK_UP.fullmatch(call[0]):
            of_failure = OF_FAILURE if "failure" in call[0] else []
            yield line, event.group(1), of_failure + FIELD.findall(code, call[1], call[2])


def judge(table, event, fields):
    if event not in table:
        return f"EVENT_{event} stands in no row of {TABLE}"
    if fields is None:
        return f"EVENT_{event} outside of a call: name event and fields in one call, so that they can be compared"
    if fields != table[event]:
        return f"{event} is logged with '{', '.join(fields)}'; {TABLE} says '{', '.join(table[event])}'"
    return None


def find_mistakes(root=ROOT):
    table = {name: fields for name, _, fields, _ in read_events(root)}
    used = set()
    for file in sorted((root / "src").rglob("*.c")):
        if file.name == "log.c" and file.parent.name == "base":
            continue
        for line, event, fields in calls_of(file.read_text(encoding="utf-8")):
            used.add(event)
            rule = judge(table, event, fields)
            if rule:
                yield f"{file.relative_to(root)}:{line}: {rule}"
    for event in table:
        if event not in used:
            yield f"{TABLE}: {event} is logged nowhere"


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    mistakes = list(find_mistakes(root))
    for mistake in mistakes:
        print(mistake)
    if mistakes:
        return 1
    print("log events: calls and table agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
