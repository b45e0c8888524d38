"""A card that failed at a channel and is to be replaced: what it is, and its sealed form.

Times and ids are stored in clear, to be found by. `Held` is what the channel's link is, whom it is
for, and what the channel said: bytes here, the business of `gateway.recapture`. Its place names
client, system and itinerary: a row that was altered, to give one client another's link, does not
open (P17).
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
    "id, client, system, itinerary, event_id, state, created, changed, failed, link_expires,"
    " link_ends, may_cancel, has_link, successor, told, tell_due, tell_tries, look_due, look_tries"
)
# Padding hides most of how long a link and an address are.
_STEP: Final = 512


class RecaptureState(StrEnum):
    """How far it came."""

    PENDING = "pending"  # a card is needed
    SENDING = "sending"  # a card is on its way to the channel
    UNKNOWN = "unknown"  # a card has left, and no answer came
    COMPLETED = "completed"  # the channel took a card
    SUPERSEDED = "superseded"  # the card failed again: `successor` goes on


@dataclass(frozen=True, slots=True)
class Recapture:
    """One failure of one booking's card. Holds no card data, and not the link."""

    id: str
    client: str
    system: str
    itinerary: str
    event_id: str | None  # None: nothing was heard of it but its link
    state: RecaptureState
    created: datetime
    changed: datetime  # when its state was last another
    failed: datetime  # the earliest that the card can have failed
    link_expires: datetime  # the earliest end of the link that fits what is known
    link_ends: datetime  # the latest
    may_cancel: datetime  # from then on the hotel may cancel, for want of a card
    has_link: bool = False
    successor: str | None = None
    told: datetime | None = None  # when the client took the notification
    tell_due: datetime | None = None  # None: it is not tried (again)
    tell_tries: int = 0
    look_due: datetime | None = None  # when the booking is retrieved next, to find the link
    look_tries: int = 0


@dataclass(frozen=True, slots=True)
class OpenRecapture:
    """A recapture with what is sealed of it."""

    row: Recapture
    held: Secret[bytes]


def seal(sealer: Sealer, one: OpenRecapture) -> tuple[Any, ...]:
    """The columns' values, the sealed one last. Raises ValueError for a time without a zone."""
    row = one.row
    plain = one.held.reveal()
    sealed = sealer.seal(padded(plain, _STEP), _place(row))
    return (
        row.id, row.client, row.system, row.itinerary, row.event_id, row.state.value,
        stamp(row.created), stamp(row.changed), stamp(row.failed), stamp(row.link_expires),
        stamp(row.link_ends), stamp(row.may_cancel), row.has_link, row.successor,
        stamp_or_none(row.told), stamp_or_none(row.tell_due), row.tell_tries, stamp_or_none(row.look_due),
        row.look_tries, sealed,
    )  # fmt: skip


def unseal(sealer: Sealer, values: tuple[Any, ...]) -> OpenRecapture:
    """Reads back what `seal` made. Raises RecordDamaged."""
    row = read_row(values[:-1])
    return OpenRecapture(row, Secret(sealer.open(values[-1], _place(row)).rstrip()))


def read_row(values: tuple[Any, ...]) -> Recapture:
    """What stands in clear, from the columns' values."""
    (
        id, client, system, itinerary, event_id, state, created, changed, failed, expires, ends,
        cancel, has_link, successor, told, tell_due, tell_tries, look_due, look_tries,
    ) = values  # fmt: skip
    return Recapture(
        id=id,
        client=client,
        system=system,
        itinerary=itinerary,
        event_id=event_id,
        state=RecaptureState(state),
        created=unstamp(created),
        changed=unstamp(changed),
        failed=unstamp(failed),
        link_expires=unstamp(expires),
        link_ends=unstamp(ends),
        may_cancel=unstamp(cancel),
        has_link=bool(has_link),
        successor=successor,
        told=unstamp_or_none(told),
        tell_due=unstamp_or_none(tell_due),
        tell_tries=tell_tries,
        look_due=unstamp_or_none(look_due),
        look_tries=look_tries,
    )


def place_of(values: tuple[Any, ...]) -> bytes:
    """Where a recapture stands, from its columns' values."""
    return _place(read_row(values))


def _place(row: Recapture) -> bytes:
    named = json.dumps([row.id, row.client, row.system, row.itinerary]).encode("ascii")
    return place("recapture", "", 0, test=False, row=named)
