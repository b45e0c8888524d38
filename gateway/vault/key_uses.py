"""Which old keys are named by no row any more, found out while gateways write (P23, P24).

Looking in one write would keep everybody else waiting for as long as all tables take to read. So it is looked
in windows, each a short read, and this is why what was not named stays so:

1. An old key is one that was used and is not any more. Every write compares the keyring in its own transaction
   (`keyring_watch`), and whatever was sealed before is sealed again there: from the commit on that made the key
   an old one, no transaction that begins writes under it, however long its process slept.
2. On PostgreSQL one that began before that commit may end after it. So before the first look there is a write that waits for
   its turn alone: when it has it, all that began before it are over (`Job.large`). SQLite writes one at a time.
3. Only old keys as of before that write are asked for: one that becomes old while it is looked may be named in
   a window that was looked at already.
4. A row stays under its key where it is, until it is sealed anew or goes. One thing moves: a purge takes the
   hash of a card's tokenuser to its stub. A table is looked at before the ones that take something from it.

Nothing is noted: killed, it begins again. A key is done with at the first row that names it.
"""

# ruff: noqa: S608  # the statements are put together from constants
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.keyring import WrappedKey
from gateway.vault.sealed_tables import KEYS, USES, Column
from gateway.vault.windows import Window, windows

_Named: TypeAlias = Mapping[Column, frozenset[bytes]]  # the ids of the keys that a column names


def unused(database: Database, keys: Sequence[WrappedKey], step: Step = no_step) -> frozenset[int]:
    """The ids of those of `keys`, all of them old, that no row names, nor ever will. Blocks. Raises
    VaultUnavailable.
    """
    left = {row.id: row for row in keys if row.purpose in USES}
    if not left:
        return frozenset()
    database.write("key_turn", lambda _: None, large=True).result()
    for table in KEYS:
        for named in _windows_of(database, table, left):
            for row in list(left.values()):
                id = row.id.to_bytes(4, "big")
                if any(id in named.get(column, ()) for column in USES[row.purpose]):
                    del left[row.id]
            step("key_turn:looked")
    return frozenset(left)


def _windows_of(database: Database, table: str, left: Mapping[int, WrappedKey]) -> Iterator[_Named]:
    """What each window of `table` names, as long as one of the keys that are `left` may be named there."""

    def columns() -> list[Column]:
        asked = (column for row in left.values() for column in USES[row.purpose])
        return [column for column in dict.fromkeys(asked) if column.table == table]

    if not columns():
        return

    def read(connection: Connection, window: Window) -> _Named:
        return _named(connection, window, table, columns())

    for _, named in windows(database, table, KEYS[table], read):
        yield named
        if not columns():
            return


def _named(connection: Connection, window: Window, table: str, columns: Sequence[Column]) -> _Named:
    where, values = window.where()
    names = ", ".join(column.under() for column in columns)
    rows = connection.execute(f"SELECT DISTINCT {names} FROM {table} WHERE {where}", values)
    found = list(zip(*rows.fetchall(), strict=True))
    return {
        column: frozenset(bytes(one) for one in ids if one is not None)
        for column, ids in zip(columns, found, strict=bool(found))
    }
