"""Carry-forward: which bookings ask for the tokens that they had last, and where those go. Pure.

1. A booking asks that has a number of its own, and no card: none at all, an empty number, a mask, or one of the
   shape's sentinels. Zeros are the partner's word for "ask again", which brings the card itself, unless the
   shape names them under `sentinels:`. Where a token stands already there is nothing to ask for.
2. A booking of which another place of the message has the card data does not ask there.
3. What stands in the number's place is written over only where the shape shows the alias or digits there, and
   only where it is empty, or a mask that shows the card's last four digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.cards.card import Left
from gateway.cards.hint import Hint, hint_of
from gateway.codecs.document import Document, Node
from gateway.secret import Secret
from gateway.stages.card_place import CardPlace, read_expiry
from gateway.stages.reading import BookingPlace
from gateway.stages.select import cards_of
from gateway.vault.model import Carried

_NO_CARD: Final = frozenset({None, Left.EMPTY, Left.MASK, Left.SENTINEL})


def mark_asking(bookings: Sequence[BookingPlace]) -> None:
    """Sets `asks` of those that ask."""
    brings = {booking.node for booking in bookings if booking.has_card_data}
    for booking in bookings:
        booking.asks = (
            not booking.stray
            and booking.booking.booking_id is not None
            and booking.node not in brings
            and all(map(_is_none, booking.cards))
        )
        brings |= {booking.node} if booking.asks else set()


def _is_none(place: CardPlace) -> bool:
    named = place.left is Left.ZEROS and place.text.reveal() in place.shape.sentinels
    return place.left_alone and (place.left in _NO_CARD or named)


def hints_of(document: Document, booking: BookingPlace) -> tuple[Hint, ...]:
    """What stands in the places of the booking's cards, in their order."""
    return tuple(_hint(document, place) for place in booking.cards)


def _hint(document: Document, place: CardPlace) -> Hint:
    if place.left is not Left.MASK:
        return Hint()
    expiry, _ = read_expiry(document, place.shape, place.node)
    return hint_of(place.text.reveal(), expiry)


def give(document: Document, booking: BookingPlace, found: Sequence[Carried]) -> None:
    """Puts what the booking gets again into it."""
    if booking.shape is None:
        return
    nodes = cards_of(document, booking.shape, booking.node)
    alone = len(found) == 1
    booking.carried = []
    for n, one in enumerate(found):
        stood = None if one.hint is None else booking.cards[one.hint]
        if stood is None and alone and len(booking.cards) == 1:
            (stood,) = booking.cards
        node = booking.node
        if stood is not None:
            node = stood.node
        elif nodes and (alone or len(nodes) == len(found)):
            node = nodes[n]
        shape = stood.shape if stood is not None else booking.shape
        booking.carried.append(
            CardPlace(
                shape,
                node,
                None if stood is None else _written(stood, one),
                (),
                Secret(""),
                n + 1,
                card=one.card,
                token=one.token,
                digits=one.digits if shape.show == "digits" else None,
            )
        )


def _written(stood: CardPlace, one: Carried) -> Node | None:
    """The number's place, where the alias, or the digits, take it."""
    takes = stood.left is Left.EMPTY or one.hint is not None
    shows = stood.shape.show == "alias" or (stood.shape.show == "digits" and one.digits is not None)
    return stood.number if shows and takes else None
