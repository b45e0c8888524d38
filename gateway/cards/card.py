"""A card as it was read out of a message, and why one could not be kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from gateway.cards.expiry import Expiry
from gateway.secret import Secret


class Failure(StrEnum):
    """Why a card got no token. The values are stable; a rule's `errors:` maps them to a partner's."""

    NUMBER_INVALID = "number_invalid"
    EXPIRY_INVALID = "expiry_invalid"
    CVC_MISSING = "cvc_missing"
    TEST_NUMBER = "test_number"
    HOTEL_UNKNOWN = "hotel_unknown"
    CARD_MALFORMED = "card_malformed"
    OUTSIDE_BOOKING = "outside_booking"
    PRODUCT_NOT_PERMITTED = "product_not_permitted"
    VAULT = "vault"


class Left(StrEnum):
    """Why a number's place holds no clear card, so that it is left as it is."""

    EMPTY = "empty"
    MASK = "mask"  # `411111******1111`, `****`; fewer digits than a card has, among letters
    ZEROS = "zeros"  # the partner failed to read the card, and wants to be asked again
    SENTINEL = "sentinel"  # one of the shape's own
    OURS = "ours"  # a token of ours
    FOREIGN = "foreign"  # a token of the partner's own, where the shape says that one stands


@dataclass(frozen=True, slots=True)
class Card:
    """Card data in clear. `pan` is 12 to 19 digits; whoever builds one has checked that."""

    pan: Secret[str]
    expiry: Expiry | None
    holder: Secret[str] | None = None
    cvc: Secret[str] | None = None


@dataclass(frozen=True, slots=True)
class Virtual:
    """What a message says about a virtual card; None where it says nothing. `balance_at`: when it said
    this balance for the first time; what was charged before is taken off it already.
    """

    active_from: date | None = None
    active_until: date | None = None
    balance: str | None = None  # in units of its currency, as it was written
    currency: str | None = None
    balance_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Booking:
    """The booking that a card came with; what belongs to the link between the two."""

    system: str
    hotel: str | None = None
    booking_id: str | None = None
    departure: date | None = None
    virtual: Virtual | None = None
