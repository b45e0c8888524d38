"""What one message brings to the vault."""

from __future__ import annotations

from dataclasses import replace

from gateway.audit import Entry, Outcome
from gateway.cards.card import Failure
from gateway.heap import discard
from gateway.stages.card_place import CardPlace
from gateway.stages.reading import BookingPlace
from gateway.vault.model import NewCard


class Batch:
    """What one message brings to the vault: cards, their places, and what the audit says of each."""

    __slots__ = ("bookings", "cards", "done", "failed", "places")

    def __init__(self, bookings: list[BookingPlace]) -> None:
        self.bookings = bookings
        self.cards: list[NewCard] = []
        self.places: list[CardPlace] = []
        self.done: list[Entry] = []
        self.failed: list[Entry] = []

    def forget(self) -> None:
        """Frees all of it. To be called in a thread, for a big message."""
        discard(self.bookings, self.cards, self.places, self.done, self.failed)

    def fail(self, which: int, failure: Failure) -> None:
        """The card gets no token, for a reason that the vault has."""
        self.places[which].failure = failure
        entry = replace(self.done[which], outcome=Outcome.FAILED, detail=failure.value)
        self.failed.append(entry)
