"""Which of a shape's places the examples of its pack lead to, and which no example shows.

A path with a slip of the hand finds nothing, and nobody is told: the message just has no card there.
An example in which the path leads somewhere is what shows that it is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.codecs.document import Document, Known, Node
from gateway.codecs.envelope import open_layout
from gateway.codecs.paths import Path
from gateway.errors import GatewayError
from gateway.rules.finding import Finding, Level
from gateway.rules.load import ReadPack
from gateway.rules.model import Direction, Example, Field, Pack, Shape
from gateway.rules.notes import Place
from gateway.stages.messages import layout_of
from gateway.stages.select import bookings_of, cards_of

# Of the card itself: what is missed there is missed in clear, or not put in.
_OF_THE_CARD: Final = frozenset({"card", "number", "cvc", "expiry", "expiry_month", "expiry_year", "token"})  # fmt: skip
_FIELDS: Final = ("number", "cvc", "expiry", "expiry_month", "expiry_year", "holder", "brand")
_OF_BOOKING: Final = ("hotel", "booking_id", "departure")
_OF_VIRTUAL: Final = ("flag", "active_from", "active_until", "balance", "currency", "decimals")
# Of a card that is put in the rest is written, whether it was there or not.
_FOUND_ON_THE_WAY_OUT: Final = frozenset({"card", "number", "token"})

_STEPS: Final = frozenset({"at", "join"})

_Places = dict[Place, Path]


def unexercised(read: ReadPack) -> Iterator[Finding]:
    """The places of a pack's shapes that none of its examples leads to."""
    pack = read.pack
    shown: dict[str, set[Place]] = {}
    taken_out: set[str] = set()
    for example in pack.examples:
        direction = _direction(pack, example)
        shapes = direction.tokenize.shapes if direction.tokenize else direction.detokenize
        if direction.tokenize:
            taken_out |= {shape.name for shape in shapes}
        for shape in shapes:
            shown.setdefault(shape.name, set()).update(_shown(pack, example, shape, shapes))
    for shape in pack.shapes.values():
        if shape.name not in shown:
            continue  # no example at all: told of its route
        for place, path in (_of_booking(shape) | _of_card(shape)).items():
            looked_for = shape.name in taken_out or place[0] in _FOUND_ON_THE_WAY_OUT
            if looked_for and place not in shown[shape.name]:
                yield _finding(read, shape, place, path)


def _finding(read: ReadPack, shape: Shape, place: Place, path: Path) -> Finding:
    level = Level.LOOK if place[0] in _OF_THE_CARD else Level.TOLD
    key = ".".join(str(step) for step in place if step not in _STEPS and isinstance(step, str))
    message = f"no example has something at `{path.text}` (`{key}` of shape `{shape.name}`)"
    hint = "Add a message that has it under `examples:`, or correct the path."
    problem = read.located.problem(("shapes", shape.name, *place), message, hint)
    return Finding(level, "not-exercised", read.pack.system, problem)


def _direction(pack: Pack, example: Example) -> Direction:
    route = next(route for route in pack.routes if route.name == example.route)
    direction: Direction = getattr(route, example.direction)
    return direction


def _shown(pack: Pack, example: Example, shape: Shape, shapes: tuple[Shape, ...]) -> set[Place]:
    route = next(route for route in pack.routes if route.name == example.route)
    try:
        known = Known(doctype=route.doctype)
        document = open_layout(layout_of(shapes), example.message.encode(), known)
        return set(_found(document, shape))
    except GatewayError:
        return set()  # an example of what is refused shows nothing else


def _found(document: Document, shape: Shape) -> Iterator[Place]:
    for booking in bookings_of(document, shape):
        cards = cards_of(document, shape, booking)
        if cards:
            yield from _leading(document, _of_booking(shape), booking)
        for card in cards:
            yield from _leading(document, _of_card(shape), card)


def _leading(document: Document, places: _Places, within: Node) -> Iterator[Place]:
    return (place for place, path in places.items() if document.select(path, within))


def _of_booking(shape: Shape) -> _Places:
    """Place in the YAML, below the shape → path from the booking."""
    found: _Places = {("card", n): path for n, path in enumerate(shape.cards)}
    for name in _OF_BOOKING:
        path: Path | None = getattr(shape, name)
        if path is not None:
            found[(name,)] = path
    return found


def _of_card(shape: Shape) -> _Places:
    """Place in the YAML, below the shape → path from the card."""
    found: _Places = {}
    for name in _FIELDS:
        field: Field | None = getattr(shape, name)
        if field is not None:
            step = "join" if field.joined else "at"
            found |= {(name, step, n): path for n, path in enumerate(field.places)}
    if shape.token is not None:
        found["token", "iduser"] = shape.token.iduser
        found["token", "tokenuser"] = shape.token.tokenuser
    for name in _OF_VIRTUAL if shape.virtual is not None else ():
        said: Path | Field | None = getattr(shape.virtual, name)
        places = said.places if isinstance(said, Field) else (said,)
        found |= {
            ("virtual", name, "at", n): path for n, path in enumerate(places) if path is not None
        }
    return found
