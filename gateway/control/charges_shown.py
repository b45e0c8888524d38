"""A charge as the control API shows it: never a card, never the processor's challenge or what was sent
besides, but the page that leads the guest through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from gateway.cards.token import Token
from gateway.charges import content, page
from gateway.vault.charge import Event, OpenCharge, Stated


class ShownBooking(BaseModel):
    """The booking that it is charged for."""

    system: str
    hotel: str | None
    id: str | None


class ShownChallenge(BaseModel):
    """Where the guest authenticates: whoever has `url` is the guest."""

    url: str
    expires_at: datetime


class ShownSum(BaseModel):
    """A sum as the processor states it, where that is not what it was asked for."""

    amount: int
    currency: str


class ShownEvent(BaseModel):
    """What happened. `actor`: a client and its key's id, a processor, or `gateway`. `stated`: another
    sum than `amount`, as the processor names it; else null.
    """

    at: datetime
    before: str | None
    state: str
    operation: str
    amount: int
    actor: str
    code: str | None
    decline: str | None
    stated: ShownSum | None


class ShownCharge(BaseModel):
    """A charge. Amounts in minor units. `in_progress`: what was asked of the processor, while nobody
    knows how it ended. `challenge`: the page that the guest has to pass, where the product has pages.
    `stated`: the last sum that the processor named and was not asked for; else null. `captured` and
    `refunded` count what it says.
    """

    id: str
    token: str
    product: str
    test: bool
    booking: ShownBooking | None
    reference: str
    amount: int
    currency: str
    captured: int
    refunded: int
    stated: ShownSum | None
    state: str
    in_progress: str | None
    capture: str
    initiator: str
    exemption: str | None
    network_transaction_id: str | None
    processor: str
    processor_id: str | None
    challenge_expires_at: datetime | None
    challenge: ShownChallenge | None
    created_at: datetime
    changed_at: datetime


class ChargeWithHistory(ShownCharge):
    """A charge with all that happened to it, in order."""

    history: list[ShownEvent]


class ListedCharges(BaseModel):
    """The newest first; `next` is the cursor of those that follow, null where none do."""

    charges: list[ShownCharge]
    next: str | None


def shown(one: OpenCharge) -> ShownCharge:
    """A charge, in a list."""
    return ShownCharge.model_validate(_said(one))


def with_history(one: OpenCharge, history: Sequence[Event]) -> ChargeWithHistory:
    """A charge, by itself."""
    events = [
        ShownEvent(
            at=said.at,
            before=None if said.before is None else said.before.value,
            state=said.state.value,
            operation=said.operation,
            amount=said.amount,
            actor=said.actor,
            code=said.code,
            decline=said.decline,
            stated=_sum(said.stated),
        )
        for said in history
    ]
    return ChargeWithHistory.model_validate(_said(one) | {"history": events})


def answered(one: OpenCharge, history: Sequence[Event]) -> bytes:
    """The JSON of what a call that writes is answered."""
    return with_history(one, history).model_dump_json().encode()


def _said(one: OpenCharge) -> dict[str, object]:
    row, held = one.row, content.read(one.held)
    booking, url, ends = held.booking, page.url_of(row, held), row.challenge_ends
    return {
        "id": row.id,
        "token": Token(row.iduser, held.tokenuser, row.test).alias,
        "product": row.product,
        "test": row.test,
        "booking": None
        if booking is None
        else ShownBooking(system=booking.system, hotel=booking.hotel, id=booking.booking_id),
        "reference": row.reference,
        "amount": row.amount,
        "currency": row.currency,
        "captured": row.captured,
        "refunded": row.refunded,
        "stated": _sum(row.stated),
        "state": row.state.value,
        "in_progress": row.operation,
        "capture": "now" if row.capture_now else "later",
        "initiator": row.initiator,
        "exemption": row.exemption,
        "network_transaction_id": held.network_id or held.named_network_id,
        "processor": row.processor,
        "processor_id": row.processor_id,
        "challenge_expires_at": ends,
        "challenge": None
        if url is None or ends is None
        else ShownChallenge(url=url, expires_at=ends),
        "created_at": row.created,
        "changed_at": row.changed,
    }


def _sum(stated: Stated | None) -> ShownSum | None:
    return None if stated is None else ShownSum(amount=stated.amount, currency=stated.currency)
