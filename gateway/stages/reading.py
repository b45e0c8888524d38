"""Reading cards out of a message. Pure: no vault, no clock, no I/O.

1. A card node that two bookings share is refused: whose card it is would be left open, and a message
   could make many cards out of one.
2. Where two shapes fit one card node, the first whose number is clear is the card. Two clear numbers
   in one node are refused.
3. A clear CVC is found with or without a number beside it.
4. A card node outside of every booking is masked like any other. It belongs to no booking, so it
   fails.
5. Where a card's fields should stand and JSON has a text, a number or a list instead, what could be
   a card in it is masked, and fails. A card's parts as the bare items of a list are refused: nothing
   says which of them is the CVC. Outside of every booking a number without quotes must be one that
   a scheme issues: masked it is a text, and whoever wants a number there can not read the message.
6. What `not_cards:` selects is none of 4 and 5, but a clear CVC beside it still is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from gateway.cards import expiry as expiries
from gateway.cards import pan
from gateway.cards.card import Booking, Card, Failure, Virtual
from gateway.cards.expiry import Expiry
from gateway.cards.token import Token, parse_alias
from gateway.codecs.document import Document, Node
from gateway.codecs.paths import Path
from gateway.errors import MessageForbidden
from gateway.rules.model import Field, Shape, VirtualPlace
from gateway.secret import Secret
from gateway.stages.order import Group, Order, order_of
from gateway.stages.select import bookings_of, only

_TRUE = frozenset({"1", "true", "yes", "y", "virtual_card"})
# As many digits as a card has, wherever in a text that is not a number's own.
_LONG_NUMBER: Final = re.compile(r"\d(?:[ \u00a0-]?\d){11}")


@dataclass(slots=True)
class CardPlace:
    """One card node: where its number and CVCs stand, and what was read.

    At most one of `card` and `failure` is set at first; neither where there is no clear card
    (`left_alone`). The swap then sets `token`, or a `failure` that it met. `number` is None where a
    node holds nothing but a CVC.
    """

    shape: Shape
    node: Node
    number: Node | None
    cvcs: tuple[Node, ...]
    text: Secret[str]
    position: int
    card: Card | None = None
    failure: Failure | None = None
    token: Token | None = None

    @property
    def left_alone(self) -> bool:
        """Whether the number is absent, empty, a mask, a sentinel or a token already."""
        return self.card is None and self.failure is None


@dataclass(slots=True)
class BookingPlace:
    """One booking: its node, what it says of itself, and its cards in document order.

    `stray`: no booking that anything could be inserted into, but what stands in the place of one,
    or the card nodes outside of every one.
    """

    node: Node
    booking: Booking
    cards: list[CardPlace] = field(default_factory=list)
    stray: bool = False

    @property
    def has_card_data(self) -> bool:
        """Whether at least one clear card, good or bad, stands in it."""
        return any(not place.left_alone for place in self.cards)


def read_bookings(document: Document, shapes: Sequence[Shape], system: str) -> list[BookingPlace]:
    """Every booking that holds a card node, with all its cards, for all shapes of a rule.

    Raises `MessageForbidden` where a card's field stands there twice, or could hide something.
    """
    order = order_of(tuple(shapes))
    places: list[BookingPlace] = []
    seen: set[Node] = set()
    not_cards = {node for shape in shapes for node in _not_cards(document, shape)}
    for first, groups in order.bookings:
        for node in bookings_of(document, first):
            cards: list[CardPlace] = []
            selected = [(group, document.select(group.card, node)) for group in groups]
            for group, found in selected:
                if found:
                    cards += _read_cards(document, group.shapes, found, seen)
            for group, found in selected:
                if found:
                    cards += _read_malformed(document, group, found, seen, not_cards)
            if cards:
                _number(cards)
                booking = _read_booking(document, first, node, system)
                stray = len(document.instead(node)) > 0
                places.append(BookingPlace(node, booking, cards, stray))
    places += _read_strays(document, order, system, seen, not_cards)
    return places


def _number(cards: Iterable[CardPlace]) -> None:
    """Numbers the cards of all shapes in one sequence: what is inserted for a card is named by it,
    and two of one name would refuse the message. An element that holds nothing keeps its number."""
    last = 0
    for place in cards:
        place.position = last = max(place.position, last + 1)


def _read_strays(
    document: Document, order: Order, system: str, seen: set[Node], not_cards: Collection[Node]
) -> list[BookingPlace]:
    """Card nodes outside of every booking: an element, a JSON member of that name, anywhere."""
    cards: list[CardPlace] = []
    for group in order.groups:
        if group.anywhere is None:
            continue
        nodes = [node for node in document.select(group.anywhere) if node not in seen]
        odd = _read_odd(document, group.shapes, nodes, seen, not_cards, stray=True)
        cards += _fail(odd, Failure.OUTSIDE_BOOKING)
    _number(cards)
    return [BookingPlace(document.root, Booking(system), cards, stray=True)] if cards else []


def _read_malformed(
    document: Document,
    group: Group,
    nodes: Sequence[Node],
    seen: set[Node],
    not_cards: Collection[Node],
) -> list[CardPlace]:
    """What could be a card where something else stands in the place of its fields."""
    if not group.fields:
        return []  # a number that is its own card
    others = [node for node in nodes if document.instead(node)]
    if not others:
        return []
    odd = _read_odd(document, group.shapes, others, seen, not_cards)
    cards = _fail(odd, Failure.CARD_MALFORMED)
    if group.listed and any(place.number == place.node for place in cards):
        raise MessageForbidden
    return cards


def _read_odd(
    document: Document,
    shapes: Sequence[Shape],
    nodes: Iterable[Node],
    seen: set[Node],
    not_cards: Collection[Node],
    *,
    stray: bool = False,
) -> list[CardPlace]:
    """The cards of nodes that can get no token, whatever stands there."""
    cards: list[CardPlace] = []
    for node in nodes:
        for inner in document.instead(node) or (node,):
            if inner in seen and inner != node:
                continue
            position = len(cards) + 1
            place = _read_place(document, shapes, inner, position)
            if place is None and _may_be_bare(document, inner, not_cards, stray=stray):
                place = _read_bare(document, shapes[0], inner, position)
                if place is not None and inner != node:
                    raise MessageForbidden
            if place is None:
                continue
            if not place.cvcs and (inner in not_cards or place.number in not_cards):
                continue
            seen.add(inner)
            cards.append(place)
    return cards


def _fail(cards: list[CardPlace], failure: Failure) -> list[CardPlace]:
    for place in cards:
        if place.card is not None:
            place.card, place.failure = None, failure
    return cards


def _may_be_bare(
    document: Document, node: Node, not_cards: Collection[Node], *, stray: bool
) -> bool:
    """Whether a text or number stands there in the place of fields that could be a card."""
    if node in not_cards or not document.instead(node):
        return False
    if not stray or not document.is_number(node):
        return True
    digits = pan.digits_of(document.text(node))
    return digits is not None and pan.is_plausible(digits)


def _read_bare(document: Document, shape: Shape, node: Node, position: int) -> CardPlace | None:
    """A text or number that stands where a card's fields should, and could be a card."""
    text = document.text(node)
    if not _LONG_NUMBER.search(text) and not pan.has_code_behind_mask(text):
        return None
    if _is_left_alone(shape, text, pan.digits_of(text)):
        return None
    place = CardPlace(shape, node, node, (), Secret(text), position)
    place.failure = Failure.CARD_MALFORMED
    return place


def read_not_cards(document: Document, shape: Shape) -> set[str]:
    """The digits that stand where the shape says that no card does."""
    nodes = _not_cards(document, shape)
    return {digits for node in nodes if (digits := pan.digits_of(document.text(node))) is not None}


def _not_cards(document: Document, shape: Shape) -> list[Node]:
    return [node for path in shape.not_cards for node in document.select(path)]


def _read_cards(
    document: Document, shapes: Sequence[Shape], nodes: Sequence[Node], seen: set[Node]
) -> list[CardPlace]:
    cards = []
    for position, node in enumerate(nodes, 1):
        if node in seen:
            raise MessageForbidden
        seen.add(node)
        place = _read_place(document, shapes, node, position)
        if place is not None:
            cards.append(place)
    return cards


def _read_place(
    document: Document, shapes: Sequence[Shape], node: Node, position: int
) -> CardPlace | None:
    """The card of one node, read by the shape whose number is clear; None where it holds nothing."""
    cvcs = tuple(
        found
        for shape in shapes
        if shape.cvc and (found := only(document, shape.cvc.at, node)) is not None
    )
    alone: CardPlace | None = None
    clear: CardPlace | None = None
    for shape in shapes:
        number = only(document, shape.number.at, node)
        if number is None:
            continue
        text = document.text(number)
        digits = pan.digits_of(text)
        place = CardPlace(shape, node, number, cvcs, Secret(text), position)
        if _is_left_alone(shape, text, digits):
            alone = alone or place
            continue
        if clear is not None:
            raise MessageForbidden
        place.card, place.failure = _read_card(document, place, digits)
        clear = place
    if clear is None and alone is None and cvcs:
        return CardPlace(shapes[0], node, None, cvcs, Secret(""), position)
    return clear or alone


def _is_left_alone(shape: Shape, text: str, digits: str | None) -> bool:
    """Whether a number's `text` is no clear card; `digits` are the 12 to 19 that it spells."""
    if text in shape.sentinels:
        return True
    if digits is not None:
        return not digits.strip("0")  # no mask and no token is all digits
    return parse_alias(text) is not None or pan.is_no_card(text)


def _read_card(
    document: Document, place: CardPlace, digits: str | None
) -> tuple[Card | None, Failure | None]:
    shape = place.shape
    if digits is None:
        return None, Failure.NUMBER_INVALID
    expiry = _read_expiry(document, shape, place.node)
    if expiry is None and (shape.expiry or shape.expiry_year):
        return None, Failure.EXPIRY_INVALID
    cvc = next((text for one in place.cvcs if (text := document.text(one).strip())), "")
    if shape.cvc_required and not cvc:
        return None, Failure.CVC_MISSING
    holder = _text_of(document, shape.holder, place.node)
    return (
        Card(Secret(digits), expiry, Secret(holder) if holder else None, Secret(cvc) if cvc else None),
        None,
    )  # fmt: skip


def _read_expiry(document: Document, shape: Shape, card: Node) -> Expiry | None:
    if shape.expiry:
        return expiries.parse(_text_of(document, shape.expiry, card), shape.expiry.spelling)
    month = _text_of(document, shape.expiry_month, card)
    year = _text_of(document, shape.expiry_year, card)
    return expiries.from_fields(month, year)


def _read_booking(document: Document, shape: Shape, node: Node, system: str) -> Booking:
    return Booking(
        system=system,
        hotel=_first_text(document, shape.hotel, node) or None,
        booking_id=_first_text(document, shape.booking_id, node) or None,
        departure=_date(_first_text(document, shape.departure, node)),
    )


def read_virtual(document: Document, place: CardPlace) -> Virtual | None:
    """What the message says of a virtual card; None where it does not say that it is one."""
    rule = place.shape.virtual
    if rule is None:
        return None
    flag = _first_text(document, rule.flag, place.node).strip().casefold()
    active_from = _date(_first_text(document, rule.active_from, place.node))
    active_until = _date(_first_text(document, rule.active_until, place.node))
    if not (flag in _TRUE or active_from or active_until or _is_agent(document, place, rule)):
        return None
    balance = _first_text(document, rule.balance, place.node) or None
    return Virtual(active_from, active_until, balance)


def _is_agent(document: Document, place: CardPlace, rule: VirtualPlace) -> bool:
    """Whether the holder is one that stands on virtual cards only."""
    if place.card is None:
        holder = _text_of(document, place.shape.holder, place.node)
    else:
        holder = place.card.holder.reveal() if place.card.holder else ""
    name = holder.strip().casefold()
    return name != "" and name in [agent.casefold() for agent in rule.holders]


def _text_of(document: Document, rule: Field | None, card: Node) -> str:
    node = only(document, rule.at, card) if rule else None
    return document.text(node) if node is not None else ""


def _first_text(document: Document, path: Path | None, within: Node) -> str:
    found = document.select(path, within) if path is not None else ()
    return document.text(found[0]).strip() if found else ""


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
