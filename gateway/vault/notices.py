"""The outbox: what clients are told, written with what it tells of, sent later by `gateway.webhooks`.

1. `insert` belongs into the transaction of what is told of: both are there, or neither is (P24).
2. An attempt is counted before it is made, and is nobody else's until its lease ends: whoever dies
   meanwhile has lost nothing, and the same id is sent again.
3. Of one client's subject the earliest that is not over is the only one that is sent.
4. A client without a webhook is told nothing, and nothing is kept for it.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.audit import Entry, Outcome
from gateway.errors import GatewayError, NoticeUnknown, RecordDamaged, WebhookMissing
from gateway.exchange import new_id
from gateway.log import event
from gateway.vault import entries as audit
from gateway.vault.aside import Aside
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp, unstamp
from gateway.vault.envelope import Sealer
from gateway.vault.idempotency import Once
from gateway.vault.notice import (
    COLUMNS,
    NewNotice,
    Notice,
    NoticeState,
    OpenNotice,
    opened,
    read_row,
    seal,
    unseal,
)
from gateway.vault.requests import Done, Requests

__all__ = ["NewNotice", "Notice", "NoticeState", "NoticeTable", "OpenNotice", "Whose"]

# Whoever asks what became of it has asked.
KEPT: Final = timedelta(days=30)

_ALL: Final = (*COLUMNS.split(", "), "sealed")
_ADD: Final = f"INSERT INTO notice ({', '.join(_ALL)}) VALUES ({', '.join('?' * len(_ALL))})"
_FIRST: Final = (
    "NOT EXISTS (SELECT 1 FROM notice AS earlier WHERE earlier.client = notice.client"
    " AND earlier.subject = notice.subject AND earlier.due IS NOT NULL"
    " AND earlier.number < notice.number)"
)
_CLAIM: Final = (
    "UPDATE notice SET state = 'sending', due = ?, tries = tries + 1 WHERE number IN"
    f" (SELECT number FROM notice WHERE client = ? AND due <= ? AND {_FIRST}"
    f" ORDER BY due, number LIMIT ?) RETURNING {COLUMNS}, sealed"
)
_AT_ONCE: Final = 20
# An attempt that was taken for dead and came through all the same has come through.
_DELIVERED: Final = (
    "UPDATE notice SET state = 'delivered', due = NULL, changed = ?, code = ''"
    " WHERE id = ? AND state <> 'delivered'"
)
# One that was taken for dead says nothing of the attempt that followed.
_FAILED: Final = (
    "UPDATE notice SET state = ?, due = ?, changed = ?, code = ?"
    " WHERE id = ? AND state = 'sending' AND tries = ?"
)
_NEXT: Final = f"SELECT min(due) FROM notice WHERE client = ? AND due IS NOT NULL AND {_FIRST}"
_LAST: Final = 2**63 - 1
_SEEN: Final = (  # by whom: a client, or all; by product
    "(CAST(?1 AS text) IS NULL OR client = ?1) AND (product = '' OR product IN (SELECT value FROM json_each(?2)))"
)
_ONE: Final = f"SELECT {COLUMNS} FROM notice WHERE {_SEEN} AND id = ?3"
_NUMBER: Final = f"SELECT number FROM notice WHERE {_SEEN} AND id = ?3"
_BY_ID: Final = f"SELECT {COLUMNS} FROM notice WHERE id = ?"
_LIST: Final = (
    f"SELECT {COLUMNS} FROM notice WHERE {_SEEN}"
    " AND state IN (SELECT value FROM json_each(?3)) AND number < ?4 ORDER BY number DESC LIMIT ?5"
)
_AGAIN: Final = (
    "UPDATE notice SET state = 'waiting', due = ?, changed = ?, tries = 0"
    " WHERE id = ? AND state <> 'sending'"
)
_PURGE: Final = (
    "DELETE FROM notice WHERE changed <= ?"
    " AND (due IS NULL OR client NOT IN (SELECT value FROM json_each(?)))"
)


@dataclass(frozen=True, slots=True)
class Whose:
    """Which notices somebody may know of: a client's (None: everybody's), of these products and those
    that are of none.
    """

    client: str | None
    products: frozenset[str]

    def values(self) -> tuple[str | None, str]:
        """For a statement."""
        return self.client, json.dumps(sorted(self.products))


class NoticeTable:
    """Every method raises VaultUnavailable. `told`: the clients that have a webhook."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        told: Collection[str],
        requests: Requests,
        clock: Callable[[], datetime],
        aside: Aside,
        step: Step = no_step,
    ) -> None:
        self._database, self._sealer, self._told = database, sealer, frozenset(told)
        self._requests, self._clock, self._aside, self._step = requests, clock, aside, step
        self._woken: list[Callable[[], None]] = []

    def wake(self, woken: Callable[[], None]) -> None:
        """`woken` is called by any thread when something is about to be committed that is due. A
        claim that is made then comes after that commit: both are the writer's.
        """
        self._woken.append(woken)

    def insert(self, connection: Connection, notices: Sequence[NewNotice], now: datetime) -> None:
        """Keeps what is to be told, inside the transaction that writes what it tells of."""
        kept = [opened(one, new_id(), now) for one in notices if one.client in self._told]
        connection.add(_ADD, [seal(self._sealer, one) for one in kept])
        if kept:
            self._step("notice:rows")
            self._wake_all()

    async def put(self, notices: Sequence[NewNotice]) -> None:
        """Keeps, durable, what is to be told, in a transaction of its own."""
        now = self._clock()

        def work(connection: Connection) -> None:
            self.insert(connection, notices, now)

        await asyncio.wrap_future(self._database.write("notice", work))

    async def claim(self, client: str, now: datetime, until: datetime) -> list[OpenNotice]:
        """Some of the client's that are due, each counted as tried once more. They are nobody else's
        before `until`, and due again then. One that is damaged is given up: it keeps none waiting.
        """
        values = (stamp(until), client, stamp(now), _AT_ONCE)
        write = self._database.write("notice_claim", lambda c: c.execute(_CLAIM, values).fetchall())
        found = []
        for row in await asyncio.wrap_future(write):
            notice = read_row(row[:-1])
            try:
                found.append(unseal(self._sealer, notice, row[-1]))
            except RecordDamaged as error:
                event("notice_damaged", level=logging.ERROR, id=notice.id, code=error.code)
                await self.failed(notice, error.code, now, None)
        return found

    async def delivered(self, notice: Notice, now: datetime) -> None:
        """Notes, durable, that the client has it."""
        await self._execute(_DELIVERED, (stamp(now), notice.id))

    async def failed(self, notice: Notice, code: str, now: datetime, due: datetime | None) -> None:
        """Notes, durable, why this attempt failed, and when there is another; None: it is given up."""
        state = NoticeState.GIVEN_UP if due is None else NoticeState.WAITING
        again = None if due is None else stamp(due)
        values = (state.value, again, stamp(now), code, notice.id, notice.tries)
        await self._execute(_FAILED, values)

    async def next_due(self, client: str) -> datetime | None:
        """When the client is to be told something next; None: nothing waits."""
        row = await self._read(lambda c: c.execute(_NEXT, (client,)).fetchone())
        return None if row[0] is None else unstamp(row[0])

    def purge(self, now: datetime) -> int:
        """Erases those that are over and that nothing happened to since `KEPT`; how many. Blocks."""
        values = (stamp(now - KEPT), json.dumps(sorted(self._told)))
        return self._database.write(
            "notice_purge", lambda c: c.execute(_PURGE, values).rowcount
        ).result()

    async def listed(
        self,
        whose: Whose,
        states: Collection[NoticeState],
        *,
        before: str | None = None,
        limit: int = 100,
    ) -> list[Notice]:
        """Up to `limit`, newest first, that are in one of `states`; nothing sealed is opened.
        `before`: only those that are older than this one, whatever its state is now.

        Raises NoticeUnknown.
        """
        seen = whose.values()
        wanted = json.dumps([state.value for state in states])

        def work(connection: Connection) -> list[tuple[Any, ...]] | None:
            newest = _LAST
            if before is not None:
                found = connection.execute(_NUMBER, (*seen, before)).fetchone()
                if found is None:
                    return None
                newest = found[0]
            return connection.execute(_LIST, (*seen, wanted, newest, limit)).fetchall()

        rows = await self._read(work)
        if rows is None:
            raise NoticeUnknown
        return [read_row(row) for row in rows]

    async def redeliver(
        self,
        id: str,
        whose: Whose,
        entry: Entry,
        once: Once | None,
        answer: Callable[[Notice], bytes],
    ) -> bytes:
        """Lets one that was delivered, given up or waits be sent now, durable, with all its attempts;
        what `answer` makes of it. One that is being sent stays as it is.

        Raises NoticeUnknown, WebhookMissing, IdempotencyKeyReused.
        """

        def do(connection: Connection, now: datetime) -> Done | GatewayError:
            found = connection.execute(_ONE, (*whose.values(), id)).fetchone()
            if found is None:
                return NoticeUnknown()
            if read_row(found).client not in self._told:
                return WebhookMissing()
            connection.execute(_AGAIN, (stamp(now), stamp(now), id))
            row = read_row(connection.execute(_BY_ID, (id,)).fetchone())
            done = replace(entry, outcome=Outcome.DONE, exchange=row.id, product=row.product)
            audit.append(connection, [done])
            self._wake_all()
            return Done(row.product, answer(row))

        return await self._requests.write("notice_again", entry, once, do)

    async def _execute(self, statement: str, values: tuple[object, ...]) -> int:
        write = self._database.write("notice", lambda c: c.execute(statement, values).rowcount)
        return await asyncio.wrap_future(write)

    def _wake_all(self) -> None:
        for woken in self._woken:
            woken()

    async def _read(self, work: Callable[[Connection], Any]) -> Any:
        # Any: the columns' types, as the schema gives them
        return await self._aside.run(lambda: self._database.read(work))
