"""Two cards flat beside each other in one node (`own_card`): nothing of one may be the other's. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.codecs.document import Document, Node
from gateway.errors import MessageForbidden
from gateway.rules.model_shapes import Shape
from gateway.stages.card_place import CardPlace
from gateway.stages.fields import places_of


def refuse_mixed(document: Document, cards: Iterable[CardPlace]) -> None:
    """Raises `MessageForbidden` where two cards have a number, a code or an expiry in one place: nothing
    says whose it is. What cards of one shape share, `reading.py` sees."""
    used: dict[Node, set[Shape]] = {}
    for card in cards:
        for node in _nodes_of(document, card):
            others = used.setdefault(node, set())
            if any(
                one is not card.shape and (one.own_card or card.shape.own_card) for one in others
            ):
                raise MessageForbidden
            others.add(card.shape)


def _nodes_of(document: Document, card: CardPlace) -> set[Node]:
    shape = card.shape
    numbers = () if card.number is None else (card.number, *card.copies)
    expiries = (
        node
        for field in (shape.expiry, shape.expiry_month, shape.expiry_year)
        for node in places_of(document, field, card.node)
    )
    return {*numbers, *card.cvcs, *expiries}
