"""Other people's parsers, asked the same questions as our codecs: they must give the same values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

from gateway.codecs.paths import Path, Step
from gateway.rules.model_shapes import Shape


def number_texts(shape: Shape, body: bytes) -> list[str]:
    """The number field's values by a second parser, in document order.

    Raises ValueError (or ElementTree.ParseError) where that parser does not take the document.
    """
    if shape.format == "form":
        assert len(shape.number.at.steps) == 1
        pairs = parse_qsl(body.decode(), keep_blank_values=True)
        return [value for name, value in pairs if name == shape.number.at.steps[0].name]
    if shape.format == "json":
        document = json.loads(body, parse_int=str, parse_float=str)
        walk = _walk_json
    else:
        document = ET.Element("document")
        document.append(ET.fromstring(body))
        walk = _walk_xml
    found = [document]
    for path in (shape.booking, shape.card, shape.number.at):
        if path is not None:
            found = [place for start in found for place in walk(start, path)]
    if shape.format == "xml":
        return [place if isinstance(place, str) else place.text or "" for place in found]
    return ["" if place is None else str(place) for place in found]


def _walk_json(start: Any, path: Path) -> list[Any]:
    found = [start]
    for step in path.steps:
        found = [place for value in found for place in _json_step(value, step)]
    return found


def _json_step(value: Any, step: Step) -> Iterable[Any]:
    if isinstance(value, dict) and step.axis == "member":
        return [value[step.name]] if step.name in value else []
    if isinstance(value, list) and step.axis == "item":
        return value if step.index is None else value[step.index : step.index + 1]
    return []


def _walk_xml(start: ET.Element, path: Path) -> list[Any]:
    found: list[Any] = [start]
    for step in path.steps:
        found = [place for element in found for place in _xml_step(element, step)]
    return found


def _xml_step(element: ET.Element, step: Step) -> Iterable[Any]:
    if step.axis == "attribute":
        return [value for name, value in element.attrib.items() if _local(name) == step.name]
    inside = element.iter() if step.axis == "descendant" else iter(element)
    return [child for child in inside if child is not element and _local(child.tag) == step.name]


def _local(name: str) -> str:
    return name.rpartition("}")[2]
