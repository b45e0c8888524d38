"""What is known of a card when it is to be charged, read inside the transaction that decides by it."""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

from typing import Final

from gateway.cards.card import Booking
from gateway.cards.token import Token
from gateway.vault import records
from gateway.vault.charge import COLUMNS, read_row, unseal
from gateway.vault.charge_changes import Begin, Facts
from gateway.vault.database import Connection
from gateway.vault.keyring import Keyring
from gateway.vault.model import Wanted
from gateway.vault.resolve import Resolver
from gateway.vault.rows import LinkRow
from gateway.vault.store import Store

_OF_CARD: Final = f"SELECT {COLUMNS} FROM charge WHERE iduser = ? AND product = ? ORDER BY number"
_NETWORK: Final = (
    f"SELECT {COLUMNS}, sealed FROM charge WHERE iduser = ? AND product = ? AND initiator = 'guest' AND has_network_id = 1"
    " AND state IN ('authorized', 'succeeded', 'refunded') ORDER BY number DESC LIMIT 1"
)
_TAKEN: Final = "SELECT 1 FROM charge WHERE product = ? AND reference = ?"
_LINKS: Final = (
    "SELECT iduser, booking_hash, system, hotel, sealed, departure, seen FROM link"
    " WHERE iduser = ? ORDER BY id"
)
# A card that was taken for one booking is no other's; without a booking it is taken for all.
_CONSUMED: Final = (
    "SELECT 1 FROM charge_consumed WHERE iduser = ? AND processor = ?"
    " AND (booking = ? OR length(booking) = 0 OR length(?) = 0)"
)


class FactReader:
    """Reads; writes nothing."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store, self._keyring, self._sealer = store, keyring, keyring.charge
        self._resolver = Resolver(store, keyring)

    def read(self, connection: Connection, begin: Begin) -> Facts:
        """What is known when `begin` is asked for. Raises RecordDamaged."""
        iduser, processor = begin.wanted.token.iduser, begin.processor
        product = self.product(begin.wanted)
        booking = self.hash(begin.booking)
        if product is None:
            return Facts(None, booking, (), False, False, (), None)
        consumed = connection.execute(_CONSUMED, (iduser, processor, booking, booking))
        taken = connection.execute(_TAKEN, (product, begin.reference))
        network = connection.execute(_NETWORK, (iduser, product)).fetchone()
        return Facts(
            product,
            booking,
            self._bookings(connection, product, begin.wanted.token, booking),
            consumed.fetchone() is not None,
            taken.fetchone() is not None,
            tuple(read_row(row) for row in connection.execute(_OF_CARD, (iduser, product))),
            None if network is None else unseal(self._sealer, network),
        )

    def bookings(
        self, connection: Connection, wanted: Wanted, booking: Booking | None
    ) -> tuple[Booking, ...]:
        """The card's; `booking` alone, if it is among them. Raises RecordDamaged."""
        product = self.product(wanted)
        if product is None:
            return ()
        return self._bookings(connection, product, wanted.token, self.hash(booking))

    def _bookings(
        self, connection: Connection, product: str, token: Token, named: bytes
    ) -> tuple[Booking, ...]:
        found = {}
        for link in [LinkRow(*row) for row in connection.execute(_LINKS, (token.iduser,))]:
            where = records.link_place(product, token.iduser, link.booking_hash, test=token.test)
            content = records.read_link(self._keyring.sealer.open(link.sealed, where))
            booking = records.booking_of(link, content)
            if booking is not None:
                found[link.booking_hash] = booking
        return (found[named],) if named in found else tuple(found.values())

    def product(self, wanted: Wanted) -> str | None:
        """The product of a token, if `wanted` may have it. No card is opened."""
        found = self._store.found([wanted.token.iduser]).get(wanted.token.iduser)
        permitted = self._resolver.permitted(wanted, found)
        return None if permitted is None else permitted[0].product

    def hash(self, booking: Booking | None) -> bytes:
        """By which the charges of a booking are found."""
        return b"" if booking is None else records.booking_hash(self._keyring.booking, booking)
