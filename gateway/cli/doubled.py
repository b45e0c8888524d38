"""Places that a shape leads to in two ways, in one message: of which nobody can tell which is meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import unquote_plus

from gateway.cards import pan
from gateway.cli.body_faults import forbidden_json, place
from gateway.codecs.document import Document, Node, Remove, Set
from gateway.errors import GatewayError
from gateway.rules.model_directions import Pair
from gateway.rules.model_shapes import Field, Shape
from gateway.stages.select import bookings_of, cards_of


def doubled(document: Document, shape: Shape | Pair, body: bytes) -> Iterator[str]:
    """Places of which nobody can tell which is meant, or what they say."""
    if isinstance(shape, Pair):
        return
    try:
        for booking in bookings_of(document, shape):
            for card in cards_of(document, shape, booking):
                yield from _doubled_in(document, shape, card, body)
    except GatewayError:  # already the way to a field can be taken in two ways
        if shape.format == "json":
            yield forbidden_json(body)
        elif shape.format == "form":
            yield _forbidden_form(body, shape)


def in_two_shapes(document: Document, shapes: Sequence[Shape | Pair], body: bytes) -> str:
    """Where two shapes of one node find a clear number."""
    found: dict[Node, Shape] = {}
    for shape in shapes:
        if isinstance(shape, Pair) or shape.own_card:
            continue
        for booking in bookings_of(document, shape):
            for card in cards_of(document, shape, booking):
                numbers = [
                    node for path in shape.number.places for node in document.select(path, card)
                ]
                clear = [one for one in numbers if pan.digits_of(document.text(one))]
                if clear and (other := found.setdefault(card, shape)) is not shape:
                    return (
                        f"{_at(document, clear[0], body)}the shapes `{other.name}` and `{shape.name}` both find a"
                        " number in one card: make them one shape, whose fields may have several places; or say"
                        " `own_card: true` where they are two cards"
                    )
    return ""


def _doubled_in(document: Document, shape: Shape, card: Node, body: bytes) -> Iterator[str]:
    for key, field in _fields(shape):
        said: dict[str, Node] = {}
        for path in field.places:
            nodes = document.select(path, card)
            for node in nodes:
                try:
                    said.setdefault(document.text(node).strip(), node)
                except GatewayError:
                    what = "holds more than a text: an element, a comment or a list"
                    yield f"{_at(document, node, body)}`{key}` (`{path.text}`) {what}"
                    return
            if len(nodes) > 1 and key not in {"number", "cvc"}:
                what = f"leads to {len(nodes)} places in one card: which is meant?"
                yield f"{_at(document, nodes[1], body)}`{key}` (`{path.text}`) {what}"
        clear = {
            text: node
            for text, node in said.items()
            if (pan.digits_of(text) if key == "number" else text.isnumeric())
        }
        if key in {"number", "cvc"} and len(clear) > 1:
            what = (
                "in one card there are two that differ: is each a card, and `card` to lead to it?"
            )
            yield f"{_at(document, list(clear.values())[1], body)}`{key}`: {what}"


def _fields(shape: Shape) -> Iterator[tuple[str, Field]]:
    fields = (
        ("number", shape.number), ("cvc", shape.cvc), ("expiry", shape.expiry), ("holder", shape.holder),
        ("expiry_month", shape.expiry_month), ("expiry_year", shape.expiry_year), ("brand", shape.brand),
    )  # fmt: skip
    return ((key, field) for key, field in fields if field is not None)


def _forbidden_form(body: bytes, shape: Shape) -> str:
    """Where a name of the shape stands a second time."""
    asked = {path.text for _, field in _fields(shape) for path in field.places}
    seen: set[str] = set()
    at = 0
    for pair in body.split(b"&"):
        name = unquote_plus(pair.partition(b"=")[0].decode("latin-1"))
        if name in asked and name in seen:
            return f"{place(body, at)}: `{name}` stands in the form a second time"
        seen.add(name)
        at += len(pair) + 1
    return ""


def _at(document: Document, node: Node, body: bytes) -> str:
    """Where a place is; nothing where it has no bytes of its own."""
    for change in (Set(node, "-"), Remove(node)):
        try:
            edits = document.splice([change]).edits
        except GatewayError:
            continue
        if edits and edits[0].start <= len(body):
            blank = len(body[edits[0].start :]) - len(body[edits[0].start :].lstrip())
            return f"{place(body, edits[0].start + blank)}: "
    return ""
