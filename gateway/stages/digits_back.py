"""Tokens of digits that come back in a message whose cards are taken out. Pure.

A system that shows a card by its token sends that token wherever it would send a number. Nothing but the
vault can tell one from a number that somebody mistyped: what it does not know is a card.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gateway.cards.card import Left
from gateway.cards.digits import DigitsToken, parse_digits
from gateway.stages.card_place import CardPlace
from gateway.stages.reading import BookingPlace


@dataclass(frozen=True, slots=True)
class CameBack:
    """A place whose number has the form of a token of digits."""

    place: CardPlace
    token: DigitsToken = field(repr=False)


def came_back(bookings: Sequence[BookingPlace]) -> list[CameBack]:
    """The places of a message that may hold one."""
    found = []
    for booking in bookings:
        for place in booking.cards:
            # Hardly any number begins so: the rest is looked at for those alone.
            if place.left_alone or not place.text.reveal().lstrip(" -\u00a0\t\r\n").startswith("9"):
                continue
            token = parse_digits(place.text.reveal())
            if token is not None:
                found.append(CameBack(place, token))
    return found


def leave(found: Iterable[CameBack]) -> None:
    """They hold tokens of ours: no card was found there, and none failed."""
    for one in found:
        one.place.card = one.place.failure = None
        one.place.left = Left.OURS
