"""Charges: found by id, by reference, by booking, by what is due; and what came of each.

What becomes of one is decided by `gateway.charges`, inside the transaction that reads it and writes
it: two who ask something of the same one never see the same state. In one transaction, or not at all:

1. the charge, its history, the audit, the notice that tells of it (P24, P36), and the link to the page
   that its guest has to pass;
2. the answer to a request that counts once. While the processor is asked, the charge's id stands for
   the answer: whoever sends the request again, after a crash too, gets what became of that charge.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.audit import Entry
from gateway.errors import GatewayError, IdempotencyKeyReused, RecordDamaged, VaultUnavailable
from gateway.log import event
from gateway.vault import entries as audit
from gateway.vault.aside import Aside
from gateway.vault.charge import (
    COLUMNS,
    ChargeState,
    Event,
    OpenCharge,
    read_stated,
    seal,
    stated_values,
    unseal,
)
from gateway.vault.charge_changes import (
    Begin,
    Change,
    Decision,
    Facts,
    Filter,
    Outcome,
    Refusal,
    Repeated,
)
from gateway.vault.charge_facts import FactReader
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp, unstamp
from gateway.vault.idempotency import IdempotencyTable, Once
from gateway.vault.keyring import Keyring
from gateway.vault.links import LinkTable
from gateway.vault.model import Taken, Wanted
from gateway.vault.notices import NoticeTable
from gateway.vault.requests import refused
from gateway.vault.store import Store

_NEVER_CHANGES: Final = (
    "id", "client", "product", "test", "iduser", "booking", "reference", "amount", "currency",
    "initiator", "exemption", "capture_now", "processor", "created",
)  # fmt: skip
_ALL: Final = (*COLUMNS.split(", "), "sealed")
_PUT: Final = (
    f"INSERT INTO charge ({', '.join(_ALL)}) VALUES ({', '.join('?' * len(_ALL))})"
    " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _ALL if name not in _NEVER_CHANGES)
)
_OPEN: Final = f"SELECT {COLUMNS}, sealed FROM charge"
_BY_ID: Final = f"{_OPEN} WHERE id = ?"
_CONSUME: Final = (
    "INSERT INTO charge_consumed (iduser, booking, processor, at)"
    " SELECT iduser, ?, ?, ? FROM card WHERE iduser = ? ON CONFLICT DO NOTHING"
)
_SAY: Final = (
    "INSERT INTO charge_event (charge, at, before, state, operation, amount, actor, code, decline,"
    " stated_amount, stated_currency)"
    " SELECT number, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM charge WHERE id = ?"
)
_HISTORY: Final = (
    "SELECT charge_event.at, charge_event.before, charge_event.state, charge_event.operation,"
    " charge_event.amount, actor, code, decline, charge_event.stated_amount,"
    " charge_event.stated_currency FROM charge_event"
    " JOIN charge ON charge.number = charge_event.charge WHERE charge.id = ?"
    " ORDER BY charge_event.number"
)
_CLAIM: Final = (
    "UPDATE charge SET look_due = ?, look_tries = look_tries + 1 WHERE number IN"
    " (SELECT number FROM charge WHERE look_due <= ? ORDER BY look_due LIMIT ?)"
    f" RETURNING {COLUMNS}, sealed"
)
_NEXT: Final = "SELECT min(look_due) FROM charge WHERE look_due IS NOT NULL"
_IN_DOUBT: Final = "SELECT processor, count(*), min(sent) FROM charge WHERE operation IS NOT NULL GROUP BY processor"
_AT_ONCE: Final = 20
_ATTEMPTS: Final = 3
_STANDS_FOR: Final = b"charge "  # before the id of a charge whose answer is not there yet


class ChargeTable:
    """Every method raises VaultUnavailable; those that open what is sealed RecordDamaged too."""

    def __init__(
        self,
        database: Database,
        store: Store,
        keyring: Keyring,
        *,
        once: IdempotencyTable,
        notices: NoticeTable,
        links: LinkTable,
        clock: Callable[[], datetime],
        aside: Aside,
        step: Step = no_step,
    ) -> None:
        self._database, self._sealer = database, keyring.charge
        self._once, self._notices, self._links, self._clock = once, notices, links, clock
        self._aside, self._step = aside, step
        self._facts = FactReader(store, keyring)

    async def product_of(self, wanted: Wanted) -> str | None:
        """The product of a token, if `wanted` may have it. No card is opened."""
        return await self._aside.run(lambda: self._facts.product(wanted))

    async def begin(
        self,
        begin: Begin,
        decide: Callable[[Facts, datetime], Decision],
        once: Once | None,
        repeated: Entry,
    ) -> Outcome:
        """Writes, durable, the charge that `decide` makes of what is known. Raises what it refuses,
        IdempotencyKeyReused.
        """

        def work(connection: Connection, now: datetime) -> Decision:
            decided = decide(self._facts.read(connection, begin), now)
            if begin.also is None or isinstance(decided, Refusal):
                return decided
            refusal = begin.also(connection, decided.charge.row, now)
            if refusal is None:
                return decided
            return Refusal(refusal, [refused(entry, refusal) for entry in decided.entries])

        begun = await self._write("charge_begin", work, once, repeated)
        if begun is None:  # `decide` gives something, or refuses
            raise VaultUnavailable
        return begun

    async def change(
        self,
        id: str,
        decide: Callable[[OpenCharge | None, datetime], Decision | None],
        *,
        name: str,
        once: Once | None = None,
        repeated: Entry | None = None,
    ) -> Outcome | None:
        """Writes, durable, what `decide` makes of one charge (None: there is none such). None where
        it makes nothing of it. Raises what it refuses, IdempotencyKeyReused.
        """

        def work(connection: Connection, now: datetime) -> Decision | None:
            return decide(self._one(connection, id), now)

        return await self._write(name, work, once, repeated)

    async def refuse(self, refusal: Refusal, once: Once | None, repeated: Entry) -> Repeated:
        """What the same request was answered before; else raises what `refusal` says, its entries
        being durable, or IdempotencyKeyReused.
        """
        before = await self._write("charge_refuse", lambda *_: refusal, once, repeated)
        if not isinstance(before, Repeated):  # it refuses, or gives what was before
            raise VaultUnavailable
        return before

    async def claim(self, lease: timedelta) -> list[OpenCharge]:
        """Some of those that are to be looked for, each counted as tried once more. They are nobody
        else's for `lease`, and due again then. One that is damaged keeps none of them waiting.
        """

        def work(connection: Connection) -> list[Any]:  # Any: the columns' types
            now = connection.time(self._clock())
            values = (stamp(now + lease), stamp(now), _AT_ONCE)
            return connection.execute(_CLAIM, values).fetchall()

        write = self._database.write("charge_claim", work)
        found = []
        for row in await asyncio.wrap_future(write):
            try:
                found.append(unseal(self._sealer, row))
            except RecordDamaged as error:
                event("charge_damaged", level=logging.ERROR, id=row[0], code=error.code)
        return found

    async def due_in(self) -> timedelta | None:
        """How long it is until one is to be looked for; None: none is."""

        def work(connection: Connection) -> timedelta | None:
            (due,) = connection.execute(_NEXT).fetchone()
            return None if due is None else unstamp(due) - connection.time(self._clock())

        found: timedelta | None = await self._read(work)
        return found

    def in_doubt(self) -> dict[str, tuple[int, datetime]]:
        """Processor → of how many charges nobody knows how they ended, and when the oldest was sent.
        Blocks.
        """
        rows = self._database.read(lambda c: c.execute(_IN_DOUBT).fetchall())
        return {name: (count, unstamp(oldest)) for name, count, oldest in rows}

    async def open(self, id: str) -> OpenCharge | None:
        """One, whole; None when there is none."""
        return await self._aside.run(lambda: self._database.read(lambda c: self._one(c, id)))

    async def history(self, id: str) -> list[Event]:
        """What happened to it, in order."""
        return await self._aside.run(lambda: self._database.read(lambda c: _history(c, id)))

    async def listed(self, wanted: Filter) -> list[tuple[int, OpenCharge]]:
        """The newest first, each with its number."""
        where, values = self._where(wanted)
        statement = (
            f"SELECT {COLUMNS}, sealed, number FROM charge WHERE {' AND '.join(where)}"
            " ORDER BY number DESC LIMIT ?"
        )
        rows = await self._read(lambda c: c.execute(statement, [*values, wanted.limit]).fetchall())
        return await self._aside.run(
            lambda: [(row[-1], unseal(self._sealer, row[:-1])) for row in rows]
        )

    # --- the transaction --------------------------------------------------------------------------

    async def _write(
        self,
        name: str,
        decide: Callable[[Connection, datetime], Decision | None],
        once: Once | None,
        repeated: Entry | None,
    ) -> Outcome | None:
        def work(connection: Connection) -> Outcome | GatewayError | None:
            # Leases, and what has settled, are judged by every node: a clock of its own may have leapt.
            now = connection.time(self._clock())
            if once is not None and repeated is not None:
                before = self._before(connection, once, repeated)
                if before is not None:
                    return before
            decision = decide(connection, now)
            if isinstance(decision, Refusal):
                audit.append(connection, decision.entries)
                return decision.error
            if decision is None:
                return None
            self._apply(connection, decision, once, now)
            self._step(f"{name}:done")
            return decision.charge

        outcome = await self._committed(name, work)
        if isinstance(outcome, GatewayError):
            raise outcome
        return outcome

    async def _committed(
        self, name: str, work: Callable[[Connection], Outcome | GatewayError | None]
    ) -> Outcome | GatewayError | None:
        for _ in range(_ATTEMPTS):
            try:
                return await asyncio.wrap_future(self._database.write(name, work))
            except Taken:  # another process was first: it is seen now
                continue
        raise VaultUnavailable

    def _apply(
        self, connection: Connection, change: Change, once: Once | None, now: datetime
    ) -> None:
        row = change.charge.row
        connection.execute(_PUT, seal(self._sealer, change.charge))
        self._step("charge:row")
        for one in change.events:
            before = None if one.before is None else one.before.value
            connection.execute(
                _SAY,
                (
                    stamp(one.at), before, one.state.value, one.operation, one.amount, one.actor,
                    one.code, one.decline, *stated_values(one.stated), row.id,
                ),
            )  # fmt: skip
        if change.consumed:
            consumed = (row.booking, row.processor, stamp(now), row.iduser)
            connection.execute(_CONSUME, consumed)
        audit.append(connection, change.entries)
        if change.opens is not None:
            new = change.opens
            self._links.insert(connection, new.link, new.secret, new.entry)
            self._step("charge:link")
        if change.closes is not None:
            self._links.close(connection, row.id, change.closes)
        self._notices.insert(connection, change.notices, now)
        if once is not None:
            answer = _STANDS_FOR + row.id.encode()
            if change.answer is not None:
                answer = change.answer(change.charge, _history(connection, row.id))
            self._once.remember(connection, once, row.product, answer, now)

    def _before(
        self, connection: Connection, once: Once, repeated: Entry
    ) -> Repeated | GatewayError | None:
        try:
            answered = self._once.answered(connection, once)
        except IdempotencyKeyReused as error:
            return error
        if answered is None:
            return None
        audit.append(connection, [repeated])
        if answered.startswith(_STANDS_FOR):
            return Repeated(None, answered.removeprefix(_STANDS_FOR).decode())
        return Repeated(answered, None)

    # --- reading ----------------------------------------------------------------------------------

    def _one(self, connection: Connection, id: str) -> OpenCharge | None:
        row = connection.execute(_BY_ID, (id,)).fetchone()
        return None if row is None else unseal(self._sealer, row)

    def _where(self, wanted: Filter) -> tuple[list[str], list[object]]:
        asked: list[tuple[str, Sequence[object] | None]] = [
            (_any_of("product", wanted.products), sorted(wanted.products)),
            ("client = ?", _given(wanted.client)),
            ("booking = ?", None if wanted.booking is None else [self._facts.hash(wanted.booking)]),
            ("reference = ?", _given(wanted.reference)),
            ("created >= ?", None if wanted.since is None else [stamp(wanted.since)]),
            ("created < ?", None if wanted.until is None else [stamp(wanted.until)]),
            ("number < ?", _given(wanted.before)),
        ]
        if wanted.states is not None:
            states = [state.value for state in wanted.states]
            asked.append((_any_of("state", states), states))
        given = [(text, values) for text, values in asked if values is not None]
        return [text for text, _ in given], [value for _, values in given for value in values]

    async def _read(self, work: Callable[[Connection], Any]) -> Any:
        # Any: the columns' types, as the schema gives them
        return await self._aside.run(lambda: self._database.read(work))


def _any_of(column: str, values: Collection[str]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})"


def _given(value: object) -> list[object] | None:
    return None if value is None else [value]


def _history(connection: Connection, id: str) -> list[Event]:
    return [
        Event(
            at=unstamp(at),
            before=None if before is None else ChargeState(before),
            state=ChargeState(state),
            operation=operation,
            amount=amount,
            actor=actor,
            code=code,
            decline=decline,
            stated=read_stated(*stated),
        )
        for at, before, state, operation, amount, actor, code, decline, *stated in (
            connection.execute(_HISTORY, (id,))
        )
    ]
