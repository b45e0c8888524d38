"""The raw drivers at the vault's work: the rows that a message leaves, in the vault's own tables.

Nothing of ours stands in between, nothing is sealed, hashed, checked or drawn: the rows are there
before the clock starts. What is the same is what the disk and the server have to do: tables, indexes
and triggers, the size of every column, one transaction a message that is durable before it is done.

    new cards      BEGIN, rows into card, link and audit, COMMIT
    known cards    BEGIN, the rows of card and of link, rows into audit, COMMIT

One row is added by its values, several by `executemany` (SQLite) or an array for each column
(PostgreSQL): the fastest of what either driver's own documents show.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

from gateway.cards.token import IDUSER_MAX

_COLUMNS = {
    "card": "product, test, look_up, iduser, tokenuser_hash, sealed, created",
    "link": "iduser, booking_hash, system, hotel, sealed, departure, seen, retention",
    "audit": "at, exchange, action, outcome, client, key, origin, route, product, iduser, booking,"
    " detail, subject, id, writer, seq, hash",
}
_KEY_ID = 4  # bytes, with which a hash begins
_WRITER = 1_000_000  # nobody's chain
_SQLITE_AT_ONCE = 100  # the fastest, as was measured


@dataclass(frozen=True, slots=True)
class Rows:
    """What one message leaves, each row in the columns' order. Of known cards `card` and `link` are
    there already, and `audit` alone is written."""

    card: list[tuple[Any, ...]]
    link: list[tuple[Any, ...]]
    audit: list[tuple[Any, ...]]


class Maker:
    """Makes rows of the size of those that the vault wrote, with ids of their own."""

    def __init__(self, like: dict[str, tuple[Any, ...]]) -> None:
        """`like`: a row of each table, as the vault wrote it."""
        self._like = like
        self._last = 0
        self._drawn: set[int] = set()

    def new(self, count: int) -> Rows:
        """The rows of `count` new cards."""
        card, link = self._like["card"], self._like["link"]
        idusers = self._draw(count)
        cards = [
            (*card[:2], _other(card[2]), iduser, _other(card[4]), _other(card[5]), card[6])
            for iduser in idusers
        ]
        links = [
            (iduser, _other(link[1]), *link[2:4], _other(link[4]), *link[5:]) for iduser in idusers
        ]
        return Rows(cards, links, self._audit(idusers))

    def again(self, rows: Rows) -> Rows:
        """The rows of a message with the same cards."""
        return Rows(rows.card, rows.link, self._audit([card[3] for card in rows.card]))

    def _draw(self, count: int) -> list[int]:
        """Idusers that no row has, drawn as the vault has to draw them (P26): evenly, of all there are. So
        the rows of a message fall on as many pages of an index here as there.
        """
        drawn: list[int] = []
        while len(drawn) < count:
            iduser = secrets.randbelow(IDUSER_MAX) + 1
            if iduser not in self._drawn:
                self._drawn.add(iduser)
                drawn.append(iduser)
        return drawn

    def _audit(self, idusers: Sequence[int]) -> list[tuple[Any, ...]]:
        like, exchange = self._like["audit"], os.urandom(16).hex()[: len(self._like["audit"][1])]
        first = self._last + 1
        self._last += len(idusers)
        return [
            (like[0], exchange, *like[2:9], iduser, *like[10:13], 1000 + id, _WRITER, id, _other(like[16]))
            for id, iduser in enumerate(idusers, first)
        ]  # fmt: skip


class Raw(Protocol):
    """A driver, connected to a vault's database."""

    def sizes(self) -> dict[str, tuple[Any, ...]]:
        """A row of each table, as the vault wrote it."""

    def add(self, rows: Rows) -> None:
        """Writes the rows of new cards, durable."""

    def look_up(self, rows: Rows) -> int:
        """Reads the rows of known cards and writes what the audit gets, durable. How many it found."""

    def close(self) -> None:
        """Disconnects."""


class RawSqlite:
    """Python's own driver, with the write-ahead log and synchronous FULL, and the vault's settings else."""

    def __init__(self, path: Path) -> None:
        self._raw = sqlite3.connect(path, isolation_level=None)
        self._raw.execute("PRAGMA journal_mode = WAL")
        self._raw.execute("PRAGMA synchronous = FULL")
        self._raw.execute("PRAGMA foreign_keys = ON")
        self._raw.execute("PRAGMA secure_delete = ON")
        self._raw.execute("PRAGMA cache_size = -8192")

    def sizes(self) -> dict[str, tuple[Any, ...]]:
        return {table: self._raw.execute(_first(table)).fetchone() for table in _COLUMNS}

    def add(self, rows: Rows) -> None:
        self._raw.execute("BEGIN IMMEDIATE")
        for table in _COLUMNS:
            self._insert(table, getattr(rows, table))
        self._raw.execute("COMMIT")

    def look_up(self, rows: Rows) -> int:
        found = 0
        self._raw.execute("BEGIN IMMEDIATE")
        for start in range(0, len(rows.card), _SQLITE_AT_ONCE):
            looked = [card[2] for card in rows.card[start : start + _SQLITE_AT_ONCE]]
            marks = ",".join("?" * len(looked))
            asked = f"{_select('card')} WHERE look_up IN ({marks})"
            found += len(self._raw.execute(asked, looked).fetchall())
            pairs = [link[:2] for link in rows.link[start : start + _SQLITE_AT_ONCE]]
            marks = ",".join(["(?,?)"] * len(pairs))
            linked = self._raw.execute(
                f"WITH asked (iduser, booking_hash) AS (VALUES {marks}) SELECT link.*"
                " FROM asked CROSS JOIN link USING (iduser, booking_hash)",
                [value for pair in pairs for value in pair],
            )
            found += len(linked.fetchall())
        self._insert("audit", rows.audit)
        self._raw.execute("COMMIT")
        return found

    def close(self) -> None:
        self._raw.close()

    def _insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * len(rows[0]))
        self._raw.executemany(f"INSERT INTO {table} ({_COLUMNS[table]}) VALUES ({marks})", rows)


class RawPostgres:
    """psycopg. No statement is prepared: poolers in transaction mode, which the vault has to work with,
    know of none."""

    def __init__(self, url: str) -> None:
        self._raw = psycopg.connect(url, cursor_factory=psycopg.RawCursor, prepare_threshold=None)
        self._types = {
            table: dict(
                self._raw.execute(
                    "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
                    " WHERE attrelid = to_regclass($1) AND attnum > 0",
                    [table],
                ).fetchall()
            )
            for table in _COLUMNS
        }
        self._raw.commit()

    def sizes(self) -> dict[str, tuple[Any, ...]]:
        found = {table: self._raw.execute(_first(table)).fetchone() for table in _COLUMNS}
        self._raw.commit()
        return found

    def add(self, rows: Rows) -> None:
        for table in _COLUMNS:
            self._insert(table, getattr(rows, table))
        self._raw.commit()

    def look_up(self, rows: Rows) -> int:
        looked = [card[2] for card in rows.card]
        asked = f"{_select('card')} WHERE look_up = ANY($1)"
        found = len(self._raw.execute(asked, [looked], binary=True).fetchall())
        linked = self._raw.execute(
            f"{_select('link')} JOIN unnest($1::bigint[], $2::bytea[])"
            " AS asked (iduser, booking_hash) USING (iduser, booking_hash)",
            [[link[0] for link in rows.link], [link[1] for link in rows.link]],
            binary=True,
        )
        found += len(linked.fetchall())
        self._insert("audit", rows.audit)
        self._raw.commit()
        return found

    def close(self) -> None:
        self._raw.close()

    def _insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        names = _COLUMNS[table].split(", ")
        if len(rows) == 1:  # arrays of one are slower
            marks = ", ".join(f"${n}" for n in range(1, len(names) + 1))
            self._raw.execute(f"INSERT INTO {table} ({_COLUMNS[table]}) VALUES ({marks})", rows[0])
            return
        types = self._types[table]
        arrays = ", ".join(f"${n}::{types[name]}[]" for n, name in enumerate(names, 1))
        columns = [list(column) for column in zip(*rows, strict=True)]
        self._raw.execute(
            f"INSERT INTO {table} ({_COLUMNS[table]}) SELECT * FROM unnest({arrays})", columns
        )


def _select(table: str) -> str:
    return f"SELECT {_COLUMNS[table]} FROM {table}"


def _first(table: str) -> str:
    order = "id DESC" if table == "audit" else "id"
    return f"{_select(table)} ORDER BY {order} LIMIT 1"


def _other(bytes_: bytes) -> bytes:
    return bytes_[:_KEY_ID] + os.urandom(len(bytes_) - _KEY_ID)
