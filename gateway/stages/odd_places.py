"""Cards where something else stands than a shape says, or outside of every booking. Pure.

1. A card node outside of every booking is masked like any other. It belongs to no booking, so it
   fails.
2. Where a card's fields should stand and JSON has a text, a number or a list instead, what could be
   a card in it is masked, and fails. A card's parts as the bare items of a list are refused: nothing
   says which of them is the CVC. Outside of every booking a number without quotes must be one that
   a scheme issues: masked it is a text, and whoever wants a number there can not read the message.
3. What `not_cards:` selects is neither, but a clear CVC beside it still is.
4. What has only the card's name, outside of every booking or where the rule chooses others by a text beside
   them (`pay[@kind='card']`), is a card if its number could be one: else it is a voucher, a bank account.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from gateway.cards import pan
from gateway.cards.card import Failure
from gateway.cards.scan import find_cards
from gateway.codecs.document import Document, Node
from gateway.codecs.paths import Path, Step
from gateway.errors import MessageForbidden
from gateway.rules.model_shapes import Shape
from gateway.secret import Secret
from gateway.stages.card_place import CardPlace, left_alone, read_place
from gateway.stages.fields import places_of
from gateway.stages.order import Group

# As many digits as a card has, wherever in a text that is not a number's own.
_LONG_NUMBER: Final = re.compile(r"\d(?:[ \u00a0-]?\d){11}")

_ITEMS: Final = Path("[*]", (Step("item"),))


def read_outside(
    document: Document,
    groups: Iterable[Group],
    seen_by: Mapping[str, set[Node]],
    not_cards: Collection[Node],
) -> list[CardPlace]:
    """Card nodes outside of every booking: an element, a JSON member of that name, anywhere. `seen_by`: the
    nodes that were looked at for whose own card."""
    cards: list[CardPlace] = []
    for group in groups:
        if group.anywhere is None:
            continue
        seen = seen_by[group.own]
        nodes = [node for node in document.select(group.anywhere) if node not in seen]
        bare = group.bare_anywhere
        odd = _read_odd(document, group.shapes, nodes, seen, not_cards, stray=True, bare=bare)
        named_alike = [place for place in odd if not _is_another_thing(place, group)]
        # What is no card of this shape may be one of the next.
        seen.difference_update({one.node for one in odd} - {one.node for one in named_alike})
        cards += _fail(named_alike, Failure.OUTSIDE_BOOKING)
    return cards


def read_malformed(
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
    if group.counted:
        others = [node for node in others if not _is_row(document, group, node, not_cards)]
    if not others:
        return []
    odd = _read_odd(document, group.shapes, others, seen, not_cards, bare=group.bare)
    cards = _fail(odd, Failure.CARD_MALFORMED)
    if group.listed and any(place.number == place.node for place in cards):
        raise MessageForbidden
    return cards


def _is_row(document: Document, group: Group, node: Node, not_cards: Collection[Node]) -> bool:
    """Whether a list's items are the card's fields, for the rule counts them: `number: "[3]"`. Lists among
    them are not counted, and where a card stands in another item they stand elsewhere than the rule says."""
    items = document.select(_ITEMS, node)
    if any(list(document.instead(item)) not in ([], [item]) for item in items):
        return False
    numbers = [n for shape in group.shapes for n in places_of(document, shape.number, node)]
    others = [item for item in items if item not in numbers and item not in not_cards]
    if any(document.instead(item) and _has_card(document.text(item)) for item in others):
        return False
    return any(document.holds(node, number) for number in numbers)


def _read_odd(
    document: Document,
    shapes: Sequence[Shape],
    nodes: Iterable[Node],
    seen: set[Node],
    not_cards: Collection[Node],
    *,
    stray: bool = False,
    bare: bool = True,
) -> list[CardPlace]:
    """The cards of nodes that can get no token, whatever stands there; `bare`: also without their fields."""
    cards: list[CardPlace] = []
    for node in nodes:
        for inner in document.instead(node) or (node,):
            if inner in seen and inner != node:
                continue
            position = len(cards) + 1
            place = read_place(document, shapes, inner, position)
            if bare and place is None and _may_be_bare(document, inner, not_cards, stray=stray):
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


def _is_another_thing(place: CardPlace, group: Group) -> bool:
    """Whether what has a card's name holds a number that is none, and no code."""
    if place.left_alone or place.cvcs or place.failure is Failure.CARD_MALFORMED:
        return False
    text = place.text.reveal()
    if group.chosen and not pan.has_code_behind_mask(text):
        return not (pan.is_one_however_parted(text) or _has_card(text))
    return pan.is_no_part_of_one(text)


def _has_card(text: str) -> bool:
    return len(find_cards(text.encode("utf-8", "surrogatepass"))) > 0


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
    if left_alone(shape, text, pan.digits_of(text)) is not None:
        return None
    place = CardPlace(shape, node, node, (), Secret(text), position)
    place.failure = Failure.CARD_MALFORMED
    return place
