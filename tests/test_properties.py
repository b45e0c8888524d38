"""PROPERTIES.md names a test for each property, and the tests are there."""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.sabotage.breakages import BREAKAGES

HERE = Path(__file__).parent
ALL = [f"P{number:02}" for number in range(1, 41)]
ROW = re.compile(r"\| (P[0-9]{2}) \| ([^|]+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|")
NUMBERS = re.compile(r"test_((?:p[0-9]{2}_)+)")
QUOTED = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Row:
    property: str
    best: list[str]
    places: list[str]  # patterns of files
    waits: str


def read_table(text):
    rows = [ROW.fullmatch(line) for line in text.splitlines() if line.startswith("| P")]
    return [
        Row(row[1], QUOTED.findall(row[3]), QUOTED.findall(row[4]), row[5].strip()) for row in rows
    ]


@functools.cache  # a breakage asks for the files of its tests
def functions_in(file):
    """The names of the functions that pytest collects from a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [one.name for one in tree.body if isinstance(one, kinds) and one.name[:5] == "test_"]


@functools.cache  # and not while modules are imported: each worker imports them all
def numbered():
    """Property → file → tests that carry its number."""
    found = defaultdict(lambda: defaultdict(list))
    for file in HERE.rglob("test_*.py"):
        for name in functions_in(file):
            match = NUMBERS.match(name)
            for number in match[1].split("_")[:-1] if match else ():
                found[number.upper()][file.relative_to(HERE).as_posix()].append(name)
    return found


TABLE = read_table((HERE / "PROPERTIES.md").read_text(encoding="utf-8"))


def test_every_property_has_one_row():
    assert [row.property for row in TABLE] == ALL


def test_no_number_is_beyond_the_list():
    assert set(numbered()) <= set(ALL)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.property)
def test_a_property_has_a_test_or_waits_for_something_named(row):
    assert row.best or row.waits
    assert bool(row.best) == bool(row.places)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.property)
def test_what_is_told_is_there_and_carries_the_number(row):
    for told in row.best:
        file, _, name = told.partition("::")
        assert name in functions_in(HERE / file), told
        assert name in numbered()[row.property][file], told


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.property)
def test_the_row_covers_every_test_of_its_number_and_names_no_place_without(row):
    shown = numbered()[row.property]
    for file in shown:
        assert any(fnmatch(file, place) for place in row.places), file
    for place in row.places:
        assert any(fnmatch(file, place) for file in shown), place


@pytest.mark.parametrize("row", [row for row in TABLE if row.best], ids=lambda row: row.property)
def test_a_property_that_is_shown_is_sabotaged(row):
    assert any(one.property == row.property for one in BREAKAGES)


def test_breakages_are_told_apart():
    names = [one.name for one in BREAKAGES]
    assert len(set(names)) == len(names)
    assert {one.property for one in BREAKAGES} <= set(ALL)


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda one: one.name)
def test_the_place_of_a_breakage_is_there_once(breakage):
    """Whoever changes such a line changes the list with it, not when `make sabotage` runs again."""
    text = (HERE.parent / breakage.file).read_text(encoding="utf-8")
    assert text.count(breakage.old) == 1
    assert breakage.new != breakage.old
    for test in breakage.tests:
        file, _, name = test.partition("::")
        assert (HERE.parent / file).is_file(), test
        assert not name or name in functions_in(HERE.parent / file), test
