"""The bodies that Rapid takes, looked at as strictly as its OpenAPI says: everything wrong at once.

An error is named `level.field.required` or `.invalid`, as the published ones are
(`address.country_code.invalid`, `payments.required`). A card's number and code are never repeated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from gateway.sandbox.cards import is_past, luhn_fits
from gateway.sandbox.rapid_errors import Json, invalid_input

CARD_TYPES: Final = ("customer_card", "corporate_card", "virtual_card")
_NEVER_REPEATED: Final = ("number", "security_code")
_ANY: Final = re.compile(r".+", re.DOTALL)
_SIXTY: Final = re.compile(r".{1,60}", re.DOTALL)
_REFERENCE: Final = re.compile(r"[^<>()&]{3,28}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DIGITS: Final = re.compile(r"[0-9]{1,25}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_DATE: Final = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]")

_ITINERARY: Final = frozenset(
    {"affiliate_reference_id", "hold", "email", "phone", "rooms", "payments", "affiliate_metadata",
     "tax_registration_number", "traveler_handling_instructions"}
)  # fmt: skip
_ROOM: Final = frozenset(
    {"given_name", "family_name", "smoking", "special_request", "loyalty_id", "loyalty"}
)
_PAYMENT: Final = frozenset(
    {"type", "number", "security_code", "expiration_month", "expiration_year", "billing_contact",
     "third_party_authentication", "enrollment_date"}
)  # fmt: skip
_ADDRESS: Final = frozenset(
    {"line_1", "line_2", "line_3", "city", "state_province_code", "postal_code", "country_code"}
)
_THREE_DS: Final = frozenset({"cavv", "eci", "three_ds_version", "ds_transaction_id"})
_THREE_DS_MORE: Final = frozenset(
    {"pa_res_status", "ve_res_status", "xid", "cavv_algorithm", "ucaf_indicator"}
)
_WITH_STATE: Final = ("AU", "CA", "US")
_WITH_POSTCODE: Final = ("CA", "GB", "US")


def read_itinerary(body: bytes, today: date) -> Json:
    """What POST /v3/itineraries books. Raises RapidError 400."""
    form, level = _Form(today), _object(body)
    form.known(level, "", _ITINERARY)
    form.text(level, "", "email", _EMAIL)
    form.text(level, "", "affiliate_reference_id", _REFERENCE, required=False)
    if level.get("hold", False) is not False:  # held bookings are not simulated
        form.wrong("", "hold", "invalid")
    if phone := form.level(level, "", "phone"):
        form.known(phone, "phone", frozenset({"country_code", "area_code", "number"}))
        form.text(phone, "phone", "country_code", _DIGITS)
        form.text(phone, "phone", "number", _DIGITS)
    for room in form.levels(level, "rooms"):
        form.known(room, "rooms", _ROOM)
        form.text(room, "rooms", "given_name", _SIXTY)
        form.text(room, "rooms", "family_name", _SIXTY)
    for payment in form.levels(level, "payments", what="Payment"):
        _payment(form, payment, types=(*CARD_TYPES, "affiliate_collect"), address=frozenset())
    form.finish()
    return level


def read_change(body: bytes, today: date) -> Json:
    """What PUT …/payment takes: one customer card, with a billing address. Raises RapidError 400."""
    form, level = _Form(today), _object(body)
    form.known(level, "", frozenset({"change_reference_id", "payments"}))
    form.text(level, "", "change_reference_id", _ANY)
    payments = form.levels(level, "payments", what="Payment")
    if len(payments) > 1:
        form.wrong("", "payments", "invalid")
    for payment in payments:
        _payment(form, payment, types=("customer_card",), address=frozenset({"line_1", "city"}))
    form.finish()
    return level


def _payment(form: _Form, level: Json, *, types: tuple[str, ...], address: frozenset[str]) -> None:
    form.known(level, "payments", _PAYMENT)
    kind = form.text(level, "payments", "type", re.compile("|".join(types)))
    if kind in CARD_TYPES or kind not in types:
        _card(form, level)
    form.text(level, "payments", "enrollment_date", _DATE, required=False)
    if contact := form.level(level, "payments", "billing_contact"):
        form.known(contact, "billing_contact", frozenset({"given_name", "family_name", "address"}))
        form.text(contact, "billing_contact", "given_name", _SIXTY)
        form.text(contact, "billing_contact", "family_name", _SIXTY)
        if place := form.level(contact, "billing_contact", "address"):
            _address(form, place, address)
    if "third_party_authentication" not in level:
        return
    if proof := form.level(level, "payments", "third_party_authentication"):
        form.known(proof, "third_party_authentication", _THREE_DS | _THREE_DS_MORE)
        for name in sorted(_THREE_DS):
            form.text(proof, "third_party_authentication", name, _ANY)


def _card(form: _Form, level: Json) -> None:
    number = form.text(level, "payments", "number", re.compile("[0-9]{12,19}"))
    if number and not luhn_fits(number):
        form.wrong("payments", "number", "invalid")
    form.text(level, "payments", "security_code", re.compile("[0-9]{3,4}"))
    month = form.text(level, "payments", "expiration_month", re.compile("0[1-9]|1[0-2]"))
    year = form.text(level, "payments", "expiration_year", re.compile("20[0-9]{2}"))
    if month and year and is_past(int(month), int(year), form.today):
        form.wrong("payments", "expiration_year", "invalid", year)


def _address(form: _Form, level: Json, required: frozenset[str]) -> None:
    form.known(level, "address", _ADDRESS)
    country = form.text(level, "address", "country_code", _COUNTRY)
    wanted = set(required)
    wanted |= {"state_province_code"} if country in _WITH_STATE else set()
    wanted |= {"postal_code"} if country in _WITH_POSTCODE else set()
    for name in sorted(_ADDRESS - {"country_code"}):
        form.text(level, "address", name, _ANY, required=name in wanted)


class _Form:
    """Gathers what is wrong with a body."""

    def __init__(self, today: date) -> None:
        self.today = today
        self._errors: list[Json] = []

    def wrong(self, level: str, name: str, how: str, value: object = None, what: str = "") -> None:
        """Notes `level.name.how`; the value goes with it where it is a text and no card's."""
        words = what or f"{level} {name}".strip().replace("_", " ").capitalize()
        field: Json = {"name": name, "type": "body"}
        if isinstance(value, str) and name not in _NEVER_REPEATED:
            field["value"] = value
        self._errors.append(
            {
                "type": ".".join(part for part in (level, name, how) if part),
                "message": f"{words} is {how}.",
                "fields": [field],
            }
        )

    def known(self, level: Mapping[str, Any], path: str, names: frozenset[str]) -> None:
        """Notes every member that the format does not have."""
        for name in sorted(set(level) - names):
            self.wrong(path, name, "invalid")

    def text(
        self,
        level: Mapping[str, Any],
        path: str,
        name: str,
        pattern: re.Pattern[str],
        *,
        required: bool = True,
    ) -> str:
        """The member's text; empty, and noted, where it is missing or does not fit."""
        value = level.get(name)
        if value is None:
            if required:
                self.wrong(path, name, "required")
            return ""
        if not isinstance(value, str) or not pattern.fullmatch(value):
            self.wrong(path, name, "invalid", value)
            return ""
        return value

    def level(self, level: Mapping[str, Any], path: str, name: str) -> Json:
        """The member's object; empty, and noted, where there is none."""
        value = level.get(name)
        if isinstance(value, dict) and value:
            return value
        self.wrong(path, name, "required" if value is None else "invalid")
        return {}

    def levels(self, level: Mapping[str, Any], name: str, what: str = "") -> list[Json]:
        """The member's objects; none, and noted, where there is no list of them."""
        value = level.get(name)
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            return value
        self.wrong("", name, "invalid" if value else "required", what=what)
        return []

    def finish(self) -> None:
        """Raises RapidError 400 when anything was wrong."""
        if self._errors:
            raise invalid_input(self._errors)


def _object(body: bytes) -> Json:
    try:
        level = json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        level = None
    if not isinstance(level, dict):
        raise invalid_input([{"type": "body.invalid", "message": "Request body is invalid."}])
    return level


def _once(pairs: list[tuple[str, Any]]) -> Json:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    del name
    raise ValueError("NaN and Infinity are no JSON")
