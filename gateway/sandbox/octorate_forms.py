"""What the simulated Octorate's Add Card takes: JSON, every name known, every value looked at.

    {"reservationId": 900103,
     "card": {"number": "4111111111111111", "expiryMonth": "12", "expiryYear": "2030",
              "holder": "Ada Example", "cvv": "123", "cardVirtual": false}}

`cvv` and `cardVirtual` may be missing. The names are assumed: Octorate tells them to those whom it
has let in. What is wrong is named by its path; a card's value is never repeated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from gateway.sandbox.cards import is_past, luhn_fits

_MONTH: Final = re.compile(r"0[1-9]|1[0-2]")
_YEAR: Final = re.compile(r"20[0-9]{2}")
_NUMBER: Final = re.compile(r"[0-9]{12,19}")
_CODE: Final = re.compile(r"[0-9]{3,4}")
_HOLDER: Final = re.compile(r".{2,60}")


@dataclass(frozen=True, slots=True)
class AddedCard:
    """A card for a reservation, as it was sent."""

    reservation: int
    number: str = field(repr=False)
    month: str
    year: str
    holder: str = field(repr=False)
    code: str | None = field(repr=False)
    virtual: bool


class AddCardWrong(Exception):
    """What is wrong with an Add Card: the paths of its members."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__("the body is not what Add Card takes")
        self.paths = paths


def read_added_card(body: bytes, today: date) -> AddedCard:
    """The card of an Add Card. Raises AddCardWrong with everything that is wrong."""
    try:
        said = json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise AddCardWrong(["$"]) from None
    if not isinstance(said, dict) or not isinstance(card := said.get("card"), dict):
        raise AddCardWrong(["$.card"])
    checks: dict[str, Callable[[Any], bool]] = {
        "number": lambda it: _fits(_NUMBER, it) and luhn_fits(it),
        "expiryMonth": lambda it: _fits(_MONTH, it),
        "expiryYear": lambda it: _fits(_YEAR, it),
        "holder": lambda it: _fits(_HOLDER, it),
        "cvv": lambda it: it is None or _fits(_CODE, it),
        "cardVirtual": lambda it: it is None or isinstance(it, bool),
    }
    wrong = [f"$.card.{name}" for name, fits in checks.items() if not fits(card.get(name))]
    wrong += [f"$.{name}" for name in sorted(set(said) - {"reservationId", "card"})]
    wrong += [f"$.card.{name}" for name in sorted(set(card) - set(checks))]
    if type(said.get("reservationId")) is not int:  # True is an int too
        wrong.append("$.reservationId")
    if not wrong and is_past(int(card["expiryMonth"]), int(card["expiryYear"]), today):
        wrong.append("$.card.expiryYear")
    if wrong:
        raise AddCardWrong(wrong)
    return AddedCard(
        said["reservationId"], card["number"], card["expiryMonth"], card["expiryYear"],
        card["holder"], card.get("cvv"), card.get("cardVirtual") or False,
    )  # fmt: skip


def _fits(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    del name
    raise ValueError("NaN and Infinity are no JSON")
