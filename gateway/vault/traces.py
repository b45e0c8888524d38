"""What there is of a guest in the vault: looked for, and nothing written.

Charges, collections and links to pages name no guest in the clear, so each of those is opened; what is
still on its way is counted, and told apart.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from gateway.cards.token import Token
from gateway.errors import RecordDamaged
from gateway.vault import answer, link, notice, records
from gateway.vault.answers import COLUMNS as STORED
from gateway.vault.database import Connection, Database
from gateway.vault.guest import Guest, Names
from gateway.vault.keyring import Keyring
from gateway.vault.rows import AnswerRecord

_PAGE: Final = 200
_HANDED_OVER: Final = frozenset({"delivered", "acknowledged", "replayed"})
_TOLD: Final = frozenset({"delivered", "given_up"})
ANY: Final = "IN (SELECT CAST(value AS bigint) FROM json_each(?))"
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
_REGISTER: Final = f"(booking = ? AND ? <> '') OR iduser {ANY}"
# What is not on its way: whatever else is needed of the guest was sent.
ENDED: Final = {
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


class TraceSearch:
    """Every method blocks, and raises VaultUnavailable."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database, self._keyring = database, keyring

    def find(self, guest: Guest) -> Traces:
        """What there is. Writes nothing. A record that does not open is passed over: `vault verify`."""
        hashed = self.hashed(guest)
        links, cards, stubbed = self._database.read(lambda c: self._cards(c, guest, hashed))
        left: dict[str, int] = {}
        charges = self.register("charge", hashed, (*cards, *stubbed), left)
        collections = self.register("collection", hashed, (*cards, *stubbed), left)
        names = Names(guest)
        found = Traces(
            links, cards, stubbed, charges, collections,
            tuple(number for number, held in self._page_links() if names.stand_in(held)),
            self._notices(names, left),
            self._recaptures(guest, left),
            self._answers(names, left),
        )  # fmt: skip
        return replace(found, left=tuple(left.items()))

    def hashed(self, guest: Guest) -> bytes:
        """The hash of the booking that names the guest; empty where a token does."""
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

    def register(
        self, table: str, hashed: bytes, idusers: Sequence[int], left: dict[str, int]
    ) -> tuple[int, ...]:
        """The keys of charges, or of collections, that are over; how many others there are goes into
        `left`.
        """
        statement = f"SELECT number, {ENDED[table]} FROM {table} WHERE {_REGISTER} ORDER BY number"
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


def _over_ones(table: str, rows: Sequence[Any], left: dict[str, int]) -> tuple[int, ...]:
    """The keys of rows that are over; how many others there are goes into `left`."""
    over = tuple(key for key, is_over in rows if is_over)
    if len(over) < len(rows):
        left[table] = len(rows) - len(over)
    return over
