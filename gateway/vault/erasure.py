"""The erasure of a guest, on request: of a booking, or of a card, all that names the guest goes.

1. What goes: links, cards with the last of theirs, what is left of either; of charges and collections the
   sealed fields but for what a refund needs; links to pages, what clients were told, cards that were to be
   replaced, kept answers that were handed over.
2. What stays: the audit, sums, references. What is still on its way stays for now and is counted: a
   charge that is asked, a collection that goes on, an answer that nobody has yet.
3. One transaction, with an audit entry for each card and link, and one that names the booking, or says
   that there was no card. From these an erasure is done again after a restore (`replaying`).
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from gateway.audit import Entry
from gateway.cards.card import Booking, Card
from gateway.cards.token import Token
from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault import answer, charge, collection, link, notice, records, stub, stubs
from gateway.vault import entries as audit
from gateway.vault.answers import COLUMNS as STORED
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.guest import Guest, Names
from gateway.vault.keyring import Keyring
from gateway.vault.model import AnswerRecord, LinkRow

Reduce = Callable[[Secret[bytes]], Secret[bytes]]

_PAGE: Final = 200
_HANDED_OVER: Final = frozenset({"delivered", "acknowledged", "replayed"})
_TOLD: Final = frozenset({"delivered", "given_up"})
_ANY: Final = "IN (SELECT CAST(value AS bigint) FROM json_each(?))"

_LINKED: Final = "SELECT iduser FROM link WHERE booking_hash = ? ORDER BY iduser"
_SHARED: Final = "SELECT 1 FROM link WHERE iduser = ? AND booking_hash <> ?"
_STUBBED: Final = "SELECT iduser FROM stub_booking WHERE booking_hash = ? ORDER BY iduser"
_STUB_SHARED: Final = (
    "SELECT 1 FROM stub_booking WHERE iduser = ?1 AND booking_hash <> ?2"
    " UNION ALL SELECT 1 FROM card WHERE iduser = ?1"
)
_OWN: Final = (
    "SELECT product, test, tokenuser_hash FROM card WHERE iduser = ?1"
    " UNION ALL SELECT product, test, tokenuser_hash FROM stub WHERE iduser = ?1"
)
_LINK_OF: Final = (
    "SELECT link.iduser, booking_hash, system, hotel, link.sealed, departure, seen, product, test"
    " FROM link JOIN card USING (iduser) WHERE booking_hash = ? ORDER BY link.id"
)
_STUB_OF: Final = (
    "SELECT iduser, booking_hash, product, test, erased, sealed FROM stub_booking"
    " WHERE booking_hash = ? ORDER BY iduser"
)
_CARD_OF: Final = "SELECT product, test, sealed FROM card WHERE iduser = ?"
_REGISTER: Final = f"(booking = ? AND ? <> '') OR iduser {_ANY}"
# What is not on its way: whatever else is needed of the guest was sent.
_ENDED: Final = {
    "charge": "operation IS NULL AND state <> 'challenged'",
    "collection": "state IN ('succeeded', 'failed', 'stopped', 'expired')",
}
_RECAPTURES: Final = (
    "SELECT number, state FROM recapture WHERE system = ? AND itinerary = ? ORDER BY number"
)
_ANSWER_PAGE: Final = (
    f"SELECT id, {STORED}, sealed, state FROM answer JOIN answer_body USING (id)"
    " WHERE id > ? ORDER BY id LIMIT 4"
)


@dataclass(frozen=True, slots=True)
class Traces:
    """What there is of a guest, each by its key. `left`: table → how many are still on their way."""

    links: tuple[
        int, ...
    ] = ()  # idusers of cards that another booking holds, too: the link alone goes
    cards: tuple[int, ...] = ()
    stubs: tuple[int, ...] = ()
    charges: tuple[int, ...] = ()
    collections: tuple[int, ...] = ()
    page_links: tuple[int, ...] = ()
    notices: tuple[int, ...] = ()
    recaptures: tuple[int, ...] = ()
    answers: tuple[int, ...] = ()
    left: tuple[tuple[str, int], ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Of what there is how much, without what is left."""
        return {
            one.name: len(getattr(self, one.name)) for one in fields(self) if one.name != "left"
        }


@dataclass(frozen=True, slots=True)
class Reduced:
    """How the sealed content of a charge, and of a collection, is without its guest."""

    charge: Reduce
    collection: Reduce


class Erasure:
    """Every method blocks, and raises VaultUnavailable."""

    def __init__(self, database: Database, keyring: Keyring, step: Step = no_step) -> None:
        self._database, self._keyring, self._step = database, keyring, step

    def find(self, guest: Guest) -> Traces:
        """What there is. Writes nothing. A record that does not open is passed over: `vault verify`."""
        hashed = self._hash(guest)
        links, cards, stubbed = self._database.read(lambda c: self._cards(c, guest, hashed))
        left: dict[str, int] = {}
        charges = self._register("charge", hashed, (*cards, *stubbed), left)
        collections = self._register("collection", hashed, (*cards, *stubbed), left)
        names = Names(guest)
        found = Traces(
            links, cards, stubbed, charges, collections,
            tuple(number for number, held in self._page_links() if names.stand_in(held)),
            self._notices(names, left),
            self._recaptures(guest, left),
            self._answers(names, left),
        )  # fmt: skip
        return replace(found, left=tuple(left.items()))

    def erase(self, guest: Guest, found: Traces, reduced: Reduced, entry: Entry) -> None:
        """Erases, durable, what `find` found. What was begun meanwhile is not among it: look again.

        Raises RecordDamaged where a charge or collection does not open any more.
        """
        hashed = self._hash(guest)

        def work(connection: Connection) -> None:
            entries = [
                replace(entry, iduser=iduser, subject="" if booking is None else booking.hex())
                for iduser, booking in self._remove(connection, hashed, found, reduced)
            ]
            # Whoever restores an old backup erases this guest again: the booking, or the token, is named.
            if guest.booking is not None or not entries:
                entries.append(replace(entry, subject=hashed.hex()))
            audit.append(connection, entries)

        self._database.write("erase", work).result()

    # --- after a restore --------------------------------------------------------------------------

    def again_by_booking(self, hashed: bytes, reduced: Reduced) -> Traces:
        """Erases once more whom the audit names by the hash of a booking, as far as it can be known; what
        that was. Nothing is written into the audit, which has it. Raises RecordDamaged.
        """
        booking = self._database.read(lambda c: self._booking_of(c, hashed))
        if booking is not None:
            return self._again(Guest(booking=booking), reduced)
        left: dict[str, int] = {}
        found = Traces(
            charges=self._register("charge", hashed, (), left),
            collections=self._register("collection", hashed, (), left),
        )
        found = replace(found, left=tuple(left.items()))
        self._database.write("erase", lambda c: self._remove(c, hashed, found, reduced)).result()
        return found

    def again_by_card(self, iduser: int, reduced: Reduced) -> Traces:
        """The same for the guest of a card; nothing where the backup has no such card."""
        token = self._database.read(lambda c: self._token_of(c, iduser))
        return Traces() if token is None else self._again(Guest(token=token), reduced)

    def _again(self, guest: Guest, reduced: Reduced) -> Traces:
        found, hashed = self.find(guest), self._hash(guest)
        self._database.write("erase", lambda c: self._remove(c, hashed, found, reduced)).result()
        return found

    def _booking_of(self, connection: Connection, hashed: bytes) -> Booking | None:
        sealer = self._keyring.sealer
        for *columns, product, test in connection.execute(_LINK_OF, (hashed,)).fetchall():
            row = LinkRow(*columns)
            where = records.link_place(product, row.iduser, hashed, test=bool(test))
            try:
                return records.booking_of(row, records.read_link(sealer.open(row.sealed, where)))
            except RecordDamaged:
                continue
        for columns in connection.execute(_STUB_OF, (hashed,)).fetchall():
            try:
                return stub.open_booking(sealer, stub.StubBookingRow(*columns))
            except RecordDamaged:
                continue
        return None

    def _token_of(self, connection: Connection, iduser: int) -> Token | None:
        found = connection.execute(_CARD_OF, (iduser,)).fetchone()
        if found is None:
            return None
        product, test, sealed = found
        where = records.card_place(product, iduser, test=bool(test))
        try:
            plaintext = self._keyring.sealer.open(sealed, where)
            card = Card(*records.read_card(plaintext))
            return Token(iduser, records.tokenuser_of(plaintext, card), bool(test))
        except RecordDamaged:
            return None

    def _remove(
        self, connection: Connection, hashed: bytes, found: Traces, reduced: Reduced
    ) -> list[tuple[int, bytes | None]]:
        """Which cards went, and of which the link to the booking alone."""
        gone: list[tuple[int, bytes | None]] = []
        for iduser in found.links:
            connection.execute(
                "DELETE FROM link WHERE iduser = ? AND booking_hash = ?", (iduser, hashed)
            )
            stubs.forget_booking(connection, iduser, hashed)
            gone.append((iduser, hashed))
        for iduser in dict.fromkeys((*found.cards, *found.stubs)):
            connection.execute("DELETE FROM card WHERE iduser = ?", (iduser,))
            stubs.forget(connection, iduser)
            gone.append((iduser, None))
        self._step("erase:cards")
        self._reduce(connection, found, reduced)
        self._step("erase:register")
        for table, key, keys in (
            ("page_link", "number", found.page_links), ("notice", "number", found.notices),
            ("recapture", "number", found.recaptures), ("answer", "id", found.answers),
        ):  # fmt: skip
            connection.execute(f"DELETE FROM {table} WHERE {key} {_ANY}", (json.dumps(keys),))
        return gone

    # --- finding ----------------------------------------------------------------------------------

    def _hash(self, guest: Guest) -> bytes:
        if guest.booking is None:
            return b""
        return records.booking_hash(self._keyring.booking, guest.booking)

    def _cards(
        self, connection: Connection, guest: Guest, hashed: bytes
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Cards of which a link goes, cards that go, stubs that go."""
        if guest.token is not None:
            own = self._is_own(connection, guest.token)
            iduser = guest.token.iduser
            stands = connection.execute("SELECT 1 FROM card WHERE iduser = ?", (iduser,)).fetchone()
            if not own:
                return (), (), ()
            return ((), (iduser,), ()) if stands else ((), (), (iduser,))
        linked = [iduser for (iduser,) in connection.execute(_LINKED, (hashed,)).fetchall()]
        stubbed = [iduser for (iduser,) in connection.execute(_STUBBED, (hashed,)).fetchall()]
        shared = {one for one in linked if connection.execute(_SHARED, (one, hashed)).fetchone()}
        held = {
            one for one in stubbed if connection.execute(_STUB_SHARED, (one, hashed)).fetchone()
        }
        links = dict.fromkeys([*(one for one in linked if one in shared), *held])
        whole = tuple(one for one in linked if one not in shared)
        gone = tuple(one for one in stubbed if one not in held)
        return tuple(one for one in links if one not in whole), whole, gone

    def _is_own(self, connection: Connection, token: Token) -> bool:
        parts = records.tokenuser_parts(token.iduser, token.tokenuser)
        rows = connection.execute(_OWN, (token.iduser,)).fetchall()
        return any(
            bool(test) == token.test and self._keyring.tokenuser.matches(hashed, *parts)
            for _, test, hashed in rows
        )

    def _register(
        self, table: str, hashed: bytes, idusers: Sequence[int], left: dict[str, int]
    ) -> tuple[int, ...]:
        statement = f"SELECT number, {_ENDED[table]} FROM {table} WHERE {_REGISTER} ORDER BY number"
        values = (hashed, hashed.hex(), json.dumps(idusers))
        rows = self._database.read(lambda c: c.execute(statement, values).fetchall())
        return _over_ones(table, rows, left)

    def _page_links(self) -> Iterator[tuple[int, bytes]]:
        sealer = self._keyring.page_link
        for number, *values in self._pages("page_link", link.COLUMNS):
            try:
                yield number, link.unseal(sealer, tuple(values)).held.reveal()
            except RecordDamaged:
                continue

    def _notices(self, names: Names, left: dict[str, int]) -> tuple[int, ...]:
        found = []
        for number, *values in self._pages("notice", notice.COLUMNS):
            row = notice.read_row(tuple(values[:-1]))
            try:
                body = notice.unseal(self._keyring.notice, row, values[-1]).body.reveal()
            except RecordDamaged:
                continue
            if names.stand_in(body):
                found.append((number, row.state.value in _TOLD))
        return _over_ones("notice", found, left)

    def _recaptures(self, guest: Guest, left: dict[str, int]) -> tuple[int, ...]:
        if guest.booking is None:
            return ()
        values = (guest.booking.system, guest.booking.booking_id)
        rows = self._database.read(lambda c: c.execute(_RECAPTURES, values).fetchall())
        said = [(number, state in {"completed", "superseded"}) for number, state in rows]
        return _over_ones("recapture", said, left)

    def _answers(self, names: Names, left: dict[str, int]) -> tuple[int, ...]:
        found, last = [], 0
        while rows := self._answer_page(last):
            for id, *values, state in rows:
                record, last = AnswerRecord(*values), id
                keys = self._keyring
                sealer = keys.quarantine if record.quarantined else keys.spool
                try:
                    body = answer.unseal(sealer, record).body
                except RecordDamaged:
                    continue
                if names.occur_in(body):
                    found.append((id, state in _HANDED_OVER))
        return _over_ones("answer", found, left)

    def _answer_page(self, last: int) -> list[Any]:  # Any: the columns' types
        return self._database.read(lambda c: c.execute(_ANSWER_PAGE, (last,)).fetchall())

    def _pages(self, table: str, columns: str) -> Iterator[Any]:  # Any: as above
        statement = (
            f"SELECT number, {columns}, sealed FROM {table} WHERE number > ?"
            f" ORDER BY number LIMIT {_PAGE}"
        )
        last = 0
        while rows := self._read(statement, last):
            yield from rows
            last = rows[-1][0]

    def _read(self, statement: str, last: int) -> list[Any]:  # Any: as above
        return self._database.read(lambda c: c.execute(statement, (last,)).fetchall())

    # --- what a refund needs ----------------------------------------------------------------------

    def _reduce(self, connection: Connection, found: Traces, reduced: Reduced) -> None:
        """What is on its way again since it was found stays as it is."""
        for number in found.charges:
            row = _ended(connection, "charge", charge.COLUMNS, number)
            if row is not None:
                one = charge.unseal(self._keyring.charge, row)
                less = replace(one, held=reduced.charge(one.held))
                _put(connection, "charge", charge.seal(self._keyring.charge, less)[-1], number)
        for number in found.collections:
            row = _ended(connection, "collection", collection.COLUMNS, number)
            if row is not None:
                whole = collection.unseal(self._keyring.collection, row)
                without = replace(whole, held=reduced.collection(whole.held))
                sealed = collection.seal(self._keyring.collection, without)[-1]
                _put(connection, "collection", sealed, number)


def _over_ones(table: str, rows: Sequence[Any], left: dict[str, int]) -> tuple[int, ...]:
    """The keys of rows that are over; how many others there are goes into `left`."""
    over = tuple(key for key, is_over in rows if is_over)
    if len(over) < len(rows):
        left[table] = len(rows) - len(over)
    return over


def _ended(
    connection: Connection, table: str, columns: str, number: int
) -> tuple[Any, ...] | None:  # Any: as above
    statement = f"SELECT {columns}, sealed FROM {table} WHERE number = ? AND {_ENDED[table]}"
    row: tuple[Any, ...] | None = connection.execute(statement, (number,)).fetchone()
    return row


def _put(connection: Connection, table: str, sealed: bytes, number: int) -> None:
    statement = f"UPDATE {table} SET sealed = ?, booking = ? WHERE number = ?"
    connection.execute(statement, (sealed, b"", number))
