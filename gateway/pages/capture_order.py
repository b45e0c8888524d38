"""What a capture link asks a guest for, as its client ordered it; it is sealed with the link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from gateway.cards.card import Card
from gateway.cards.expiry import write
from gateway.cards.pan import brand_of, mask
from gateway.cards.token import Token

Json = Any  # what JSON may be


class Profile(StrEnum):
    """Which fields are asked for."""

    CVC = "cvc"  # the security code of a card that is there
    CARD = "card"
    CARD_AND_ADDRESS = "card_and_address"  # as Expedia Rapid and BookingSync want it


@dataclass(frozen=True, slots=True)
class KnownCard:
    """A card as a guest may see it: `444433******1111`, visa."""

    token: str
    mask: str
    brand: str


@dataclass(frozen=True, slots=True)
class Order:
    """`card` only for CVC; `recapture`: the card goes to Expedia Rapid, in place of one that failed."""

    profile: Profile
    return_url: str | None = None
    departure: date | None = None
    card: KnownCard | None = None
    recapture: str | None = None

    def json(self) -> dict[str, Json]:
        """As it is sealed."""
        card = self.card
        return {
            "profile": self.profile.value,
            "return_url": self.return_url,
            "departure": None if self.departure is None else self.departure.isoformat(),
            "card": None if card is None else [card.token, card.mask, card.brand],
            "recapture": self.recapture,
        }

    @classmethod
    def of(cls, said: Mapping[str, Json]) -> Order:
        """Reads back what `json` wrote."""
        departure, card = said["departure"], said["card"]
        return cls(
            Profile(said["profile"]),
            said["return_url"],
            None if departure is None else date.fromisoformat(departure),
            None if card is None else KnownCard(*card),
            said["recapture"],
        )


def result_of(token: Token, card: Card) -> dict[str, Json]:
    """What came of a link, as its client is told: never the number."""
    digits, expiry = card.pan.reveal(), card.expiry
    return {
        "token": token.alias,
        "mask": mask(digits),
        "brand": brand_of(digits),
        "expiration_month": None if expiry is None else write(expiry, "MM"),
        "expiration_year": None if expiry is None else write(expiry, "YYYY"),
    }
