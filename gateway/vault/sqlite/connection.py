"""A connection to SQLite, as the vault's tables use one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from gateway.vault.chain import Head
from gateway.vault.database import Values

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.vault.journal import Journal

Row: TypeAlias = tuple[Any, ...]  # Any: the columns' types, as the schema gives them

# One statement for so many look-ups: half the cost of one each, and well below SQLite's limit of
# parameters. Each length is one prepared statement, so there are two at most in a message.
_AT_ONCE: Final = 100
_COUNT: Final = (
    "INSERT INTO card_count (product, cards) VALUES (?, ?)"
    " ON CONFLICT (product) DO UPDATE SET cards = cards + excluded.cards"
)
_CAME_TO: Final = (
    "INSERT INTO audit_head (writer, seq, id, hash) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (writer) DO UPDATE SET seq = excluded.seq, id = excluded.id, hash = excluded.hash"
)


class SqliteConnection(sqlite3.Connection):
    """A connection; the one that writes has what appends audit entries."""

    journal: Journal | None = None

    @property
    def gapless(self) -> bool:
        """False in a vault that came from PostgreSQL."""
        return self.execute("SELECT 1 FROM audit_head LIMIT 1").fetchone() is None

    def time(self, now: datetime, /) -> datetime:
        """`now`: the file is on this machine."""
        return now

    def stream(self, statement: str, values: Values = (), /) -> Iterator[Row]:
        """Its rows one after the other: SQLite never has them all."""
        return self.execute(statement, values)

    def add(self, statement: str, rows: Iterable[Values], /) -> None:
        """Runs the INSERT `statement` for each of `rows`."""
        # The driver binds a tuple at half the cost of what only is like one.
        self.executemany(statement, map(tuple, rows))

    def among(self, statement: str, values: Sequence[bytes] | Sequence[int], /) -> Iterator[Row]:
        """The rows of `statement`, in which each `IN (%s)` stands for `values`."""
        places = statement.count("IN (%s)")
        for start in range(0, len(values), _AT_ONCE):
            portion = list(values[start : start + _AT_ONCE])
            marks = ",".join("?" * len(portion))
            yield from self.execute(statement.replace("%s", marks), portion * places)

    def matching(self, statement: str, rows: Sequence[Values], /) -> Iterator[Row]:
        """The rows of `statement`, in which `%s` stands for a table of `rows`."""
        for start in range(0, len(rows), _AT_ONCE):
            portion = rows[start : start + _AT_ONCE]
            marks = f"({','.join('?' * len(portion[0]))})"
            table = f"VALUES {','.join([marks] * len(portion))}"
            yield from self.execute(statement % table, list(chain.from_iterable(portion)))

    def count_cards(self, added: Mapping[str, int], /) -> None:
        """Counts what was added of each product: a trigger would cost 4 µs a card."""
        self.executemany(_COUNT, added.items())

    def next_entries(self, count: int, /) -> Sequence[int]:
        """Ids for `count` audit entries, the next ones."""
        last = self.newest_entry()
        return range(last + 1, last + count + 1)

    def newest_entry(self) -> int:
        """The highest id that an audit entry ever had."""
        newest = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit'"
        return int(self.execute(newest).fetchone()[0])

    def came_to(self, head: Head, id: int, /) -> None:
        """SQLite counts ids by itself; notes it only where they had gaps before."""
        if not self.gapless:
            self.execute(_CAME_TO, (head.writer, head.seq, id, head.hash))

    def last_heads(self) -> list[tuple[Head, int]]:
        """None where a missing id tells of it."""
        rows = self.execute("SELECT writer, seq, id, hash FROM audit_head ORDER BY writer")
        return [(Head(writer, seq, hashed), id) for writer, seq, id, hashed in rows]

    def counters(self) -> dict[str, int]:
        """The highest id that an audit entry ever had; other tables' next is behind the highest there is."""
        return {"audit": self.newest_entry()}

    def beside(self) -> frozenset[str]:
        """None: who writes sees what was committed before, and nobody else writes meanwhile."""
        return frozenset()

    def count_from(self, counters: Mapping[str, int], /) -> None:
        """Sees to it that no audit entry gets an id again."""
        highest = max(self.newest_entry(), counters.get("audit", 0))
        self.execute("DELETE FROM sqlite_sequence WHERE name = 'audit'")
        self.execute("INSERT INTO sqlite_sequence VALUES ('audit', ?)", (highest,))
