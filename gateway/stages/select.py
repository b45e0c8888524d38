"""Bookings and fields of a message, by a shape's paths: for both ways, cards out and cards in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

from gateway.codecs.document import Document, Node
from gateway.codecs.paths import Path
from gateway.errors import MessageForbidden
from gateway.rules.model_shapes import Field, Shape

_WHOLE: Final = Path(".", ())


def bookings_of(document: Document, shape: Shape) -> Sequence[Node]:
    """Where the shape's bookings stand; without a path each whole document is one."""
    return document.select(shape.booking if shape.booking is not None else _WHOLE)


def cards_of(document: Document, shape: Shape, booking: Node) -> Sequence[Node]:
    """Where the shape's cards stand in a booking, path after path, each once."""
    if not shape.more_cards:
        return document.select(shape.card, booking)
    found = (document.select(path, booking) for path in shape.cards)
    return tuple(dict.fromkeys(node for nodes in found for node in nodes))


def harmless_of(document: Document, shape: Shape, path: Path) -> Sequence[Node]:
    """Where one of the shape's `not_cards` leads: from each booking unless it starts at the document, as
    all paths of a text do."""
    if path.absolute or shape.booking is None or shape.format == "text":
        return document.select(path)
    found = (node for one in bookings_of(document, shape) for node in document.select(path, one))
    return list(dict.fromkeys(found))  # bookings may stand within others


def only(document: Document, path: Path, within: Node) -> Node | None:
    """The one place that `path` leads to. Two would leave open which of them is the card's."""
    found = document.select(path, within)
    if len(found) > 1:
        raise MessageForbidden
    return found[0] if found else None


def first_text(document: Document, path: Path | None, within: Node) -> str:
    """The text of the first place that `path` leads to, or the empty one."""
    found = document.select(path, within) if path is not None else ()
    return document.text(found[0]).strip() if found else ""


def said_of(document: Document, field: Field | None, within: Node) -> str:
    """What stands at the first of a field's places that holds something, or the empty text."""
    said = (first_text(document, path, within) for path in field.places) if field else ()
    return next((text for text in said if text), "")


def day_of(
    document: Document,
    field: Field | None,
    within: Node,
    read: Callable[[str, Sequence[str]], date | None],
) -> date | None:
    """The day that a field names, or None; what names a month is read as the side of it that `read` means."""
    if field is None:
        return None
    text = said_of(document, field, within)
    return read(text, field.spellings) if field.spelling else date_of(text)


def date_of(text: str) -> date | None:
    """The day that a text begins with (`2030-01-31T12:00`), or None."""
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
