"""The entries of a lost vault's audit, on the disk: of a year there are more than memory has room for.

A file in the private directory of a restore, which goes with it. It holds what the audit's own files hold,
and so nothing of a card. What follows what is found out by `lost`, and noted here.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from gateway.errors import VaultUnavailable
from gateway.log import event
from gateway.vault.audit_line import Line

T = TypeVar("T")

# `place`: where an entry stands first among all, `last`: where last, for two files may have the same one.
# `followed`: what follows an entry that is there, `root` says of which chain; `happened`: what was committed.
_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE line (place INTEGER PRIMARY KEY, last INTEGER NOT NULL, id INTEGER NOT NULL, writer INTEGER,
    seq INTEGER, hash TEXT NOT NULL, said TEXT NOT NULL, whole BLOB NOT NULL UNIQUE) STRICT;
CREATE INDEX line_writer ON line (writer, seq, place);
CREATE INDEX line_id ON line (id, hash);
CREATE TABLE followed (place INTEGER PRIMARY KEY, id INTEGER NOT NULL, writer INTEGER NOT NULL,
    seq INTEGER NOT NULL, hash TEXT NOT NULL, before TEXT NOT NULL, root INTEGER NOT NULL) STRICT;
CREATE INDEX followed_writer ON followed (writer, seq, place);
CREATE INDEX followed_id ON followed (id, place);
CREATE TABLE happened (place INTEGER PRIMARY KEY) STRICT;
"""
_ADD: Final = (
    "INSERT INTO line (last, id, writer, seq, hash, said, whole) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (whole) DO UPDATE SET last = excluded.last"
)
_ALL: Final = "line ORDER BY place"
_WRITTEN: Final = "followed JOIN line USING (place) ORDER BY followed.id, place"
_HAPPENED: Final = (
    "happened JOIN followed USING (place) JOIN line USING (place) ORDER BY followed.id, place"
)
_WRITERS: Final = (
    "SELECT writer, id FROM line WHERE place IN (SELECT min(place) FROM line"
    " WHERE writer IS NOT NULL AND seq IS NOT NULL AND id > ? GROUP BY writer) ORDER BY place"
)
_CLAIMS: Final = (
    "SELECT seq, place, said FROM line WHERE writer = ? AND seq > ? AND id > ? ORDER BY seq, place"
)
_TIP: Final = "SELECT seq, hash FROM followed WHERE writer = ? AND root = 0 ORDER BY seq DESC, place DESC LIMIT 1"
_BACK: Final = "SELECT place, hash, before FROM followed WHERE writer = ? AND seq <= ? ORDER BY seq DESC, place"
_TWICE: Final = (
    "SELECT followed.id, line.last, followed.writer, followed.seq FROM happened JOIN followed USING (place)"
    " JOIN line USING (place) WHERE followed.id IN (SELECT id FROM happened JOIN followed USING (place)"
    " GROUP BY id HAVING count(*) > 1) ORDER BY line.last"
)
_FORGET: Final = (
    "DELETE FROM happened WHERE place IN (SELECT place FROM followed WHERE writer = ? AND seq >= ?)"
)


class Entries:
    """Entries in the order in which they were written. Not for two threads at a time.

    Every method raises VaultUnavailable: the disk is full, or fails.
    """

    def __init__(self, file: Path) -> None:
        file.touch(mode=0o600)
        self._connection = _guarded(lambda: _made(file))
        self._added = 0

    def add(self, lines: Iterable[Line]) -> None:
        """Puts them behind what is there; one that is there already, word for word, once."""
        _guarded(lambda: self._connection.executemany(_ADD, map(self._row, lines)))

    def has(self, id: int, hashed: str) -> bool:
        """Whether there is an entry of this id with this hash."""
        rows = _rows(self._connection, "SELECT 1 FROM line WHERE id = ? AND hash = ?", (id, hashed))
        return next(rows, None) is not None

    def __iter__(self) -> Iterator[Line]:
        return iter(Stored(self._connection, _ALL))

    @property
    def written(self) -> Stored:
        """All that follow what was there, by id."""
        return Stored(self._connection, _WRITTEN)

    @property
    def happened(self) -> Stored:
        """Those of them that were committed, by id."""
        return Stored(self._connection, _HAPPENED)

    def close(self) -> None:
        """Ends it."""
        self._connection.close()

    # --- what follows what ------------------------------------------------------------------------

    def writers(self, purged: int) -> list[tuple[int, int]]:
        """Who wrote behind what was purged, each with his first entry's id."""
        return list(_rows(self._connection, _WRITERS, (purged,)))

    def claims(
        self, writer: int, last: int, purged: int
    ) -> Iterator[tuple[int, list[tuple[int, Line]]]]:
        """What claims each number of a writer's behind `last`: its place and itself."""
        rows = _rows(self._connection, _CLAIMS, (writer, last, purged))
        for seq, claims in groupby(rows, itemgetter(0)):
            yield seq, [(place, _line(said)) for _, place, said in claims]

    def follow(self, followed: Followed) -> None:
        """Notes that one follows what is there."""
        self._run("INSERT INTO followed VALUES (?, ?, ?, ?, ?, ?, ?)", followed)

    def choose(self, writer: int) -> None:
        """Notes that what leads to the first of a writer's roots happened: where two claim a number, the one
        that others follow, or the one written later.
        """
        for seq, wanted in list(_rows(self._connection, _TIP, (writer,))):
            for place, hashed, before in _rows(self._connection, _BACK, (writer, seq)):
                if hashed == wanted:
                    self._run("INSERT INTO happened VALUES (?)", (place,))
                    wanted = before  # noqa: PLW2901 - from here on the one before

    def collisions(self) -> list[tuple[int, int, int]]:
        """What happened under an id that another one has, too: id, writer and number, as last written."""
        return [(id, writer, seq) for id, _, writer, seq in _rows(self._connection, _TWICE)]

    def forget(self, writer: int, seq: int) -> None:
        """What a writer wrote from this number on has not happened."""
        self._run(_FORGET, (writer, seq))

    def _run(self, statement: str, values: tuple[Any, ...]) -> None:  # Any: the columns' types
        _guarded(lambda: self._connection.execute(statement, values))

    def _row(self, line: Line) -> tuple[Any, ...]:  # Any: the columns' types
        self._added += 1
        said = json.dumps(line)
        whole = hashlib.sha256(said.encode()).digest()
        return self._added, line.id, line.writer, line.seq, line.hash, said, whole


class Followed(NamedTuple):
    """An entry, by its place, that follows the one with the hash `before`. `root`: from which of its writer's
    beginnings it comes.
    """

    place: int
    id: int
    writer: int
    seq: int
    hash: str
    before: str
    root: int


class Stored:
    """Some of the entries, read anew from the disk each time."""

    def __init__(self, connection: sqlite3.Connection, source: str) -> None:
        self._connection, self._source = connection, source

    def __len__(self) -> int:
        counted = self._source.partition(" ORDER BY ")[0]
        return int(next(_rows(self._connection, f"SELECT count(*) FROM {counted}"))[0])

    def __iter__(self) -> Iterator[Line]:
        for (said,) in _rows(self._connection, f"SELECT said FROM {self._source}"):
            yield _line(said)


def _made(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.executescript(_SCHEMA)
    connection.execute("BEGIN")  # never ended: it goes with its file
    return connection


def _rows(
    connection: sqlite3.Connection, statement: str, values: tuple[Any, ...] = ()
) -> Iterator[tuple[Any, ...]]:  # Any: as above
    cursor = _guarded(lambda: connection.execute(statement, values))
    while (row := _guarded(cursor.fetchone)) is not None:
        yield row


def _guarded(work: Callable[[], T]) -> T:
    failed = ""
    try:
        return work()
    except sqlite3.Error as error:
        failed = getattr(error, "sqlite_errorname", type(error).__name__)
    # Not above: an exception raised while another is handled keeps it as context.
    event("restore_spool_failed", level=logging.ERROR, error=failed)
    raise VaultUnavailable


def _line(said: str) -> Line:
    return Line._make(json.loads(said))
