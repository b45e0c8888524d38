"""Reading the audit, checking it, and taking out of it what is older than twelve months."""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.audit import Action, Entry, Outcome
from gateway.errors import VaultUnavailable
from gateway.vault import anchors
from gateway.vault import entries as audit
from gateway.vault.audit_line import Line
from gateway.vault.chain import Anchor, Chain, Head
from gateway.vault.chain_check import Progress, Report, Row, check, unseen
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp, stamp_or_none
from gateway.vault.hashes import KeyedHash
from gateway.vault.resting import resting
from gateway.vault.windows import Window, windows

# PCI DSS 10.5.1 asks for twelve months; the schema's trigger has the same number.
KEPT: Final = timedelta(days=366)
_PROBE_SECONDS: Final = 10.0
# So many at a time are erased, each byte overwritten: others are to write meanwhile. Each portion leaves an anchor
# for good, so they are not fewer.
_PORTION: Final = 2000
_COLUMNS: Final = (
    "id, at, exchange, action, outcome, client, key, origin, route, product, iduser, booking,"
    " detail, subject, writer, seq, hash"
)
_CONDITIONS: Final = {
    "since": "at >= ?",
    "until": "at < ?",
    "client": "client = ?",
    "product": "product = ?",
    "action": "action = ?",
    "outcome": "outcome = ?",
    "iduser": "iduser = ?",
    "booking": "booking = ?",
}
_FIRST: Final = "SELECT id, at FROM audit ORDER BY id LIMIT 1"
_UP_TO: Final = "SELECT id, at FROM audit WHERE id <= ? ORDER BY id DESC LIMIT 1"
# Of those that go, which are the oldest: left to itself SQLite goes through the chains of all entries.
_HEADS: Final = (
    "SELECT audit.writer, audit.seq, audit.hash FROM audit JOIN (SELECT writer, max(seq) AS seq FROM"
    " (SELECT writer, seq FROM audit WHERE id <= ? ORDER BY id LIMIT ?) AS gone"
    " WHERE writer IS NOT NULL GROUP BY writer)"
    " AS last ON audit.writer = last.writer AND audit.seq = last.seq ORDER BY audit.writer"
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries; all of what is given must hold. `since` counts, `until` does not."""

    since: datetime | None = None
    until: datetime | None = None
    client: str | None = None
    product: str | None = None
    action: Action | None = None
    outcome: Outcome | None = None
    iduser: int | None = None
    booking: str | None = None

    def condition(self) -> tuple[str, list[str | int]]:
        """SQL, and what is bound to it."""
        times = {"since": stamp_or_none(self.since), "until": stamp_or_none(self.until)}
        said = {one.name: times.get(one.name, getattr(self, one.name)) for one in fields(self)}
        given = {name: value for name, value in said.items() if value is not None}
        return " AND ".join(["1 = 1", *(_CONDITIONS[name] for name in given)]), list(given.values())


class AuditTable:
    """The audit as a whole. Every method blocks on the disk, and raises VaultUnavailable."""

    def __init__(
        self,
        database: Database,
        hashing: KeyedHash,
        clock: Callable[[], datetime],
        step: Step = no_step,
    ) -> None:
        self._database, self._chain = database, Chain(hashing)
        self._clock, self._step = clock, step

    def lines(self, which: Selection, *, after: int = 0, limit: int = 1000) -> list[Line]:
        """Up to `limit` entries with an id above `after`, in order."""
        condition, values = which.condition()
        return self._select(f"id > ? AND {condition} ORDER BY id LIMIT ?", [after, *values, limit])

    def of(self, actions: Collection[Action]) -> Iterator[Line]:
        """All entries of these actions, in order, however many others there are: the others stay where they
        are, and no read is of more than a window (`windows`).
        """
        marks = ", ".join("?" * len(actions))

        def read(connection: Connection, window: Window) -> list[Line]:
            where, values = window.where()
            asked = (
                f"SELECT {_COLUMNS} FROM audit WHERE {where} AND action IN ({marks}) ORDER BY id"
            )
            rows = connection.execute(asked, [*values, *(one.value for one in actions)])
            return [_line(row) for row in rows.fetchall()]

        for _, lines in windows(self._database, "audit", ("id",), read):
            yield from lines

    def newest(self, which: Selection, count: int) -> list[Line]:
        """The `count` newest entries, in order."""
        condition, values = which.condition()
        return self._select(f"{condition} ORDER BY id DESC LIMIT ?", [*values, count])[::-1]

    def newest_id(self) -> int:
        """The number of the newest entry; 0: there never was one."""
        return self._database.read(lambda c: c.newest_entry())

    def ran(self, since: datetime, until: datetime) -> bool:
        """Whether an entry says that a gateway ran between `since` and `until`, or none is older than
        `until`. Entries are taken to be in the order of their times: where a clock was set back, one
        may be missed.
        """
        low_end, high_end = stamp(since), stamp(until)

        def work(connection: Connection) -> bool:
            first = connection.execute(_FIRST).fetchone()
            if first is None or first[1] > high_end:
                return True
            low, at, high = int(first[0]), str(first[1]), connection.newest_entry()
            while low < high:  # a few look-ups by id, for there is no index by time
                middle = (low + high + 1) // 2
                id, found = connection.execute(_UP_TO, (middle,)).fetchone()
                if found > high_end:
                    high = id - 1
                else:
                    low, at = middle, found
            return at >= low_end

        return self._database.read(work)

    def check(
        self,
        *,
        expected: Row | None = None,
        progress: Progress = unseen,
    ) -> Report:
        """Whether every entry is as it was written: see `chain_check.check`."""
        return self._database.read(
            lambda c: check(c, self._chain, expected=expected, progress=progress)
        )

    def sign(self, manifest: bytes) -> str:
        """The signature of an evidence folder's manifest, in hexadecimal."""
        return self._chain.of_evidence(manifest)

    def signed(self, manifest: bytes, signature: str) -> bool:
        """Whether it is that manifest's."""
        return self._chain.evidence_fits(signature, manifest)

    def writable(self) -> None:
        """Returns where every sink would take an entry now; none is written. For readiness, as
        `Vault.check`. Raises AuditUnwritable, VaultUnavailable.
        """
        future = self._database.write("audit_probe", _ask_sinks)
        try:
            future.result(_PROBE_SECONDS)
        except FutureTimeoutError:
            pass
        else:
            return
        raise VaultUnavailable

    def purge(self, before: datetime, entry: Entry) -> int:
        """Erases the oldest entries, those from before the first one that is not older than `before`, a
        portion of them; gives how many, 0 when none is left. `entry` says who, and is written with each
        portion, its `subject` the newest id that went.

        Raises ValueError where `before` is not twelve months ago.
        """
        if before > self._clock() - KEPT:
            raise ValueError("entries are kept for twelve months")

        def work(connection: Connection) -> int:
            # Among the oldest alone: of how many entries are old nothing is read here.
            oldest = f"(SELECT id, at FROM audit ORDER BY id LIMIT {_PORTION}) AS oldest"
            count, through = connection.execute(
                f"SELECT count(*), max(id) FROM {oldest} WHERE id < coalesce("
                f"(SELECT min(id) FROM {oldest} WHERE at >= ?), {2**62})",
                (stamp(before),),
            ).fetchone()
            if not count:
                return 0
            heads = tuple(Head(*row) for row in connection.execute(_HEADS, (through, _PORTION)))
            newest, now = connection.newest_entry(), stamp(self._clock())
            made = anchors.add(connection, self._chain, Anchor(0, now, newest, through, heads))
            if connection.journal is not None:
                connection.journal.anchored(made)
            self._step("purge:anchored")
            connection.execute("DELETE FROM audit WHERE id <= ?", (through,))
            self._step("purge:erased")
            audit.append(connection, [replace(entry, subject=str(through))])
            return int(count)

        with resting():
            return self._database.write("purge", work).result()

    def _select(self, rest: str, values: list[str | int]) -> list[Line]:
        statement = f"SELECT {_COLUMNS} FROM audit WHERE {rest}"
        return self._database.read(
            lambda c: [_line(row) for row in c.execute(statement, values).fetchall()]
        )


def _line(row: tuple[Any, ...]) -> Line:  # Any: the columns' types, as the schema gives them
    *entry, hashed = row
    return Line._make((*entry, "" if hashed is None else hashed.hex()))


def _ask_sinks(connection: Connection) -> None:
    if connection.journal is None:
        raise VaultUnavailable
    connection.journal.check()
