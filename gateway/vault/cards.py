"""Cards as a client manages them: added, shown without their number, changed, listed, forgotten.

1. Whatever writes is one transaction with its audit entry and, where the request counts once, with its
   answer (`requests.py`). A refusal changes nothing but the audit, and is not kept.
2. Whatever shows a card has its intent in the audit before the card is opened (P36).
3. A token that is unknown, another product's or of the other mode is the same refusal (P06). Of a card
   whose time was over its owner is told so, and sees what is left (`stubs.py`).
4. One card of one product and expiry has one token (P25): an expiry does not become that of another
   card with the same number.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway.audit import Entry, Outcome
from gateway.cards.card import Booking, Card
from gateway.cards.expiry import Expiry
from gateway.cards.token import Token
from gateway.errors import (
    BookingUnknown,
    CardExists,
    CardGone,
    GatewayError,
    NoSuchToken,
    TokenBeingIssued,
)
from gateway.secret import Secret
from gateway.vault import entries as audit
from gateway.vault import records, stubs
from gateway.vault.aside import Aside
from gateway.vault.database import Connection, Database
from gateway.vault.entries import stamp
from gateway.vault.idempotency import Once
from gateway.vault.keyring import Keyring
from gateway.vault.model import NewCard, Wanted
from gateway.vault.plan import Planner
from gateway.vault.requests import Done, Requests, refused
from gateway.vault.resolve import Resolver
from gateway.vault.rows import CardRow, LinkRow
from gateway.vault.store import Store
from gateway.vault.stub import StubRow
from gateway.vault.stubs import StubTable

MOST: Final = 1000  # cards of one page

_CARD: Final = "product, test, look_up, card.iduser, tokenuser_hash, card.sealed, created"
_BY_ID: Final = f"SELECT {_CARD} FROM card WHERE iduser = ?"
_OF_BOOKING: Final = (
    "FROM link JOIN card USING (iduser) WHERE booking_hash = ?1"
    " AND product IN (SELECT value FROM json_each(?2))"
)
_BY_BOOKING: Final = f"SELECT {_CARD} {_OF_BOOKING} AND link.id > ?3 ORDER BY link.id LIMIT ?4"
_LINK: Final = f"SELECT link.id {_OF_BOOKING} AND iduser = ?3"
_LINKS: Final = (
    "SELECT iduser, booking_hash, system, hotel, sealed, departure, seen FROM link"
    " WHERE iduser = ? ORDER BY id"
)
_CHANGE: Final = "UPDATE card SET look_up = ?, sealed = ? WHERE iduser = ?"
# What a processor keeps has the old expiry: it is asked for a token of its own again.
_OUTDATED: Final = "DELETE FROM foreign_token WHERE iduser = ?"
# Who is asking for one has the old expiry too, and would keep what it gets.
_ISSUING: Final = "SELECT 1 FROM issuing WHERE iduser = ? AND until > ?"
_FORGET: Final = "DELETE FROM card WHERE iduser = ?"
_FORGET_LINK: Final = "DELETE FROM link WHERE iduser = ? AND booking_hash = ?"
_STANDS: Final = "SELECT 1 FROM card WHERE iduser = ?"


@dataclass(frozen=True, slots=True)
class KeptCard:
    """A card that is in the vault, with all its bookings, the oldest first. `holder`: the last one
    that a booking named.
    """

    token: Token
    product: str
    card: Card
    bookings: tuple[Booking, ...]

    @property
    def is_virtual(self) -> bool:
        """Whether one of its bookings says so."""
        return any(booking.virtual is not None for booking in self.bookings)


@dataclass(frozen=True, slots=True)
class Page:
    """Some cards of a booking; `more`: others follow the last of them."""

    cards: list[KeptCard]
    more: bool


Answer = Callable[[KeptCard], bytes]
Also = Callable[[Connection, KeptCard], None]


class CardTable:
    """Every method raises VaultUnavailable and RecordDamaged. `entry` says who asks for what; iduser,
    product and outcome are added here.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        keyring: Keyring,
        *,
        stubs: StubTable,
        requests: Requests,
        aside: Aside,
    ) -> None:
        self._database, self._store, self._keyring = database, store, keyring
        self._stubs, self._requests, self._aside = stubs, requests, aside
        self._resolver = Resolver(store, keyring)

    async def add(
        self,
        new: NewCard,
        entry: Entry,
        once: Once | None,
        answer: Answer,
        also: Also | None = None,
    ) -> bytes:
        """Keeps a card, durable; gives what `answer` makes of it, or made of it the first time.
        `also` is done in the same transaction: what it raises is raised, and no card is kept.

        Raises IdempotencyKeyReused.
        """

        def do(connection: Connection, now: datetime) -> Done:
            plan = Planner(self._store, self._keyring, stamp(now)).plan(
                [new], [replace(entry, outcome=Outcome.DONE, product=new.product)]
            )
            self._store.apply(connection, plan.changes)
            kept = self._open(connection, self._row(connection, plan.kept[0].token.iduser))
            if also is not None:
                also(connection, kept)
            return Done(new.product, answer(kept))

        return await self._requests.write("card_add", entry, once, do)

    async def change_expiry(
        self, wanted: Wanted, expiry: Expiry, entry: Entry, once: Once | None, answer: Answer
    ) -> bytes:
        """Gives the card another expiry, durable; what processors issued for it is forgotten.

        Raises NoSuchToken, CardGone, CardExists, TokenBeingIssued, IdempotencyKeyReused.
        """

        def do(connection: Connection, now: datetime) -> Done | GatewayError:
            row = self._permitted(wanted)
            if row is None:
                return self._stubs.refusal(wanted)
            refusal = self._change(connection, row, expiry, now)
            if refusal is not None:
                return refusal
            self._did(connection, entry, row)
            changed = self._row(connection, row.iduser)
            return Done(row.product, answer(self._open(connection, changed)))

        return await self._requests.write("card_change", entry, once, do)

    async def forget(self, wanted: Wanted, entry: Entry, once: Once | None) -> None:
        """Erases the card with all its bookings, its held security code and what processors issued
        for it, or what is left of it. Raises NoSuchToken, IdempotencyKeyReused.
        """

        def do(connection: Connection, _: datetime) -> Done | GatewayError:
            row = self._permitted(wanted) or self._stubs.named(wanted)
            if row is None:
                return NoSuchToken()
            connection.execute(_FORGET, (row.iduser,))
            stubs.forget(connection, row.iduser)
            self._did(connection, entry, row)
            return Done(row.product, b"")

        await self._requests.write("card_forget", entry, once, do)

    async def forget_booking(
        self, wanted: Wanted, booking: Booking, entry: Entry, once: Once | None
    ) -> None:
        """Erases what ties the card, or what is left of it, to one booking; with its last one it goes.

        Raises NoSuchToken, BookingUnknown, IdempotencyKeyReused.
        """
        hashed = records.booking_hash(self._keyring.booking, booking)

        def do(connection: Connection, _: datetime) -> Done | GatewayError:
            row = self._permitted(wanted) or self._stubs.named(wanted)
            if row is None:
                return NoSuchToken()
            linked = connection.execute(_FORGET_LINK, (row.iduser, hashed)).rowcount
            if not stubs.forget_booking(connection, row.iduser, hashed) and not linked:
                return BookingUnknown()
            stands = connection.execute(_STANDS, (row.iduser,)).fetchone()
            # Whoever restores an old backup repeats it from this: the whole card, or its one link.
            about = replace(entry, subject="" if linked and stands is None else hashed.hex())
            self._did(connection, about, row)
            return Done(row.product, b"")

        await self._requests.write("card_forget", entry, once, do)

    async def show(self, wanted: Wanted, entry: Entry) -> KeptCard:
        """One card. Raises NoSuchToken, CardGone."""
        await self._record([replace(entry, outcome=Outcome.INTENT)])
        return await self.opened(wanted, entry)

    def is_known(self, wanted: Wanted) -> bool:
        """Whether there is such a card; for a transaction of others."""
        return self._permitted(wanted) is not None

    async def opened(self, wanted: Wanted, entry: Entry) -> KeptCard:
        """One card, the intent of which is in the audit already. Raises NoSuchToken, CardGone."""

        def work() -> KeptCard | NoSuchToken | CardGone:
            row = self._permitted(wanted)
            if row is None:
                return self._stubs.refusal(wanted)
            return self._database.read(lambda c: self._open(c, row))

        shown = await self._aside.run(work)
        if not isinstance(shown, KeptCard):
            await self._record([refused(entry, shown)])
            raise shown
        await self._record([replace(entry, outcome=Outcome.DONE, product=shown.product)])
        return shown

    async def of_booking(
        self,
        booking: Booking,
        products: Collection[str],
        entry: Entry,
        *,
        after: int | None = None,
    ) -> Page:
        """The cards of a booking that are among `products`, the first linked first, up to `MOST`;
        `after`: those that follow the card with this iduser. Raises NoSuchToken where it is none of
        them.
        """
        hashed = records.booking_hash(self._keyring.booking, booking)
        wanted = (hashed, json.dumps(sorted(products)))

        def find(connection: Connection) -> list[CardRow] | None:
            first: tuple[int] | None = (0,)
            if after is not None:
                first = connection.execute(_LINK, (*wanted, after)).fetchone()
            if first is None:
                return None
            found = connection.execute(_BY_BOOKING, (*wanted, *first, MOST + 1)).fetchall()
            return [CardRow(*values) for values in found]

        found = await self._aside.run(lambda: self._database.read(find))
        if found is None:
            await self._record([refused(entry, NoSuchToken())])
            raise NoSuchToken
        rows = found[:MOST]
        about = [replace(entry, product=row.product, iduser=row.iduser) for row in rows] or [entry]
        await self._record([replace(one, outcome=Outcome.INTENT) for one in about])
        shown = await self._aside.run(
            lambda: self._database.read(lambda c: [self._open(c, row) for row in rows])
        )
        await self._record([replace(one, outcome=Outcome.DONE) for one in about])
        return Page(shown, more=len(found) > len(rows))

    def _change(
        self, connection: Connection, row: CardRow, expiry: Expiry, now: datetime
    ) -> GatewayError | None:
        test, sealer = bool(row.test), self._keyring.sealer
        where = records.card_place(row.product, row.iduser, test=test)
        token, before = self._read(row)
        if before.expiry == expiry:
            return None
        if connection.execute(_ISSUING, (row.iduser, stamp(now))).fetchone() is not None:
            return TokenBeingIssued()
        card = Card(before.pan, expiry)
        look_up = records.look_up(self._keyring.look_up, row.product, card, test=test)
        filed = records.look_ups(self._keyring.look_up, row.product, card, test=test)
        if self._store.is_filed(filed):
            return CardExists()
        sealed = sealer.seal(records.write_card(card, token), where)
        connection.execute(_CHANGE, (look_up, sealed, row.iduser))
        connection.execute(_OUTDATED, (row.iduser,))
        return None

    def _did(self, connection: Connection, entry: Entry, row: CardRow | StubRow) -> None:
        done = replace(entry, outcome=Outcome.DONE, product=row.product, iduser=row.iduser)
        audit.append(connection, [done])

    async def _record(self, entries: list[Entry]) -> None:
        await asyncio.wrap_future(self._store.record(entries))

    # --- reading ----------------------------------------------------------------------------------

    def _permitted(self, wanted: Wanted) -> CardRow | None:
        found = self._store.found([wanted.token.iduser]).get(wanted.token.iduser)
        permitted = self._resolver.permitted(wanted, found)
        return None if permitted is None else permitted[0]

    def _row(self, connection: Connection, iduser: int) -> CardRow:
        return CardRow(*connection.execute(_BY_ID, (iduser,)).fetchone())

    def _read(self, row: CardRow) -> tuple[Token, Card]:
        where = records.card_place(row.product, row.iduser, test=bool(row.test))
        plaintext = self._keyring.sealer.open(row.sealed, where)
        card = Card(*records.read_card(plaintext))
        return Token(row.iduser, records.tokenuser_of(plaintext, card), bool(row.test)), card

    def _open(self, connection: Connection, row: CardRow) -> KeptCard:
        token, card = self._read(row)
        holder, bookings = None, []
        for link in [LinkRow(*values) for values in connection.execute(_LINKS, (row.iduser,))]:
            where = records.link_place(row.product, row.iduser, link.booking_hash, test=token.test)
            content = records.read_link(self._keyring.sealer.open(link.sealed, where))
            holder = content.get("holder", holder)
            booking = records.booking_of(link, content)
            if booking is not None:
                bookings.append(booking)
        named = replace(card, holder=None if holder is None else Secret(holder))
        return KeptCard(token, row.product, named, tuple(bookings))
