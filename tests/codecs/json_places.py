"""Finding places in a JSON document by the text of a path."""

from __future__ import annotations

from gateway.codecs.document import Node
from gateway.codecs.json import JsonDocument
from gateway.codecs.paths import Path, parse_path


def path(text: str) -> Path:
    return parse_path(text, "json")


def only(document: JsonDocument, text: str, within: Node | None = None) -> Node:
    (node,) = document.select(path(text), within)
    return node
