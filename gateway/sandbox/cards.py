"""Test cards: the published numbers the scenarios use, and as many more as a bench wants.

Written apart from `gateway.cards` on purpose: a simulator that shared the product's code would
share its mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

VISA: Final = "4444333322221111"
VISA_TWO: Final = "4111111111111111"
MASTERCARD: Final = "5555555555554444"
AMEX: Final = "378282246310005"

# 400000 is the BIN that card schemes leave to testing: no bank issues from it, and yet it has a
# Visa's prefix and length, so that whatever looks for card numbers finds these.
_TEST_BIN: Final = "400000"
_FIRST: Final = 100_000_000  # above every special number of the processors' documents
MOST: Final = 800_000_000


@dataclass(frozen=True, slots=True)
class TestCard:
    """A card as OTA messages spell it: `code` of the OTA code list, `expiry` MMYY, `series` the CVC."""

    __test__ = False  # its name is the field's, not a test's

    number: str = field(repr=False)
    code: str = "VI"
    expiry: str = "1230"
    holder: str = "Bruce Wayne"
    series: str = ""


def luhn_digit(body: str) -> str:
    """The check digit that makes `body` plus itself valid (ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, sign in enumerate(reversed(body)):
        doubled = int(sign) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def luhn_fits(number: str) -> bool:
    """Whether `number` is digits and ends in its check digit."""
    return number.isascii() and number.isdigit() and luhn_digit(number[:-1]) == number[-1]


def generated(index: int) -> str:
    """The `index`-th generated number: 16 digits, Luhn-valid, always the same, never issued.

    Raises ValueError unless 0 <= index < MOST.
    """
    if not 0 <= index < MOST:
        raise ValueError("no such generated card")
    body = f"{_TEST_BIN}{_FIRST + index}"
    return body + luhn_digit(body)


def brand(number: str) -> str:
    """The scheme as Stripe names it, by prefix."""
    for name, prefixes in (
        ("amex", ("34", "37")),
        ("mastercard", ("51", "52", "53", "54", "55", "22", "23", "24", "25", "26", "27")),
        ("discover", ("6011", "65")),
        ("jcb", ("35",)),
        ("diners", ("30", "36", "38")),
        ("unionpay", ("62",)),
        ("visa", ("4",)),
    ):
        if number.startswith(prefixes):
            return name
    return "unknown"


def is_past(month: int, year: int, today: date) -> bool:
    """Whether a card that is good through the end of month/year has expired on `today`."""
    return (year, month) < (today.year, today.month)
