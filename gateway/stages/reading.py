"""Reading cards out of a message. Pure: no vault, no clock, no I/O.

1. A card node that two bookings share is refused: whose card it is would be left open, and a message
   could make many cards out of one.
2. An expiry outside of the card's node that two cards would have is neither's.
3. What one node holds is `card_place.py`'s to say; what else could be a card, `odd_places.py`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.cards import pan
from gateway.cards.card import Booking, Failure
from gateway.cards.expiry import last_day
from gateway.cards.scan import find_cards
from gateway.codecs.document import Document, Node
from gateway.codecs.paths import Path
from gateway.errors import MessageForbidden
from gateway.exchange import Seen
from gateway.rules.model_shapes import Shape
from gateway.stages.beside import refuse_mixed
from gateway.stages.card_place import CardPlace, read_place
from gateway.stages.fields import shared_expiries, uses
from gateway.stages.odd_places import read_malformed, read_outside
from gateway.stages.order import Order, order_of
from gateway.stages.select import bookings_of, day_of, harmless_of, said_of


@dataclass(slots=True)
class BookingPlace:
    """One booking: its node, what it says of itself, and its cards in document order.

    `stray`: no booking that anything could be inserted into, but what stands in the place of one (a
    list; its cards may still take what is theirs), or with `outside` the card nodes outside of every one.
    """

    node: Node
    booking: Booking
    cards: list[CardPlace] = field(default_factory=list)
    stray: bool = False
    outside: bool = False
    shape: Shape | None = None  # which says where it stands; None: of a stray
    asks: bool = False  # for the tokens that it had last
    carried: list[CardPlace] = field(default_factory=list)  # what it got of them

    @property
    def has_card_data(self) -> bool:
        """Whether at least one clear card, good or bad, stands in it."""
        return any(not place.left_alone for place in self.cards)

    @property
    def is_counted(self) -> bool:
        """Whether it has a number, by which answers name it: it holds a card node, or got a token again."""
        return bool(self.cards or self.carried)


def read_bookings(
    document: Document,
    shapes: Sequence[Shape],
    system: str,
    told: Seen | None = None,
    *,
    without_cards: bool = False,
) -> list[BookingPlace]:
    """Every booking that holds a card node, with all its cards, for all shapes of a rule; and
    `without_cards` also those that hold none. `told` gets how many there are, with and without one.

    Raises `MessageForbidden` where a card's field stands there twice, or could hide something.
    """
    order = order_of(tuple(shapes))
    places: list[BookingPlace] = []
    seen: dict[str, set[Node]] = {group.own: set() for group in order.groups}
    not_cards = {node for shape in shapes for node in _not_cards(document, shape)}
    for first, groups in order.bookings:
        for node in _counted(bookings_of(document, first), first, order, told):
            cards: list[CardPlace] = []
            selected = [(group, document.select(group.card, node)) for group in groups]
            for group, found in selected:
                if found:
                    cards += _read_cards(document, group.shapes, found, seen[group.own])
            for group, found in selected:
                if found:
                    cards += read_malformed(document, group, found, seen[group.own], not_cards)
            if cards or without_cards:
                _number(cards)
                booking = _read_booking(document, first, node, system)
                stray = len(document.instead(node)) > 0
                places.append(BookingPlace(node, booking, cards, stray, shape=first))
    strays = read_outside(document, order.groups, seen, not_cards)
    if order.beside or order.shares:
        _refuse_shared(document, order, places, strays)
    if strays:
        _number(strays)
        places.append(
            BookingPlace(document.root, Booking(system), strays, stray=True, outside=True)
        )
    return places


def _counted(
    nodes: Sequence[Node], shape: Shape, order: Order, told: Seen | None
) -> Sequence[Node]:
    """The same nodes. Beside a shape that says what a booking is, the whole document is none."""
    if told is not None and (shape.booking is not None or len(order.bookings) == 1):
        told.bookings += len(nodes)
    return nodes


def _refuse_shared(
    document: Document, order: Order, places: Sequence[BookingPlace], strays: Sequence[CardPlace]
) -> None:
    """Of two cards that would have one expiry neither has it, and both fail. A mask is a card. What two cards
    of one node share refuses the message."""
    cards = [card for place in places for card in place.cards]
    if order.beside:
        refuse_mixed(document, (*cards, *strays))
    if not order.shares:
        return
    shown = [card for card in cards if card.text.reveal().strip(" 0")]
    shared = shared_expiries(document, [(card.shape, card.node) for card in shown])
    for card in shown if shared else ():
        if card.card is not None and uses(document, card.shape, card.node, shared):
            card.card, card.failure = None, Failure.EXPIRY_INVALID


def _number(cards: Iterable[CardPlace]) -> None:
    """Numbers the cards of all shapes in one sequence: what is inserted for a card is named by it,
    and two of one name would refuse the message. An element that holds nothing keeps its number."""
    last = 0
    for place in cards:
        place.position = last = max(place.position, last + 1)


def read_not_cards(document: Document, shape: Shape) -> set[str]:
    """The digits that stand where the shape says that no card does, alone or in a longer text."""
    if not shape.not_cards:
        return set()
    found = [(path, harmless_of(document, shape, path)) for path in shape.not_cards]
    bookings = set(bookings_of(document, shape)) if shape.booking is not None else set()
    texts = [text for path, nodes in found for text in _texts(document, path, nodes, bookings)]
    return numbers_in(texts)


def numbers_in(texts: Collection[str]) -> set[str]:
    """The digits that are a text, and the card-like ones within a longer one."""
    alone = {digits for text in texts if (digits := pan.digits_of(text)) is not None}
    return alone | _cardlike(texts)


def read_harmless(document: Document, paths: Sequence[Path]) -> set[str]:
    """The card-like digits in the texts at `paths`: a rule says that they are none."""
    return _cardlike(
        text for path in paths for text in _texts(document, path, document.select(path))
    )


def _cardlike(texts: Iterable[str]) -> set[str]:
    return {
        one.digits.reveal()
        for text in texts
        for one in find_cards(text.encode("utf-8", "surrogatepass"))
    }


def _texts(
    document: Document, path: Path, nodes: Iterable[Node], bookings: Collection[Node] = ()
) -> Iterator[str]:
    """What stands at the places that `path` led to, and of each member (`.*`) its name: a booking's number
    may be the key of its booking. What has no text (an object) says nothing, and so allows nothing."""
    for node in nodes:
        if node not in bookings:  # a text in the place of a booking may be all of it
            with suppress(MessageForbidden):
                yield document.text(node)
        if path.steps and path.steps[-1].axis == "every":
            yield document.name(node)


def _not_cards(document: Document, shape: Shape) -> list[Node]:
    if not shape.not_cards:
        return []
    bookings = set(bookings_of(document, shape)) if shape.booking is not None else set()
    found = (node for path in shape.not_cards for node in harmless_of(document, shape, path))
    return [node for node in found if node not in bookings]


def _read_cards(
    document: Document, shapes: Sequence[Shape], nodes: Sequence[Node], seen: set[Node]
) -> list[CardPlace]:
    cards = []
    for position, node in enumerate(nodes, 1):
        if node in seen:
            raise MessageForbidden
        seen.add(node)
        place = read_place(document, shapes, node, position)
        if place is not None:
            cards.append(place)
    return cards


def _read_booking(document: Document, shape: Shape, node: Node, system: str) -> Booking:
    return Booking(
        system=system,
        hotel=said_of(document, shape.hotel, node) or None,
        booking_id=said_of(document, shape.booking_id, node) or None,
        departure=day_of(document, shape.departure, node, last_day),
    )
