"""One record of a file: a card with its old token, or why it is none. Pure; nothing of it is told."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from gateway.access.products import Product
from gateway.cards import expiry as expiries
from gateway.cards.card import Booking, Card, Failure
from gateway.cards.expiry import Expiry
from gateway.cards.pan import digits_of, luhn_ok
from gateway.cards.scan import find_cards
from gateway.cards.token import OldToken, parse_alias, parse_old
from gateway.config_values import parse_name
from gateway.secret import Secret
from gateway.vault.model import NewCard
from gateway.vault.old_tokens import OldCard

# Told apart by their form. `YYMM` and `MMYY` are not: 1211 may be either.
_SPELLINGS: Final = ("YYYY-MM", "MM/YY", "MM/YYYY", "YYYY/MM", "MM-YYYY", "YYYY-MM-DD")
_LONGEST: Final = 256


class Code(StrEnum):
    """Why a line is refused. The values are stable."""

    ROW_MALFORMED = "row_malformed"
    NUMBER_INVALID = "number_invalid"
    TEST_NUMBER = "test_number"
    EXPIRY_INVALID = "expiry_invalid"
    TOKEN_INVALID = "token_invalid"  # noqa: S105  # a code
    TOKEN_HOLDS_NUMBER = "token_holds_number"  # noqa: S105
    TOKEN_OF_ANOTHER_CARD = "token_of_another_card"  # noqa: S105
    HOLDER_INVALID = "holder_invalid"
    BOOKING_INVALID = "booking_invalid"
    DEPARTURE_INVALID = "departure_invalid"
    LUHN = "luhn"  # flagged only: the card is imported


@dataclass(frozen=True, slots=True)
class Row:
    """A line that is a card. `doubtful`: its check digit is wrong, as of a number with a typing error."""

    line: int
    card: OldCard
    doubtful: bool


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A line that is none."""

    line: int
    code: Code


def read_row(
    line: int, fields: Mapping[str, str] | None, product: Product, system: str
) -> Row | RefusedRow:
    """Reads a record for `product`; `system` is that of bookings that name none."""
    if fields is None:
        return RefusedRow(line, Code.ROW_MALFORMED)
    said = {name: text.strip() for name, text in fields.items() if text.strip()}
    try:
        card = _card(said, product)
        old = _token(said, card.pan)
        booking = _booking(said, system)
    except _Wrong as wrong:
        return RefusedRow(line, wrong.code)
    new = NewCard(product.name, product.test, card, booking)
    return Row(line, OldCard(old, new), not luhn_ok(card.pan.reveal()))


class _Wrong(Exception):
    def __init__(self, code: Code) -> None:
        super().__init__(code.value)
        self.code = code


def _card(said: Mapping[str, str], product: Product) -> Card:
    digits = digits_of(said.get("pan", ""))
    if digits is None or not digits.strip("0"):
        raise _Wrong(Code.NUMBER_INVALID)
    expiry = _expiry(said)
    if expiry is None:
        raise _Wrong(Code.EXPIRY_INVALID)
    holder = said.get("holder")
    if holder is not None and not _is_line(holder):
        raise _Wrong(Code.HOLDER_INVALID)
    card = Card(Secret(digits), expiry, None if holder is None else Secret(holder))
    if product.refuses(card) is Failure.TEST_NUMBER:
        raise _Wrong(Code.TEST_NUMBER)
    return card


def _expiry(said: Mapping[str, str]) -> Expiry | None:
    if "expiry" not in said:
        return expiries.from_fields(said.get("expiry_month", ""), said.get("expiry_year", ""))
    found = (expiries.parse(said["expiry"], spelling) for spelling in _SPELLINGS)
    return next((one for one in found if one is not None), None)


def _token(said: Mapping[str, str], pan: Secret[str]) -> OldToken:
    old = parse_old(said.get("token", ""), said.get("token_user"))
    if old is None or parse_alias(old.text) is not None:
        raise _Wrong(Code.TOKEN_INVALID)
    # It is written into the map, and PMSs keep it in clear.
    if pan.reveal() in "".join(sign for sign in old.text if sign.isdigit()):
        raise _Wrong(Code.TOKEN_HOLDS_NUMBER)
    return old


def _booking(said: Mapping[str, str], system: str) -> Booking | None:
    departure = _date(said.get("departure"))
    if not said.keys() & {"system", "hotel", "booking", "departure"}:
        return None
    texts = [said[name] for name in ("hotel", "booking") if name in said]
    named = said.get("system", system)
    try:
        parse_name(named)
    except ValueError:
        named = ""
    if not named or find_cards(named.encode()) or not all(map(_is_line, texts)):
        raise _Wrong(Code.BOOKING_INVALID)
    made = Booking(named, said.get("hotel"), said.get("booking"))
    return replace(made, departure=departure)


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        if len(text) == len("2026-01-31"):
            return date.fromisoformat(text)
    raise _Wrong(Code.DEPARTURE_INVALID)


def _is_line(text: str) -> bool:
    """A line that may be shown: no card's number is in it."""
    return len(text) <= _LONGEST and text.isprintable() and not find_cards(text.encode())
