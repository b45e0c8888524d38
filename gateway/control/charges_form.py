"""The bodies and the query of the calls about charges, read strictly.

What is wrong is told by the field's place, in words of ours, as of cards (`cards_form.py`).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

from gateway.cards.card import Booking
from gateway.cards.scan import find_cards
from gateway.cards.token import Presented, Token, present
from gateway.charges.beginning import Form
from gateway.control.cards_form import Fields
from gateway.errors import RequestInvalid
from gateway.exchange import new_id
from gateway.processors.model import Initiator
from gateway.vault.charge import ChargeState

# Card numbers have twelve digits and more; no sum has.
MOST: Final = 10**11 - 1
_CHARGE: Final = {
    "token", "amount", "currency", "booking", "reference", "initiator", "network_transaction_id",
    "exemption", "capture", "return_url", "language", "purpose", "extra",
}  # fmt: skip
_BOOKING: Final = {"system", "hotel", "id"}
SETTLED: Final = ("done", "not_done")
EXEMPTIONS: Final = (
    "mit", "moto", "low_value", "risk_analysis", "trusted_beneficiary", "corporate", "delegated",
)  # fmt: skip
REFERENCE: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}"
LANGUAGE: Final = r"[a-z]{2,3}(-[A-Z]{2})?"
# No digits but a few at the end: a name is told when its value is wrong.
_KEY: Final = re.compile(r"[a-z][a-z_]{0,38}[0-9]{0,2}")
# Nobody may keep a security code once it was used (PCI DSS 3.3.1), sealed or not; a charge is kept for good.
SECURITY_CODE: Final = (
    r"(^|_)(cav|cid|csc|cvc|cvd|cvn|cvv)(_|[0-9]|$)|security_?code|card_?code"
    r"|verification_?(code|number|value)"
)
MOST_FIELDS: Final = 40
LONGEST_URL: Final = 2048

Json = Any  # what JSON may be


class ChargeFields(Fields):
    """What charges have and cards have not."""

    def named(self) -> Presented:
        """What stands in the token's place, whatever is wrong with the rest."""
        value = self._at("token")
        return present(value) if isinstance(value, str) else Presented(None, None)

    def check_token(self) -> None:
        """A text that is no token is not told from one that nobody has."""
        value = self._at("token")
        if not isinstance(value, str):
            self._note("token", "missing" if value is None else "not_a_text")

    def amount(self) -> int:
        """A sum in minor units."""
        value = self._at("amount")
        if isinstance(value, bool) or not isinstance(value, int):
            self._note("amount", "missing" if value is None else "not_minor_units")
        elif not 1 <= value <= MOST:
            self._note("amount", "out_of_range")
        else:
            return value
        return 1

    def choice(self, path: str, known: Sequence[str]) -> str:
        """One of these words."""
        value = self._at(path)
        if isinstance(value, str) and value in known:
            return value
        self._note(path, "not_one_of_them")
        return known[0]

    def reference(self) -> str:
        """What the processor files the charge under."""
        value = self.text("reference")
        if value and not re.fullmatch(REFERENCE, value):
            self._note("reference", "not_a_reference")
        return value

    def url(self, path: str) -> str:
        """Where the guest goes on: an https URL, without a user."""
        value = self._at(path)
        if isinstance(value, str) and len(value) <= LONGEST_URL and _is_url(value):
            return value
        self._note(path, "not_an_https_url")
        return ""

    def language(self) -> str:
        """A language's code. One that no page has is as good as none."""
        value = self.text("language")
        if value and not re.fullmatch(LANGUAGE, value):
            self._note("language", "not_a_language")
        return value

    def extra(self) -> Mapping[str, str]:
        """Fields that a processor needs besides."""
        said = self._at("extra")
        if not isinstance(said, dict) or len(said) > MOST_FIELDS:
            self._note("extra", "not_an_object")
            return {}
        if not all(_KEY.fullmatch(name) for name in said):
            self._note("extra", "unknown_field")
            return {}
        for name in said:
            if re.search(SECURITY_CODE, name):
                self._note(f"extra.{name}", "security_code")
        return {name: self.text(f"extra.{name}") for name in said}

    def booked(self) -> Booking | None:
        """The booking that it is charged for."""
        said = self.of("booking", _BOOKING)
        if not isinstance(self._at("booking"), dict):
            return None
        return Booking(
            self.name("booking.system"),
            self.text("booking.hotel") if "hotel" in said else None,
            self.text("booking.id") if "id" in said else None,
        )


def token_in(body: bytes) -> Presented:
    """What stands in the token's place of a charge or a collection. Raises RequestInvalid."""
    return ChargeFields(body).named()


def read_charge(body: bytes, token: Token | None) -> tuple[Form | None, bytes]:
    """The body of POST, and what an Idempotency-Key stands for; `token`: which one its text means.
    None: it means none. Raises RequestInvalid.
    """
    fields = ChargeFields(body)
    said = fields.of("", _CHARGE)
    fields.check_token()
    amount = fields.amount()
    currency = fields.currency("currency")
    reference = fields.reference() if "reference" in said else new_id()
    initiator = Initiator.GUEST
    if "initiator" in said:
        initiator = Initiator(fields.choice("initiator", [one.value for one in Initiator]))
    capture = fields.choice("capture", ("now", "later")) if "capture" in said else "now"
    network = None
    if "network_transaction_id" in said:
        network = fields.text("network_transaction_id")
    exemption = fields.choice("exemption", EXEMPTIONS) if "exemption" in said else None
    return_url = fields.url("return_url") if "return_url" in said else None
    language = fields.language() if "language" in said else None
    purpose = fields.text("purpose") if "purpose" in said else None
    extra = fields.extra() if "extra" in said else {}
    booking = fields.booked() if "booking" in said else None
    fields.check()
    if token is None:
        return None, fields.canonical()
    form = Form(
        token=token,
        amount=amount,
        currency=currency,
        reference=reference,
        initiator=initiator,
        capture_now=capture == "now",
        booking=booking,
        network_transaction_id=network,
        exemption=exemption,
        return_url=return_url,
        language=language,
        purpose=purpose,
        extra=extra,
    )
    return form, fields.canonical()


def read_amount(body: bytes) -> tuple[int | None, bytes]:
    """The body of a capture or a refund, which may be empty: all that there is. Raises
    RequestInvalid.
    """
    fields = ChargeFields(body or b"{}")
    said = fields.of("", {"amount"})
    amount = fields.amount() if "amount" in said else None
    fields.check()
    return amount, fields.canonical()


def read_reason(body: bytes) -> tuple[str | None, bytes]:
    """The body of a dispute, which may be empty. Raises RequestInvalid."""
    fields = ChargeFields(body or b"{}")
    said = fields.of("", {"reason"})
    reason = fields.text("reason") if "reason" in said else None
    fields.check()
    return reason, fields.canonical()


def read_settled(body: bytes) -> tuple[bool, bytes]:
    """Whether it was done. Raises RequestInvalid."""
    fields = ChargeFields(body)
    fields.of("", {"outcome"})
    outcome = fields.choice("outcome", SETTLED)
    fields.check()
    return outcome == SETTLED[0], fields.canonical()


def read_nothing(body: bytes) -> bytes:
    """The body of a call that takes none. Raises RequestInvalid."""
    fields = ChargeFields(body or b"{}")
    fields.of("", set())
    fields.check()
    return fields.canonical()


def read_day(name: str, text: str | None, *, after: bool = False) -> datetime | None:
    """When a day of the query begins, or with `after` is over, in UTC. Raises RequestInvalid."""
    if text is None:
        return None
    day = None
    with contextlib.suppress(ValueError):
        day = date.fromisoformat(text) if len(text) == len("2026-01-31") else None
    if day is None or day == date.max:
        raise RequestInvalid([{"in": "query", "name": name, "problem": "not_a_date"}])
    start = datetime.combine(day, time(), UTC)
    return start + timedelta(days=1) if after else start


State = Literal[
    "pending", "challenged", "authorized", "succeeded", "declined", "expired", "cancelled",
    "refunded", "disputed", "unknown",
]  # fmt: skip


def read_states(states: Sequence[State] | None) -> list[ChargeState] | None:
    """Those that are listed; None: all."""
    return None if states is None else [ChargeState(cast("str", state)) for state in states]


def _is_url(value: str) -> bool:
    if not value.isascii() or not value.isprintable() or set(value) & set(' "<>\\^`{|}'):
        return False
    if find_cards(value.encode()):
        return False
    try:
        parts = urlsplit(value)
        named = parts.hostname is not None and "@" not in parts.netloc
        port = parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and named and port != 0
