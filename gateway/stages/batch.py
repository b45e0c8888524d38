"""What one message brings to the vault."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from gateway.audit import Entry, Outcome
from gateway.cards.card import Failure
from gateway.codecs.document import Document
from gateway.heap import discard
from gateway.rules.model_directions import Tokenize
from gateway.stages.card_place import CardPlace
from gateway.stages.reading import BookingPlace
from gateway.vault.model import Carry, NewCard


class Batch:
    """What one message brings to the vault: cards, their places, and what the audit says of each."""

    __slots__ = (
        "asking", "bookings", "cards", "carries", "document", "done", "failed", "places", "rule",
        "size",
    )  # fmt: skip

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
        self.carries: list[Carry] = []  # of the bookings that ask for their last tokens,
        self.asking: list[BookingPlace] = []  # in the same order

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to ask the vault for, or to write there."""
        return not (self.cards or self.failed or self.carries)

    @property
    def has_tokens(self) -> bool:
        """Whether cards came, or tokens went out again; once the vault has answered."""
        return bool(self.cards or self.failed or any(one.carried for one in self.asking))

    def forget(self) -> None:
        """Frees all of it. To be called in a thread, for a big message."""
        discard(self.bookings, self.cards, self.places, self.done, self.failed)
        discard(self.carries, self.asking)

    def rename(self, exchange: str) -> None:
        """The exchange has got another id."""
        self.done = [replace(entry, exchange=exchange) for entry in self.done]
        self.failed = [replace(entry, exchange=exchange) for entry in self.failed]
        self.carries = [
            replace(one, entry=replace(one.entry, exchange=exchange)) for one in self.carries
        ]

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
