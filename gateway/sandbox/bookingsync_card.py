"""How the simulated BookingSync checks an instant booking: what must be there, and the card.

Errors are what it answers with a 422: an attribute, and a list of texts. "can't be blank", "number -
is not a valid credit card number" and "authorization declined" are published; the other texts of
`credit_card` are those of ActiveMerchant, whose wording the published one is. Values may be JSON
numbers or strings: the document shows both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from gateway.sandbox.cards import brand, is_past, luhn_fits

Json = dict[str, Any]  # what comes in and goes out as JSON

APPROVED: Final = "4111111111111111"
DECLINED: Final = "4111111111111112"
GATEWAY_FAILURE: Final = "4111111111111113"
TEST_NUMBERS: Final = frozenset({APPROVED, DECLINED, GATEWAY_FAILURE})  # two of them fail Luhn

# In the document's order.
REQUIRED: Final = (
    "tentative_payment_id", "card_number", "cardholder_name", "expires_at_month",
    "expires_at_year", "security_code", "address1", "zip", "city", "country_code", "gateway_id",
    "gateway_name", "gateway_type",
)  # fmt: skip
_YEARS_AHEAD: Final = 20


class BookingRefused(Exception):
    """A 422: attribute → what is wrong with it."""

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__(", ".join(errors))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class InstantCard:
    """A card that passed the checks: the text of each field as it was sent, spaces removed."""

    number: str = field(repr=False)
    month: str
    year: str
    cvc: str = field(repr=False)
    holder: str = field(repr=False)


def text_of(value: object) -> str:
    """A string or a JSON number as text; empty for anything else, which nothing accepts."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def check_present(form: Mapping[str, Any]) -> None:
    """Raises BookingRefused that names every required attribute which is blank."""
    blank = [name for name in REQUIRED if not text_of(form.get(name)).strip()]
    if blank:
        raise BookingRefused({name: ["can't be blank"] for name in blank})


def read_card(form: Mapping[str, Any], today: date) -> InstantCard:
    """The card of a form in which nothing is blank. Raises BookingRefused with all that is wrong."""
    card = InstantCard(
        number=re.sub(r"[ -]", "", text_of(form["card_number"])),
        month=text_of(form["expires_at_month"]),
        year=text_of(form["expires_at_year"]),
        cvc=text_of(form["security_code"]),
        holder=text_of(form["cardholder_name"]),
    )
    wrong = [*_wrong_expiry(card, today), *_wrong_code(card), *_wrong_number(card)]
    if wrong:
        raise BookingRefused({"credit_card": wrong})
    return card


def _wrong_number(card: InstantCard) -> list[str]:
    if card.number in TEST_NUMBERS:
        return []
    if re.fullmatch(r"[0-9]{12,19}", card.number) and luhn_fits(card.number):
        return []
    return ["number - is not a valid credit card number"]


def _wrong_expiry(card: InstantCard, today: date) -> list[str]:
    month = int(card.month) if re.fullmatch(r"[0-9]{1,2}", card.month) else 0
    year = int(card.year) if re.fullmatch(r"[0-9]{4}", card.year) else 0
    if not 1 <= month <= 12:
        return ["month - is not a valid month"]
    if not year or year > today.year + _YEARS_AHEAD:
        return ["year - is not a valid year"]
    return ["year - expired"] if is_past(month, year, today) else []


def _wrong_code(card: InstantCard) -> list[str]:
    digits = 4 if brand(card.number) == "amex" else 3
    if re.fullmatch(rf"[0-9]{{{digits}}}", card.cvc):
        return []
    return [f"verification_value - should be {digits} digits"]
