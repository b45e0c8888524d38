"""A table in windows: so many of its rows at a time, each in a short read of its own, however large it is.

A read of a whole table keeps SQLite's log from being written back, ends on PostgreSQL at the limit of a
statement, and within a write it keeps everybody else waiting.
"""

# ruff: noqa: S608  # the statements are put together from names of ours
from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from gateway.vault.database import Connection, Database

T = TypeVar("T")

Key: TypeAlias = tuple[Any, ...]  # Any: the columns' types, as the schema gives them
# Of the largest table a hundredth of a second: some megabytes that a page's rows are read from.
ROWS: Final = 5000
# Kept answers have up to megabytes each, and SQLite reads a whole one for a few bytes of it.
_FEWER: Final = {"answer_body": 50}


class Window:
    """Some rows of a table that follow each other by the columns `key`: those behind `after`, from the first
    one where it is None, up to `until`, to the last one where it is None.
    """

    def __init__(self, key: tuple[str, ...], after: Key | None, until: Key | None) -> None:
        self._key, self.after, self.until = key, after, until

    def behind(self, key: Key) -> Window:
        """What of it is behind `key`."""
        return Window(self._key, key, self.until)

    def where(self) -> tuple[str, list[Any]]:
        """SQL: whether a row is in it; and what is bound to it."""
        names, parts = ", ".join(self._key), ["1 = 1"]
        values: list[Any] = []
        for sign, bound in ((">", self.after), ("<=", self.until)):
            if bound is not None:
                parts.append(f"({names}) {sign} ({', '.join('?' * len(bound))})")
                values += bound
        return " AND ".join(parts), values


def windows(
    database: Database, table: str, key: tuple[str, ...], work: Callable[[Connection, Window], T]
) -> Iterator[tuple[Window, T]]:
    """Each window of `table`, and what `work` read of it, in the same state of the database. The next one is
    looked for when it is asked for; a row that comes meanwhile is in a later window, or in none. Raises
    VaultUnavailable.
    """
    after: Key | None = None
    while True:
        window, found = database.read(partial(_read, table, key, after, work))
        yield window, found
        after = window.until
        if after is None:
            return


def _read(
    table: str,
    key: tuple[str, ...],
    after: Key | None,
    work: Callable[[Connection, Window], T],
    connection: Connection,
) -> tuple[Window, T]:
    names, rows = ", ".join(key), min(ROWS, _FEWER.get(table, ROWS))
    where, values = Window(key, after, None).where()
    statement = (
        f"SELECT {names} FROM {table} WHERE {where} ORDER BY {names} LIMIT 1 OFFSET {rows - 1}"
    )
    last = connection.execute(statement, values).fetchone()
    window = Window(key, after, None if last is None else tuple(last))
    return window, work(connection, window)
