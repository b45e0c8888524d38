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
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.audit import Entry
from gateway.cards.card import Booking, Card
from gateway.cards.token import Token
from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault import charge, collection, records, stub, stubs
from gateway.vault import entries as audit
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.guest import Guest
from gateway.vault.keyring import Keyring
from gateway.vault.rows import LinkRow
from gateway.vault.traces import ANY, ENDED, Traces, TraceSearch

Reduce = Callable[[Secret[bytes]], Secret[bytes]]

_LINK_OF: Final = (
    "SELECT link.iduser, booking_hash, system, hotel, link.sealed, departure, seen, product, test"
    " FROM link JOIN card USING (iduser) WHERE booking_hash = ? ORDER BY link.id"
)
_STUB_OF: Final = (
    "SELECT iduser, booking_hash, product, test, erased, sealed FROM stub_booking"
    " WHERE booking_hash = ? ORDER BY iduser"
)
_CARD_OF: Final = "SELECT product, test, sealed FROM card WHERE iduser = ?"


@dataclass(frozen=True, slots=True)
class Reduced:
    """How the sealed content of a charge, and of a collection, is without its guest."""

    charge: Reduce
    collection: Reduce


class Erasure:
    """Every method blocks, and raises VaultUnavailable."""

    def __init__(self, database: Database, keyring: Keyring, step: Step = no_step) -> None:
        self._database, self._keyring, self._step = database, keyring, step
        self._search = TraceSearch(database, keyring)
        self.find = self._search.find

    def erase(self, guest: Guest, found: Traces, reduced: Reduced, entry: Entry) -> None:
        """Erases, durable, what `find` found. What was begun meanwhile is not among it: look again.

        Raises RecordDamaged where a charge or collection does not open any more.
        """
        hashed = self._search.hashed(guest)

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
            charges=self._search.register("charge", hashed, (), left),
            collections=self._search.register("collection", hashed, (), left),
        )
        found = replace(found, left=tuple(left.items()))
        self._database.write("erase", lambda c: self._remove(c, hashed, found, reduced)).result()
        return found

    def again_by_card(self, iduser: int, reduced: Reduced) -> Traces:
        """The same for the guest of a card; nothing where the backup has no such card."""
        token = self._database.read(lambda c: self._token_of(c, iduser))
        return Traces() if token is None else self._again(Guest(token=token), reduced)

    def _again(self, guest: Guest, reduced: Reduced) -> Traces:
        found, hashed = self.find(guest), self._search.hashed(guest)
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
            connection.execute(f"DELETE FROM {table} WHERE {key} {ANY}", (json.dumps(keys),))
        return gone

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


def _ended(
    connection: Connection, table: str, columns: str, number: int
) -> tuple[Any, ...] | None:  # Any: as above
    statement = f"SELECT {columns}, sealed FROM {table} WHERE number = ? AND {ENDED[table]}"
    row: tuple[Any, ...] | None = connection.execute(statement, (number,)).fetchone()
    return row


def _put(connection: Connection, table: str, sealed: bytes, number: int) -> None:
    statement = f"UPDATE {table} SET sealed = ?, booking = ? WHERE number = ?"
    connection.execute(statement, (sealed, b"", number))
