"""How the simulated Stripe checks and shows a card: its errors, its test numbers, its objects."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from gateway.sandbox.cards import brand, is_past, luhn_fits
from gateway.sandbox.form import Node, text_at

Json = dict[str, Any]  # what goes out as JSON; made here, read by nobody

# Stripe's published test numbers and what becomes of a charge to them (docs.stripe.com/testing).
DECLINES: Final = {
    "4000000000000002": ("card_declined", "generic_decline", "Your card was declined."),
    "4000000000009995": ("card_declined", "insufficient_funds", "Your card has insufficient funds."),
    "4000000000009987": ("card_declined", "lost_card", "Your card was declined."),
    "4000000000000069": ("expired_card", "expired_card", "Your card has expired."),
    "4000000000000127": ("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."),
    "4000000000000119": ("processing_error", "processing_error", "An error occurred while processing your card."),
}  # fmt: skip
NEEDS_ACTION: Final = frozenset({"4000002500003155", "4000002760003184", "4000000000003220"})


class StripeError(Exception):
    """An error answer: its status and the members of `error`."""

    def __init__(self, status: int, kind: str, message: str, **members: Any) -> None:
        super().__init__(kind)
        self.status = status
        self.error: Json = {"message": message, "type": kind} | {
            name: value for name, value in members.items() if value is not None
        }


def card_error(code: str, message: str, **members: Any) -> StripeError:
    """A 402 of type card_error."""
    doc = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
    return StripeError(402, "card_error", message, code=code, doc_url=doc, **members)


def invalid(message: str, *, status: int = 400, **members: str | None) -> StripeError:
    """An invalid_request_error."""
    return StripeError(status, "invalid_request_error", message, **members)


def missing(param: str) -> StripeError:
    """A 400 for a parameter that must be there."""
    return invalid(f"Missing required param: {param}.", code="parameter_missing", param=param)


@dataclass(frozen=True, slots=True)
class StripeCard:
    """A card that passed Stripe's checks. `month`, `year`, `cvc`, `name` are what was sent."""

    number: str = field(repr=False)
    month: str
    year: str
    cvc: str | None = field(repr=False)
    name: str | None = field(repr=False)

    @property
    def full_year(self) -> int:
        """The four-digit year."""
        return int(self.year) + (2000 if len(self.year) == 2 else 0)


def read_card(form: Mapping[str, Node]) -> StripeCard:
    """Checks the level that holds `number`, `exp_month`, `exp_year`, `cvc`. Raises StripeError."""
    values = {name: text_at(form, name) for name in ("number", "exp_month", "exp_year", "cvc")}
    for name in ("number", "exp_month", "exp_year"):
        if values[name] is None:
            message = f"Missing required param: card[{name}]."
            raise StripeError(
                400,
                "invalid_request_error",
                message,
                code="parameter_missing",
                param=f"card[{name}]",
            )
    number = re.sub(r"[ -]", "", values["number"] or "")
    if not re.fullmatch(r"[0-9]{12,19}", number) or not luhn_fits(number):
        raise card_error("incorrect_number", "Your card number is incorrect.", param="number")
    month, year, cvc = values["exp_month"] or "", values["exp_year"] or "", values["cvc"]
    if not re.fullmatch(r"0?[1-9]|1[0-2]", month):
        text = "Your card's expiration month is invalid."
        raise card_error("invalid_expiry_month", text, param="exp_month")
    if not re.fullmatch(r"[0-9]{2}|20[0-9]{2}", year):
        raise _bad_year()
    card = StripeCard(number, month, year, cvc, text_at(form, "name"))
    if is_past(int(month), card.full_year, datetime.now(UTC).date()):
        raise _bad_year()
    if cvc is not None and not re.fullmatch(r"[0-9]{3,4}", cvc):
        raise card_error("invalid_cvc", "Your card's security code is invalid.", param="cvc")
    return card


def _bad_year() -> StripeError:
    text = "Your card's expiration year is invalid."
    return card_error("invalid_expiry_year", text, param="exp_year")


def refuse_declined(card: StripeCard, **members: Any) -> None:
    """Raises the StripeError that charging this test number gives, if it gives one."""
    if card.number in DECLINES:
        code, decline, message = DECLINES[card.number]
        raise card_error(code, message, decline_code=decline, **members)


def shown_card(card: StripeCard) -> Json:
    """A card as Stripe shows it: never the number."""
    return {
        "brand": brand(card.number),
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": None if card.cvc is None else "pass",
        },
        "country": "US",
        "exp_month": int(card.month),
        "exp_year": card.full_year,
        "fingerprint": hashlib.sha256(b"sandbox" + card.number.encode()).hexdigest()[:16],
        "funding": "credit",
        "last4": card.number[-4:],
        "networks": {"available": [brand(card.number)], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def shown_legacy_card(card: StripeCard, id: str) -> Json:
    """The Card object of tokens and charges by source."""
    names = {"visa": "Visa", "mastercard": "MasterCard", "amex": "American Express"}
    return {
        "id": id,
        "object": "card",
        "brand": names.get(brand(card.number), "Unknown"),
        "country": "US",
        "cvc_check": None if card.cvc is None else "unchecked",
        "exp_month": int(card.month),
        "exp_year": card.full_year,
        "fingerprint": shown_card(card)["fingerprint"],
        "funding": "credit",
        "last4": card.number[-4:],
        "metadata": {},
        "name": card.name,
    }
