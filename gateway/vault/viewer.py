"""A person of a property who may look at its cards, and the sealed form of the secret code.

What is sealed is an argon2 hash and, where there is one, the secret of one-time passwords: a stolen
database alone does not let anybody guess codes. Its place names viewer and product: moved to another
row it does not open (P17).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault.entries import unstamp
from gateway.vault.envelope import Sealer, place

TRIES: Final = 5  # wrong codes in a row
COLUMNS: Final = (
    "id, product, name, state, role, may_copy, totp, tries, cleared, created, changed,"
    " totp_step, sealed"
)


class State(StrEnum):
    """How far a viewer came."""

    INVITED = "invited"  # has no code
    ACTIVE = "active"
    LOCKED = "locked"  # by another person, or by five wrong codes
    DISABLED = "disabled"  # has left; it does not come back


class Role(StrEnum):
    """How much of a number shows."""

    MASKED = "masked"  # the first six and the last four
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Viewer:
    """One, without anything secret. `left`: how many codes may be tried."""

    id: str
    product: str
    name: str
    state: State
    role: Role
    may_copy: bool
    totp: bool
    left: int
    created: datetime
    changed: datetime


@dataclass(frozen=True, slots=True)
class NewViewer:
    """What one is invited as."""

    id: str
    product: str
    name: str
    role: Role
    may_copy: bool = False
    totp: bool = False


@dataclass(frozen=True, slots=True)
class SecretCode:
    """An argon2 hash, and the base32 secret of one-time passwords."""

    hash: Secret[str]
    totp: Secret[str] | None = None


@dataclass(frozen=True, slots=True)
class ViewerRow:
    """A row. `tries - cleared` are wrong, or still being verified. `is_locked`: by a person."""

    viewer: Viewer
    is_locked: bool
    tries: int
    cleared: int
    totp_step: int
    sealed: bytes | None


def read_row(values: tuple[Any, ...]) -> ViewerRow:
    """From the columns' values."""
    (
        id, product, name, state, role, may_copy, totp, tries, cleared, created, changed, step,
        sealed,
    ) = values  # fmt: skip
    left = max(0, TRIES - (tries - cleared))
    now = State(state)
    # Whoever has no try left is locked, whether or not it was ever written down.
    if now is State.ACTIVE and not left:
        now = State.LOCKED
    viewer = Viewer(
        id, product, name, now, Role(role), bool(may_copy), bool(totp), left,
        unstamp(created), unstamp(changed),
    )  # fmt: skip
    return ViewerRow(viewer, State(state) is State.LOCKED, tries, cleared, step, sealed)


def seal(sealer: Sealer, id: str, product: str, code: SecretCode) -> bytes:
    """The sealed record."""
    totp = None if code.totp is None else code.totp.reveal()
    said = json.dumps({"hash": code.hash.reveal(), "totp": totp})
    return sealer.seal(said.encode("ascii"), _place(id, product))


def unseal(sealer: Sealer, row: ViewerRow) -> SecretCode:
    """Reads back what `seal` made. Raises RecordDamaged."""
    viewer = row.viewer
    if row.sealed is None:
        raise RecordDamaged
    said = json.loads(sealer.open(row.sealed, _place(viewer.id, viewer.product)))
    totp = said["totp"]
    return SecretCode(Secret(said["hash"]), None if totp is None else Secret(totp))


def place_of(id: str, product: str) -> bytes:
    """Where a viewer's code stands, from the columns' values."""
    return _place(id, product)


def _place(id: str, product: str) -> bytes:
    return place("viewer", product, 0, test=False, row=id.encode())
