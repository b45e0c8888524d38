"""A security code that comes by itself, for a card that is there: held for minutes (P21)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from gateway.audit import Entry, Outcome
from gateway.errors import NoSuchToken
from gateway.secret import Secret
from gateway.vault import cvcs
from gateway.vault import entries as audit
from gateway.vault.database import Connection
from gateway.vault.entries import stamp
from gateway.vault.keyring import Keyring
from gateway.vault.model import Wanted
from gateway.vault.requests import Done, Requests
from gateway.vault.resolve import Resolver
from gateway.vault.store import Store


class CodeTable:
    """Raises VaultUnavailable and RecordDamaged besides."""

    def __init__(self, store: Store, keyring: Keyring, requests: Requests) -> None:
        self._store, self._keyring, self._requests = store, keyring, requests
        self._resolver = Resolver(store, keyring)

    async def hold(
        self,
        wanted: Wanted,
        code: Secret[str],
        until: datetime,
        entry: Entry,
        also: Callable[[Connection], None],
    ) -> None:
        """Holds it, durable, in place of what was held for the card. `also` is done in the same
        transaction: what it raises is raised, and nothing is held. Raises NoSuchToken.
        """

        def do(connection: Connection, now: datetime) -> Done | NoSuchToken:
            iduser = wanted.token.iduser
            found = self._store.found([iduser]).get(iduser)
            permitted = self._resolver.permitted(wanted, found)
            if permitted is None:
                return NoSuchToken()
            row = permitted[0]
            held = cvcs.seal(
                self._keyring.cvc, code, row.product, iduser,
                test=bool(row.test), at=stamp(now), until=stamp(until),
            )  # fmt: skip
            cvcs.put(connection, [held])
            done = replace(entry, outcome=Outcome.DONE, product=row.product, iduser=iduser)
            audit.append(connection, [done])
            also(connection)
            return Done(row.product, b"")

        await self._requests.write("code_hold", entry, None, do)
