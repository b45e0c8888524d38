"""The body of POST /v1/collections, read strictly.

{"token", "amount", "currency", "initiator": "no_show" | "deposit", "reference"?, "booking"?,
"exemption"?, "language"?, "purpose"?, "return_url"?, "extra"?, "until"?,
"steps"?: {"charge"?: {"not_before"?}, "payment_link"?: {"hours"?, "profile"?}, "recapture"?: {"hours"?}}}

What is wrong is told by the field's place, in words of ours, as of charges (`charges_form.py`).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, cast

from gateway.cards.token import Token
from gateway.collections.service import Form
from gateway.config_values import parse_https
from gateway.control.charges_form import EXEMPTIONS, ChargeFields
from gateway.exchange import new_id
from gateway.pages.capture_order import Profile
from gateway.processors.model import Initiator
from gateway.vault.collection import CollectionState

HOURS: Final = 72
MOST_HOURS: Final = 30 * 24
LONGEST_URL: Final = 500
# Charges add a number of their own to it.
REFERENCE: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}"
INITIATORS: Final = (Initiator.NO_SHOW.value, Initiator.DEPOSIT.value)
PROFILES: Final = (Profile.CARD.value, Profile.CARD_AND_ADDRESS.value)
FIELDS: Final = {
    "token", "amount", "currency", "initiator", "reference", "booking", "exemption", "language",
    "purpose", "return_url", "extra", "until", "steps",
}  # fmt: skip
_YEARS: Final = range(2000, 2100)

State = Literal[
    "waiting", "charging", "payment_link", "recapture", "succeeded", "failed", "stopped", "expired"
]


class _Fields(ChargeFields):
    def reference(self) -> str:
        value = self.text("reference")
        if value and not re.fullmatch(REFERENCE, value):
            self._note("reference", "not_a_reference")
        return value

    def url(self, path: str) -> str:
        value = super().url(path)
        if not value:
            return ""
        with contextlib.suppress(ValueError):
            if len(value) <= LONGEST_URL:
                parse_https(value)
                return value
        self._note(path, "not_an_https_url")
        return ""

    def time(self, path: str) -> datetime | None:
        """A time with its zone, in UTC."""
        value = self._at(path)
        with contextlib.suppress(ValueError):
            found = datetime.fromisoformat(value) if isinstance(value, str) else None
            if found is not None and found.tzinfo is not None and found.year in _YEARS:
                return found.astimezone(UTC)
        self._note(path, "not_a_time_with_its_zone")
        return None

    def hours(self, path: str) -> int:
        """How long a step lasts."""
        value = self._at(path)
        if type(value) is int and 1 <= value <= MOST_HOURS:
            return value
        self._note(path, "out_of_range")
        return HOURS

    def step(self, name: str, known: set[str]) -> set[str]:
        """What is said of a step."""
        return set(self.of(f"steps.{name}", known))

    def after(self, path: str, at: datetime | None, earliest: datetime | None) -> None:
        """Notes a time that does not come after another."""
        if at is not None and earliest is not None and at <= earliest:
            self._note(path, "too_early")


def read_collection(body: bytes, token: Token | None) -> tuple[Form | None, bytes]:
    """The body of POST, and what an Idempotency-Key stands for; `token`: which one its text means.
    None: it means none. Raises RequestInvalid. Whether `until` is over already is not looked at: it was not when the
    request was made that is repeated.
    """
    fields = _Fields(body)
    said = fields.of("", FIELDS)
    fields.check_token()
    amount, currency = fields.amount(), fields.currency("currency")
    initiator = fields.choice("initiator", INITIATORS)
    reference = fields.reference() if "reference" in said else new_id()
    booking = fields.booked() if "booking" in said else None
    exemption = fields.choice("exemption", EXEMPTIONS) if "exemption" in said else None
    language = fields.language() if "language" in said else None
    purpose = fields.text("purpose") if "purpose" in said else None
    return_url = fields.url("return_url") if "return_url" in said else None
    extra = fields.extra() if "extra" in said else {}
    until = fields.time("until") if "until" in said else None
    steps = fields.of("steps", {"charge", "payment_link", "recapture"}) if "steps" in said else {}
    not_before, link_hours, recapture_hours = None, None, None
    with_address = False
    if "charge" in steps and "not_before" in fields.step("charge", {"not_before"}):
        not_before = fields.time("steps.charge.not_before")
    if "payment_link" in steps:
        asked = fields.step("payment_link", {"hours", "profile"})
        link_hours = fields.hours("steps.payment_link.hours") if "hours" in asked else HOURS
        if "profile" in asked:
            profile = fields.choice("steps.payment_link.profile", PROFILES)
            with_address = profile == Profile.CARD_AND_ADDRESS
    if "recapture" in steps:
        asked = fields.step("recapture", {"hours"})
        recapture_hours = fields.hours("steps.recapture.hours") if "hours" in asked else HOURS
    fields.after("until", until, not_before)
    fields.check()
    if token is None:
        return None, fields.canonical()
    form = Form(
        token=token,
        amount=amount,
        currency=currency,
        reference=reference,
        initiator=Initiator(initiator),
        booking=booking,
        exemption=exemption,
        language=language,
        return_url=return_url,
        purpose=purpose,
        extra=extra,
        not_before=not_before,
        link_hours=link_hours,
        with_address=with_address,
        recapture_hours=recapture_hours,
        until=until,
    )
    return form, fields.canonical()


def read_collection_states(states: Sequence[State] | None) -> list[CollectionState] | None:
    """Those that are listed; None: all."""
    return None if states is None else [CollectionState(cast("str", state)) for state in states]
