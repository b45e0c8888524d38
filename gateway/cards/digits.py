"""A token that has the form of a card's number, for systems that keep nothing else in its place.

Digits only, as many as the number has, the last four its own. Two things tell it from every PAN:

1. It begins with 99. ISO/IEC 7812-1 gives numbers that begin with 9 to national bodies, told by the
   country's code (ISO 3166-1, three digits) that follows; codes from 900 are nobody's.
2. Its check digit is wrong (Luhn), so that no check of a number takes it for one.

What stands between is drawn: ten digits of sixteen. docs/decisions/0017-digits-tokens.md says why.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.cards import pan

_LEAD: Final = "99"
_BIN: Final = 6


@dataclass(frozen=True, slots=True)
class DigitsToken:
    """One card of one product, shown as digits. `text` is a credential: never log it."""

    text: str = field(repr=False)


def parse_digits(text: str) -> DigitsToken | None:
    """The token that `text` may be, in groups or not; None when it has not the form of one."""
    digits = pan.digits_of(text)
    if digits is None or not digits.startswith(_LEAD) or pan.luhn_ok(digits):
        return None
    return DigitsToken(digits)


def draw_digits(number: str, *, random: Callable[[int], int] = secrets.randbelow) -> DigitsToken:
    """A fresh one for a number of 12 to 19 digits; `random` gives one of so many, each as likely.

    The vault makes sure that it is free. Another is drawn where its check digit is right, or where it
    begins like the number: one that is no PAN may begin with 99.
    """
    last4, drawn = number[-4:], len(number) - len(_LEAD) - 4
    while True:
        text = f"{_LEAD}{random(10**drawn):0{drawn}d}{last4}"
        if not pan.luhn_ok(text) and text[:_BIN] != number[:_BIN]:
            return DigitsToken(text)
