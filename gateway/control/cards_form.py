"""The bodies of the calls about cards, read strictly: no model of a library ever holds a card.

    POST   {"number", "expiration_month", "expiration_year", "holder"?, "security_code"?, "product"?,
            "booking"?: {"system", "hotel"?, "id"?, "departure"?,
                         "virtual"?: {"active_from"?, "active_until"?, "balance"?}}}
    PATCH  {"expiration_month", "expiration_year"}

What is wrong is told by the field's place, in words of ours. Nothing of a body is ever in an error.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from gateway.cards import expiry as expiries
from gateway.cards.card import Booking, Card, Virtual
from gateway.cards.expiry import Expiry
from gateway.cards.pan import digits_of
from gateway.cards.scan import find_cards
from gateway.charges.virtual import is_sum
from gateway.config_values import parse_name
from gateway.errors import MessageMalformed, RequestInvalid
from gateway.processors.currency import EXPONENTS
from gateway.recapture.reading import parse
from gateway.secret import Secret

LONGEST: Final = 100  # characters of a name, a hotel, a booking number
_EXPIRY: Final = ("expiration_month", "expiration_year")
_CARD: Final = {"number", *_EXPIRY, "holder", "security_code", "product", "booking"}
_BOOKING: Final = {"system", "hotel", "id", "departure", "virtual"}
_VIRTUAL: Final = {"active_from", "active_until", "balance", "currency"}
_CODE: Final = re.compile(r"[0-9]{3,4}")

Json = Any  # what JSON may be


@dataclass(frozen=True, slots=True)
class CardForm:
    """A card to be added; `request` is what an Idempotency-Key stands for: all of it but the security
    code, which may not be kept longer than its product holds it, not even as a keyed hash.
    """

    card: Card
    product: str | None
    booking: Booking | None
    request: Secret[bytes]


def read_card(body: bytes) -> CardForm:
    """The body of POST. Raises RequestInvalid."""
    fields = Fields(body)
    said = fields.of("", _CARD)
    digits = fields.digits("number")
    expiry = fields.expiry()
    holder = fields.text("holder") if "holder" in said else None
    code = fields.code() if "security_code" in said else None
    product = fields.name("product") if "product" in said else None
    booking = fields.booking() if "booking" in said else None
    fields.check()
    card = Card(
        Secret(digits),
        expiry,
        None if holder is None else Secret(holder),
        None if code is None else Secret(code),
    )
    return CardForm(card, product, booking, _canonical(said))


def read_expiry(body: bytes) -> tuple[Expiry, Secret[bytes]]:
    """The body of PATCH, and what an Idempotency-Key stands for. Raises RequestInvalid."""
    fields = Fields(body)
    said = fields.of("", set(_EXPIRY))
    expiry = fields.expiry()
    fields.check()
    return expiry, _canonical(said)


def read_booking(system: str | None, hotel: str | None, booking: str | None) -> Booking:
    """The booking that a query names. Raises RequestInvalid."""
    said = {"system": system, "hotel": hotel, "booking": booking}
    fields = Fields.of_query({name: value for name, value in said.items() if value is not None})
    named = Booking(
        fields.name("system"),
        fields.text("hotel") if hotel is not None else None,
        fields.text("booking"),
    )
    fields.check()
    return named


class Fields:
    """Reads field by field, and collects what is wrong with each: `check` raises it all at once.
    What stands for a field that is wrong is never used.
    """

    def __init__(self, body: bytes) -> None:
        said = None
        with contextlib.suppress(MessageMalformed):
            said = parse(body)
        if not isinstance(said, dict):
            raise RequestInvalid([_wrong("body", "", "not_a_json_object")])
        self._said: Mapping[str, Json] = said
        self._where = "body"
        self._wrong: list[dict[str, str]] = []

    @classmethod
    def of_query(cls, said: Mapping[str, str]) -> Fields:
        """The same for the parameters of a query."""
        fields = cls(b"{}")
        fields._said, fields._where = said, "query"
        return fields

    def check(self) -> None:
        """Raises RequestInvalid if anything was wrong."""
        if self._wrong:
            raise RequestInvalid(self._wrong)

    def of(self, path: str, known: set[str]) -> Mapping[str, Json]:
        """The object at `path`, whose fields are among `known`. Others are not named: that would
        repeat what was sent."""
        said = self._at(path) if path else self._said
        if not isinstance(said, dict):
            self._note(path, "not_an_object")
            return {}
        if not said.keys() <= known:
            self._note(path, "unknown_field")
        return said

    def canonical(self) -> bytes:
        """What an Idempotency-Key stands for: all that was sent."""
        return json.dumps(dict(self._said), sort_keys=True).encode("ascii")

    def text(self, path: str) -> str:
        """A line of text without a card number in it: it is shown, and some of it is not sealed."""
        value = self._at(path)
        if not isinstance(value, str):
            self._note(path, "missing" if value is None else "not_a_text")
        elif not 1 <= len(value) <= LONGEST or not value.isprintable() or value != value.strip():
            self._note(path, "not_a_line")
        elif find_cards(value.encode()):
            self._note(path, "card_number")
        else:
            return value
        return ""

    def name(self, path: str) -> str:
        """A name as gateway.yaml has them."""
        value = self.text(path)
        if value:
            try:
                return parse_name(value)
            except ValueError:
                self._note(path, "not_a_name")
        return ""

    def currency(self, path: str) -> str:
        """A currency's code, as ISO 4217 lists it."""
        value = self.text(path)
        if value and value not in EXPONENTS:
            self._note(path, "not_a_currency")
        return value

    def digits(self, path: str) -> str:
        """A card's number, by the rules of a number in a message."""
        value = self._at(path)
        digits = digits_of(value) if isinstance(value, str) else None
        if digits is None or not digits.strip("0"):
            self._note(path, "missing" if value is None else "number_invalid")
            return ""
        return digits

    def code(self) -> str:
        """A security code."""
        value = self._at("security_code")
        if isinstance(value, str) and _CODE.fullmatch(value):
            return value
        self._note("security_code", "not_a_security_code")
        return ""

    def expiry(self) -> Expiry:
        """Month and year."""
        parts = [self._at(name) for name in _EXPIRY]
        for name, part in zip(_EXPIRY, parts, strict=True):
            if not isinstance(part, str):
                self._note(name, "missing" if part is None else "not_a_text")
        if all(isinstance(part, str) for part in parts):
            found = expiries.from_fields(*parts)
            if found is not None:
                return found
            self._note(_EXPIRY[0], "expiry_invalid")
        return Expiry(2000, 1)

    def booking(self) -> Booking:
        """The booking that the card came with."""
        said = self.of("booking", _BOOKING)
        if not isinstance(self._at("booking"), dict):
            return Booking("")
        virtual = None
        if "virtual" in said:
            stated = self.of("booking.virtual", _VIRTUAL)
            virtual = self._virtual(stated)
        booking = Booking(self.name("booking.system"), virtual=virtual)
        if "hotel" in said:
            booking = replace(booking, hotel=self.text("booking.hotel"))
        if "id" in said:
            booking = replace(booking, booking_id=self.text("booking.id"))
        if "departure" in said:
            booking = replace(booking, departure=self._date("booking.departure"))
        return booking

    def _virtual(self, stated: Mapping[str, Json]) -> Virtual:
        """What is not understood here would not be checked when the card is charged."""
        at = "booking.virtual."
        first = self._date(f"{at}active_from") if "active_from" in stated else None
        last = self._date(f"{at}active_until") if "active_until" in stated else None
        if first is not None and last is not None and last < first:
            self._note(f"{at}active_until", "before_active_from")
        balance = self.text(f"{at}balance") if "balance" in stated else None
        if balance and not is_sum(balance):
            self._note(f"{at}balance", "not_a_sum")
        currency = self.currency(f"{at}currency") if "currency" in stated else None
        return Virtual(first, last, balance, currency)

    def _date(self, path: str) -> date | None:
        value = self._at(path)
        with contextlib.suppress(ValueError):
            if isinstance(value, str) and len(value) == len("2026-01-31"):
                return date.fromisoformat(value)
        self._note(path, "not_a_date")
        return None

    def _at(self, path: str) -> Json:
        found: Json = self._said
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def _note(self, path: str, problem: str) -> None:
        self._wrong.append(_wrong(self._where, path, problem))


def _wrong(where: str, name: str, problem: str) -> dict[str, str]:
    return {"in": where, "name": name, "problem": problem}


def _canonical(said: Mapping[str, Json]) -> Secret[bytes]:
    rest = {name: value for name, value in said.items() if name != "security_code"}
    return Secret(json.dumps(rest, sort_keys=True).encode("ascii"))
