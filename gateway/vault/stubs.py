"""Stubs, found by their tokens: what is left of cards whose time was over (`retention.py` makes them).

Whoever names such a token must have all of it, and its product, as for a card (P06): to everybody else
it is as unknown as any other.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import CardErased, CardGone, NoSuchToken, TokenUnknown
from gateway.vault import records
from gateway.vault.aside import Aside
from gateway.vault.database import Connection, Database
from gateway.vault.keyring import Keyring
from gateway.vault.model import Wanted
from gateway.vault.stub import Reference, Stub, StubBookingRow, StubRow, stub_of

_ONE: Final = (
    "SELECT iduser, product, test, tokenuser_hash, erased, sealed FROM stub WHERE iduser = ?"
)
_BOOKINGS: Final = (
    "SELECT iduser, booking_hash, product, test, erased, sealed FROM stub_booking"
    " WHERE iduser = ? ORDER BY erased, booking_hash"
)
_REFERENCES: Final = (
    "SELECT id, reference, processor, processor_id FROM charge"
    " WHERE iduser = ? AND product = ? AND client = ? ORDER BY number"
)
_FORGET: Final = "DELETE FROM stub WHERE iduser = ?"
_FORGET_BOOKINGS: Final = "DELETE FROM stub_booking WHERE iduser = ?"
_FORGET_BOOKING: Final = "DELETE FROM stub_booking WHERE iduser = ? AND booking_hash = ?"
_FORGET_LAST: Final = (
    "DELETE FROM stub WHERE iduser = ?1"
    " AND NOT EXISTS (SELECT 1 FROM stub_booking WHERE iduser = ?1)"
)


class StubTable:
    """Every method raises VaultUnavailable."""

    def __init__(self, database: Database, keyring: Keyring, aside: Aside) -> None:
        self._database, self._keyring, self._aside = database, keyring, aside

    def named(self, wanted: Wanted) -> StubRow | None:
        """The stub that `wanted` may have. Blocks; in a transaction it is read there."""
        token, hashing = wanted.token, self._keyring.tokenuser
        parts = records.tokenuser_parts(token.iduser, token.tokenuser)
        values = self._database.read(lambda c: c.execute(_ONE, (token.iduser,)).fetchone())
        # Always one hash and one comparison, also when there is no such stub.
        stored = hashing.digest() if values is None else values[3]
        genuine = hashing.matches(stored, *parts)
        if values is None or not genuine:
            return None
        row = StubRow(*values)
        other_mode = bool(row.test) != token.test and not wanted.any_mode
        return None if row.product not in wanted.products or other_mode else row

    def refusal(self, wanted: Wanted) -> NoSuchToken | CardGone:
        """Why there is no card for the token of a path. Blocks, as `named`."""
        return NoSuchToken() if self.named(wanted) is None else CardGone()

    async def why_unknown(self, wanted: Wanted) -> TokenUnknown | CardErased:
        """The same, for the token of a body."""
        row = await self._aside.run(lambda: self.named(wanted))
        return TokenUnknown() if row is None else CardErased()

    async def show(self, wanted: Wanted, client: str) -> Stub:
        """What is left, with the charges that `client` made with the card. What it is wanted for is in
        the audit already. Raises NoSuchToken, RecordDamaged.
        """

        def read(connection: Connection) -> Stub:
            row = self.named(wanted)
            if row is None:
                raise NoSuchToken
            bookings = connection.execute(_BOOKINGS, (row.iduser,)).fetchall()
            said = (row.iduser, row.product, client)
            references = [Reference(*one) for one in connection.execute(_REFERENCES, said)]
            named = [StubBookingRow(*one) for one in bookings]
            return stub_of(self._keyring.sealer, row, named, references)

        return await self._aside.run(lambda: self._database.read(read))


def forget(connection: Connection, iduser: int) -> None:
    """Erases what is left of a card and of its links, within a transaction."""
    connection.execute(_FORGET_BOOKINGS, (iduser,))
    connection.execute(_FORGET, (iduser,))


def forget_booking(connection: Connection, iduser: int, booking: bytes) -> bool:
    """Whether something was left of the card's link to one booking; it is not any more, and the card's
    stub goes with the last of them. Within a transaction.
    """
    found = connection.execute(_FORGET_BOOKING, (iduser, booking)).rowcount
    if found:
        connection.execute(_FORGET_LAST, (iduser,))
    return bool(found)
