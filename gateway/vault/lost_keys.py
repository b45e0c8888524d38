"""The audit's keys that came after a backup, as far as the lost vault's audit has them.

A key is believed, and what is under it checked with it, if

1. its line is hashed under a key that is believed: the backup's own ones, then from one to the next. Any other
   line of a key was changed or made up, and nothing is restored;
2. a KEK that is at hand opens it, in the place of that key: the backup's KEK, or another one that is
   configured, where the KEK was moved between the two.

From the old database its row is taken, as every start of a gateway takes it: if the KEK opens it (2).

A key under which entries are was in use, and stays in use in the restored vault: in an audit nothing
follows under an older one (`chain_check`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Final

from gateway.audit import Action, Outcome
from gateway.errors import BackupRefused, RecordDamaged, VaultSealed
from gateway.secret import Secret
from gateway.vault import key_rows
from gateway.vault.audit_line import KeyLine, Line
from gateway.vault.chain import Chain
from gateway.vault.database import Connection
from gateway.vault.envelope import Sealer, sealed_under
from gateway.vault.hashes import KeyedHash
from gateway.vault.kek.provider import KekProvider
from gateway.vault.key_rows import KeyEvent
from gateway.vault.keyring import Purpose, State, WrappedKey, unwrap, wrap
from gateway.vault.lost_lines import Lines

_ID: Final = 8  # of a hash in hexadecimal, where the id of its key stands


def take_in(
    connection: Connection, lines: Lines, kek: Sealer, keks: Sequence[KekProvider], now: str
) -> None:
    """Adds to the backup's keyring, in a transaction, the audit's keys that came after it: wrapped under
    `kek`, the backup's own, the newest of them in use. `keks`: who may have another one.

    Raises BackupRefused where a line of a key was changed or made up, and where entries are under a key that
    came after the backup and can not be had; VaultSealed where a KEK can not be had now.
    """
    rows = [row for row in key_rows.read(connection) if row.purpose is Purpose.AUDIT]
    known = {row.id: unwrap(row, kek) for row in rows}
    before = frozenset(known)
    shut = _learn(known, lines, _openers(kek, keks))
    _require_all(known, shut, lines)
    new = sorted(known.keys() - before)
    if new:
        _put_in_use(connection, rows, [_wrapped(id, known[id], kek) for id in new], lines, now)


def _learn(
    known: dict[int, Secret[bytes]],
    lines: Lines,
    opened: Callable[[WrappedKey], Secret[bytes] | None],
) -> dict[int, WrappedKey]:
    """Adds to the keys that are `known` those that are believed. Gives those that no KEK at hand opens."""
    shut: dict[int, WrappedKey] = {}
    left = [one for one in lines.keys if one.audit_key not in known]
    reached = True
    while reached:
        reached = False
        for line in [one for one in left if _signer(one) in known]:
            if not _is_signed(line, known):
                raise _made_up(line.audit_key)
            left.remove(line)
            reached = _add(known, shut, _row(line), opened) or reached
    strange = [one for one in left if _signer(one) not in shut]
    if strange:
        raise _made_up(strange[0].audit_key)
    for row in lines.keyring:
        _add(known, shut, row, opened)
    return {id: row for id, row in shut.items() if id not in known}


def _add(
    known: dict[int, Secret[bytes]],
    shut: dict[int, WrappedKey],
    row: WrappedKey,
    opened: Callable[[WrappedKey], Secret[bytes] | None],
) -> bool:
    """Whether the key is known by this, and was not before."""
    if row.id in known:
        return False
    key = opened(row)
    if key is None:
        shut[row.id] = row
        return False
    known[row.id] = key
    return True


def _is_signed(line: KeyLine, known: Mapping[int, Secret[bytes]]) -> bool:
    signer = _signer(line)
    return signer < line.audit_key and Chain(KeyedHash(known, signer)).key_fits(line)


def _openers(
    kek: Sealer, keks: Sequence[KekProvider]
) -> Callable[[WrappedKey], Secret[bytes] | None]:
    """Opens a key under the first of the KEKs that does. The others are fetched once the backup's own does
    not.
    """
    fetched: list[Sealer] = [kek]
    rest = _fetched(keks)

    def opened(row: WrappedKey) -> Secret[bytes] | None:
        for one in fetched:
            with suppress(RecordDamaged):
                return unwrap(row, one)
        for one in rest:
            fetched.append(one)
            with suppress(RecordDamaged):
                return unwrap(row, one)
        return None

    return opened


def _fetched(keks: Sequence[KekProvider]) -> Iterator[Sealer]:
    for provider in keks:
        try:
            yield provider.load()
        except VaultSealed as problem:
            if problem.again:  # it may yet be had, and be the one
                raise


def _require_all(
    known: Mapping[int, Secret[bytes]], shut: Mapping[int, WrappedKey], lines: Lines
) -> None:
    """Raises BackupRefused where an entry or an anchor is under a key that came after the backup, and that
    is not known. Of any other number there was no key: what names it does not follow the chain.
    """
    made = {id for id, _ in _told(lines.entries, Action.VAULT_KEY_CREATE)}
    hashes = chain((one.hash for one in lines.entries), (one.hash for one in lines.anchors))
    for id in {int(hashed[:_ID], 16) for hashed in hashes}:
        if id in known:
            continue
        if shut and id >= min(shut):  # each is reached by the one before
            raise _other_kek(min(shut), shut[min(shut)])
        if id in made:
            raise _missing(id)


def _put_in_use(
    connection: Connection,
    rows: Iterable[WrappedKey],
    new: Sequence[WrappedKey],
    lines: Lines,
    now: str,
) -> None:
    created = dict(_told(lines.entries, Action.VAULT_KEY_CREATE))
    activated = dict(_told(lines.entries, Action.VAULT_KEY_ACTIVATE))

    def say(key: WrappedKey, event: KeyEvent, told: Mapping[int, Line]) -> None:
        one = told.get(key.id)
        at, who = (now, "") if one is None else (one.at, one.origin)
        key_rows.say(connection, key, event, at, who)

    waited = [row for row in rows if row.state is State.PENDING]
    for row in rows:
        key_rows.set_state(connection, row, State.RETIRING)
    for key in waited:
        say(key, KeyEvent.ACTIVATED, activated)
    for key in new:
        one = created.get(key.id)
        at, who = (now, "") if one is None else (one.at, one.origin)
        key_rows.add(connection, key, at, who)
        say(key, KeyEvent.ACTIVATED, activated)
    for key in new[:-1]:
        key_rows.set_state(connection, key, State.RETIRING)
    key_rows.set_state(connection, new[-1], State.ACTIVE)
    key_rows.rename(connection, secrets.token_hex(16))


def _told(entries: Iterable[Line], action: Action) -> Iterator[tuple[int, Line]]:
    """What the audit says of its keys: the id of each."""
    for one in entries:
        ours = one.action == action and one.detail == Purpose.AUDIT
        if ours and one.outcome == Outcome.DONE and one.subject.isdecimal():
            yield int(one.subject), one


def _wrapped(id: int, key: Secret[bytes], kek: Sealer) -> WrappedKey:
    return wrap(id, Purpose.AUDIT, key, kek)


def _row(line: KeyLine) -> WrappedKey:
    return WrappedKey(line.audit_key, Purpose.AUDIT, State.RETIRING, bytes.fromhex(line.wrapped))


def _signer(line: KeyLine) -> int:
    return int(line.hash[:_ID], 16)


def _made_up(id: int) -> BackupRefused:
    return BackupRefused(
        "audit_made_up",
        f"the line of the audit's key {id} was changed, was made up, or is another vault's",
        "Find out who could write to it. Name the old database (--from-vault), or the files of another sink.",
    )


def _other_kek(id: int, row: WrappedKey) -> BackupRefused:
    try:
        said = f"the KEK {sealed_under(row.wrapped)}"
    except RecordDamaged:
        said = "no KEK"
    return BackupRefused(
        "kek_of_another",
        f"the audit goes on under its key {id}, which is wrapped under {said}: none that is configured opens it",
        "The KEK was moved after the backup. Name both, under vault.kek and vault.next_kek.",
    )


def _missing(id: int) -> BackupRefused:
    return BackupRefused(
        "audit_key_missing",
        f"keys were rotated after the backup, and the audit that was named has not the line of its key {id}",
        "Name every file that the audit went to since, or the old database (--from-vault), or a backup from"
        " after the rotation: a gateway from before this version wrote no such lines.",
    )
