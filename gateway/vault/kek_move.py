"""Moving a vault's keys from one key-encryption key to another, and what they are wrapped under.

1. The new KEK is made, and durable, before anything is wrapped under it.
2. Every key is wrapped anew in one transaction, each opened again under the new KEK before it commits,
   with the audit's entry: killed at any moment, either KEK opens the whole keyring.
3. The old KEK is left where it is: backups of the database need it, and its operator removes it.

A gateway that runs has its keys in memory and notices nothing. One that starts meanwhile tries both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.audit import Action, Entry, Outcome
from gateway.errors import RecordDamaged, VaultSealed
from gateway.system_user import command_line
from gateway.vault import closing, key_rows
from gateway.vault.database import Database, Step, no_step
from gateway.vault.entries import stamp
from gateway.vault.envelope import Sealer, sealed_under
from gateway.vault.journal import journal_of
from gateway.vault.kek.provider import KekProvider
from gateway.vault.key_rows import KeyEvent, KeyHistory
from gateway.vault.keyring import Purpose, State, WrappedKey, opens, rewrap
from gateway.vault.keyring_watch import SILENT
from gateway.vault.places import Place, open_database
from gateway.vault.store import Store
from gateway.vault.unsealing import holder, unsealed


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key of the keyring: nothing of it but what it is for, and which KEK it is wrapped under."""

    id: int
    purpose: Purpose
    state: State
    kek: int
    since: datetime | None  # that it is used, or was last; None: it is not yet


@dataclass(frozen=True, slots=True)
class Status:
    """`keys` are none in a vault that was never opened. `opened_by`: the provider whose KEK opens
    them; where none does, `problem` says why. `closed`: why it takes nothing, and what to do; empty where it
    does. `behind`: the processes that serve and have not loaded all
    of them; `history`: what became of every key that there ever was."""

    keys: tuple[KeyState, ...]
    opened_by: KekProvider | None
    problem: VaultSealed | None
    behind: tuple[str, ...] = ()
    history: tuple[KeyHistory, ...] = ()
    closed: str = ""


def status(database: Place, keks: Sequence[KekProvider], now: datetime) -> Status:
    """How a vault's keys stand. Fetches the KEK to see whether it opens them. Raises VaultUnavailable,
    RecordDamaged, ConfigurationError when the database is not ours.
    """
    with _opened(database, now) as opened:
        rows = Store(opened).wrapped_keys()
        history = tuple(opened.read(key_rows.history))
        behind = tuple(opened.read(lambda c: key_rows.behind(c, stamp(now - SILENT))))
        closed = closing.told(opened.read(closing.why))
    since = {one.key: one.at for one in history if one.event is KeyEvent.ACTIVATED}
    keys = tuple(
        KeyState(r.id, r.purpose, r.state, sealed_under(r.wrapped), since.get(r.id)) for r in rows
    )
    try:
        opened_by = holder(rows, keks)[0] if rows else None
    except VaultSealed as problem:
        return Status(keys, None, problem, behind, history, closed)
    return Status(keys, opened_by, None, behind, history, closed)


def move(
    database: Place,
    old: KekProvider,
    new: KekProvider,
    now: datetime,
    *,
    step: Step = no_step,
    sinks: Sequence[Path | None] = (),
) -> int:
    """How many keys were wrapped anew, from `old`'s KEK under `new`'s; 0: all were before. `sinks` as
    for `Vault.open`.

    Raises VaultSealed when either can not be had or `old` does not open the keyring, RecordDamaged,
    VaultUnavailable.
    """
    with _opened(database, now, step) as opened:
        store = Store(opened, step=step)
        if not store.wrapped_keys():
            return 0
        if not new.made():
            new.create()
        kek = new.load()
        if opens(store.wrapped_keys(), kek):
            return 0
        keyring = unsealed(store, [old], stamp(now)).keyring
        opened.use(journal_of(keyring.audit, lambda: stamp(now), sinks))
        _, before = holder(store.wrapped_keys(), [old])
        moved: list[WrappedKey] = []
        store.rewrap(_rewrapping(before, kek, moved), _entry(old, new, now))
        return len(moved)


def _rewrapping(
    old: Sealer, new: Sealer, moved: list[WrappedKey]
) -> Callable[[Sequence[WrappedKey]], Sequence[WrappedKey]]:
    def change(rows: Sequence[WrappedKey]) -> Sequence[WrappedKey]:
        changed = rewrap(rows, old, new)
        if not opens(changed, new):
            raise RecordDamaged
        moved[:] = changed
        return changed

    return change


@contextmanager
def _opened(database: Place, now: datetime, step: Step = no_step) -> Iterator[Database]:
    opened = open_database(database, now=stamp(now), step=step)
    try:
        yield opened
    finally:
        opened.close()


def _entry(old: KekProvider, new: KekProvider, now: datetime) -> Entry:
    return Entry(
        at=now,
        exchange="",
        action=Action.KEK_MOVE,
        outcome=Outcome.DONE,
        origin=command_line(),
        detail=f"{old.kind}:{new.kind}",
    )
