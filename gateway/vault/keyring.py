"""The keyring: versioned data keys, one set for each purpose, stored wrapped under the KEK."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
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
    RECAPTURE = "recapture"  # seals links that take another card, and whom they are for
    IDEMPOTENCY = "idempotency"  # hashes idempotency keys and the requests that came with them
    REPEATED = "repeated"  # seals what such a request was answered
    NOTICE = "notice"  # seals what clients are told
    CREDENTIAL = "credential"  # seals what processors ask of their callers
    CHARGE = "charge"  # seals who is charged, and what for
    PAGE_LINK = "page_link"  # seals what a link to one of our pages is for
    VIEWER = "viewer"  # seals hashes of viewers' codes, and secrets of their one-time passwords
    COLLECTION = "collection"  # seals whom a sum is collected from, and the guest's link
    AUDIT = "audit"  # hashes audit entries, each with the one before it
    OLD_TOKEN = "old_token"  # hashes tokens that other vaults issued  # noqa: S105
    IMPORT_KEY = "import_key"  # seals the private keys of files to import
    DIGITS = "digits"  # hashes tokens of digits


_NAMED: Final = {Purpose.DATA: "sealer"}  # the others are named as their purpose is


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
    recapture: Sealer
    idempotency: KeyedHash
    repeated: Sealer
    notice: Sealer
    credential: Sealer
    charge: Sealer
    page_link: Sealer
    viewer: Sealer
    collection: Sealer
    audit: KeyedHash
    old_token: KeyedHash
    import_key: Sealer
    digits: KeyedHash

    def take_over(self, other: Keyring) -> None:
        """Has the keys of `other` from now on, in the sealers and hashes that there are."""
        for one in fields(self):
            getattr(self, one.name).take_over(getattr(other, one.name))

    def when_missed(self, missed: Callable[[], None]) -> None:
        """`missed` is called wherever a key is named that is not known."""
        for one in fields(self):
            getattr(self, one.name).when_missed(missed)

    def of(self, purpose: Purpose) -> Sealer | KeyedHash:
        """What is done with the keys of one purpose."""
        found: Sealer | KeyedHash = getattr(self, _NAMED.get(purpose, purpose.value))
        return found


def new_keys(
    kek: Sealer, rows: Sequence[WrappedKey] = (), made: Collection[Purpose] = ()
) -> list[WrappedKey]:
    """What the keyring `rows` still needs: an active key for each purpose that never had one, as the
    later ones in a keyring of an older version. `made` are those that had: nothing is made up for,
    and a keyring that lost a key is damaged.
    """
    first = 1 + max((row.id for row in rows), default=0)
    purposes = [purpose for purpose in Purpose if purpose not in made]
    return [
        WrappedKey(
            key_id,
            purpose,
            State.ACTIVE,
            kek.seal(secrets.token_bytes(KEY_LENGTH), _slot(key_id, purpose)),
        )
        for key_id, purpose in enumerate(purposes, start=first)
    ]


def opens(rows: Sequence[WrappedKey], kek: Sealer) -> bool:
    """Whether `kek` opens every one of them."""
    try:
        for row in rows:
            kek.open(row.wrapped, _slot(row.id, row.purpose))
    except RecordDamaged:
        return False
    return True


def rewrap(rows: Sequence[WrappedKey], old: Sealer, new: Sealer) -> list[WrappedKey]:
    """The same keys, wrapped under `new`. Raises RecordDamaged when one does not open under `old`."""
    changed = []
    for row in rows:
        slot = _slot(row.id, row.purpose)
        key = Secret(old.open(row.wrapped, slot))
        changed.append(replace(row, wrapped=new.seal(key.reveal(), slot)))
    return changed


def unlock(rows: Sequence[WrappedKey], kek: Sealer) -> Keyring:
    """Unwraps. Raises RecordDamaged when a key does not open, or a purpose has not one active key."""
    return keyring_of(rows, {row.id: unwrap(row, kek) for row in rows})


def unwrap(row: WrappedKey, kek: Sealer) -> Secret[bytes]:
    """The key itself. Raises RecordDamaged."""
    return Secret(kek.open(row.wrapped, _slot(row.id, row.purpose)))


def wrap(key_id: int, purpose: Purpose, key: Secret[bytes], kek: Sealer) -> WrappedKey:
    """A new key's row: it is known, and not used."""
    sealed = kek.seal(key.reveal(), _slot(key_id, purpose))
    return WrappedKey(key_id, purpose, State.PENDING, sealed)


def keyring_of(rows: Sequence[WrappedKey], opened: Mapping[int, Secret[bytes]]) -> Keyring:
    """The keyring that `rows` say, with the keys that are `opened`. Raises RecordDamaged when a purpose has
    not one active key.
    """

    def keys(purpose: Purpose) -> tuple[dict[int, Secret[bytes]], int]:
        mine = [row for row in rows if row.purpose is purpose]
        active = [row.id for row in mine if row.state is State.ACTIVE]
        found = {row.id: opened[row.id] for row in mine}
        if len(active) != 1 or any(len(key.reveal()) != KEY_LENGTH for key in found.values()):
            raise RecordDamaged
        return found, active[0]

    return Keyring(
        sealer=Sealer(*keys(Purpose.DATA)),
        look_up=KeyedHash(*keys(Purpose.LOOK_UP)),
        tokenuser=KeyedHash(*keys(Purpose.TOKENUSER)),
        booking=KeyedHash(*keys(Purpose.BOOKING)),
        spool=Sealer(*keys(Purpose.SPOOL)),
        quarantine=Sealer(*keys(Purpose.QUARANTINE)),
        cvc=Sealer(*keys(Purpose.CVC)),
        foreign=Sealer(*keys(Purpose.FOREIGN)),
        recapture=Sealer(*keys(Purpose.RECAPTURE)),
        idempotency=KeyedHash(*keys(Purpose.IDEMPOTENCY)),
        repeated=Sealer(*keys(Purpose.REPEATED)),
        notice=Sealer(*keys(Purpose.NOTICE)),
        credential=Sealer(*keys(Purpose.CREDENTIAL)),
        charge=Sealer(*keys(Purpose.CHARGE)),
        page_link=Sealer(*keys(Purpose.PAGE_LINK)),
        viewer=Sealer(*keys(Purpose.VIEWER)),
        collection=Sealer(*keys(Purpose.COLLECTION)),
        audit=KeyedHash(*keys(Purpose.AUDIT)),
        old_token=KeyedHash(*keys(Purpose.OLD_TOKEN)),
        import_key=Sealer(*keys(Purpose.IMPORT_KEY)),
        digits=KeyedHash(*keys(Purpose.DIGITS)),
    )


def _slot(key_id: int, purpose: Purpose) -> bytes:
    return place(f"keyring:{purpose.value}", "", key_id, test=False)
