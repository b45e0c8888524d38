"""The keyring: versioned data keys, one set for each purpose, stored wrapped under the KEK."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault.envelope import KEY_LENGTH, Sealer, place
from gateway.vault.hashes import KeyedHash


class Purpose(StrEnum):
    """What a key is for. No key serves two purposes (P20)."""

    DATA = "data"  # seals records
    LOOK_UP = "look_up"  # hashes product, PAN, expiry
    TOKENUSER = "tokenuser"  # hashes tokenusers
    BOOKING = "booking"  # hashes booking numbers
    SPOOL = "spool"  # seals answers that were rewritten
    QUARANTINE = "quarantine"  # seals answers that were refused; they may hold clear cards
    CVC = "cvc"  # seals security codes that are held for minutes
    FOREIGN = "foreign"  # seals processors' own tokens


# Those that came with version 2 of the schema.
_SECOND: Final = (Purpose.SPOOL, Purpose.QUARANTINE, Purpose.CVC, Purpose.FOREIGN)


class State(StrEnum):
    """A key's life. Every reader knows a pending key before one becomes active (P23)."""

    PENDING = "pending"  # read with, never written with
    ACTIVE = "active"  # written with: exactly one for each purpose
    RETIRING = "retiring"  # read with until nothing is left under it


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A row of the keyring. `wrapped` is the key, sealed under the KEK that it names."""

    id: int
    purpose: Purpose
    state: State
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys in use, unwrapped, as the things that are done with them."""

    sealer: Sealer
    look_up: KeyedHash
    tokenuser: KeyedHash
    booking: KeyedHash
    spool: Sealer
    quarantine: Sealer
    cvc: Sealer
    foreign: Sealer


def new_keys(kek: Sealer, rows: Sequence[WrappedKey] = ()) -> list[WrappedKey]:
    """What the keyring `rows` still needs: an active key for each purpose when it is empty, for the
    later purposes when it was made before there were any. Nothing else is ever made up for: a
    keyring that lost a key is damaged.
    """
    if not rows:
        return _make(kek, tuple(Purpose), 1)
    if any(row.purpose in _SECOND for row in rows):
        return []
    return _make(kek, _SECOND, 1 + max(row.id for row in rows))


def _make(kek: Sealer, purposes: Sequence[Purpose], first: int) -> list[WrappedKey]:
    return [
        WrappedKey(
            key_id,
            purpose,
            State.ACTIVE,
            kek.seal(secrets.token_bytes(KEY_LENGTH), _slot(key_id, purpose)),
        )
        for key_id, purpose in enumerate(purposes, start=first)
    ]


def unlock(rows: Sequence[WrappedKey], kek: Sealer) -> Keyring:
    """Unwraps. Raises RecordDamaged when a key does not open, or a purpose has not one active key."""

    def keys(purpose: Purpose) -> tuple[dict[int, Secret[bytes]], int]:
        mine = [row for row in rows if row.purpose is purpose]
        active = [row.id for row in mine if row.state is State.ACTIVE]
        opened = {row.id: Secret(kek.open(row.wrapped, _slot(row.id, purpose))) for row in mine}
        if len(active) != 1 or any(len(key.reveal()) != KEY_LENGTH for key in opened.values()):
            raise RecordDamaged
        return opened, active[0]

    return Keyring(
        sealer=Sealer(*keys(Purpose.DATA)),
        look_up=KeyedHash(*keys(Purpose.LOOK_UP)),
        tokenuser=KeyedHash(*keys(Purpose.TOKENUSER)),
        booking=KeyedHash(*keys(Purpose.BOOKING)),
        spool=Sealer(*keys(Purpose.SPOOL)),
        quarantine=Sealer(*keys(Purpose.QUARANTINE)),
        cvc=Sealer(*keys(Purpose.CVC)),
        foreign=Sealer(*keys(Purpose.FOREIGN)),
    )


def _slot(key_id: int, purpose: Purpose) -> bytes:
    return place(f"keyring:{purpose.value}", "", key_id, test=False)
