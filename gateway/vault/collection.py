"""A collection as it is kept: what it is found by in clear, and the rest sealed.

`held` is whose card it is, for which booking, what the guest typed besides, and the URL of the link that
is open; bytes here, the business of `gateway.collections`. Its place names collection, client,
reference, amount and currency: a row that was altered, to collect another sum, does not open (P17).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from gateway.secret import Secret
from gateway.vault.entries import stamp, stamp_or_none, unstamp, unstamp_or_none
from gateway.vault.envelope import Sealer, padded, place

COLUMNS: Final = (
    "id, client, key, product, test, iduser, booking, reference, amount, currency, initiator,"
    " exemption, language, link_hours, recapture_hours, until, created, changed, state, step,"
    " step_ends, not_before, charges, tries, collected, stop_asked, link, recapture, due"
)
# Padding hides most of how long a name and an address are.
_STEP: Final = 512


class CollectionState(StrEnum):
    """How far it came."""

    WAITING = "waiting"  # for the day on which the card may be charged
    CHARGING = "charging"  # a charge is on its way, or the guest must authenticate it
    PAYMENT_LINK = "payment_link"  # the guest has a link
    RECAPTURE = "recapture"  # the guest has a link whose card goes to the channel, or will have one
    SUCCEEDED = "succeeded"  # the sum was taken
    FAILED = "failed"  # every step came to nothing
    STOPPED = "stopped"  # by the client
    EXPIRED = "expired"  # its time was over


class CollectionStep(StrEnum):
    """The steps, in their order."""

    CHARGE = "charge"
    PAYMENT_LINK = "payment_link"
    RECAPTURE = "recapture"


OVER: Final = frozenset(
    {
        CollectionState.SUCCEEDED,
        CollectionState.FAILED,
        CollectionState.STOPPED,
        CollectionState.EXPIRED,
    }
)


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection. Amounts are in minor units. Holds no card data.

    `link_hours` and `recapture_hours`: how long these steps last; None: they are not wanted. `charges`
    counts the references that were used, `tries` those of this step. `collected` is what was taken
    and not given back.
    """

    id: str
    client: str
    key: str
    product: str
    test: bool
    iduser: int
    booking: bytes  # a keyed hash; empty: it names none
    reference: str
    amount: int
    currency: str
    initiator: str
    exemption: str | None
    language: str | None
    link_hours: int | None
    recapture_hours: int | None
    until: datetime | None
    created: datetime
    changed: datetime  # when its state was last another
    not_before: datetime  # of the next charge
    state: CollectionState = CollectionState.WAITING
    step: CollectionStep = CollectionStep.CHARGE
    step_ends: datetime | None = None
    charges: int = 0
    tries: int = 0
    collected: int = 0
    stop_asked: datetime | None = None
    link: str | None = None
    recapture: str | None = None
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenCollection:
    """A collection with what is sealed of it."""

    row: Collection
    held: Secret[bytes]


@dataclass(frozen=True, slots=True)
class CollectionEvent:
    """A line of a collection's history. `actor`: a client and its key, or the gateway."""

    at: datetime
    before: CollectionState | None  # None: there was no collection
    state: CollectionState
    step: CollectionStep
    actor: str
    code: str | None = None  # why a step came to nothing, or was left out
    charge: str | None = None
    link: str | None = None
    recapture: str | None = None


def seal(sealer: Sealer, one: OpenCollection) -> tuple[Any, ...]:
    """The columns' values, the sealed one last. Raises ValueError for a time without a zone."""
    row, plain = one.row, one.held.reveal()
    sealed = sealer.seal(padded(plain, _STEP), _place(row))
    return (
        row.id, row.client, row.key, row.product, row.test, row.iduser, row.booking,
        row.reference, row.amount, row.currency, row.initiator, row.exemption, row.language,
        row.link_hours, row.recapture_hours, stamp_or_none(row.until), stamp(row.created),
        stamp(row.changed), row.state.value, row.step.value, stamp_or_none(row.step_ends),
        stamp(row.not_before), row.charges, row.tries, row.collected, stamp_or_none(row.stop_asked),
        row.link, row.recapture, stamp_or_none(row.due), sealed,
    )  # fmt: skip


def unseal(sealer: Sealer, values: tuple[Any, ...]) -> OpenCollection:
    """Reads back what `seal` made. Raises RecordDamaged."""
    row = _row(values[:-1])
    return OpenCollection(row, Secret(sealer.open(values[-1], _place(row)).rstrip()))


def _row(values: tuple[Any, ...]) -> Collection:
    (
        id, client, key, product, test, iduser, booking, reference, amount, currency, initiator,
        exemption, language, link_hours, recapture_hours, until, created, changed, state, step,
        step_ends, not_before, charges, tries, collected, stop_asked, link, recapture, due,
    ) = values  # fmt: skip
    return Collection(
        id=id,
        client=client,
        key=key,
        product=product,
        test=bool(test),
        iduser=iduser,
        booking=booking,
        reference=reference,
        amount=amount,
        currency=currency,
        initiator=initiator,
        exemption=exemption,
        language=language,
        link_hours=link_hours,
        recapture_hours=recapture_hours,
        until=unstamp_or_none(until),
        created=unstamp(created),
        changed=unstamp(changed),
        not_before=unstamp(not_before),
        state=CollectionState(state),
        step=CollectionStep(step),
        step_ends=unstamp_or_none(step_ends),
        charges=charges,
        tries=tries,
        collected=collected,
        stop_asked=unstamp_or_none(stop_asked),
        link=link,
        recapture=recapture,
        due=unstamp_or_none(due),
    )


def place_of(values: tuple[Any, ...]) -> bytes:
    """Where a collection stands, from its columns' values."""
    return _place(_row(values))


def _place(row: Collection) -> bytes:
    said = [row.id, row.client, row.reference, row.amount, row.currency]
    named = json.dumps(said).encode("ascii")
    return place("collection", row.product, row.iduser, test=row.test, row=named)
