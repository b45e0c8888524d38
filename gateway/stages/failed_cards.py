"""Which cards of a message got no token, and why: told to the caller, and kept beside an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.cards.card import Failure
from gateway.stages.reading import BookingPlace
from gateway.vault.answer import FailedCard


def failed_cards(bookings: Sequence[BookingPlace]) -> Iterator[FailedCard]:
    """In the message's order; bookings count as in `rules explain`. To be called once the vault has
    answered: a card without a token has failed."""
    for number, booking in enumerate((one for one in bookings if one.is_counted), 1):
        for place in booking.cards:
            if not place.left_alone and place.token is None:
                code = (place.failure or Failure.VAULT).value
                yield FailedCard(0 if booking.outside else number, place.position, code)
