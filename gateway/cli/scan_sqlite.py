"""Reads every value of every table of an SQLite database, without writing anything to it.

A number stored as an integer stands in no file as digits: only SQLite itself can tell.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from gateway.cli.scan_pages import BREAK
from gateway.cli.scan_parts import Chunk, Part, Unreadable

_ROWS: Final = 500  # values of one column that make one chunk


def read_file(path: Path) -> Iterator[Part]:
    """A database on the disk, its WAL included; one that is in use may be read as well."""
    base = path.resolve().as_uri()
    wal = path.with_name(path.name + "-wal")
    # Without a WAL nothing else is needed, and `immutable` keeps SQLite from making files.
    mode = "mode=ro" if wal.exists() else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{base}?{mode}", uri=True)) as database:
            yield from _tables(str(path), database)
    except sqlite3.Error:
        yield Unreadable(str(path), "is a damaged or encrypted database; its bytes were scanned")


def read_bytes(place: str, data: bytes) -> Iterator[Part]:
    """A database that was packed in an archive."""
    try:
        with closing(sqlite3.connect(":memory:")) as database:
            # Bytes 18 and 19 say that it has a log, which no database in memory can have.
            database.deserialize(data[:18] + b"\x01\x01" + data[20:])
            yield from _tables(place, database)
    except sqlite3.Error:
        yield Unreadable(place, "is a damaged or encrypted database; its bytes were scanned")


def _tables(place: str, database: sqlite3.Connection) -> Iterator[Part]:
    database.text_factory = bytes
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in tables:
        table = _quoted(name)
        # Built from the database's own names, quoted as SQLite asks; nothing else is possible.
        columns = [row[1] for row in database.execute(f"PRAGMA table_xinfo({table})")]
        for column in columns:
            at = f"{place}:{name.decode(errors='replace')}.{column.decode(errors='replace')}"
            values = database.execute(f"SELECT {_quoted(column)} FROM {table}")  # noqa: S608  # as above
            while rows := values.fetchmany(_ROWS):
                yield Chunk(at, BREAK.join(_bytes(value) for (value,) in rows), line=0)


def _quoted(name: bytes) -> str:
    return '"' + name.decode("utf-8", "surrogateescape").replace('"', '""') + '"'


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b"" if value is None else str(value).encode()
