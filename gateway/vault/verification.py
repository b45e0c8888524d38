"""Whether the vault keeps what it says: every record opens, nothing is kept past its time, counts agree.

What is sealed is opened under the key and for the place that it was sealed for, page by page beside a
running gateway, and nothing of it is told: a finding names a table, how many, and the first by its key.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from gateway.errors import RecordDamaged
from gateway.vault.database import Connection, Database
from gateway.vault.entries import stamp
from gateway.vault.keyring import Keyring
from gateway.vault.links import KEPT as LINKS_KEPT
from gateway.vault.retention import RetentionTable
from gateway.vault.sealed import SEALED, Row, SealedTable
from gateway.vault.terms import Retention

Progress = Callable[[int, int], None]  # so many of so many records

# Whatever erases by itself does so within this time.
_GRACE: Final = timedelta(hours=1)
_EXPIRED: Final = {  # how long past the end each is kept
    "cvc": ("until", timedelta(0)),
    "answer": ("expires", timedelta(0)),
    "idempotent": ("expires", timedelta(0)),
    "page_link": ("expires", LINKS_KEPT),
}
_STUBS: Final = ("stub", "stub_booking")
_COUNTS: Final = (
    "SELECT count(*) FROM (SELECT product, sum(cards) AS kept FROM ("
    "SELECT product, cards FROM card_count UNION ALL"
    " SELECT product, -count(*) AS cards FROM card GROUP BY product) AS sides"
    " GROUP BY product HAVING sum(cards) <> 0) AS wrong"
)
_UNLINKED: Final = (
    "SELECT count(*), min(iduser) FROM card"
    " WHERE NOT EXISTS (SELECT 1 FROM link WHERE link.iduser = card.iduser)"
)


class Flaw(StrEnum):
    """What is wrong with some rows."""

    DAMAGED = "damaged"  # it does not open
    EXPIRED = "expired"  # it should have been erased more than an hour ago
    MISCOUNTED = "miscounted"  # products of which `card_count` says another number than there are
    UNLINKED = "unlinked"  # a card that no booking keeps, and that no purge would find


@dataclass(frozen=True, slots=True)
class Finding:
    """Rows of one table. `first`: the key of the first, where it can be named."""

    flaw: Flaw
    table: str
    count: int
    first: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """How many records were opened, and what was found."""

    opened: int
    findings: tuple[Finding, ...]


class Verification:
    """Blocks; raises VaultUnavailable."""

    def __init__(self, database: Database, keyring: Keyring, retention: RetentionTable) -> None:
        self._database, self._keyring, self._retention = database, keyring, retention

    def check(self, retention: Retention, now: datetime, progress: Progress) -> Report:
        """All of it; reads, writes nothing."""
        total = sum(self._database.read(lambda c: [_count(c, one.name) for one in SEALED]))
        opened, findings = 0, []
        for one in SEALED:
            damaged = []
            for row in self._rows(one):
                opened += 1
                if not self._opens(one, row):
                    damaged.append(row[: len(one.key)])
                progress(opened, total)
            if damaged:
                findings.append(Finding(Flaw.DAMAGED, one.name, len(damaged), _named(damaged[0])))
        findings += self._expired(retention, now - _GRACE)
        findings += self._database.read(_counts)
        return Report(opened, tuple(findings))

    def _rows(self, one: SealedTable) -> Iterator[Row]:
        rows = self._page(one, None)
        while rows:
            yield from rows
            rows = self._page(one, rows[-1][: len(one.key)])

    def _page(self, one: SealedTable, after: Row | None) -> list[Row]:
        statement = one.statement(further=after is not None)
        values = (*(after or ()), one.page)
        return self._database.read(lambda c: c.execute(statement, values).fetchall())

    def _opens(self, one: SealedTable, row: Row) -> bool:
        try:
            one.open(self._keyring, row[len(one.key) :])
        # What stands beside what is sealed may be damaged, too, so that it can not even be read.
        except (RecordDamaged, ValueError, TypeError, KeyError):
            return False
        return True

    def _expired(self, retention: Retention, at: datetime) -> list[Finding]:
        counts: dict[str, int] = {}
        for table, (column, kept) in _EXPIRED.items():
            until = stamp(at - kept)
            counts[table] = self._number(f"{table} WHERE {column} <= ?", until)
        due = self._retention.overdue(retention, at)
        counts["link"] = sum(one.links for one in due.values())
        for table in _STUBS:
            counts[table] = self._stubs(table, retention, at)
        return [Finding(Flaw.EXPIRED, table, count) for table, count in counts.items() if count]

    def _stubs(self, table: str, retention: Retention, at: datetime) -> int:
        found = self._database.read(
            lambda c: c.execute(f"SELECT product FROM {table} GROUP BY product").fetchall()
        )
        where = f"{table} WHERE product = ? AND erased <= ?"
        return sum(
            self._number(where, product, stamp(at - retention.of(product).stub))
            for (product,) in found
        )

    def _number(self, where: str, *values: Any) -> int:  # Any: as above
        statement = f"SELECT count(*) FROM {where}"
        row = self._database.read(lambda c: c.execute(statement, values).fetchone())
        return int(row[0])


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _counts(connection: Connection) -> list[Finding]:
    """Both sides of each as of one moment."""
    (wrong,) = connection.execute(_COUNTS).fetchone()
    unlinked, first = connection.execute(_UNLINKED).fetchone()
    found = [
        Finding(Flaw.MISCOUNTED, "card_count", wrong),
        Finding(Flaw.UNLINKED, "card", unlinked, str(first)),
    ]
    return [one for one in found if one.count]


def _named(key: Row) -> str:
    return " ".join(one.hex() if isinstance(one, bytes) else str(one) for one in key)
