"""Why a card got no token, told to people, and what they can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.cards.card import Failure


@dataclass(frozen=True, slots=True)
class Advice:
    """`reason` goes on a sentence, `action` is one."""

    reason: str
    action: str


_SHAPE: Final = "Mend the route's shape: card-gateway rules explain shows what it reads."

ADVICE: Final[Mapping[Failure, Advice]] = MappingProxyType(
    {
        Failure.NUMBER_INVALID: Advice(
            "the number is not 12 to 19 digits", "Ask the guest for another card."
        ),
        Failure.EXPIRY_INVALID: Advice(
            "the expiry can not be read with the shape's `as:`",
            "Where the partner always spells it so, name that spelling in the shape; else ask the"
            " guest for another card.",
        ),
        Failure.CVC_MISSING: Advice(
            "the shape wants a security code and there is none",
            "Ask the guest for the card, or take `required` (shape) or `cvc_required` (product) away.",
        ),
        Failure.TEST_NUMBER: Advice(
            "it is a published test number and its product is live",
            "Ask the guest for another card; for a test, use a product in test mode.",
        ),
        Failure.HOTEL_UNKNOWN: Advice(
            "no product is known for the booking's hotel", "Map the hotel in gateway.yaml."
        ),
        Failure.CARD_MALFORMED: Advice(
            "a list or text stands where the card's fields should", _SHAPE
        ),
        Failure.OUTSIDE_BOOKING: Advice(
            "it has a card's name, but no booking's path leads to it", _SHAPE
        ),
        Failure.PRODUCT_NOT_PERMITTED: Advice(
            "its product is not among those of the caller's key",
            "Give the key that product, or map the hotel to another one.",
        ),
        Failure.VAULT: Advice(
            "what the vault has stored of it does not open",
            "Restore the vault's database from a backup.",
        ),
    }
)
UNKNOWN: Final = Advice("another version of the gateway knows why", "Look there.")


def advice(code: str) -> Advice:
    """What is known of a failure by its code."""
    return ADVICE[Failure(code)] if code in set(Failure) else UNKNOWN
