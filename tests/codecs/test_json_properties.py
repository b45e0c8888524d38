from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codecs import json_named
from gateway.codecs.document import Add, Change, Insert, Members, Remove, Set
from gateway.codecs.edits import Edit, Spliced
from gateway.codecs.json import JsonDocument, open_json
from gateway.codecs.paths import Path, Step
from gateway.errors import MessageForbidden, MessageMalformed
from tests.codecs.json_documents import NAMES, Value, documents, model, read


def check_edits(body: bytes, spliced: Spliced) -> None:
    """The output is the input with the reported edits, and nothing else."""
    position, out = 0, b""
    for edit in spliced.edits:
        assert position <= edit.start <= edit.end <= len(body)
        out += body[position : edit.start] + edit.new
        position = edit.end
    assert spliced.body == out + body[position:]


@settings(deadline=None)
@given(documents())
def test_p15_no_change_gives_the_same_bytes(document: tuple[Value, bytes]) -> None:
    _, body = document
    assert open_json(body).splice([]) == Spliced(body, [])


@settings(deadline=None)
@given(documents())
def test_every_place_is_found_with_its_value(document: tuple[Value, bytes]) -> None:
    value, body = document
    opened = open_json(body)
    for place in value.all():
        (node,) = opened.select(place.path)
        if place.members is None and place.items is None:
            _, expected = model(place)
            assert opened.text(node) == (
                "" if expected == "null" and place.scalar == "null" else expected
            )


@settings(deadline=None)
@given(documents(), st.integers(1, 40))
def test_every_member_of_a_name_is_found_wherever_it_stands(
    document: tuple[Value, bytes], piece: int
) -> None:
    value, body = document
    opened = open_json(body)
    by_name: dict[str, list[object]] = {}
    for place in value.all():
        if place.steps and place.steps[-1].name is not None:
            (node,) = opened.select(place.path)
            by_name.setdefault(place.steps[-1].name, []).append(node)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_named, "_PIECE", piece)
        for name in {*by_name, *NAMES}:
            anywhere = Path(f"//{name}", (Step("descendant", name),), absolute=True)
            assert opened.select(anywhere) == by_name.get(name, [])


def emptied(item: Value) -> Value:
    """What stands in an item's place when it is gone."""
    return Value('""' if item.scalar.startswith('"') else "null")


class Changes:
    """Random changes that do not overlap, applied to the model as they are collected."""

    def __init__(self, value: Value, opened: JsonDocument, source: random.Random) -> None:
        self.opened, self.source = opened, source
        self.changes: list[Change] = []
        self.fresh = 0
        self.visit(value)

    def visit(self, value: Value) -> None:
        """Changes below `value`, then the list of its own members."""
        (node,) = self.opened.select(value.path)
        if value.members is None and value.items is None:
            return
        children = value.children()
        gone = {child for child in children if self.source.random() < 0.3}
        after: dict[int, list[tuple[str, Value]]] = {}
        for place, child in enumerate(children):
            (child_node,) = self.opened.select(child.path)
            if child in gone:
                self.changes.append(Remove(child_node))
            elif child.children():
                self.visit(child)
            elif child.members is None and child.items is None and self.source.random() < 0.4:
                self.set_scalar(child)
            if value.members is not None and self.source.random() < 0.2:
                name = self.new_name()
                path = Path(name, (Step("member", name),))
                self.changes.append(Add(node, path, child_node, "new"))
                after.setdefault(place, []).append((name, Value('"new"')))
        if value.members is not None and self.source.random() < 0.4:
            name = self.new_name()
            content = Members(((name, "<{what}>"),))
            self.changes.append(Insert(node, content, {"what": "é"}))
            after.setdefault(len(children) - 1, []).append((name, Value('"<é>"')))
        if value.items is not None:
            value.items[:] = [emptied(child) if child in gone else child for child in children]
        else:
            value.members = list(self.members_after(value, gone, after))

    @staticmethod
    def members_after(
        value: Value, gone: set[Value], after: dict[int, list[tuple[str, Value]]]
    ) -> Iterator[tuple[str, Value]]:
        yield from after.get(-1, [])
        for place, (name, child) in enumerate(value.members or []):
            if child not in gone:
                yield name, child
            yield from after.get(place, [])

    def set_scalar(self, child: Value) -> None:
        (node,) = self.opened.select(child.path)
        text = self.source.choice(["tok_1", "0123", "4111111111111111", 'a"\\\n', "😀", ""])
        number = self.source.random() < 0.5
        self.changes.append(Set(node, text, number=number))
        bare = number and text == "4111111111111111"
        child.scalar = text if bare else json.dumps(text)

    def new_name(self) -> str:
        self.fresh += 1
        return f"new {self.fresh}"


@settings(deadline=None)
@given(documents(), st.randoms(use_true_random=True))
def test_p15_changes_change_what_they_name_only(
    document: tuple[Value, bytes], source: random.Random
) -> None:
    value, body = document
    opened = open_json(body)
    collected = Changes(value, opened, source)
    changes = collected.changes
    source.shuffle(changes)
    changes.sort(key=lambda change: isinstance(change, Insert))  # the last member comes last
    spliced = opened.splice(changes)
    check_edits(body, spliced)
    assert read(spliced.body) == model(value)
    assert open_json(spliced.body).splice([]).body == spliced.body


@settings(deadline=None)
@given(documents(), st.randoms(use_true_random=True))
def test_p15_a_set_changes_the_bytes_of_its_value_only(
    document: tuple[Value, bytes], source: random.Random
) -> None:
    value, body = document
    opened = open_json(body)
    scalars = [place for place in value.all() if place.members is None and place.items is None]
    if not scalars:
        return
    chosen = source.choice(scalars)
    (node,) = opened.select(chosen.path)
    (edit,) = opened.splice([Set(node, "tok")]).edits
    old = chosen.scalar.encode()
    if old.startswith(b'"'):  # its quotes are none of the value: an envelope may have escaped them
        assert edit == Edit(edit.start, edit.end, b"tok")
        assert body[edit.start - 1 : edit.end + 1] == old
    else:
        assert edit == Edit(edit.start, edit.end, b'"tok"')
        assert body[edit.start : edit.end] == old


@settings(deadline=None)
@given(
    st.binary(max_size=60)
    | st.text(alphabet='{}[],:"\\u0041dDcC8nNaAtrue1.-e+ \n', max_size=40).map(str.encode)
)
def test_p13_accepts_nothing_that_another_reader_refuses(body: bytes) -> None:
    try:
        json.loads(body.decode("utf-8-sig"))
        reads = True
    except ValueError:
        reads = False
    try:
        open_json(body)
    except MessageMalformed:
        assert not reads
    except MessageForbidden:
        pass  # NaN, lone surrogates: the other reader takes some of them
    else:
        assert reads
