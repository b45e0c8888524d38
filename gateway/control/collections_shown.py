"""A collection as the control API shows it: never a card, and the guest's link only while it is open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from gateway.cards.token import Token
from gateway.collections import content
from gateway.collections.content import Content
from gateway.control.charges_shown import ShownBooking
from gateway.pages.capture_order import Profile
from gateway.vault.collection import OVER, CollectionEvent, OpenCollection


class ShownChargeStep(BaseModel):
    """`not_before`: of the next charge that the merchant starts."""

    not_before: datetime


class ShownLinkStep(BaseModel):
    """A step that the guest has so many hours for."""

    hours: int


class ShownPaymentLink(ShownLinkStep):
    """`profile`: what the page asks for."""

    profile: str


class ShownSteps(BaseModel):
    """The steps that are wanted, in their order."""

    charge: ShownChargeStep
    payment_link: ShownPaymentLink | None
    recapture: ShownLinkStep | None


class ShownLink(BaseModel):
    """The guest's link: a capture link. `url` is null where it is open no more."""

    id: str
    url: str | None


class ShownStep(BaseModel):
    """What happened. `actor`: a client and its key's id, or `gateway`."""

    at: datetime
    before: str | None
    state: str
    step: str
    actor: str
    code: str | None
    charge: str | None
    link: str | None
    recapture: str | None


class ShownCollection(BaseModel):
    """A collection. Amounts in minor units. `stopping`: it ends with what is on its way."""

    id: str
    token: str
    product: str
    test: bool
    booking: ShownBooking | None
    reference: str
    amount: int
    currency: str
    collected: int
    initiator: str
    exemption: str | None
    language: str | None
    purpose: str | None
    return_url: str | None
    state: str
    step: str
    step_ends_at: datetime | None
    stopping: bool
    steps: ShownSteps
    until: datetime | None
    link: ShownLink | None
    created_at: datetime
    changed_at: datetime


class CollectionWithHistory(ShownCollection):
    """A collection with its charges' ids and all that happened to it, in order."""

    charges: list[str]
    history: list[ShownStep]


class ListedCollections(BaseModel):
    """The newest first; `next` is the cursor of those that follow, null where none do."""

    collections: list[ShownCollection]
    next: str | None


def shown(one: OpenCollection) -> ShownCollection:
    """A collection, in a list."""
    return ShownCollection.model_validate(_said(one))


def with_history(one: OpenCollection, history: Sequence[CollectionEvent]) -> CollectionWithHistory:
    """A collection, by itself."""
    steps = [
        ShownStep(
            at=said.at,
            before=None if said.before is None else said.before.value,
            state=said.state.value,
            step=said.step.value,
            actor=said.actor,
            code=said.code,
            charge=said.charge,
            link=said.link,
            recapture=said.recapture,
        )
        for said in history
    ]
    charges = [said.charge for said in history if said.charge is not None]
    return CollectionWithHistory.model_validate(_said(one) | {"charges": charges, "history": steps})


def answered(one: OpenCollection, history: Sequence[CollectionEvent]) -> bytes:
    """The JSON of what a call that writes is answered."""
    return with_history(one, history).model_dump_json().encode()


def _said(one: OpenCollection) -> dict[str, object]:
    row, held = one.row, content.read(one.held)
    booking = held.booking
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
        "collected": row.collected,
        "initiator": row.initiator,
        "exemption": row.exemption,
        "language": row.language,
        "purpose": held.purpose,
        "return_url": held.return_url,
        "state": row.state.value,
        "step": row.step.value,
        "step_ends_at": row.step_ends,
        "stopping": row.stop_asked is not None and row.state not in OVER,
        "steps": ShownSteps(
            charge=ShownChargeStep(not_before=row.not_before),
            payment_link=None
            if row.link_hours is None
            else ShownPaymentLink(hours=row.link_hours, profile=_profile(held)),
            recapture=None
            if row.recapture_hours is None
            else ShownLinkStep(hours=row.recapture_hours),
        ),
        "until": row.until,
        "link": None if row.link is None else ShownLink(id=row.link, url=held.url),
        "created_at": row.created,
        "changed_at": row.changed,
    }


def _profile(held: Content) -> str:
    return (Profile.CARD_AND_ADDRESS if held.with_address else Profile.CARD).value
