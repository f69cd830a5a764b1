#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a lake folder as its readers see it: check_cdm.py LAKE_FOLDER

Nothing here is shared with lakefeed. model.json is held against the published schema of the format (the part that
applies), the demands of the strictest readers, and the CDM SDK; every file that it names is read whole. One line per
problem on stdout; exit status 0 when there is none, 1 when there are some, 2 when the check could not be made.
Needs the package commondatamodel-objectmodel.
"""

import asyncio
import csv
import datetime
import hashlib
import io
import json
import os
import re
import sys
import urllib.parse

DATA_TYPES = {"unclassified", "string", "int64", "double", "date", "time", "dateTime", "dateTimeOffset", "decimal",
              "boolean", "guid", "json"}
FORMAT_SETTINGS = {
    "$type": {"CsvFormatSettings"},
    "columnHeaders": {True, False},
    "delimiter": {","},
    "quoteStyle": {"QuoteStyle.Csv", "QuoteStyle.None"},
    "csvStyle": {"CsvStyle.QuoteAlways", "CsvStyle.QuoteAfterDelimiter"},
    "encoding": {"UTF-8"},
}
ROOT_KEYS = {"name", "version", "entities", "application", "description", "culture", "modifiedTime", "isHidden",
             "annotations", "referenceModels", "relationships"}
ENTITY_KEYS = {"$type", "name", "description", "isHidden", "annotations", "attributes", "partitions", "schemas"}
ATTRIBUTE_KEYS = {"name", "description", "dataType", "isHidden", "annotations", "maxLength"}
PARTITION_KEYS = {"name", "description", "refreshTime", "location", "isHidden", "annotations", "fileFormatSettings"}

FRACTION = r"(\.\d{1,7})?"
VALUES = {
    "int64": re.compile(r"-?\d+"),
    "double": re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?|NaN|-?Infinity"),
    "decimal": re.compile(r"-?\d+(\.\d+)?"),
    "boolean": re.compile(r"True|False"),
    "guid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "time": re.compile(r"\d\d:\d\d:\d\d" + FRACTION),
    "dateTime": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d" + FRACTION + "Z"),
    "dateTimeOffset": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d" + FRACTION + r"(Z|[-+]\d\d:\d\d)"),
}
TIMED = ("time", "dateTime", "dateTimeOffset")
MAX_COLUMNS = 2048
MAX_ROW_BYTES = 8 << 20


class Report:
    def __init__(self):
        self.problems = []

    def expect(self, condition, where, what):
        if not condition:
            self.problems.append(f"{where}: {what}")
        return bool(condition)


def notes_of(item):
    notes = item.get("annotations", [])
    return {note.get("name"): note.get("value") for note in notes if isinstance(note, dict)}


# --- the published schema of model.json ---

def check_keys(report, where, item, allowed):
    for key in item:
        report.expect(key in allowed or ":" in key, where, f"member {key!r} is neither standard nor prefixed")


def check_annotations(report, where, item):
    notes = item.get("annotations")
    if not report.expect(isinstance(notes, list), where, "no list of annotations"):
        return
    names = [note.get("name") for note in notes]
    report.expect(len(names) == len(set(names)), where, "an annotation stands twice")
    for note in notes:
        name, value = note.get("name"), note.get("value")
        report.expect(isinstance(name, str) and 1 <= len(name) <= 256, where, f"annotation name {name!r}")
        report.expect(isinstance(value, str), where, f"annotation {name!r} has no text")


def check_time(report, where, text):
    try:
        time = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (AttributeError, ValueError):
        report.expect(False, where, f"{text!r} is not an ISO time")
        return
    report.expect(time.tzinfo is not None, where, f"{text!r} has no zone")


def check_name(report, where, name):
    fits = isinstance(name, str) and 1 <= len(name) <= 256 and name == name.strip()
    report.expect(fits and "." not in name and '"' not in name, where, f"name {name!r}")


def check_partition_schema(report, where, partition):
    check_keys(report, where, partition, PARTITION_KEYS)
    check_annotations(report, where, partition)
    check_time(report, f"{where} refreshTime", partition.get("refreshTime"))
    location = partition.get("location")
    absolute = isinstance(location, str) and (location.startswith("/") or location.startswith("https://"))
    report.expect(absolute, where, f"location {location!r} is not absolute")
    report.expect(absolute and re.fullmatch(r"[A-Za-z0-9._/:~ -]+", location), where,
                  f"location {location!r} has characters that readers decode differently")
    settings = partition.get("fileFormatSettings")
    if report.expect(isinstance(settings, dict), where, "no fileFormatSettings"):
        for key, values in FORMAT_SETTINGS.items():
            report.expect(settings.get(key) in values, where, f"fileFormatSettings {key} is {settings.get(key)!r}")


def check_entity_schema(report, entity):
    where = f"entity {entity.get('name')}"
    check_keys(report, where, entity, ENTITY_KEYS)
    check_annotations(report, where, entity)
    check_name(report, where, entity.get("name"))
    report.expect(entity.get("$type") == "LocalEntity", where, "not a LocalEntity")
    names = [attribute.get("name") for attribute in entity.get("attributes", [])]
    report.expect(len(names) == len(set(names)), where, "an attribute name stands twice")
    report.expect(len(names) <= MAX_COLUMNS, where, f"{len(names)} attributes")
    for attribute in entity.get("attributes", []):
        at = f"{where} attribute {attribute.get('name')!r}"
        check_keys(report, at, attribute, ATTRIBUTE_KEYS)
        check_annotations(report, at, attribute)
        name = attribute.get("name")
        report.expect(isinstance(name, str) and 1 <= len(name) <= 256, at, "length of the name")
        report.expect(attribute.get("dataType") in DATA_TYPES, at, f"dataType {attribute.get('dataType')!r}")
    for partition in entity.get("partitions", []):
        report.expect(isinstance(partition.get("name"), str), where, "a partition without a name")
        check_partition_schema(report, f"{where} partition {partition.get('name')}", partition)


def check_schema(report, model):
    where = "model.json"
    check_keys(report, where, model, ROOT_KEYS)
    check_annotations(report, where, model)
    check_time(report, f"{where} modifiedTime", model.get("modifiedTime"))
    report.expect(len(model.get("description", "")) <= 4000, where, "description is over 4000 characters")
    report.expect("culture" not in model, where, "a culture, though all values are in ISO form")
    names = [entity.get("name") for entity in model["entities"]]
    report.expect(len(names) == len(set(names)), where, "an entity name stands twice")
    for entity in model["entities"]:
        check_entity_schema(report, entity)


# --- what strict readers demand ---

def trait_arguments(attribute, reference):
    for trait in attribute.get("cdm:traits", []):
        if trait.get("traitReference") == reference:
            return [(a.get("name"), a.get("value")) for a in trait.get("arguments", [])]
    return None


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def check_attribute_demands(report, where, attribute):
    length, kind = attribute.get("maxLength"), attribute.get("dataType")
    report.expect(is_integer(length), where, f"maxLength {length!r} is not an integer")
    if kind == "decimal":
        shaped = trait_arguments(attribute, "is.dataFormat.numeric.shaped") or []
        by_position = [name for name, _ in shaped] == ["precision", "scale"]
        report.expect(by_position and all(is_integer(value) for _, value in shaped), where,
                      "the shaped trait is not precision, then scale")
    if kind == "string" and length != -1:
        constrained = trait_arguments(attribute, "is.constrained")
        report.expect(constrained == [("maximumLength", length)], where, "is.constrained does not say maxLength")
    if kind != "string":
        report.expect(length == -1, where, f"maxLength {length!r} of a {kind}")


def check_sync_notes(report, where, entity):
    granularity = [n for n in entity["annotations"] if n.get("name") == "Athena:PartitionGranularity"]
    report.expect(len(granularity) == 1 and granularity[0].get("value") in ("Year", "Month"), where,
                  "Athena:PartitionGranularity is not there once")
    notes = notes_of(entity)
    if notes.get("Athena:InitialSyncState") != "Completed":
        report.expect(entity["partitions"] == [], where, "partitions before the first load has finished")
        return
    time = notes.get("Athena:InitialSyncDataCompletedTime", "")
    try:
        datetime.datetime.strptime(time, "%m/%d/%Y %I:%M:%S %p")
    except ValueError:
        report.expect(False, where, f"Athena:InitialSyncDataCompletedTime {time!r}")


def check_demands(report, model):
    report.expect(model.get("name") == "cdm", "model.json", f"the name is {model.get('name')!r}")
    report.expect(model.get("version") == "1.0", "model.json", f"the version is {model.get('version')!r}")
    for entity in model["entities"]:
        where = f"entity {entity.get('name')}"
        lists = [isinstance(entity.get(key), list) for key in ("annotations", "attributes", "partitions")]
        if not report.expect(all(lists), where, "annotations, attributes or partitions are not lists"):
            continue
        for attribute in entity["attributes"]:
            check_attribute_demands(report, f"{where} attribute {attribute.get('name')!r}", attribute)
        check_sync_notes(report, where, entity)


# --- files ---

def read_file(report, where, path, notes):
    if not report.expect(os.path.isfile(path), where, f"{path} does not exist"):
        return None
    with open(path, "rb") as file:
        data = file.read()
    report.expect(str(len(data)) == notes.get("lakefeed:bytes"), where,
                  f"{len(data)} bytes, annotated {notes.get('lakefeed:bytes')}")
    digest = hashlib.sha256(data).hexdigest()
    report.expect(digest == notes.get("lakefeed:sha256"), where, "the sha256 differs from the annotation")
    return data


def check_value(report, where, kind, text, fractions):
    pattern = VALUES.get(kind)
    if text == "" or pattern is None:
        return
    match = pattern.fullmatch(text)
    if report.expect(match, where, f"{text[:60]!r} is not a {kind}") and kind in TIMED:
        fractions.add(len(match.group(1) or ""))


def check_rows(report, where, data, attributes, fractions):
    report.expect(not data.startswith(b"\xef\xbb\xbf"), where, "begins with a byte order mark")
    report.expect(data == b"" or data.endswith(b"\n"), where, "does not end with a line feed")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        report.expect(False, where, f"not UTF-8: {error}")
        return 0
    rows = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), strict=True, doublequote=True):
            rows += 1
            row = row if row or len(attributes) != 1 else [""]
            if not report.expect(len(row) == len(attributes), f"{where} row {rows}",
                                 f"{len(row)} cells, {len(attributes)} attributes"):
                break
            for attribute, cell, seen in zip(attributes, row, fractions):
                check_value(report, f"{where} row {rows} {attribute['name']!r}", attribute["dataType"], cell, seen)
    except csv.Error as error:
        report.expect(False, where, f"row {rows + 1}: {error}")
    return rows


def check_partition_file(report, folder, entity, partition, fractions):
    where = f"entity {entity['name']} partition {partition['name']}"
    notes = notes_of(partition)
    path = notes.get("lakefeed:path", "")
    inside = path.startswith(f"{entity['name']}/Snapshot/") and ".." not in path.split("/")
    if not report.expect(inside, where, f"lakefeed:path {path!r} is not in the entity's Snapshot folder"):
        return 0
    report.expect(partition["location"].endswith("/" + path), where, "location and lakefeed:path differ")
    data = read_file(report, where, os.path.join(folder, path), notes)
    if data is None:
        return 0
    rows = check_rows(report, where, data, entity["attributes"], fractions)
    report.expect(str(rows) == notes.get("lakefeed:rows"), where,
                  f"{rows} rows, annotated {notes.get('lakefeed:rows')}")
    return rows


def check_files(report, folder, model):
    csv.field_size_limit(MAX_ROW_BYTES)
    for entity in model["entities"]:
        where = f"entity {entity['name']}"
        fractions = [set() for _ in entity["attributes"]]
        rows = sum(check_partition_file(report, folder, entity, partition, fractions)
                   for partition in entity["partitions"])
        report.expect(str(rows) == notes_of(entity).get("lakefeed:rows"), where,
                      f"{rows} rows, annotated {notes_of(entity).get('lakefeed:rows')}")
        for attribute, seen in zip(entity["attributes"], fractions):
            report.expect(len(seen) <= 1, where, f"column {attribute['name']!r} mixes formats of time")


# --- the CDM SDK ---

def mount(corpus, folder, model):
    """The lake as the default namespace, and an adapter for each https host that locations name."""
    from cdm.storage import ADLSAdapter, LocalAdapter
    corpus.storage.mount("local", LocalAdapter(folder))
    corpus.storage.default_namespace = "local"
    roots = set()
    for entity in model["entities"]:
        for partition in entity["partitions"]:
            url = urllib.parse.urlsplit(partition["location"])
            if url.scheme == "https":
                roots.add((url.netloc, "/" + url.path.split("/")[1]))
    for number, (host, root) in enumerate(sorted(roots)):
        corpus.storage.mount(f"adls{number}", ADLSAdapter(hostname=host, root=root, shared_key="a2V5"))


def sdk_arguments(attribute, reference):
    """Of the last trait of that name: the SDK puts its own, without arguments, in front of ours."""
    found = None
    for trait in attribute.applied_traits:
        if trait.named_reference == reference:
            found = [(argument.name, argument.value) for argument in trait.arguments]
    return found


def check_sdk_attribute(report, where, ours, theirs):
    kind = ours["dataType"]
    name = theirs.data_format.name.replace("_", "").lower() if theirs.data_format else ""
    report.expect(name == kind.lower(), where, f"the SDK reads {name!r} for {kind}")
    for reference in ("is.constrained", "is.dataFormat.numeric.shaped"):
        arguments = trait_arguments(ours, reference)
        if arguments is not None:
            report.expect(sdk_arguments(theirs, reference) == arguments, where, f"the SDK has no {reference}")


async def check_sdk_entity(report, corpus, manifest, ours, theirs):
    where = f"entity {ours['name']}"
    absolute = corpus.storage.create_absolute_corpus_path
    got = [(p.name, absolute(p.location, manifest)) for p in theirs.data_partitions]
    adapter = corpus.storage.adapter_path_to_corpus_path
    wanted = [(p["name"], absolute(adapter(p["location"]))) for p in ours["partitions"]]
    report.expect(got == wanted, where, "the SDK sees other partitions")
    definition = await corpus.fetch_object_async(theirs.entity_path, manifest)
    if not report.expect(definition is not None, where, "the SDK cannot load the definition"):
        return
    names = [attribute.name for attribute in definition.attributes]
    if report.expect(names == [a["name"] for a in ours["attributes"]], where, "the SDK sees other attributes"):
        for attribute, other in zip(ours["attributes"], definition.attributes):
            check_sdk_attribute(report, f"{where} attribute {attribute['name']!r}", attribute, other)


async def check_sdk(report, folder, model):
    from cdm.enums import CdmStatusLevel
    from cdm.objectmodel import CdmCorpusDefinition
    corpus = CdmCorpusDefinition()
    corpus.set_event_callback(lambda level, text: report.expect(level != CdmStatusLevel.ERROR, "CDM SDK", text),
                              CdmStatusLevel.ERROR)
    mount(corpus, folder, model)
    manifest = await corpus.fetch_object_async("local:/model.json")
    if not report.expect(manifest is not None, "model.json", "the CDM SDK refuses it"):
        return
    names = [entity.entity_name for entity in manifest.entities]
    if report.expect(names == [entity["name"] for entity in model["entities"]], "model.json",
                     "the CDM SDK sees other entities"):
        for ours, theirs in zip(model["entities"], manifest.entities):
            await check_sdk_entity(report, corpus, manifest, ours, theirs)


def check_lake(folder):
    report = Report()
    with open(os.path.join(folder, "model.json"), "rb") as file:
        model = json.load(file)
    if not report.expect(isinstance(model.get("entities"), list), "model.json", "no list of entities"):
        return report.problems
    check_schema(report, model)
    check_demands(report, model)
    if not report.problems:  # what follows relies on the shape
        check_files(report, folder, model)
        asyncio.run(check_sdk(report, folder, model))
    return report.problems


def main(arguments):
    if len(arguments) != 2:
        print("usage: check_cdm.py LAKE_FOLDER", file=sys.stderr)
        return 2
    try:
        problems = check_lake(os.path.abspath(arguments[1]))
    except (ImportError, OSError, ValueError) as error:
        print(f"check_cdm: {error}", file=sys.stderr)
        return 2
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
