"""Requests that take effect once, however often they are sent: found by a key of the client's own.

1. Nothing of the request is kept but a keyed hash, and that only beside client and key: equal
   requests under two keys do not look equal.
2. The answer is sealed under a key that seals nothing else, bound to the request that it answers.
3. It is written by the transaction that did what was asked: killed at any moment, both are there, or
   neither is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.errors import IdempotencyKeyReused
from gateway.secret import Secret
from gateway.vault.database import Connection, Database
from gateway.vault.entries import stamp
from gateway.vault.envelope import Sealer, place
from gateway.vault.hashes import KeyedHash

KEPT: Final = timedelta(hours=24)

_FIND: Final = "SELECT request, product, sealed FROM idempotent WHERE asked = ?"
_FORGET: Final = "DELETE FROM idempotent WHERE asked = ?"
_ADD: Final = (
    "INSERT INTO idempotent (asked, request, product, expires, sealed) VALUES (?, ?, ?, ?, ?)"
)
_PURGE: Final = "DELETE FROM idempotent WHERE expires <= ?"


@dataclass(frozen=True, slots=True)
class Once:
    """A request that counts once: whose, under which key, what it says, and the products that its
    sender may use. `request` says the same for the same request, and holds no security code.
    """

    client: str
    key: Secret[str]
    request: Secret[bytes]
    products: frozenset[str]


class IdempotencyTable:
    """Answers by client and key. All but `purge` belong into the transaction of what is asked."""

    def __init__(self, database: Database, hashing: KeyedHash, sealer: Sealer) -> None:
        self._database, self._hashing, self._sealer = database, hashing, sealer

    def answered(self, connection: Connection, once: Once) -> bytes | None:
        """What the same request was answered; None: it was not, or it is kept no more.

        What is there counts: not by the clock, which may have leapt ahead, so that a request that is sent
        again would charge again. `purge` is for those who believe it.

        Raises IdempotencyKeyReused where the key came with another request, RecordDamaged.
        """
        found = self._found(connection, once)
        if found is None:
            return None
        asked, request, product, sealed = found
        # Another of the client's keys may not use the product: to that one it is another's request.
        if not self._hashing.matches(request, *_parts(once)) or product not in once.products:
            raise IdempotencyKeyReused
        return self._sealer.open(sealed, place_of(product, asked))

    def remember(
        self, connection: Connection, once: Once, product: str, answer: bytes, now: datetime
    ) -> None:
        """Keeps the answer, in the place of one that is kept no more."""
        for asked in self._asked(once)[::-1]:  # the one under the key in use comes last
            connection.execute(_FORGET, (asked,))
        request = self._hashing.digest(*_parts(once))
        sealed = self._sealer.seal(answer, place_of(product, asked))
        connection.execute(_ADD, (asked, request, product, stamp(now + KEPT), sealed))

    def forget(self, connection: Connection, once: Once) -> None:
        """Keeps no answer to the request any more: nothing came of it, and it may be sent again. What
        the key stands for otherwise stays.
        """
        found = self._found(connection, once)
        if found is not None and self._hashing.matches(found[1], *_parts(once)):
            connection.execute(_FORGET, (found[0],))

    def purge(self, now: datetime) -> int:
        """Erases what is kept no more; how many. Blocks. Raises VaultUnavailable."""
        at = (stamp(now),)
        return self._database.write(
            "idempotent_purge", lambda c: c.execute(_PURGE, at).rowcount
        ).result()

    def _found(self, connection: Connection, once: Once) -> tuple[bytes, bytes, str, bytes] | None:
        for asked in self._asked(once):
            row = connection.execute(_FIND, (asked,)).fetchone()
            if row is not None:
                return asked, *row
        return None

    def _asked(self, once: Once) -> list[bytes]:
        """The hash under the key in use, then those under older ones: an answer is found by the key that
        it was filed under, for the day that it is kept.
        """
        return self._hashing.digests(b"key", *_parts(once)[1:3])


def _parts(once: Once) -> tuple[bytes, ...]:
    return b"request", once.client.encode(), once.key.reveal().encode(), once.request.reveal()


def place_of(product: str, asked: bytes) -> bytes:
    """Where an answer stands; `asked` is the hash of client and key."""
    return place("idempotent", product, 0, test=False, row=asked)
