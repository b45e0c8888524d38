"""What a guest typed, checked field by field. The page's script checks the same while they type; this
is what counts.

What is wrong is told by the key of a text (`wrong.number`). The number and the security code are in no
page again: whoever mistyped one types it once more.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from gateway.cards import expiry as expiries
from gateway.cards.card import Card
from gateway.cards.expiry import Expiry
from gateway.cards.pan import brand_of, digits_of, luhn_ok
from gateway.cards.scan import find_cards
from gateway.pages.capture_order import Order, Profile
from gateway.pages.countries import CODES
from gateway.pages.form import Form
from gateway.secret import Secret

LONGEST: Final = 60  # of a name or a line of an address, as Rapid has it
_YEARS: Final = 20  # no card is issued for longer
_EXPIRY: Final = re.compile(r"([0-9]{1,2}) ?[/.\- ]? ?([0-9]{2}|20[0-9]{2})")
_CODE: Final = re.compile(r"[0-9]{3,4}")
_ADDRESS: Final = ("line_1", "line_2", "city", "state_province_code", "postal_code", "country_code")
_OPTIONAL: Final = {"line_2", "state_province_code", "postal_code"}
# In the order in which they stand on the page: the first that is wrong gets the focus.
ORDER: Final = (
    "number", "expiry", "security_code", "holder", "given_name", "family_name", *_ADDRESS,
)  # fmt: skip


@dataclass(slots=True)
class Typed:
    """`values` may be shown again; `card` and `code` only where nothing is `wrong`."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    wrong: dict[str, str] = field(default_factory=dict)
    card: Card | None = None
    code: Secret[str] | None = None
    contact: dict[str, object] | None = field(default=None, repr=False)

    @property
    def first(self) -> str | None:
        """The first field that is wrong."""
        return next((name for name in ORDER if name in self.wrong), None)

    def billing_contact(self) -> Secret[str] | None:
        """As Rapid takes it."""
        return None if self.contact is None else Secret(json.dumps(self.contact))


def read_typed(
    form: Form, order: Order, *, wants_code: bool, wants_zip: bool, today: date
) -> Typed:
    """`wants_zip`: an address without a postcode is none; where a country has none, the guest types
    zeros, for whoever charges the card wants something, and we invent nothing. `today`: where it is
    latest on earth, so that no card is refused a day early.
    """
    typed = Typed()
    brand = order.card.brand if order.card is not None else ""
    digits = ""
    expiry: Expiry | None = None
    if order.profile is not Profile.CVC:
        digits = _number(form, typed)
        brand = brand_of(digits) if digits else ""
        expiry = _expiry(form, typed, today)
    if wants_code:
        typed.code = _code(form, typed, brand)
    holder = ""
    if order.profile is Profile.CARD:
        holder = _line(form, typed, "holder")
    if order.profile is Profile.CARD_AND_ADDRESS:
        names = [_line(form, typed, name) for name in ("given_name", "family_name")]
        holder = " ".join(names)
        typed.contact = _contact(form, typed, *names)
        if wants_zip and not typed.values.get("postal_code", "-"):
            typed.wrong["postal_code"] = "wrong.postal_code_missing"
    if expiry is not None and not typed.wrong:
        typed.card = Card(Secret(digits), expiry, Secret(holder), typed.code)
    return typed


def _number(form: Form, typed: Typed) -> str:
    sent = form.secret("number").reveal()
    digits = digits_of(sent)
    if digits is None or not luhn_ok(digits) or not digits.strip("0"):
        typed.wrong["number"] = "wrong.number" if sent else "wrong.number_missing"
        return ""
    return digits


def _expiry(form: Form, typed: Typed, today: date) -> Expiry | None:
    sent = typed.values["expiry"] = form.text("expiry")[:10]
    match = _EXPIRY.fullmatch(sent)
    found = None if match is None else expiries.from_fields(match[1], match[2])
    if found is None or found.year > today.year + _YEARS:
        typed.wrong["expiry"] = "wrong.expiry"
    elif found < Expiry(today.year, today.month):
        typed.wrong["expiry"] = "wrong.expiry_past"
    return found


def _code(form: Form, typed: Typed, brand: str) -> Secret[str] | None:
    sent = form.secret("security_code")
    fits = _CODE.fullmatch(sent.reveal()) is not None
    if not fits or (brand and len(sent.reveal()) != (4 if brand == "amex" else 3)):
        typed.wrong["security_code"] = "wrong.code_amex" if brand == "amex" else "wrong.code"
        return None
    return sent


def _contact(form: Form, typed: Typed, given: str, family: str) -> dict[str, object]:
    lines = {
        name: _line(form, typed, name, optional=name in _OPTIONAL)
        for name in _ADDRESS
        if name != "country_code"
    }
    country = typed.values["country_code"] = form.text("country_code")[:2]
    if country not in CODES:
        typed.wrong["country_code"] = "wrong.country_code"
    address = {name: text for name, text in lines.items() if text} | {"country_code": country}
    return {"given_name": given, "family_name": family, "address": address}


def _line(form: Form, typed: Typed, name: str, *, optional: bool = False) -> str:
    """A line of text. One with a card number in it is not shown again: it would be stored in clear."""
    text = " ".join(form.text(name).split())
    if find_cards(text.encode("utf-8", "replace")):
        typed.wrong[name] = "wrong.card_here"
        return ""
    typed.values[name] = text[:LONGEST]
    if not text and not optional:
        typed.wrong[name] = f"wrong.{name}"
    elif len(text) > LONGEST or not text.isprintable():
        typed.wrong[name] = "wrong.too_long"
    return text
