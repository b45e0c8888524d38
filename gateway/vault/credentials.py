"""What a product's processor asks of its callers: secret keys, user names, passwords.

1. Sealed under a key that seals nothing else, bound to product and processor.
2. Replaced or erased as a whole, by the transaction that writes the audit entry and, where the request counts
   once, its answer. Who read them before goes on with what he read; whoever reads next, in whichever
   process, has the new ones.
3. Nothing but `read` gives a value out, and that only to a call that is about to be made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway.audit import Entry, Outcome
from gateway.secret import Secret
from gateway.vault.aside import Aside
from gateway.vault.database import Connection, Database
from gateway.vault.entries import append, stamp, unstamp
from gateway.vault.envelope import Sealer, padded, place
from gateway.vault.idempotency import Once
from gateway.vault.requests import Done, Requests

_READ: Final = "SELECT sealed FROM processor_credential WHERE product = ? AND processor = ?"
_LIST: Final = (
    "SELECT product, processor, names, set_at, set_by FROM processor_credential"
    " ORDER BY product, processor"
)
_PUT: Final = (
    "INSERT INTO processor_credential (product, processor, names, sealed, set_at, set_by)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (product, processor) DO UPDATE SET"
    " names = excluded.names, sealed = excluded.sealed, set_at = excluded.set_at,"
    " set_by = excluded.set_by"
)
_ERASE: Final = "DELETE FROM processor_credential WHERE product = ? AND processor = ?"
_STEP: Final = 256  # bytes: how long a secret is, is not told by its ciphertext


@dataclass(frozen=True, slots=True)
class SetCredentials:
    """What is shown of them: which there are, since when, by whose key."""

    product: str
    processor: str
    names: tuple[str, ...]
    set_at: datetime
    set_by: str


class CredentialTable:
    """Credentials by product and processor. Every method raises VaultUnavailable."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        requests: Requests,
        aside: Aside,
    ) -> None:
        self._database, self._sealer = database, sealer
        self._requests, self._aside = requests, aside

    async def read(self, product: str, processor: str) -> dict[str, Secret[str]]:
        """Name → value; empty where none are set. Raises RecordDamaged."""

        def work() -> dict[str, Secret[str]]:
            row = self._database.read(lambda c: c.execute(_READ, (product, processor)).fetchone())
            if row is None:
                return {}
            plain = self._sealer.open(row[0], place_of(product, processor))
            return {str(name): Secret(str(text)) for name, text in json.loads(plain).items()}

        return await self._aside.run(work)

    async def put(
        self,
        product: str,
        processor: str,
        values: Mapping[str, Secret[str]],
        *,
        entry: Entry,
        once: Once | None,
        answer: Callable[[SetCredentials], bytes],
    ) -> bytes:
        """Sets all of them, durable, in the place of those before; gives what `answer` makes of it, or
        made of it the first time. Raises IdempotencyKeyReused, RecordDamaged.
        """

        def do(connection: Connection, now: datetime) -> Done:
            made = SetCredentials(product, processor, tuple(sorted(values)), now, entry.key)
            self._write(connection, made, values)
            append(connection, [replace(entry, outcome=Outcome.DONE, product=product)])
            return Done(product, answer(made))

        return await self._requests.write("credential", entry, once, do)

    async def erase(self, product: str, processor: str, entry: Entry, once: Once | None) -> None:
        """Erases all of them, durable; where none are set, they are none after it as well. Raises
        IdempotencyKeyReused, RecordDamaged.
        """

        def do(connection: Connection, _: datetime) -> Done:
            connection.execute(_ERASE, (product, processor))
            append(connection, [replace(entry, outcome=Outcome.DONE, product=product)])
            return Done(product, b"")

        await self._requests.write("credential_erase", entry, once, do)

    async def listed(self, products: Collection[str]) -> list[SetCredentials]:
        """Those of these products; nothing sealed is opened."""
        rows = await self._aside.run(
            lambda: self._database.read(lambda c: c.execute(_LIST).fetchall())
        )
        return [
            SetCredentials(product, processor, tuple(json.loads(names)), unstamp(at), by)
            for product, processor, names, at, by in rows
            if product in products
        ]

    def _write(
        self, connection: Connection, made: SetCredentials, values: Mapping[str, Secret[str]]
    ) -> None:
        plain = json.dumps({name: value.reveal() for name, value in values.items()}).encode()
        where = place_of(made.product, made.processor)
        sealed = self._sealer.seal(padded(plain, _STEP), where)
        names = json.dumps(made.names)
        row = (made.product, made.processor, names, sealed, stamp(made.set_at), made.set_by)
        connection.execute(_PUT, row)


def place_of(product: str, processor: str) -> bytes:
    """Where they stand."""
    return place("credential", product, 0, test=False, row=processor.encode())
