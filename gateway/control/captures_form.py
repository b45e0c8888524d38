"""The body of POST /v1/capture-links, read strictly.

{"profile": "cvc" | "card" | "card_and_address", "product"?, "booking"?, "language"?, "purpose"?,
"amount"?: {"value", "currency"}, "return_url"?, "expires_in_minutes"?, "token"?, "recapture"?}
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from gateway.cards.card import Booking
from gateway.cards.token import Token, parse_alias
from gateway.config_values import Https, parse_https
from gateway.control.cards_form import Fields
from gateway.errors import RequestInvalid
from gateway.pages.about import Amount
from gateway.pages.capture_order import Profile
from gateway.processors.currency import EXPONENTS
from gateway.secret import Secret

MINUTES: Final = 24 * 60
MOST_MINUTES: Final = 7 * 24 * 60
_KNOWN: Final = {
    "profile", "product", "booking", "language", "purpose", "amount", "return_url",
    "expires_in_minutes", "token", "recapture",
}  # fmt: skip
LARGEST: Final = 10**10  # minor units; card numbers have more digits


@dataclass(frozen=True, slots=True)
class CaptureForm:
    """What is asked for; `request` is what an Idempotency-Key stands for."""

    profile: Profile
    product: str | None
    booking: Booking | None
    language: str | None
    purpose: str | None
    amount: Amount | None
    return_url: Https | None
    return_text: str | None
    minutes: int
    token: Token | None
    recapture: str | None
    request: Secret[bytes]


class _Fields(Fields):
    def optional_text(self, name: str) -> str | None:
        return self.text(name) if name in self._said else None

    def one_of(self, name: str, known: Collection[str]) -> str:
        value = self._at(name)
        if isinstance(value, str) and value in known:
            return value
        self._note(name, "missing" if value is None else "unknown_value")
        return ""

    def whole(self, name: str, least: int, most: int) -> int:
        value = self._at(name)
        if type(value) is int and least <= value <= most:
            return value
        self._note(name, "missing" if value is None else "not_in_range")
        return least

    def amount(self) -> Amount:
        self.of("amount", {"value", "currency"})
        currency = self._at("amount.currency")
        if not isinstance(currency, str) or currency not in EXPONENTS:
            self._note("amount.currency", "not_a_currency")
            currency = ""
        return Amount(self.whole("amount.value", 1, LARGEST), currency)

    def url(self, name: str) -> Https | None:
        value = self._at(name)
        if isinstance(value, str) and len(value) <= 500:
            with contextlib.suppress(ValueError):
                return parse_https(value)
        self._note(name, "not_an_https_url")
        return None

    def alias(self, name: str) -> Token | None:
        value = self._at(name)
        token = parse_alias(value) if isinstance(value, str) else None
        if token is None:
            self._note(name, "not_a_token")
        return token

    def agree(self, profile: str | None, *, token: bool, recapture: bool) -> None:
        """What one field makes of another."""
        if profile == Profile.CVC and not token:
            self._note("token", "missing")
        if profile != Profile.CVC and token:
            self._note("token", "only_with_profile_cvc")
        if recapture and profile != Profile.CARD_AND_ADDRESS:
            self._note("profile", "recapture_wants_card_and_address")

    def note(self, name: str, problem: str) -> None:
        self._note(name, problem)


def read_capture(body: bytes, languages: Collection[str]) -> CaptureForm:
    """Raises RequestInvalid."""
    fields = _Fields(body)
    said = fields.of("", _KNOWN)
    profile = fields.one_of("profile", [one.value for one in Profile])
    product = fields.name("product") if "product" in said else None
    booking = fields.booking() if "booking" in said else None
    language = fields.one_of("language", languages) if "language" in said else None
    purpose = fields.optional_text("purpose")
    amount = fields.amount() if "amount" in said else None
    return_url = fields.url("return_url") if "return_url" in said else None
    minutes = MINUTES
    if "expires_in_minutes" in said:
        minutes = fields.whole("expires_in_minutes", 1, MOST_MINUTES)
    token = fields.alias("token") if "token" in said else None
    recapture = fields.optional_text("recapture")
    fields.agree(profile, token="token" in said, recapture="recapture" in said)
    if booking is not None and booking.virtual is not None:
        fields.note("booking.virtual", "unknown_field")
    fields.check()
    canonical = json.dumps(said, sort_keys=True).encode("ascii")
    return CaptureForm(
        Profile(profile), product, booking, language, purpose, amount, return_url,
        None if return_url is None else said["return_url"], minutes, token, recapture,
        Secret(canonical),
    )  # fmt: skip


def origin_not_listed() -> RequestInvalid:
    """The refusal of a `return_url` that is not below an origin which the product lists."""
    return RequestInvalid([{"in": "body", "name": "return_url", "problem": "origin_not_listed"}])
