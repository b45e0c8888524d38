"""Bookings and fields of a message, by a shape's paths: for both ways, cards out and cards in."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.codecs.document import Document, Node
from gateway.codecs.paths import Path
from gateway.errors import MessageForbidden
from gateway.rules.model import Shape


def bookings_of(document: Document, shape: Shape) -> Sequence[Node]:
    """Where the shape's bookings stand; without a path the whole message is one."""
    return document.select(shape.booking) if shape.booking else (document.root,)


def only(document: Document, path: Path, within: Node) -> Node | None:
    """The one place that `path` leads to. Two would leave open which of them is the card's."""
    found = document.select(path, within)
    if len(found) > 1:
        raise MessageForbidden
    return found[0] if found else None
