"""Moving a vault to another place, on the same kind of database or the other one, while it is in use.

1. The target says that it is no vault yet, and which run fills it; one that is a vault, or has rows of
   another one, is refused before anything is changed. The source's audit says that a copy is made.
2. Passes, while everybody goes on: each makes the target's rows what the source had in one moment. They end
   when few rows are left, or when another pass would not find fewer.
3. It is announced that the source closes: gateways begin nothing new and ask no partner for what they could
   not keep, while what they have begun comes to its end. Then it is closed: whoever wants to write is refused,
   and may come again. A transaction that began before is waited for: it could commit still, behind the back
   of the last pass.
4. The last pass, in which every table of the source is counted and summed as it is compared. Then the target is read
   anew, counted and summed. The KEK has to open it, and the audit's chain has to hold there, if it did at
   the source before that was closed.
5. The source says that it was moved: from now on it never opens again. Then the target is opened, with an
   entry in its audit.

Between the two commits of 5 neither opens; so at no moment both do. Whatever fails before 5 opens the source
again. Killed before 5, the source is open, or says that it is being moved until this is run again, which opens
it first, or given up. Killed within 5, the same command once more opens the target.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from gateway.errors import GatewayError
from gateway.vault.closing import Closed
from gateway.vault.copied import TABLES
from gateway.vault.copying import AnotherVault, Changes, Sum, copy, sums
from gateway.vault.database import Connection, Step, no_step
from gateway.vault.model import Taken
from gateway.vault.moving_ends import Filling, Leaving, refused, traits
from gateway.vault.moving_proof import Proof, holds, prove
from gateway.vault.places import Place

# So few rows are copied in less time than it takes to compare the rest.
_FEW: Final = 500
_PASSES: Final = 10
# A transaction may take a minute (`PostgresDatabase`); most end in milliseconds.
_OTHERS_SECONDS: Final = 75.0
_POLL_SECONDS: Final = 0.02


class Phase(StrEnum):
    """What is being done."""

    COPY = "copy"
    CHECK = "check"
    NOTICE = "notice"
    CLOSE = "close"
    LAST = "last"
    VERIFY = "verify"
    OPEN = "open"


class Watcher(Protocol):
    """Who is told how far it is."""

    def begins(self, phase: Phase, rows: Mapping[str, int]) -> None:
        """`rows`: how many each table has that is read now."""

    def read(self, table: str, rows: int) -> None:
        """So many more rows of it."""

    def ended(self, phase: Phase, changes: Changes, seconds: float) -> None:
        """`changes`: what a pass changed."""

    def left_closed(self) -> None:
        """The source could not be opened again."""


class Unwatched:
    """Nobody watches."""

    def begins(self, phase: Phase, rows: Mapping[str, int]) -> None:
        """Nothing is done with it."""

    def read(self, table: str, rows: int) -> None:
        """As above."""

    def ended(self, phase: Phase, changes: Changes, seconds: float) -> None:
        """As above."""

    def left_closed(self) -> None:
        """As above."""


@dataclass(slots=True)
class Moved:
    """How it went. `proof`: what was compared; where it does not hold, the source is in use as before.
    `closed`: for how many seconds nothing new was begun; `passes`: the rows that each changed; `before`:
    another run had moved it already.
    """

    proof: Proof = field(default_factory=Proof)
    closed: float = 0.0
    passes: list[int] = field(default_factory=list)
    before: bool = False


class Moving:
    """One run. Blocks; raises VaultUnavailable, VaultSealed, VaultClosed for a source that a restore has
    not finished, and ConfigurationError where the one or the other end is not what it should be.
    """

    def __init__(
        self,
        source: Leaving,
        target: Filling,
        place: Place,
        *,
        notice: float = 0.0,
        watcher: Watcher | None = None,
        step: Step = no_step,
    ) -> None:
        """`place`: the source's, for the audit of the target. `notice`: how many seconds exchanges have to
        come to their end before the source is closed.
        """
        self._notice = notice
        self._source, self._target, self._place = source, target, place
        self._watcher = watcher or Unwatched()
        self._step = step
        self._moved = Moved()
        self._held = True  # the source's audit, before it was closed

    def run(self) -> Moved:
        """Moves it, or goes on where another run was stopped."""
        state, mine = self._source.state(), self._source.database.read(traits)
        if state is Closed.MOVED and self._target.is_open(mine):
            return Moved(before=True)
        self._target.claim(mine)
        if state is Closed.MOVED:
            return self._only_open()
        if state is not Closed.OPEN:
            self._source.reopen(whoever_closed=True)
        self._source.begin()
        self._passes()
        self._check()
        self._closed()
        return self._moved

    def _passes(self) -> None:
        before = 0
        for number in range(_PASSES):
            changed = self._pass(Phase.COPY)
            if changed <= _FEW or (number and changed * 2 > before):
                return
            before = changed

    def _closed(self) -> None:
        began = time.monotonic()
        try:
            self._source.announce()
            self._watcher.begins(Phase.NOTICE, {})
            time.sleep(self._notice)
            self._source.close()
            self._step("move:closed")
            self._wait()
            ours: dict[str, Sum] = {}
            self._pass(Phase.LAST, ours)
            self._step("move:copied")
            proof = self._prove(ours)
            if proof.holds:
                self._step("move:proven")
                self._source.leave()
            else:
                self._source.reopen()
        except BaseException:  # Ctrl-C, too: nobody is to be kept waiting for nothing
            self._reopen()
            raise
        if proof.holds:
            self._step("move:left")
            self._open()
        self._moved.closed = time.monotonic() - began

    def _only_open(self) -> Moved:
        """The source was left before, and the target not opened."""
        ours = self._source.database.read(sums)
        self._check()
        if not self._prove(ours).holds:
            raise refused(
                self._place,
                "this vault was moved, and not to here",
                "Use it where it is by now; or name the place that it was being moved to.",
            )
        self._open()
        return self._moved

    def _check(self) -> None:
        began = time.monotonic()
        self._watcher.begins(Phase.CHECK, {})
        self._held = holds(self._source)
        self._watcher.ended(Phase.CHECK, Changes(), time.monotonic() - began)

    def _pass(self, phase: Phase, summed: dict[str, Sum] | None = None) -> int:
        began = time.monotonic()

        def work(connection: Connection) -> Changes:
            self._watcher.begins(phase, _count(connection))
            return copy(connection, self._target, progress=self._watcher.read, summed=summed)

        problem, changes = "", Changes()
        try:
            changes = self._source.database.read(work)
        except AnotherVault as error:
            problem = f"its rows of {error.table} are not this vault's"
        except Taken:
            problem = "it has rows that do not go together with this vault's"
        if problem:
            raise refused(self._target.place, problem, "Name an empty place.")
        self._moved.passes.append(changes.all)
        self._watcher.ended(phase, changes, time.monotonic() - began)
        return changes.all

    def _wait(self) -> None:
        began = time.monotonic()
        self._watcher.begins(Phase.CLOSE, {})
        left = self._source.database.read(_beside)
        while left := left & self._source.database.read(_beside):
            if time.monotonic() - began > _OTHERS_SECONDS:
                raise refused(
                    self._place,
                    "a transaction does not end that began before it was closed",
                    "See pg_stat_activity for what runs in this database, and try again.",
                )
            time.sleep(_POLL_SECONDS)
        self._watcher.ended(Phase.CLOSE, Changes(), time.monotonic() - began)

    def _prove(self, ours: dict[str, Sum]) -> Proof:
        began = time.monotonic()
        self._watcher.begins(Phase.VERIFY, {one.name: ours[one.name].rows for one in TABLES})
        found = prove(self._source, ours, self._target, self._watcher.read, held=self._held)
        self._watcher.ended(Phase.VERIFY, Changes(), time.monotonic() - began)
        self._moved.proof = found
        return found

    def _open(self) -> None:
        began = time.monotonic()
        self._watcher.begins(Phase.OPEN, {})
        self._target.open(self._place)
        self._watcher.ended(Phase.OPEN, Changes(), time.monotonic() - began)

    def _reopen(self) -> None:
        try:
            self._source.reopen()
        except GatewayError:
            self._watcher.left_closed()


def _count(connection: Connection) -> dict[str, int]:
    counts = {}
    for table in TABLES:
        (counts[table.name],) = connection.execute(
            f"SELECT count(*) FROM {table.name}"  # noqa: S608 - a name of ours
        ).fetchone()
    return counts


def _beside(connection: Connection) -> frozenset[str]:
    return connection.beside()
