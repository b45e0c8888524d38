"""What stays of a card whose time was over, and its sealed form.

A stub has mask and brand, and the bookings that the card was for: for a refund, or a dispute months
later. Nothing in it tells the number: no hash of it, no expiry, no holder. What is sealed is bound to
product, mode, card, booking, and to when the card was erased: a stub that was altered, to stay longer,
does not open (P17).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from gateway.cards.card import Booking, Card
from gateway.cards.pan import brand_of, mask
from gateway.errors import RecordDamaged
from gateway.vault.entries import unstamp
from gateway.vault.envelope import Sealer, padded, place

# Padding hides how long a mask is, and most of how long a booking's number is.
_STEP: Final = 64


class StubRow(NamedTuple):
    """A row of `stub`, in the columns' order."""

    iduser: int
    product: str
    test: bool
    tokenuser_hash: bytes
    erased: str
    sealed: bytes


class StubBookingRow(NamedTuple):
    """A row of `stub_booking`, in the columns' order."""

    iduser: int
    booking_hash: bytes
    product: str
    test: bool
    erased: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Reference:
    """A charge of the card, by which its processor knows it."""

    charge: str
    reference: str
    processor: str
    processor_id: str | None


@dataclass(frozen=True, slots=True)
class Stub:
    """What is left of a card. `mask` and `brand` are empty where its record was damaged."""

    iduser: int
    product: str
    test: bool
    mask: str
    brand: str
    erased: datetime
    bookings: tuple[Booking, ...]
    references: tuple[Reference, ...]


def seal_card(sealer: Sealer, row: StubRow, card: Card | None) -> StubRow:
    """`row` with what may be known of `card`; None: its record could not be opened."""
    said = {}
    if card is not None:
        digits = card.pan.reveal()
        said = {"mask": mask(digits), "brand": brand_of(digits)}
    return row._replace(sealed=sealer.seal(_written(said), card_place(row)))


def open_card(sealer: Sealer, row: StubRow) -> tuple[str, str]:
    """Mask and brand. Raises RecordDamaged."""
    said = _read(sealer.open(row.sealed, card_place(row)))
    return said.get("mask", ""), said.get("brand", "")


def seal_booking(sealer: Sealer, row: StubBookingRow, booking: Booking | None) -> StubBookingRow:
    """`row` with which booking it was; None: none, or its record could not be opened."""
    said = {}
    if booking is not None:
        said = {"system": booking.system, "hotel": booking.hotel, "id": booking.booking_id}
        said["departure"] = None if booking.departure is None else booking.departure.isoformat()
    return row._replace(sealed=sealer.seal(_written(said), booking_place(row)))


def open_booking(sealer: Sealer, row: StubBookingRow) -> Booking | None:
    """The booking; None: there was none. Raises RecordDamaged."""
    said = _read(sealer.open(row.sealed, booking_place(row)))
    if not said:
        return None
    departure = said["departure"]
    left = None if departure is None else date.fromisoformat(departure)
    return Booking(said["system"], said["hotel"], said["id"], left)


def stub_of(
    sealer: Sealer, row: StubRow, bookings: list[StubBookingRow], references: list[Reference]
) -> Stub:
    """All of one. Raises RecordDamaged."""
    shown, brand = open_card(sealer, row)
    opened = [open_booking(sealer, one) for one in bookings]
    named = tuple(one for one in opened if one is not None)
    return Stub(
        row.iduser, row.product, bool(row.test), shown, brand, unstamp(row.erased), named,
        tuple(references),
    )  # fmt: skip


def _written(said: dict[str, Any]) -> bytes:  # JSON
    return padded(json.dumps(said).encode("ascii"), _STEP)


def _read(plaintext: bytes) -> dict[str, Any]:  # JSON
    try:
        said = json.loads(plaintext)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise RecordDamaged
    return said


def card_place(row: StubRow) -> bytes:
    """Where a stub's record stands."""
    return place("stub", row.product, row.iduser, test=bool(row.test), row=row.erased.encode())


def booking_place(row: StubBookingRow) -> bytes:
    """Where that of one of its bookings stands."""
    named = row.erased.encode() + row.booking_hash
    return place("stub_booking", row.product, row.iduser, test=bool(row.test), row=named)
