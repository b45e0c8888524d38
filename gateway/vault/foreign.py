"""Processors' own tokens: what one issued for a card, so that it needs the card only once.

Each is sealed under a key of its own, bound to card, product, mode and processor, and goes with its
card. What it holds is the processor's business: bytes here, secret because they let a card be charged.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway.errors import TokenNotIssued, TokenUnknown
from gateway.secret import Secret
from gateway.vault import records
from gateway.vault.aside import Aside
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp
from gateway.vault.envelope import place
from gateway.vault.keyring import Keyring
from gateway.vault.model import Found

_MODE: Final = "SELECT test, look_up FROM card WHERE iduser = ? AND product = ?"
_READ: Final = (
    "SELECT card.test, foreign_token.sealed FROM foreign_token JOIN card USING (iduser)"
    " WHERE iduser = ? AND product = ? AND processor = ?"
)
_ADD: Final = (
    "INSERT INTO foreign_token (iduser, processor, sealed, created) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (iduser, processor) DO NOTHING"
)
# A claim stands until its time is over; nobody claims what is kept already.
_CLAIM: Final = (
    "INSERT INTO issuing (iduser, processor, claim, until) SELECT ?1, ?2, ?3, ?4"
    " WHERE NOT EXISTS (SELECT 1 FROM foreign_token WHERE iduser = ?1 AND processor = ?2)"
    " ON CONFLICT (iduser, processor) DO UPDATE SET claim = ?3, until = ?4 WHERE issuing.until <= ?5"
)
_KEPT: Final = "DELETE FROM issuing WHERE iduser = ? AND processor = ?"
_RELEASE: Final = f"{_KEPT} AND claim = ?"
_FORGET: Final = "DELETE FROM foreign_token WHERE iduser = ? AND processor = ? AND sealed = ?"


class ForeignTable:
    """Foreign tokens by iduser, product and processor. Every method raises VaultUnavailable."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        clock: Callable[[], datetime],
        aside: Aside,
        step: Step = no_step,
    ) -> None:
        self._database, self._clock, self._aside, self._step = database, clock, aside, step
        self._sealer, self._look_up = keyring.foreign, keyring.look_up

    async def read(self, iduser: int, product: str, processor: str) -> Secret[bytes] | None:
        """What `processor` issued for the card; None when nothing is kept, or the card is another
        product's. Raises RecordDamaged.
        """

        def work() -> Secret[bytes] | None:
            row = self._database.read(
                lambda c: c.execute(_READ, (iduser, product, processor)).fetchone()
            )
            return None if row is None else self._open(row, iduser, product, processor)

        return await self._aside.run(work)

    async def claim(
        self, iduser: int, product: str, processor: str, claim: str, seconds: float
    ) -> bool:
        """Whether `claim`, a name of the caller's, may ask `processor` for its token, durable, for so many
        seconds or until the token is kept: it is not kept yet, and no other process asks. Raises
        TokenUnknown when the product has no such card.
        """
        at = self._clock()
        now, until = stamp(at), stamp(at + timedelta(seconds=seconds))

        def work(connection: Connection) -> bool:
            if connection.execute(_MODE, (iduser, product)).fetchone() is None:
                raise TokenUnknown
            made = connection.execute(_CLAIM, (iduser, processor, claim, until, now))
            return made.rowcount == 1

        return await asyncio.wrap_future(self._database.write("foreign_claim", work))

    async def release(self, iduser: int, processor: str, claim: str) -> None:
        """Lets others ask, durable, if `claim` still stands."""

        def work(connection: Connection) -> None:
            connection.execute(_RELEASE, (iduser, processor, claim))

        await asyncio.wrap_future(self._database.write("foreign_release", work))

    async def keep(
        self,
        iduser: int,
        product: str,
        processor: str,
        value: Secret[bytes],
        found: Found | None = None,
    ) -> Secret[bytes]:
        """What is kept from now on, durable: `value`, or what was kept first by another of several at once,
        which every other has to use instead of its own. `found`: the card that the processor was sent;
        where the token's is another by now, nothing is kept.

        Raises TokenUnknown when the product has no such card, TokenNotIssued when it has another expiry
        than was sent, RecordDamaged.
        """
        now = stamp(self._clock())

        def work(connection: Connection) -> tuple[int, bytes]:
            mode = connection.execute(_MODE, (iduser, product)).fetchone()
            if mode is None:
                raise TokenUnknown
            if found is not None and not self._is_filed_under(mode[1], product, found):
                raise TokenNotIssued
            where = place_of(iduser, product, processor, test=bool(mode[0]))
            sealed = self._sealer.seal(value.reveal(), where)
            connection.execute(_ADD, (iduser, processor, sealed, now))
            connection.execute(_KEPT, (iduser, processor))
            self._step("foreign:row")
            row: tuple[int, bytes] = connection.execute(
                _READ, (iduser, product, processor)
            ).fetchone()
            return row

        row = await asyncio.wrap_future(self._database.write("foreign", work))
        return self._open(row, iduser, product, processor)

    async def forget(self, iduser: int, product: str, processor: str, value: Secret[bytes]) -> None:
        """Deletes, durable, what `processor` issued for the card, if it is `value` still: what was
        issued anew meanwhile stays. Raises RecordDamaged.
        """

        def work(connection: Connection) -> None:
            row = connection.execute(_READ, (iduser, product, processor)).fetchone()
            if row is None:
                return
            kept = self._open(row, iduser, product, processor)
            if hmac.compare_digest(kept.reveal(), value.reveal()):
                connection.execute(_FORGET, (iduser, processor, row[1]))

        await asyncio.wrap_future(self._database.write("foreign", work))

    def _is_filed_under(self, look_up: bytes, product: str, found: Found) -> bool:
        return records.is_filed_under(
            look_up,
            hashing=self._look_up,
            product=product,
            card=found.card,
            test=found.token.test,
        )

    def _open(
        self, row: tuple[int, bytes], iduser: int, product: str, processor: str
    ) -> Secret[bytes]:
        where = place_of(iduser, product, processor, test=bool(row[0]))
        return Secret(self._sealer.open(row[1], where))


def place_of(iduser: int, product: str, processor: str, *, test: bool) -> bytes:
    """Where one stands."""
    return place("foreign", product, iduser, test=test, row=processor.encode())
