"""What a kept answer is found by: read from its message, without anything like a card in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.errors import CardDisguised, MessageForbidden
from gateway.rules.model import Inbox as Rule
from gateway.stages.batch import Batch
from gateway.stages.failed_cards import failed_cards
from gateway.stages.guard import guard_text
from gateway.vault.answer import FailedCard

_LONGEST: Final = 100  # characters
_FAILED_SHOWN: Final = 100  # where thousands fail, the first of them say why


@dataclass(frozen=True, slots=True)
class FoundBy:
    """Those fields of an `Answer` that its message says."""

    products: tuple[str, ...] = ()
    hotels: tuple[str, ...] = ()
    echo: str | None = None
    failed: int = 0
    failures: tuple[FailedCard, ...] = ()


def found_by(batch: Batch, rule: Rule | None) -> FoundBy:
    """To be called once the vault has answered: a card without a token has failed."""
    hotels = {one.booking.hotel for one in batch.bookings if one.cards or one.carried}
    failed = tuple(failed_cards(batch.bookings))
    return FoundBy(
        products=tuple(sorted(_products(batch))),
        hotels=tuple(sorted({_plain(hotel) for hotel in hotels if hotel})),
        echo=_echo(batch, rule),
        failed=len(failed),
        failures=failed[:_FAILED_SHOWN],
    )


def _products(batch: Batch) -> set[str]:
    failed = {entry.product for entry in batch.failed if entry.product}
    asked = zip(batch.carries, batch.asking, strict=True)
    carried = {carry.product for carry, booking in asked if booking.carried}
    return failed | carried | {card.product for card in batch.cards}


def _echo(batch: Batch, rule: Rule | None) -> str | None:
    """The text that an answer is found by, without anything like a card in it."""
    if rule is None or rule.echo is None:
        return None
    places = batch.document.select(rule.echo)
    if not places:
        return None
    try:
        return _plain(batch.document.text(places[0])) or None
    except MessageForbidden:
        return None


def _plain(text: str) -> str:
    try:
        return guard_text(text.strip()[:_LONGEST], {})[0]
    except CardDisguised:
        return ""
