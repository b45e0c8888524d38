"""A capture link's card for Expedia Rapid: sent, and what Rapid says of it in words for a guest."""

from __future__ import annotations

from typing import Final

from gateway.access.products import Product
from gateway.cards.token import Token
from gateway.errors import (
    CardNotKept,
    ChangeRefused,
    GatewayError,
    LinkExpired,
    LinkUnknown,
    RecaptureClosed,
    RecaptureInProgress,
    RecaptureUnknown,
)
from gateway.pages.capture_form import Typed
from gateway.pages.site import Visit
from gateway.recapture.completion import Completion, Who
from gateway.recapture.form import CardForm
from gateway.recapture.repeats import Reply
from gateway.vault.recapture import Recapture

NOT_TAKEN: Final = "wrong.not_taken"
_OVER: Final = (LinkExpired, LinkUnknown, RecaptureClosed, RecaptureUnknown)
# Which of the page's fields a word of Rapid's is about: `payments.number.invalid`.
_FIELDS: Final = {
    "number": "number", "expiration_month": "expiry", "expiration_year": "expiry",
    "security_code": "security_code", "given_name": "given_name", "family_name": "family_name",
    "line_1": "line_1", "line_2": "line_2", "city": "city", "country_code": "country_code",
    "state_province_code": "state_province_code", "postal_code": "postal_code",
}  # fmt: skip
_OF_THE_CARD: Final = {"number", "expiry", "security_code"}


async def send(
    completion: Completion, visit: Visit, recapture: str, typed: Typed, product: Product
) -> Token:
    """The token of the card, once Rapid has taken it. Raises what `Completion.complete` raises."""
    row = visit.link.row
    who = Who(row.client, "", visit.origin, frozenset({row.product}), product)
    form = CardForm(None, False, typed.card, typed.code, typed.billing_contact())
    taken: list[Token] = []

    def answer(_: Recapture, token: Token) -> bytes:
        taken.append(token)
        return b""

    await completion.complete(recapture, who, form, Reply(None, answer))
    return taken[-1]


def wrong_field(error: GatewayError) -> tuple[str | None, str] | None:
    """The field that Rapid did not like and the text that says so; None: the card is wanted no more."""
    if isinstance(error, _OVER):
        return None
    if isinstance(error, ChangeRefused):
        parts = [part for kind in error.types for part in kind.split(".")]
        name = next((_FIELDS[part] for part in parts if part in _FIELDS), "number")
        return name, NOT_TAKEN if name in _OF_THE_CARD else f"wrong.{name}"
    if isinstance(error, CardNotKept):
        return "number", "wrong.number_test"
    if isinstance(error, RecaptureInProgress):
        return None, "wrong.in_progress"
    return None, "wrong.unknown"
