"""Collections: found by id, by reference, by booking, by what is due; and what came of each.

What becomes of one is decided by `gateway.collections`, inside the transaction that reads it and what it
waits for, and writes it: whoever works at the same one at once sees what the first one did. In one
transaction, or not at all: the collection, its history, the audit, the notice that tells of it, and the
link that is opened or withdrawn with it (P24, P36).
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final

from gateway.audit import Entry
from gateway.errors import GatewayError
from gateway.vault import charge as charges
from gateway.vault import entries as audit
from gateway.vault.aside import Aside
from gateway.vault.charge import Charge
from gateway.vault.charge_changes import Begin
from gateway.vault.charge_facts import FactReader
from gateway.vault.collection import (
    COLUMNS,
    CollectionEvent,
    CollectionState,
    CollectionStep,
    OpenCollection,
    seal,
    unseal,
)
from gateway.vault.collection_changes import (
    Answering,
    CollectionChange,
    CollectionFacts,
    CollectionFilter,
    Look,
)
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp, unstamp
from gateway.vault.idempotency import Once
from gateway.vault.keyring import Keyring
from gateway.vault.links import LinkTable
from gateway.vault.model import Wanted
from gateway.vault.notices import NoticeTable
from gateway.vault.recaptures import RecaptureTable
from gateway.vault.requests import Done, Requests
from gateway.vault.store import Store

_CHANGES: Final = (
    "changed", "state", "step", "step_ends", "not_before", "charges", "tries", "collected",
    "stop_asked", "link", "recapture", "due", "sealed",
)  # fmt: skip
_ALL: Final = (*COLUMNS.split(", "), "sealed")
_PUT: Final = (
    f"INSERT INTO collection ({', '.join(_ALL)}) VALUES ({', '.join('?' * len(_ALL))})"
    " ON CONFLICT (id) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in _CHANGES)
)
_BY_ID: Final = f"SELECT {COLUMNS}, sealed FROM collection WHERE id = ?"
_TAKEN: Final = "SELECT 1 FROM collection WHERE product = ? AND reference = ?"
_SAY: Final = (
    "INSERT INTO collection_event"
    " (collection, at, before, state, step, actor, code, charge, link, recapture)"
    " SELECT number, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM collection WHERE id = ?"
)
_HISTORY: Final = (
    "SELECT at, before, collection_event.state, collection_event.step, actor, code, charge,"
    " collection_event.link, collection_event.recapture FROM collection_event"
    " JOIN collection ON collection.number = collection_event.collection WHERE collection.id = ?"
    " ORDER BY collection_event.number"
)
_OWN: Final = "INSERT INTO collection_charge SELECT ?, number FROM collection WHERE id = ?"
_OWNED: Final = (
    f"SELECT {', '.join(f'charge.{name}' for name in charges.COLUMNS.split(', '))} FROM charge"
    " JOIN collection_charge ON collection_charge.charge = charge.id"
    " JOIN collection ON collection.number = collection_charge.collection"
    " WHERE collection.id = ? ORDER BY charge.number"
)
_CLAIM: Final = (
    "UPDATE collection SET due = ? WHERE number IN"
    " (SELECT number FROM collection WHERE due <= ? ORDER BY due LIMIT ?) RETURNING id"
)
_NEXT: Final = "SELECT min(due) FROM collection WHERE due IS NOT NULL"
_AT_ONCE: Final = 20

Decide = Callable[[OpenCollection, Look, datetime], CollectionChange | None]


class CollectionTable:
    """Every method raises VaultUnavailable; those that open what is sealed RecordDamaged too."""

    def __init__(
        self,
        database: Database,
        store: Store,
        keyring: Keyring,
        *,
        links: LinkTable,
        recaptures: RecaptureTable,
        notices: NoticeTable,
        requests: Requests,
        clock: Callable[[], datetime],
        aside: Aside,
        step: Step = no_step,
    ) -> None:
        self._database, self._sealer = database, keyring.collection
        self._links, self._recaptures, self._notices = links, recaptures, notices
        self._requests, self._clock, self._aside, self._step = requests, clock, aside, step
        self._facts = FactReader(store, keyring)

    async def begin(
        self,
        wanted: Begin,
        decide: Callable[[CollectionFacts, datetime], CollectionChange | GatewayError],
        entry: Entry,
        once: Once | None,
        answer: Answering,
    ) -> bytes:
        """Writes, durable, the collection that `decide` makes of what is known; what `answer` makes of
        it. Raises what `decide` gives, IdempotencyKeyReused.
        """

        def do(connection: Connection, now: datetime) -> Done | GatewayError:
            decided = decide(self._read_facts(connection, wanted), now)
            return self._done(connection, decided, answer, now)

        return await self._requests.write("collection_create", entry, once, do)

    async def refuse(self, refusal: GatewayError, entry: Entry, once: Once | None) -> bytes:
        """What the same request was answered before; else raises `refusal`, once the audit has it, or
        IdempotencyKeyReused.
        """
        return await self._requests.write("collection_create", entry, once, lambda *_: refusal)

    async def ask(
        self,
        id: str,
        decide: Callable[[OpenCollection | None, Look, datetime], CollectionChange | GatewayError],
        entry: Entry,
        once: Once | None,
        answer: Answering,
    ) -> bytes:
        """As `begin`, of a collection that there is, or is not."""

        def do(connection: Connection, now: datetime) -> Done | GatewayError:
            decided = decide(self.read(connection, id), self.look(connection), now)
            return self._done(connection, decided, answer, now)

        return await self._requests.write("collection_ask", entry, once, do)

    async def change(self, id: str, decide: Decide) -> OpenCollection | None:
        """Writes, durable, what `decide` makes of one collection; the collection as it is then. None:
        there is none such.
        """

        def work(connection: Connection) -> OpenCollection | None:
            one = self.read(connection, id)
            if one is None:
                return None
            now = self._clock()
            change = decide(one, self.look(connection), now)
            if change is None:
                return one
            self.write(connection, change, now)
            return change.collection

        return await asyncio.wrap_future(self._database.write("collection_step", work))

    async def claim(self, now: datetime, until: datetime) -> list[str]:
        """The ids of some that are due. They are nobody else's before `until`, unless what they wait for
        changes, and due again then: whoever is killed meanwhile loses nothing.
        """
        values = (stamp(until), stamp(now), _AT_ONCE)
        work = self._database.write(
            "collection_claim", lambda c: c.execute(_CLAIM, values).fetchall()
        )
        return [id for (id,) in await asyncio.wrap_future(work)]

    async def next_due(self) -> datetime | None:
        """When one is due next; None: none."""
        row = await self._read(lambda c: c.execute(_NEXT).fetchone())
        return None if row[0] is None else unstamp(row[0])

    async def product_of(self, wanted: Wanted) -> str | None:
        """The product of a token, if `wanted` may have it. No card is opened."""
        return await self._aside.run(lambda: self._facts.product(wanted))

    async def open(self, id: str) -> tuple[OpenCollection, list[CollectionEvent]] | None:
        """One, whole, with what happened to it; None when there is none."""

        def work(connection: Connection) -> tuple[OpenCollection, list[CollectionEvent]] | None:
            one = self.read(connection, id)
            return None if one is None else (one, _history(connection, id))

        return await self._aside.run(lambda: self._database.read(work))

    async def listed(self, wanted: CollectionFilter) -> list[tuple[int, OpenCollection]]:
        """The newest first, each with its number."""
        where, values = self._where(wanted)
        statement = (
            f"SELECT {COLUMNS}, sealed, number FROM collection WHERE {' AND '.join(where)}"
            " ORDER BY number DESC LIMIT ?"
        )
        rows = await self._read(lambda c: c.execute(statement, [*values, wanted.limit]).fetchall())
        return await self._aside.run(
            lambda: [(row[-1], unseal(self._sealer, row[:-1])) for row in rows]
        )

    # --- in a transaction -------------------------------------------------------------------------

    def read(self, connection: Connection, id: str) -> OpenCollection | None:
        """One, whole. Raises RecordDamaged."""
        row = connection.execute(_BY_ID, (id,)).fetchone()
        return None if row is None else unseal(self._sealer, row)

    def look(self, connection: Connection) -> Look:
        """What there is to decide by."""
        return Look(connection, self._facts, self._links, self._recaptures, _owned)

    def write(self, connection: Connection, change: CollectionChange, now: datetime) -> None:
        """Writes all of a change."""
        row = change.collection.row
        if change.withdrawn is not None:
            self._links.withdraw(connection, change.withdrawn)
        if change.link is not None:
            new = change.link
            self._links.insert(connection, new.link, new.secret, new.entry)
        connection.execute(_PUT, seal(self._sealer, change.collection))
        self._step("collection:row")
        if change.charge is not None:
            connection.execute(_OWN, (change.charge, row.id))
        for said in change.events:
            before = None if said.before is None else said.before.value
            values = (
                stamp(said.at), before, said.state.value, said.step.value, said.actor, said.code,
                said.charge, said.link, said.recapture, row.id,
            )  # fmt: skip
            connection.execute(_SAY, values)
        audit.append(connection, change.entries)
        self._notices.insert(connection, change.notices, now)

    def _done(
        self,
        connection: Connection,
        decided: CollectionChange | GatewayError,
        answer: Answering,
        now: datetime,
    ) -> Done | GatewayError:
        if isinstance(decided, GatewayError):
            return decided
        self.write(connection, decided, now)
        row = decided.collection.row
        return Done(row.product, answer(decided.collection, _history(connection, row.id)))

    def _read_facts(self, connection: Connection, wanted: Begin) -> CollectionFacts:
        found = self._facts.read(connection, wanted)
        taken = connection.execute(_TAKEN, (found.product, wanted.reference)).fetchone()
        return CollectionFacts(
            found.product,
            found.booking,
            found.bookings,
            found.reference_taken or taken is not None,
        )

    # --- reading ----------------------------------------------------------------------------------

    def _where(self, wanted: CollectionFilter) -> tuple[list[str], list[object]]:
        where = [_any_of("product", wanted.products)]
        values: list[object] = [*sorted(wanted.products)]
        hashed = None if wanted.booking is None else self._facts.hash(wanted.booking)
        for text, value in (
            ("client = ?", wanted.client),
            ("booking = ?", hashed),
            ("reference = ?", wanted.reference),
            ("number < ?", wanted.before),
        ):
            if value is not None:
                where.append(text)
                values.append(value)
        if wanted.states is not None:
            where.append(_any_of("state", wanted.states))
            values += [state.value for state in wanted.states]
        return where, values

    async def _read(self, work: Callable[[Connection], Any]) -> Any:
        # Any: the columns' types, as the schema gives them
        return await self._aside.run(lambda: self._database.read(work))


def _any_of(column: str, values: Collection[object]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})"


def _owned(connection: Connection, id: str) -> tuple[Charge, ...]:
    return tuple(charges.read_row(row) for row in connection.execute(_OWNED, (id,)))


def _history(connection: Connection, id: str) -> list[CollectionEvent]:
    return [
        CollectionEvent(
            unstamp(at),
            None if before is None else CollectionState(before),
            CollectionState(state),
            CollectionStep(step),
            *rest,
        )
        for at, before, state, step, *rest in connection.execute(_HISTORY, (id,))
    ]
