"""Which cards of a message got no token, as it is written down beside the answer that is kept."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.cards.card import Failure
from gateway.stages.batch import Batch
from gateway.vault.answer import FailedCard


def failed_cards(batch: Batch) -> Iterator[FailedCard]:
    """In the message's order, once the vault has answered; bookings count as in `rules explain`."""
    for number, booking in enumerate(batch.bookings, 1):
        for place in booking.cards:
            if not place.left_alone and place.token is None:
                code = (place.failure or Failure.VAULT).value
                yield FailedCard(0 if booking.stray else number, place.position, code)
