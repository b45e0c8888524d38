"""Sealing every record anew, under the keys in use, while gateways run and change the same rows.

1. A portion is read, sealed anew beside, and written in one transaction; then others have their turn. No read
   and no write is of more than a window, however much there is (`windows`).
2. A row is changed only if it still holds what was read. Whoever changed it meanwhile sealed it under the
   key in use, for nothing is written under another one (`keyring_watch`).
3. Nothing is noted of how far it came: a row says by itself which key it is under. Killed at any moment it
   goes on where it was, and every row opens under one key or the other.
4. A record that does not open is left as it is, and named: its key is not retired.
"""

# ruff: noqa: S608  # the statements are put together from constants
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from gateway.audit import Action, Entry, Outcome
from gateway.errors import RecordDamaged
from gateway.vault import entries as audit
from gateway.vault import key_rows
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.keyring import Keyring
from gateway.vault.keyring_watch import KeyringWatch
from gateway.vault.model import Taken
from gateway.vault.resting import resting
from gateway.vault.sealed_tables import TABLES, Table
from gateway.vault.windows import Window, windows

Progress = Callable[[str, int, int], None]  # which table, how many rows, of how many


class Damaged(NamedTuple):
    """A row that does not open."""

    table: str
    key: str


@dataclass(slots=True)
class Rewrapped:
    """What was done: rows by table, and those that do not open."""

    rows: dict[str, int] = field(default_factory=dict)
    damaged: list[Damaged] = field(default_factory=list)


class _Row(NamedTuple):
    key: tuple[Any, ...]  # Any: the columns' types, as the schema gives them
    before: bytes
    anew: tuple[Any, ...] | None  # None: it does not open


def unseen(_table: str, _done: int, _of: int) -> None:
    """Nobody watches."""


class Rewrap:
    """Blocks. Raises VaultUnavailable."""

    def __init__(
        self,
        database: Database,
        watch: KeyringWatch,
        clock: Callable[[], datetime],
        step: Step = no_step,
    ) -> None:
        self._database, self._watch = database, watch
        self._clock, self._step = clock, step

    def run(self, by: str, progress: Progress = unseen) -> Rewrapped:
        """Seals every record that is under an older key under the one in use. `by`: who wants it, for
        the audit; its intent is durable before a record is opened.
        """
        self._watch.refresh()
        self._record(by, Outcome.INTENT)
        report = Rewrapped()
        for table in TABLES:
            self._table(table, report, progress)
        self._record(by, Outcome.FAILED if report.damaged else Outcome.DONE)
        return report

    def left(self) -> dict[str, int]:
        """How many rows of each table are under an older key, those that there are."""
        self._watch.refresh()
        counts = {table.name: self._count(table) for table in TABLES}
        return {name: count for name, count in counts.items() if count}

    def _table(self, table: Table, report: Rewrapped, progress: Progress) -> None:
        count, done = self._count(table), 0
        for window, stale in windows(self._database, table.table, table.key, self._counting(table)):
            left = window
            while stale:
                version = self._watch.version  # before anything is sealed
                rows = self._portion(table, left)
                if not rows:
                    break
                damaged: list[Damaged] = []
                with resting():
                    written = self._written(table, rows, version, damaged)
                if written is None:  # other keys are in use by now
                    self._watch.refresh()
                    continue
                done, left = done + len(rows), left.behind(rows[-1].key)
                report.rows[table.name] = report.rows.get(table.name, 0) + written
                report.damaged += damaged
                progress(table.name, done, max(count, done))

    def _count(self, table: Table) -> int:
        found = windows(self._database, table.table, table.key, self._counting(table))
        return sum(count for _, count in found)

    def _counting(self, table: Table) -> Callable[[Connection, Window], int]:
        """How many rows of a window are under an older key."""

        def count(connection: Connection, window: Window) -> int:
            where, values = _stale(table, self._watch.keyring, window)
            statement = f"SELECT count(*) FROM {table.source} WHERE {where}"
            return int(connection.execute(statement, values).fetchone()[0])

        return count

    def _portion(self, table: Table, window: Window) -> list[_Row]:
        keyring = self._watch.keyring
        where, values = _stale(table, keyring, window)
        key = ", ".join(table.key)
        statement = (
            f"SELECT {key}, {table.selects} FROM {table.source} WHERE {where}"
            f" ORDER BY {key} LIMIT {table.portion}"
        )
        found = self._database.read(lambda c: c.execute(statement, values).fetchall())
        names = len(table.key)
        rows = []
        for row in found:
            values_of = tuple(row[names:])
            try:
                anew = table.anew(keyring, values_of)
            except RecordDamaged:
                anew = None
            rows.append(_Row(tuple(row[:names]), values_of[0], anew))
        return rows

    def _written(
        self, table: Table, rows: Sequence[_Row], version: str, damaged: list[Damaged]
    ) -> int | None:
        """How many were as they had been read; None where they were sealed under other keys than those
        that are in use. Those that can not be sealed anew are added to `damaged`.
        """
        try:
            count = self._write(table, rows, version)
            shut = [row for row in rows if row.anew is None]
        except Taken:  # a card that is filed twice, which no gateway does: the others go on
            if len(rows) > 1:
                counts = [self._written(table, [row], version, damaged) for row in rows]
                return None if None in counts else sum(one or 0 for one in counts)
            count, shut = 0, [*rows]
        damaged += [Damaged(table.name, " ".join(map(str, row.key))) for row in shut]
        return count

    def _write(self, table: Table, rows: Sequence[_Row], version: str) -> int | None:
        sets = ", ".join(f"{name} = ?" for name in table.sets)
        names = " AND ".join(f"{name.rpartition('.')[2]} = ?" for name in table.key)
        statement = f"UPDATE {table.table} SET {sets} WHERE {names} AND sealed = ?"

        values = [(*row.anew, *row.key, row.before) for row in rows if row.anew is not None]

        def work(connection: Connection) -> int | None:
            if key_rows.version(connection) != version:
                return None
            # In one trip on PostgreSQL, where one each would be most of what it takes.
            count = connection.executemany(statement, values).rowcount if values else 0
            self._step("rewrap:row")
            return count

        return self._database.write("rewrap", work).result()

    def _record(self, by: str, outcome: Outcome) -> None:
        entry = Entry(self._clock(), "", Action.VAULT_REWRAP, outcome, origin=by)
        self._database.write("rewrap_said", lambda c: audit.append(c, [entry])).result()


def _stale(table: Table, keyring: Keyring, window: Window) -> tuple[str, list[Any]]:
    """SQL: whether a row of a window is under an older key; and what is bound to it. Any: as above."""
    older, ids = table.stale(keyring)
    where, values = window.where()
    return f"({older}) AND {where}", [*ids, *values]
