"""How long cards are kept: links whose time is over go, and cards with the last of theirs.

1. A link's time counts from its departure, or from when a message brought it last, as they stand when
   the purge looks: a departure that changed, or another rule of the product, counts at once. A departure
   that is further ahead than the rule believes, 9999-12-31, counts as none: else it kept a card for good.
   Where the route that brought it keeps things for less time than the product, the route's days count.
2. In one transaction: the link, its card where it was the last (by a trigger; security code, foreign
   tokens and claims go with the card), the stub of both, an audit entry for each. It is looked at anew
   there: a link that was prolonged meanwhile stays, and of two that purge at once one does it.
3. A record that does not open goes like the others: damage keeps nothing.
4. What was erased is overwritten in the tables as it goes, and in the log by `Database.scrub` after each
   purge, whether it found anything or not: the one before may have been killed.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from gateway.audit import Entry
from gateway.cards.card import Booking, Card
from gateway.errors import RecordDamaged
from gateway.vault import entries as audit
from gateway.vault import records
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp
from gateway.vault.keyring import Keyring
from gateway.vault.resting import resting
from gateway.vault.rows import CardRow, LinkRow
from gateway.vault.stub import StubBookingRow, StubRow, seal_booking, seal_card
from gateway.vault.terms import Bounds, Retention, bounds_of

Progress = Callable[[int], None]  # so many links are gone

# So many links go in one transaction: each byte is overwritten, on pages all over the indexes of a large vault, and
# others are to write meanwhile. Of a million that is a hundredth of a second and a half; more at once is no faster.
_PORTION: Final = 50
# So many are looked for at once: what another product keeps longer is passed over each time.
_FOUND: Final = 10_000

_PRODUCTS: Final = "SELECT product FROM card_count WHERE cards > 0 ORDER BY product"
_STUB_PRODUCTS: Final = "SELECT product FROM stub GROUP BY product UNION SELECT product FROM stub_booking GROUP BY product"
# Three parts, each with its index: a departure that is not believed is far behind all others there.
_DATED: Final = "departure IS NOT NULL AND departure <= ?1"
_UNDATED: Final = "departure IS NULL AND seen <= ?2"
_BEYOND: Final = "departure IS NOT NULL AND departure > ?3"
_UNBELIEVED: Final = f"{_BEYOND} AND seen <= ?2"
_PARTS: Final = (_DATED, _UNDATED, _UNBELIEVED)
_OF_PRODUCT: Final = "FROM link JOIN card USING (iduser) WHERE product = ?5 AND link.retention = ?4"
_DUE: Final = (
    " UNION ALL ".join(f"SELECT link.id {_OF_PRODUCT} AND {part}" for part in _PARTS) + " LIMIT ?6"
)
# Of all products and terms at once: a card may have links under several. Said so that SQLite goes from the
# terms by the departures' index to what is due: left to itself it sorts all links there are by their retention,
# or all cards by their product, each time, to find that nothing is.
_BY_TERMS: Final = (
    "SELECT card.product, link.iduser FROM terms CROSS JOIN link CROSS JOIN card"
    " WHERE card.iduser = link.iduser AND card.product = terms.product"
    " AND link.retention || '' = terms.retention"
)
_OVERDUE_PARTS: Final = (
    "departure IS NOT NULL AND departure <= terms.departed",
    "departure IS NULL AND link.seen <= terms.seen",
    "departure IS NOT NULL AND departure > terms.believed AND link.seen <= terms.seen",
)
_OVERDUE: Final = (
    "WITH terms (departed, seen, believed, retention, product) AS (%s)"
    " SELECT product, count(*), count(DISTINCT iduser) FROM ("
    + " UNION ALL ".join(f"{_BY_TERMS} AND {part}" for part in _OVERDUE_PARTS)
    + ") AS due GROUP BY product"
)
_OWN: Final = "SELECT retention FROM link WHERE retention <> '' GROUP BY retention"
_FAR: Final = (
    "SELECT count(*) FROM link JOIN card USING (iduser)"
    " WHERE product = ?2 AND departure IS NOT NULL AND departure > ?1"
)
_CARD: Final = "product, test, look_up, card.iduser, tokenuser_hash, card.sealed, created"
_LINK: Final = "link.iduser, booking_hash, system, hotel, link.sealed, departure, seen"
_ROWS: Final = (
    f"SELECT link.id, {_LINK}, {_CARD} {_OF_PRODUCT}"
    f" AND (({_DATED}) OR ({_UNDATED}) OR ({_UNBELIEVED}))"
    " AND link.id IN (SELECT CAST(value AS bigint) FROM json_each(?6)) ORDER BY link.id"
)
_OF_CARD: Final = (
    f"SELECT link.id, {_LINK}, {_CARD} FROM link JOIN card USING (iduser) WHERE link.iduser = ?"
)
_ERASE: Final = "DELETE FROM link WHERE id IN (SELECT CAST(value AS bigint) FROM json_each(?1))"
_STAND: Final = "SELECT iduser FROM card WHERE iduser IN (%s)"
_STUB: Final = (
    "INSERT INTO stub (iduser, product, test, tokenuser_hash, erased, sealed)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (iduser) DO UPDATE SET product = excluded.product,"
    " test = excluded.test, tokenuser_hash = excluded.tokenuser_hash, erased = excluded.erased,"
    " sealed = excluded.sealed"
)
_STUB_BOOKING: Final = (
    "INSERT INTO stub_booking (iduser, booking_hash, product, test, erased, sealed)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (iduser, booking_hash) DO UPDATE SET"
    " product = excluded.product, test = excluded.test, erased = excluded.erased,"
    " sealed = excluded.sealed"
)
_END_BOOKINGS: Final = (
    "DELETE FROM stub_booking WHERE (iduser, booking_hash) IN (SELECT iduser, booking_hash"
    " FROM stub_booking WHERE product = ? AND erased <= ? LIMIT ?)"
)
_END_STUBS: Final = (
    "DELETE FROM stub WHERE iduser IN"
    " (SELECT iduser FROM stub WHERE product = ? AND erased <= ? LIMIT ?)"
)


@dataclass(frozen=True, slots=True)
class Purged:
    """How much went."""

    links: int = 0
    cards: int = 0
    stubs: int = 0  # of cards and of links

    def __add__(self, other: Purged) -> Purged:
        return Purged(self.links + other.links, self.cards + other.cards, self.stubs + other.stubs)


@dataclass(frozen=True, slots=True)
class Overdue:
    """What of a product should have gone: links, and how many cards they are of."""

    links: int
    cards: int


class _Due(NamedTuple):
    """A link whose time is over, by its id, and its card."""

    id: int
    link: LinkRow
    card: CardRow


class RetentionTable:
    """Every method blocks, and raises VaultUnavailable."""

    def __init__(self, database: Database, keyring: Keyring, step: Step = no_step) -> None:
        self._database, self._keyring, self._step = database, keyring, step

    def purge(
        self, retention: Retention, now: datetime, entry: Entry, progress: Progress | None = None
    ) -> Purged:
        """Erases, durable, what is due at `now`; how much that was. `entry` says who does it, and is
        written for each link and card, with product, iduser and, where the card stays, the link's
        booking in `subject`.
        """
        gone = Purged()
        for product, bounds in self._database.read(lambda c: _all_bounds(c, retention, now)):
            while due := self._due(product, bounds):
                for start in range(0, len(due), _PORTION):
                    portion = json.dumps(due[start : start + _PORTION])
                    with resting():
                        gone += self._expire(product, bounds, portion, now, entry)
                    if progress is not None:
                        progress(gone.links)
        return gone + self._end_stubs(retention, now)

    def again(self, connection: Connection, iduser: int, booking: bytes | None, at: str) -> int:
        """Erases once more, in a transaction, what a purge erased at `at`: a card's link to one booking, or
        the card with all of them; how many links went. Nothing is written into the audit, which has it.
        """
        rows = connection.execute(_OF_CARD, (iduser,)).fetchall()
        due = [
            _Due(id, LinkRow(*columns[:7]), CardRow(*columns[7:]))
            for id, *columns in rows
            if booking is None or columns[1] == booking
        ]
        self._erase(connection, due, at)
        return len(due)

    def overdue(self, retention: Retention, now: datetime) -> dict[str, Overdue]:
        """By product, what a purge at `now` would erase; products without are there, too."""

        def count(connection: Connection) -> dict[str, Overdue]:
            terms = _all_bounds(connection, retention, now)
            found = {product: Overdue(0, 0) for product, _ in terms}
            rows = connection.matching(_OVERDUE, [(*bounds, product) for product, bounds in terms])
            return found | {product: Overdue(links, cards) for product, links, cards in rows}

        return self._database.read(count)

    def unbelieved(self, retention: Retention, now: datetime) -> dict[str, int]:
        """By product, how many links have a departure that is not believed at `now`."""

        def count(connection: Connection) -> dict[str, int]:
            return {
                product: int(connection.execute(_FAR, (believed, product)).fetchone()[0])
                for product in _products(connection)
                for believed in [bounds_of(retention.of(product), now, "").believed]
            }

        return self._database.read(count)

    def scrub(self, *, compact: bool = False) -> bool:
        """Whether nothing is left of what was erased: see `Database.scrub`."""
        return self._database.scrub(compact=compact)

    # --- inside -----------------------------------------------------------------------------------

    def _due(self, product: str, bounds: Bounds) -> list[int]:
        values = (*bounds, product, _FOUND)
        return [id for (id,) in self._database.read(lambda c: c.execute(_DUE, values).fetchall())]

    def _expire(
        self, product: str, bounds: Bounds, portion: str, now: datetime, entry: Entry
    ) -> Purged:
        def work(connection: Connection) -> Purged:
            rows = [
                _Due(id, LinkRow(*columns[:7]), CardRow(*columns[7:]))
                for id, *columns in connection.execute(_ROWS, (*bounds, product, portion))
            ]
            whole = self._erase(connection, rows, stamp(now))
            entries = [
                replace(
                    entry, product=product, iduser=row.card.iduser,
                    subject="" if row.id in whole else row.link.booking_hash.hex(),
                )
                for row in rows
            ]  # fmt: skip
            audit.append(connection, entries)
            return Purged(len(rows), len(whole))

        return self._database.write("expire", work, entries=_PORTION, large=True).result()

    def _erase(self, connection: Connection, rows: Sequence[_Due], now: str) -> set[int]:
        """The ids of those links with which their card went, of each card the last."""
        sealer = self._keyring.sealer
        connection.execute(_ERASE, (json.dumps([row.id for row in rows]),))
        self._step("expire:link")
        bookings = [
            seal_booking(
                sealer,
                StubBookingRow(link.iduser, link.booking_hash, card.product, card.test, now, b""),
                self._booking(link, card),
            )
            for _, link, card in rows
        ]
        connection.add(_STUB_BOOKING, bookings)  # a trip less, while others wait
        last = {row.card.iduser: row for row in rows}
        stand = {iduser for (iduser,) in connection.among(_STAND, list(last))}
        gone = [row for iduser, row in last.items() if iduser not in stand]
        cards = [
            seal_card(
                sealer,
                StubRow(card.iduser, card.product, card.test, card.tokenuser_hash, now, b""),
                self._card(card),
            )
            for _, _, card in gone
        ]
        connection.add(_STUB, cards)
        self._step("expire:stub")
        return {row.id for row in gone}

    def _end_stubs(self, retention: Retention, now: datetime) -> Purged:
        gone = 0
        products = self._database.read(lambda c: c.execute(_STUB_PRODUCTS).fetchall())
        for (product,) in products:
            values = (product, stamp(now - retention.of(product).stub), _PORTION)
            count = _PORTION
            while count:
                with resting():
                    count = self._end_some(values)
                gone += count
        return Purged(stubs=gone)

    def _end_some(self, values: tuple[Any, ...]) -> int:  # Any: the columns' types
        def work(connection: Connection) -> int:
            bookings = connection.execute(_END_BOOKINGS, values).rowcount
            self._step("stub_purge:bookings")
            return bookings + connection.execute(_END_STUBS, values).rowcount

        return self._database.write("stub_purge", work).result()

    def _card(self, row: CardRow) -> Card | None:
        where = records.card_place(row.product, row.iduser, test=bool(row.test))
        try:
            return Card(*records.read_card(self._keyring.sealer.open(row.sealed, where)))
        except RecordDamaged:
            return None

    def _booking(self, link: LinkRow, card: CardRow) -> Booking | None:
        test = bool(card.test)
        where = records.link_place(card.product, link.iduser, link.booking_hash, test=test)
        try:
            content = records.read_link(self._keyring.sealer.open(link.sealed, where))
            return records.booking_of(link, content)
        except RecordDamaged:
            return None


def _products(connection: Connection) -> list[str]:
    return [product for (product,) in connection.execute(_PRODUCTS)]


def _all_bounds(
    connection: Connection, retention: Retention, now: datetime
) -> list[tuple[str, Bounds]]:
    """Of each product, by its own terms and by each that routes have."""
    own = [text for (text,) in connection.execute(_OWN)]
    return [
        (product, bounds_of(retention.of(product), now, text))
        for product in _products(connection)
        for text in ("", *own)
    ]
