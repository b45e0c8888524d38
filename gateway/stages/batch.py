"""What one message brings to the vault."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from gateway.audit import Entry, Outcome
from gateway.cards.card import Failure
from gateway.codecs.document import Document
from gateway.heap import discard
from gateway.rules.model import Tokenize
from gateway.stages.card_place import CardPlace
from gateway.stages.reading import BookingPlace
from gateway.vault.model import NewCard


class Batch:
    """What one message brings to the vault: cards, their places, and what the audit says of each."""

    __slots__ = ("bookings", "cards", "document", "done", "failed", "places", "rule", "size")

    def __init__(
        self, document: Document, rule: Tokenize, bookings: list[BookingPlace], size: int
    ) -> None:
        """`size`: bytes of the message."""
        self.document, self.rule, self.size = document, rule, size
        self.bookings = bookings
        self.cards: list[NewCard] = []
        self.places: list[CardPlace] = []
        self.done: list[Entry] = []
        self.failed: list[Entry] = []

    def forget(self) -> None:
        """Frees all of it. To be called in a thread, for a big message."""
        discard(self.bookings, self.cards, self.places, self.done, self.failed)

    def rename(self, exchange: str) -> None:
        """The exchange has got another id."""
        self.done = [replace(entry, exchange=exchange) for entry in self.done]
        self.failed = [replace(entry, exchange=exchange) for entry in self.failed]

    def without(self, damaged: Collection[int]) -> None:
        """Cards whose stored record does not open fail; the others are kept."""
        for which in damaged:
            self.fail(which, Failure.VAULT)
        sound = [which for which in range(len(self.cards)) if which not in damaged]
        self.cards = [self.cards[which] for which in sound]
        self.places = [self.places[which] for which in sound]
        self.done = [self.done[which] for which in sound]

    def fail(self, which: int, failure: Failure) -> None:
        """The card gets no token, for a reason that the vault has."""
        self.places[which].failure = failure
        entry = replace(self.done[which], outcome=Outcome.FAILED, detail=failure.value)
        self.failed.append(entry)
