"""What the packs do to their examples, as other people's parsers see it: lxml, json, urllib.

Only the fields that the shapes name, and what the routes insert, may differ; the bytes around stay."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path as File
from urllib.parse import parse_qsl

import pytest
from lxml import etree

from gateway.cli.trying import try_message
from gateway.codecs.document import Element, Members
from gateway.codecs.paths import Path
from gateway.rules.by_sign import by_first_sign
from gateway.rules.load import load_every_pack
from gateway.rules.model import Route
from gateway.rules.model_directions import Direction
from gateway.rules.model_shapes import Shape

RULES = load_every_pack(File(__file__).parent.parent.parent / "rules")
EXAMPLES = [
    pytest.param(route, example, id=f"{pack.system}-{example.source.line}")
    for pack in RULES.packs
    for example in pack.examples
    for route in pack.routes
    if route.name == example.route
    and "refused" not in example.expect
    and not getattr(route, example.direction).exchange
]


def shapes_of(rule: Direction) -> tuple[Shape, ...]:
    return rule.tokenize.shapes if rule.tokenize else rule.detokenize


def last_name(path: Path) -> str:
    return next((step.name for step in reversed(path.steps) if step.name), "")


def may_change(rule: Direction) -> set[str]:
    """The names of the fields that shapes and insertions name."""
    names = set()
    for shape in shapes_of(rule):
        fields = (
            shape.number, shape.expiry, shape.expiry_month, shape.expiry_year, shape.cvc, shape.holder,
        )  # fmt: skip
        names |= {last_name(place) for one in fields if one is not None for place in one.places}
        if shape.cvc is not None:  # an element that a code leaves
            names |= {step.name for step in shape.cvc.at.steps if step.name}
        if shape.token is not None:
            names |= {last_name(shape.token.iduser), last_name(shape.token.tokenuser)}
    if rule.tokenize is not None:
        for one in (*rule.tokenize.insert, *rule.tokenize.on_failure):
            names |= set(inserted(one.content))
    return names


def inserted(content: Element | Members) -> Iterator[str]:
    if isinstance(content, Members):
        yield from (name for name, _ in content.items)
        return
    yield content.name
    yield from (name for name, _ in content.attributes)
    yield "position"
    for child in content.children:
        yield from inserted(child)


def facts_of_xml(body: bytes) -> dict[tuple[str, ...], str]:
    """Each element and attribute by where it stands, with its text."""
    parser = etree.XMLParser(load_dtd=False, no_network=True, resolve_entities=False)
    facts: dict[tuple[str, ...], str] = {}

    def walk(element, place):
        facts[place] = "".join(
            (element.text or "", *((one.tail or "") for one in element))
        ) if not isinstance(element, etree._Comment) else element.text  # fmt: skip
        for name, value in element.attrib.items():
            facts[(*place, "@", etree.QName(name).localname)] = value
        seen: dict[str, int] = {}
        for child in element:
            name = etree.QName(child).localname if isinstance(child.tag, str) else "#"
            seen[name] = seen.get(name, 0) + 1
            walk(child, (*place, str(seen[name]), name))

    root = etree.fromstring(body.lstrip(), parser)
    walk(root, (etree.QName(root).localname,))
    doctype = root.getroottree().docinfo.doctype
    return facts | {("DOCTYPE",): doctype}


def facts_of_json(body: bytes) -> dict[tuple[str, ...], str]:
    facts: dict[tuple[str, ...], str] = {}

    def walk(value, place):
        if isinstance(value, dict):
            for name, item in value.items():
                walk(item, (*place, name))
        elif isinstance(value, list):
            for n, item in enumerate(value):
                walk(item, (*place, str(n)))
        else:
            facts[place] = repr(value)

    walk(json.loads(body), ("$",))
    return facts


def facts_of_form(body: bytes) -> dict[tuple[str, ...], str]:
    return {(name,): value for name, value in parse_qsl(body.decode(), keep_blank_values=True)}


FACTS = {"xml": facts_of_xml, "json": facts_of_json, "form": facts_of_form}


def changed(
    before: Mapping[tuple[str, ...], str], after: Mapping[tuple[str, ...], str]
) -> set[str]:
    places = {
        place for place in before.keys() | after.keys() if before.get(place) != after.get(place)
    }
    return {place[-1] for place in places}


@pytest.mark.parametrize(("route", "example"), EXAMPLES)
def test_p15_other_parsers_see_that_only_the_named_fields_differ(route: Route, example) -> None:
    rule = by_first_sign(getattr(route, example.direction), example.message.encode())
    _, trial = try_message(route, example.direction, example.message.encode())
    facts = FACTS[shapes_of(rule)[0].format]
    assert changed(facts(trial.before), facts(trial.after)) <= may_change(rule)
    assert (trial.before == trial.after) == (not trial.edits)
    rebuilt, end = b"", 0
    for edit in trial.edits:
        rebuilt += trial.before[end : edit.start] + edit.new
        end = edit.end
    assert rebuilt + trial.before[end:] == trial.after


def test_there_are_examples_of_every_format() -> None:
    formats = {
        shapes_of(getattr(one.values[0], one.values[1].direction))[0].format for one in EXAMPLES
    }
    assert formats == set(FACTS)
    assert len(EXAMPLES) > 60


def test_the_check_would_see_another_field() -> None:
    before = b'<a><n x="1">4</n><b/></a>'
    for after, names in (
        (b'<a><n x="2">4</n><b/></a>', {"x"}),
        (b'<a><n x="1">5</n><b/></a>', {"n"}),
        (b'<a><n x="1">4</n></a>', {"b"}),
        (b'<a><n x="1">4</n><b/>z</a>', {"a"}),
    ):
        assert changed(facts_of_xml(before), facts_of_xml(after)) == names
    assert changed(facts_of_json(b'{"a": 1}'), facts_of_json(b'{"a": "1"}')) == {"a"}
