"""The two ends of a move: the vault that is left, and the one that is filled.

Each change of either end is one transaction, with its audit entry where it has one. Each asks whether this run
still has the end: another one may have taken over while this one slept, and then nothing is changed.
"""

# ruff: noqa: S608  # names of tables are constants of ours
from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from gateway.audit import Action, Entry, Outcome
from gateway.errors import ConfigurationError, Problem
from gateway.vault import anchors, closing, key_rows
from gateway.vault import entries as audit
from gateway.vault.chain import Anchor
from gateway.vault.closing import Closed
from gateway.vault.copied import TABLES
from gateway.vault.database import Connection, Database
from gateway.vault.entries import stamp
from gateway.vault.journal import Journal, journal_of
from gateway.vault.kek.provider import KekProvider
from gateway.vault.key_rows import KeyHistory
from gateway.vault.keyring_watch import KeyringWatch
from gateway.vault.places import Place
from gateway.vault.store import Store
from gateway.vault.unsealing import unsealed

T = TypeVar("T")

_EMPTY: Final = frozenset({"keyring_version"})  # has its row from the start
_ON_ITS_WAY: Final = (Closed.CLOSING, Closed.MOVING)
_OPENED: Final = "somebody else opened this vault meanwhile"
_AGAIN: Final = "If nobody else moves this vault now, run the same command again."


@dataclass(frozen=True, slots=True)
class Mover:
    """Who moves a vault, and with what. `run`: a name of this run alone; `by`: the audit's origin."""

    run: str
    by: str
    keks: Sequence[KekProvider]
    clock: Callable[[], datetime]
    sinks: Sequence[Path | None] = ()

    def unsealed(self, database: Database) -> KeyringWatch:
        """The keyring of a vault; its audit can be written from now on. Raises VaultSealed."""
        found = unsealed(Store(database), self.keks, stamp(self.clock()))
        watch = KeyringWatch(database, found, self.keks)
        database.use(journal_of(watch.keyring.audit, lambda: stamp(self.clock()), self.sinks))
        return watch

    def entry(self, detail: str, outcome: Outcome, place: Place) -> Entry:
        """What the audit says."""
        return Entry(
            self.clock(), "", Action.VAULT_MOVE, outcome,
            origin=self.by, detail=detail, subject=str(place),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Traits:
    """What tells a vault from every other one: what became of its keys, and its audit's anchors. `name`: of
    its first key, and when that was made.
    """

    name: str
    keys: frozenset[KeyHistory]
    anchors: frozenset[Anchor]

    def may_be_of(self, other: Traits) -> bool:
        """Whether this may be an older state of the other one."""
        return self.keys <= other.keys and self.anchors <= other.anchors


def traits(connection: Connection) -> Traits:
    """As they stand."""
    keys = key_rows.history(connection)
    name = hashlib.sha256(repr(keys[:1]).encode()).hexdigest()[:16]
    return Traits(name, frozenset(keys), frozenset(anchors.read(connection)))


class Leaving:
    """The vault that is moved. Every method blocks, and raises VaultUnavailable."""

    def __init__(self, database: Database, place: Place, to: Place | None, mover: Mover) -> None:
        self.database, self._place, self._to, self._mover = database, place, to or place, mover
        self._watch: KeyringWatch | None = None

    def state(self) -> Closed:
        """Whether it takes something. Raises ConfigurationError where there is no vault."""
        state, keys = self.database.read(lambda c: (closing.why(c), key_rows.read(c)))
        if not keys or state is Closed.FILLING:
            raise refused(self._place, "there is no vault", "Name the vault that is to be moved.")
        if state is Closed.RESTORING:
            closing.may_write(state)
        return state

    def begin(self) -> None:
        """Says in the audit that a copy of it is made, before a row leaves. Raises VaultSealed."""
        watch = self.unsealed()
        entry = self._mover.entry("copy", Outcome.INTENT, self._to)

        def work(connection: Connection) -> None:
            watch.check(connection)
            audit.append(connection, [entry])

        self.database.write("move_begin", work).result()

    def announce(self) -> None:
        """Gateways begin nothing new, as soon as they look at it; what they have begun is written."""
        watch = self.unsealed()
        watch.refresh()  # keys may have been rotated during the passes

        def work(connection: Connection) -> None:
            watch.check(connection)
            closing.close(connection, Closed.CLOSING, self._mover.run)

        self.database.write("move_announce", work).result()

    def close(self) -> None:
        """Nothing is written to it any more, by anybody, but what began before: see `Moving`. Raises
        ConfigurationError where another run has opened it again since it was announced.
        """
        watch = self.unsealed()
        watch.refresh()
        entry = self._mover.entry("close", Outcome.INTENT, self._to)

        def work(connection: Connection) -> None:
            watch.check(connection)
            if not closing.is_by(connection, Closed.CLOSING, self._mover.run):
                raise refused(self._place, _OPENED, _AGAIN)
            audit.append(connection, [entry])
            closing.close(connection, Closed.MOVING, self._mover.run)

        self.database.write("move_close", work).result()

    def reopen(self, *, whoever_closed: bool = False) -> bool:
        """Opens it again; False where it was not closed by this run. `whoever_closed`: not only by this."""
        self.unsealed()
        entry = self._mover.entry("open", Outcome.FAILED, self._to)

        def work(connection: Connection) -> bool:
            if whoever_closed:
                mine = closing.why(connection) in _ON_ITS_WAY
            else:
                mine = any(closing.is_by(connection, one, self._mover.run) for one in _ON_ITS_WAY)
            if mine:
                closing.close(connection, Closed.OPEN)
                audit.append(connection, [entry])
            return mine

        return self.database.write("move_reopen", work).result()

    def leave(self) -> None:
        """It is elsewhere from now on, and never opens again. Raises ConfigurationError where another run
        has opened it again meanwhile: then what was copied is not all.
        """

        def work(connection: Connection) -> None:
            if not closing.is_by(connection, Closed.MOVING, self._mover.run):
                raise refused(self._place, _OPENED, _AGAIN)
            closing.close(connection, Closed.MOVED, self._mover.run)

        self.database.write("move_leave", work).result()

    def unsealed(self) -> KeyringWatch:
        """Its keyring. Raises VaultSealed."""
        self._watch = self._watch or self._mover.unsealed(self.database)
        return self._watch


class Filling:
    """The vault that is made of its rows; fulfils `Database`, for whoever copies. What it is written stays
    shut until `open`.
    """

    def __init__(self, database: Database, place: Place, mover: Mover) -> None:
        self._database, self.place, self._mover = database, place, mover
        self._by = ""

    @property
    def few(self) -> int:
        """As the database."""
        return self._database.few

    def claim(self, source: Traits) -> None:
        """Closes it, so that nobody takes it for a vault. Raises ConfigurationError where it is one, or has
        rows of another one; then nothing is changed.
        """

        def work(connection: Connection) -> None:
            state = closing.why(connection)
            filled = frozenset(one.name for one in TABLES if _has_rows(connection, one.name))
            if state is not Closed.FILLING and (filled != _EMPTY or state is not Closed.OPEN):
                raise refused(self.place, "there is a vault already", "Name an empty place.")
            known = closing.by(connection).startswith(f"{source.name}/")
            if filled != _EMPTY and not (known and traits(connection).may_be_of(source)):
                raise refused(
                    self.place,
                    "this is the unfinished copy of another vault",
                    "Name an empty place, or the vault that was being moved to here.",
                )
            closing.close(connection, Closed.FILLING, by)

        by = f"{source.name}/{self._mover.run}"
        self._database.write("move_claim", work).result()
        self._by = by

    def is_open(self, source: Traits) -> bool:
        """Whether it is the vault already that the source, which was left, became."""

        def work(connection: Connection) -> bool:
            mine = traits(connection)
            is_open = closing.why(connection) is Closed.OPEN
            return is_open and bool(source.keys) and source.may_be_of(mine)

        return self._database.read(work)

    def unsealed(self) -> KeyringWatch:
        """Its keyring. Raises VaultSealed where the KEK does not open it."""
        return self._mover.unsealed(self)

    def open(self, came_from: Place) -> None:
        """It is a vault, from its commit on; to be called behind `unsealed`. Raises ConfigurationError where
        another run has it, or had.
        """
        entry = self._mover.entry("move", Outcome.DONE, came_from)

        def work(connection: Connection) -> None:
            closing.close(connection, Closed.OPEN)
            audit.append(connection, [entry])

        self.write("move_open", work).result()

    def use(self, journal: Journal) -> None:
        """As `Database.use`."""
        self._database.use(journal)

    def read(self, work: Callable[[Connection], T]) -> T:
        """As `Database.read`."""
        return self._database.read(work)

    def write(
        self, name: str, work: Callable[[Connection], T], *, entries: int = 0, large: bool = False
    ) -> Future[T]:
        """As `Database.write`, if this run has it still. Else the future ends in ConfigurationError."""

        def mine(connection: Connection) -> T:
            if not closing.is_by(connection, Closed.FILLING, self._by):
                raise refused(self.place, "another run fills this place by now", _AGAIN)
            return work(connection)

        return self._database.write(name, mine, entries=entries, large=large)

    def scrub(self, *, compact: bool = False) -> bool:
        """As the database."""
        return self._database.scrub(compact=compact)

    def close(self) -> None:
        """As `Database.close`."""
        self._database.close()


def refused(place: Place, message: str, hint: str) -> ConfigurationError:
    """What is wrong with a place."""
    return ConfigurationError([Problem(str(place), 0, message, hint)])


def _has_rows(connection: Connection, table: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None
