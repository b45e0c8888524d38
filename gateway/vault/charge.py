"""A charge as it is kept: what it is found by in clear, and the rest sealed.

`held` is who is charged and for what: the token, the booking, billing fields, the challenge; bytes
here, the business of `gateway.charges`. Its place names charge, client, reference, processor, amount
and currency: a row that was altered, to make one charge another's or another sum, does not open (P17).
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
    "id, client, product, test, iduser, booking, reference, amount, currency, initiator, exemption,"
    " capture_now, processor, created, changed, state, processor_id, has_network_id, captured,"
    " refunded, operation, asked, before, attempt, sent, lease, challenge_ends, look_due, look_tries,"
    " stated_amount, stated_currency"
)
# Padding hides most of how long a name and an address are.
_STEP: Final = 512


class ChargeState(StrEnum):
    """How far it came."""

    PENDING = "pending"  # it is on its way, or the processor works on it
    CHALLENGED = "challenged"  # the guest must authenticate
    AUTHORIZED = "authorized"  # the sum is held, and not taken yet
    SUCCEEDED = "succeeded"  # the sum was taken
    DECLINED = "declined"  # nothing was taken: by the processor's word, or it never came to one
    EXPIRED = "expired"  # the guest did not authenticate in time
    CANCELLED = "cancelled"  # what was held is free again
    REFUNDED = "refunded"  # the sum, or a part of it, was given back
    DISPUTED = "disputed"  # the guest contests it
    UNKNOWN = "unknown"  # what was asked last may have been done, or not


@dataclass(frozen=True, slots=True)
class Stated:
    """A sum as the processor says it, which is not the one that was asked for."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge. Amounts are in minor units. Holds no card data.

    `operation` is what was asked of the processor last, while its outcome is not known: `asked` is
    its sum, `before` the state that it would leave as it was, `lease` until when someone waits for
    the answer. `attempt` counts what was asked. `captured` may be more than `amount`, where the
    processor took more. `stated`: the last sum that it named and nobody had asked for.
    """

    id: str
    client: str
    product: str
    test: bool
    iduser: int
    booking: bytes  # a keyed hash; empty: it names none
    reference: str
    amount: int
    currency: str
    initiator: str
    exemption: str | None
    capture_now: bool
    processor: str
    created: datetime
    changed: datetime  # when its state or its sums were last others
    state: ChargeState = ChargeState.PENDING
    processor_id: str | None = None
    has_network_id: bool = False  # the networks gave it one, which later charges may name
    captured: int = 0
    refunded: int = 0
    operation: str | None = None
    asked: int = 0
    before: ChargeState | None = None
    attempt: int = 0
    sent: datetime | None = None
    lease: datetime | None = None
    challenge_ends: datetime | None = None
    look_due: datetime | None = None
    look_tries: int = 0
    stated: Stated | None = None


@dataclass(frozen=True, slots=True)
class OpenCharge:
    """A charge with what is sealed of it."""

    row: Charge
    held: Secret[bytes]


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a charge's history. `actor`: a client and its key, a processor, or the gateway."""

    at: datetime
    before: ChargeState | None  # None: there was no charge
    state: ChargeState
    operation: str
    amount: int
    actor: str
    code: str | None = None  # ours, where it did not come to an outcome
    decline: str | None = None  # the processor's reason
    stated: Stated | None = None  # by the processor, where it is not `amount`


def seal(sealer: Sealer, one: OpenCharge) -> tuple[Any, ...]:
    """The columns' values, the sealed one last. Raises ValueError for a time without a zone."""
    row, plain = one.row, one.held.reveal()
    sealed = sealer.seal(padded(plain, _STEP), _place(row))
    return (
        row.id, row.client, row.product, row.test, row.iduser, row.booking, row.reference,
        row.amount, row.currency, row.initiator, row.exemption, row.capture_now, row.processor,
        stamp(row.created), stamp(row.changed), row.state.value, row.processor_id,
        row.has_network_id, row.captured, row.refunded, row.operation, row.asked,
        None if row.before is None else row.before.value, row.attempt, stamp_or_none(row.sent),
        stamp_or_none(row.lease), stamp_or_none(row.challenge_ends), stamp_or_none(row.look_due), row.look_tries,
        *stated_values(row.stated), sealed,
    )  # fmt: skip


def unseal(sealer: Sealer, values: tuple[Any, ...]) -> OpenCharge:
    """Reads back what `seal` made. Raises RecordDamaged."""
    row = read_row(values[:-1])
    return OpenCharge(row, Secret(sealer.open(values[-1], _place(row)).rstrip()))


def read_row(values: tuple[Any, ...]) -> Charge:
    """What stands in clear, from the columns' values."""
    (
        id, client, product, test, iduser, booking, reference, amount, currency, initiator,
        exemption, capture_now, processor, created, changed, state, processor_id, has_network_id,
        captured, refunded, operation, asked, before, attempt, sent, lease, ends, due, tries,
        stated_amount, stated_currency,
    ) = values  # fmt: skip
    return Charge(
        id=id,
        client=client,
        product=product,
        test=bool(test),
        iduser=iduser,
        booking=booking,
        reference=reference,
        amount=amount,
        currency=currency,
        initiator=initiator,
        exemption=exemption,
        capture_now=bool(capture_now),
        processor=processor,
        created=unstamp(created),
        changed=unstamp(changed),
        state=ChargeState(state),
        processor_id=processor_id,
        has_network_id=bool(has_network_id),
        captured=captured,
        refunded=refunded,
        operation=operation,
        asked=asked,
        before=None if before is None else ChargeState(before),
        attempt=attempt,
        sent=unstamp_or_none(sent),
        lease=unstamp_or_none(lease),
        challenge_ends=unstamp_or_none(ends),
        look_due=unstamp_or_none(due),
        look_tries=tries,
        stated=read_stated(stated_amount, stated_currency),
    )


def stated_values(stated: Stated | None) -> tuple[int | None, str | None]:
    """The values of its two columns."""
    return (None, None) if stated is None else (stated.amount, stated.currency)


def read_stated(amount: int | None, currency: str | None) -> Stated | None:
    """Reads back what `stated_values` gave."""
    return None if amount is None or currency is None else Stated(amount, currency)


def place_of(values: tuple[Any, ...]) -> bytes:
    """Where a charge stands, from its columns' values."""
    return _place(read_row(values))


def _place(row: Charge) -> bytes:
    said = [row.id, row.client, row.reference, row.processor, row.amount, row.currency]
    named = json.dumps(said).encode("ascii")
    return place("charge", row.product, row.iduser, test=row.test, row=named)
