"""The mapping that is shipped is the tests that there are."""

from __future__ import annotations

import json

import pytest

from gateway.evidence import requirements
from tests.test_properties import HERE, TABLE, functions_in, numbered

FOUND = requirements.load()
ROWS = {row.property: row for row in TABLE}


def test_every_property_is_shipped_as_the_table_has_it():
    assert {name: list(one.tests) for name, one in FOUND.properties.items()} == {
        name: row.best for name, row in ROWS.items()
    }
    text = (HERE / "PROPERTIES.md").read_text(encoding="utf-8")
    for name, one in FOUND.properties.items():
        assert f"| {name} | {one.says} |" in text


@pytest.mark.parametrize("one", FOUND.requirements, ids=lambda one: one.id)
def test_a_requirement_rests_on_tests_that_are_there(one):
    assert set(one.properties) <= set(ROWS)
    for test in FOUND.shown_by(one):
        file, _, name = test.partition("::")
        assert name in functions_in(HERE / file), test
        assert any(name in numbered()[number].get(file, ()) for number in one.properties), test
    # What no property of ours shows is the operator's, at least in part.
    assert FOUND.shown_by(one) or one.stays


def test_requirements_are_told_once_and_in_order():
    ids = [tuple(map(int, one.id.split("."))) for one in FOUND.requirements]
    assert ids == sorted(set(ids))


def test_both_forms_tell_all_of_them():
    text, data = requirements.as_markdown(FOUND), json.loads(requirements.as_json(FOUND))
    assert [one["id"] for one in data["requirements"]] == [one.id for one in FOUND.requirements]
    assert data["standard"] == "PCI DSS 4.0.1"
    (kept,) = [one for one in data["requirements"] if one["id"] == "3.5.1"]
    assert ROWS["P17"].best[0] in kept["tests"]
    for one in FOUND.requirements:
        assert f"| {one.id} | {one.what} | {one.does} |" in text


def test_the_document_for_assessors_and_the_mapping_know_the_same_requirements():
    """docs/pci.md groups some of them; each of its rows has one here."""
    text = (HERE.parent / "docs/pci.md").read_text(encoding="utf-8")
    mine = {one.id for one in FOUND.requirements}
    chapters = {".".join(id.split(".")[:2]) for id in mine} | {id.split(".")[0] for id in mine}
    for line in text.splitlines():
        head = line.split("|")[1].split() if line.startswith("| ") else []
        for word in head:
            number = word.strip(",")
            if number.replace(".", "").isdigit() and number != "1.4":
                assert number in mine | chapters, line
