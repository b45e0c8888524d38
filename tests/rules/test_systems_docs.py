"""docs/systems.md and the packs say the same: which there are, which are drafts, and why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.rules.load import load_every_pack

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "systems.md").read_text(encoding="utf-8")
ROWS = {
    cells[1].strip("`"): cells[2:-1]
    for line in TEXT.splitlines()
    if len(cells := [cell.strip() for cell in line.split("|")]) == 8 and cells[1].startswith("`")
}
PACKS = {pack.system: pack for pack in load_every_pack(ROOT / "rules").packs}
NAMES = re.compile(r"[A-Za-z@][A-Za-z0-9_-]*")


def test_each_pack_has_a_row_and_each_row_a_pack():
    assert set(ROWS) == set(PACKS)


@pytest.mark.parametrize("system", sorted(PACKS))
def test_a_row_says_what_the_pack_is(system):
    pack = PACKS[system]
    state, transport, place, source, uncertain = ROWS[system]
    assert state == ("draft" if pack.draft else "shipped")
    assert source
    if pack.draft:
        assert pack.draft_reason.rstrip() in uncertain
    does = set()
    for route in pack.routes:
        if route.response.tokenize:
            does.add("pull")
        if route.request.tokenize:
            does.add("push")
        if route.request.detokenize or route.request.exchange:
            does.add("charge")
    does = does or {"refused"}
    assert does == set(re.findall("pull|push|charge|refused", transport))
    formats = {shape.format for shape in pack.shapes.values()}
    formats |= {pair.format for pair in pack.pairs.values()}
    told = transport.casefold()
    assert not {"form"} & formats or "form" in told
    assert not {"json"} & formats or {"json", "graphql"} & set(re.findall(r"\w+", told))
    assert not {"xml"} & formats or {"xml", "soap"} & set(re.findall(r"\w+", told))
    numbers = {step.name for shape in pack.shapes.values() for step in shape.number.at.steps[-1:]}
    for name in numbers - {None}:
        if "[" not in name:  # of a form's fields the row names one
            assert name in NAMES.findall(place) or f"@{name}" in place, name


def test_no_system_is_both_shipped_and_in_need_of_a_message():
    _, _, needed = TEXT.partition("## These need a recorded message")
    rows = [line.split("|")[1].strip() for line in needed.splitlines() if line.startswith("| ")]
    assert len(rows) > 3
    for name in rows[1:]:
        assert name.casefold().replace(" ", "-") not in PACKS


def test_it_is_linked():
    assert "(docs/systems.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(systems.md)" in (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
