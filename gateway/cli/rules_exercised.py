"""Which of a shape's places the examples of its pack lead to, and which no example shows.

A path with a slip of the hand finds nothing, and nobody is told: the message just has no card there.
An example in which the path leads somewhere is what shows that it is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from gateway.codecs.document import Document, Known, Node
from gateway.codecs.envelope import open_layout
from gateway.codecs.paths import Path
from gateway.errors import GatewayError
from gateway.rules.by_sign import by_first_sign
from gateway.rules.finding import Finding, Level
from gateway.rules.load import ReadPack
from gateway.rules.model import Example, Pack
from gateway.rules.model_directions import Direction, Inserted, Pair, Tokenize
from gateway.rules.model_shapes import Field, Shape
from gateway.rules.notes import Place
from gateway.stages.messages import layout_of
from gateway.stages.select import bookings_of, cards_of

# Of the card itself: what is missed there is missed in clear, or not put in.
_OF_THE_CARD: Final = frozenset({"card", "number", "cvc", "expiry", "expiry_month", "expiry_year", "token", "booking"})  # fmt: skip
_FIELDS: Final = ("number", "cvc", "expiry", "expiry_month", "expiry_year", "holder", "brand")
_OF_BOOKING: Final = ("hotel", "booking_id", "departure")
_OF_VIRTUAL: Final = ("flag", "active_from", "active_until", "balance", "currency", "decimals")
# Of a card that is put in the rest is written, whether it was there or not.
_FOUND_ON_THE_WAY_OUT: Final = frozenset({"booking", "card", "number", "token"})

_SHOW_IT: Final = "Add a message that has it under `examples:`, or correct the path."
_WAYS: Final = ("request", "response")
_STEPS: Final = frozenset({"at", "join"})

_Places = dict[Place, Path]


def unexercised(read: ReadPack) -> Iterator[Finding]:
    """The places of a pack's shapes that none of its examples leads to."""
    pack = read.pack
    shown: dict[str, set[Place]] = {}
    taken_out: set[str] = set()
    for example in pack.examples:
        direction = _direction_for(pack, example)
        shapes = direction.shapes
        if direction.tokenize:
            taken_out |= {shape.name for shape in shapes}
        for shape in shapes:
            shown.setdefault(shape.name, set()).update(_shown(pack, example, shape, shapes))
    for shape in pack.shapes.values():
        if shape.name not in shown:
            continue  # no example at all: told of its route
        for place, path in (_bookings_of(shape) | _of_booking(shape) | _of_card(shape)).items():
            looked_for = shape.name in taken_out or place[0] in _FOUND_ON_THE_WAY_OUT
            if looked_for and place not in shown[shape.name]:
                yield _finding(read, shape, place, path)


def unexercised_pairs(read: ReadPack) -> Iterator[Finding]:
    """The pairs that no example has, of those that an example's route exchanges."""
    looked_for: set[str] = set()
    shown: set[str] = set()
    for example in read.pack.examples:
        rule = _direction(read.pack, example).exchange
        for pair in rule.pairs if rule is not None else ():
            looked_for.add(pair.name)
            if _has(example, pair):
                shown.add(pair.name)
    for name in sorted(looked_for - shown):
        pair = read.pack.pairs[name]
        halves = f"`{pair.iduser.at.text}` and `{pair.tokenuser.at.text}`"
        message = f"no example has {halves} at `{pair.at.text}` (pair `{name}`)"
        problem = read.located.problem_of_key(("pairs", name), message, _SHOW_IT)
        yield Finding(Level.LOOK, "not-exercised", read.pack.system, problem)


def _has(example: Example, pair: Pair) -> bool:
    try:
        document = open_layout(pair.layout, example.message.encode())
        return any(
            document.select(pair.iduser.at, node) and document.select(pair.tokenuser.at, node)
            for node in document.select(pair.at)
        )
    except GatewayError:
        return False  # an example of what is refused shows nothing else


def misplaced(read: ReadPack) -> Iterator[Finding]:
    """`into:` of what is inserted, where no example has that place: it would go into the booking."""
    for n, route in enumerate(read.pack.routes):
        for way in _WAYS:
            if getattr(read.entry.routes[n], way).like is not None:
                continue
            for key, i, one in _nowhere_shown(read.pack, getattr(route, way)):
                message = (
                    f"no example has `{one.into.text}` to insert into: where it is missing, "
                    "the booking itself gets it"
                )
                hint = "Add a message that has it under `examples:`, correct it, or write `.`."
                problem = read.located.problem(("routes", n, way, key, i, "into"), message, hint)
                yield Finding(Level.LOOK, "inserted-elsewhere", route.id, problem)


def _nowhere_shown(pack: Pack, direction: Direction) -> Iterator[tuple[str, int, Inserted]]:
    """What is inserted of which examples show something, and none its place: its key, its number under that."""
    rule = direction.tokenize
    if rule is None:
        return
    examples = [one for one in pack.examples if _direction(pack, one) == direction]
    for key, inserted in (("insert", rule.insert), ("on_failure", rule.on_failure)):
        for i, one in enumerate(inserted):
            shown = [
                _leads(pack, example, fitting, one)
                for example in examples
                if (fitting := _rule_for(direction, example)) and one in _inserted(fitting)
            ]
            if False in shown and True not in shown:
                yield key, i, one


def _rule_for(direction: Direction, example: Example) -> Tokenize | None:
    """What takes the cards out of a message of the example's format."""
    return by_first_sign(direction, example.message.encode()).tokenize


def _inserted(rule: Tokenize) -> tuple[Inserted, ...]:
    return (*rule.insert, *rule.on_failure)


def _leads(pack: Pack, example: Example, rule: Tokenize, one: Inserted) -> bool | None:
    """Whether a place to insert into is there, beside a card; None where there is no card."""
    found: bool | None = None
    for shape in rule.shapes:
        for document, booking, cards in _bookings(pack, example, shape, rule.shapes):
            for node in cards if one.of == "card" else (booking,):
                with suppress(GatewayError):
                    found = bool(found) or bool(document.select(one.into, node))
    return found


def _finding(read: ReadPack, shape: Shape, place: Place, path: Path) -> Finding:
    level = Level.LOOK if place[0] in _OF_THE_CARD else Level.TOLD
    key = ".".join(str(step) for step in place if step not in _STEPS and isinstance(step, str))
    message = f"no example has something at `{path.text}` (`{key}` of shape `{shape.name}`)"
    problem = read.located.problem(("shapes", shape.name, *place), message, _SHOW_IT)
    return Finding(level, "not-exercised", read.pack.system, problem)


def _direction(pack: Pack, example: Example) -> Direction:
    route = next(route for route in pack.routes if route.name == example.route)
    direction: Direction = getattr(route, example.direction)
    return direction


def _direction_for(pack: Pack, example: Example) -> Direction:
    """The same of the example's format alone."""
    return by_first_sign(_direction(pack, example), example.message.encode())


def _shown(
    pack: Pack, example: Example, shape: Shape, shapes: tuple[Shape, ...]
) -> Iterator[Place]:
    for document, booking, cards in _bookings(pack, example, shape, shapes):
        several = pack.shapes[shape.name].bookings
        yield from (("booking", n) for n, path in enumerate(several) if path == shape.booking)
        yield from _leading(document, _of_booking(shape), booking)
        for card in cards:
            yield from _leading(document, _of_card(shape), card)


def _bookings(
    pack: Pack, example: Example, shape: Shape, shapes: tuple[Shape, ...]
) -> list[tuple[Document, Node, Sequence[Node]]]:
    """An example's bookings that have cards, and those; none of a message that is refused."""
    route = next(route for route in pack.routes if route.name == example.route)
    try:
        known = Known(doctype=route.doctype)
        document = open_layout(layout_of(shapes), example.message.encode(), known)
        found = [(one, cards_of(document, shape, one)) for one in bookings_of(document, shape)]
    except GatewayError:
        return []
    return [(document, booking, cards) for booking, cards in found if cards]


def _leading(document: Document, places: _Places, within: Node) -> Iterator[Place]:
    for place, path in places.items():
        with suppress(GatewayError):  # a name twice: an example of what is refused shows nothing
            if document.select(path, within):
                yield place


def _bookings_of(shape: Shape) -> _Places:
    """Place in the YAML, below the shape → path to bookings; of one path its cards tell."""
    return {("booking", n): path for n, path in enumerate(shape.bookings) if shape.more_bookings}


def _of_booking(shape: Shape) -> _Places:
    """Place in the YAML, below the shape → path from the booking."""
    found: _Places = {("card", n): path for n, path in enumerate(shape.cards)}
    for name in _OF_BOOKING:
        field: Field | None = getattr(shape, name)
        for n, path in enumerate(field.places if field is not None else ()):
            found[(name, "at", n)] = path
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
