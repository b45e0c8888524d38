"""Links to our own pages: found by a secret of which the hash alone is kept.

1. A secret has 192 random bits, so that its plain hash can not be guessed; whoever reads the database,
   or a backup of it, can open no page.
2. Opening a page uses nothing up: scanners of mail do that too. What the page is for does, and `use`
   belongs into the transaction that does it: it is done once, and a link that was used did it.
3. A link that is used, over or withdrawn is open to nothing more, whoever asks, and it is erased a
   while after its end.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from gateway.audit import Entry, Outcome
from gateway.errors import GatewayError, PageLinkOver, PageLinkUnknown
from gateway.secret import Secret
from gateway.vault import entries as audit
from gateway.vault.aside import Aside
from gateway.vault.database import Connection, Database
from gateway.vault.entries import stamp
from gateway.vault.envelope import Sealer
from gateway.vault.idempotency import Once
from gateway.vault.link import COLUMNS, LinkKind, LinkState, OpenLink, seal, unseal
from gateway.vault.requests import Done, Requests

Guard = Callable[[Connection], GatewayError | None]

KEPT: Final = timedelta(days=30)  # after its end, so that its client can look what became of it
_SECRET_BYTES: Final = 24
_LABEL: Final = b"card-gateway page link 1\0"

_ADD: Final = (
    f"INSERT INTO page_link ({COLUMNS}, sealed, secret) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_BY_SECRET: Final = f"SELECT {COLUMNS}, sealed FROM page_link WHERE secret = ?"
_BY_ID: Final = f"SELECT {COLUMNS}, sealed FROM page_link WHERE id = ?"
_CHANGE: Final = "UPDATE page_link SET state = ?, changed = ?, sealed = ? WHERE id = ?"
_PURGE: Final = "DELETE FROM page_link WHERE expires <= ?"


def new_secret() -> Secret[str]:
    """A link's secret: 32 signs that a URL may hold."""
    return Secret(secrets.token_urlsafe(_SECRET_BYTES))


@dataclass(frozen=True, slots=True)
class Whose:
    """Which links somebody may ask about. `client` None: anyone's, for an administrator."""

    kind: LinkKind
    client: str | None
    products: frozenset[str]

    def own(self, link: OpenLink | None) -> OpenLink:
        """The link, if it is among them. Raises PageLinkUnknown."""
        if (
            link is None
            or link.row.kind is not self.kind
            or self.client not in {None, link.row.client}
            or link.row.product not in self.products
        ):
            raise PageLinkUnknown
        return link


class LinkTable:
    """Every method raises VaultUnavailable and RecordDamaged."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        requests: Requests,
        clock: Callable[[], datetime],
        aside: Aside,
    ) -> None:
        self._database, self._sealer, self._requests = database, sealer, requests
        self._clock, self._aside = clock, aside

    async def create(  # noqa: PLR0917  # a link, and all that goes with a request
        self,
        link: OpenLink,
        secret: Secret[str],
        entry: Entry,
        once: Once | None,
        answer: bytes,
        guard: Guard | None = None,
    ) -> bytes:
        """Keeps a new link, durable; gives `answer`, or what the same request was answered before: then
        no link was made. `guard` looks in the same transaction whether it may be.

        Raises what `guard` says, IdempotencyKeyReused.
        """

        def do(connection: Connection, _: datetime) -> Done | GatewayError:
            refusal = None if guard is None else guard(connection)
            if refusal is not None:
                return refusal
            self.insert(connection, link, secret, entry)
            return Done(link.row.product, answer)

        return await self._requests.write("link_create", entry, once, do)

    def insert(
        self, connection: Connection, link: OpenLink, secret: Secret[str], entry: Entry
    ) -> None:
        """Adds a new link in another table's transaction, with its audit entry."""
        values = (*seal(self._sealer, link), _hash(secret))
        connection.execute(_ADD, values)
        audit.append(connection, [replace(entry, outcome=Outcome.DONE, product=link.row.product)])

    async def by_secret(self, secret: Secret[str]) -> OpenLink | None:
        """The link of a URL, whatever its state; None: there is none, or none any more."""
        # Found by a hash of what was sent: how long it takes tells nothing of what is kept.
        return await self._aside.run(
            lambda: self._database.read(lambda c: self._one(c, _BY_SECRET, _hash(secret)))
        )

    async def of(self, id: str, whose: Whose) -> OpenLink:
        """A client's link. Raises PageLinkUnknown, for another's too."""
        found = await self._aside.run(
            lambda: self._database.read(lambda c: self._one(c, _BY_ID, id))
        )
        return whose.own(found)

    async def revoke(self, id: str, whose: Whose, entry: Entry, once: Once | None) -> None:
        """Withdraws a client's link, durable; one that is withdrawn or over already stays so.

        Raises PageLinkUnknown, PageLinkOver where it was used.
        """

        def do(connection: Connection, _: datetime) -> Done | PageLinkUnknown | PageLinkOver:
            try:
                link = whose.own(self._one(connection, _BY_ID, id))
            except PageLinkUnknown as refusal:
                return refusal
            if link.row.state is LinkState.USED:
                return PageLinkOver()
            if link.row.state is LinkState.OPEN:
                self._put(connection, link, LinkState.REVOKED)
            done = replace(entry, outcome=Outcome.DONE, product=link.row.product)
            audit.append(connection, [done])
            return Done(link.row.product, b"")

        await self._requests.write("link_revoke", entry, once, do)

    # --- in the transaction of what the page does -------------------------------------------------

    def check(self, connection: Connection, id: str) -> PageLinkOver | None:
        """Whether the link is open still; None: it is."""
        link = self._one(connection, _BY_ID, id)
        is_open = link is not None and link.row.state_at(self._clock()) is LinkState.OPEN
        return None if is_open else PageLinkOver()

    def read(self, connection: Connection, id: str) -> OpenLink | None:
        """A link as the transaction sees it; None: there is none any more."""
        return self._one(connection, _BY_ID, id)

    def withdraw(self, connection: Connection, id: str) -> None:
        """Withdraws a link that is open; any other stays as it is."""
        link = self._one(connection, _BY_ID, id)
        if link is not None and link.row.state is LinkState.OPEN:
            self._put(connection, link, LinkState.REVOKED)

    def use(self, connection: Connection, id: str, held: Secret[bytes]) -> None:
        """Uses the link up; from now on it holds `held`: what came of it. Raises PageLinkOver where
        it is open no more, and then the whole transaction is nothing.
        """
        link = self._one(connection, _BY_ID, id)
        if link is None or link.row.state_at(self._clock()) is not LinkState.OPEN:
            raise PageLinkOver
        self._put(connection, replace(link, held=held), LinkState.USED)

    def close(self, connection: Connection, id: str, state: LinkState) -> None:
        """Ends a link that is stored as open, also one that is over by its time; none is no matter."""
        link = self._one(connection, _BY_ID, id)
        if link is not None and link.row.state is LinkState.OPEN:
            self._put(connection, link, state)

    async def used(self, entry: Entry, finish: Callable[[Connection], None]) -> None:
        """Does `finish`, which uses a link up, in a transaction of its own with its audit entry.

        Raises what `finish` raises.
        """

        def do(connection: Connection, _: datetime) -> Done:
            finish(connection)
            audit.append(connection, [replace(entry, outcome=Outcome.DONE)])
            return Done(entry.product, b"")

        await self._requests.write("link_use", entry, None, do)

    def purge(self, now: datetime) -> int:
        """Erases links long after their end; how many. Blocks. Raises VaultUnavailable."""
        before = (stamp(now - KEPT),)
        return self._database.write(
            "link_purge", lambda c: c.execute(_PURGE, before).rowcount
        ).result()

    # --- inside -----------------------------------------------------------------------------------

    def _one(self, connection: Connection, statement: str, value: str | bytes) -> OpenLink | None:
        row = connection.execute(statement, (value,)).fetchone()
        return None if row is None else unseal(self._sealer, row)

    def _put(self, connection: Connection, link: OpenLink, state: LinkState) -> None:
        changed = replace(link.row, state=state, changed=self._clock())
        sealed = seal(self._sealer, replace(link, row=changed))[-1]
        connection.execute(_CHANGE, (state.value, stamp(changed.changed), sealed, changed.id))


def _hash(secret: Secret[str]) -> bytes:
    return hashlib.sha256(_LABEL + secret.reveal().encode("utf-8", "surrogatepass")).digest()
