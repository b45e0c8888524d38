"""Answers that are kept: those that were rewritten, and those that were refused (quarantine).

A rewritten answer is inserted by `Vault.keep`, in the transaction of its tokens; here is all the
rest. A client's exchange id names one answer: a second one under it is refused with `ExchangeKnown`,
never mixed with the first, until the first has been purged.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final

from gateway.audit import Entry
from gateway.errors import VaultUnavailable
from gateway.vault import entries as audit
from gateway.vault.answer import (
    Answer,
    AnswerRow,
    AnswerState,
    AnswerTotals,
    row_of,
    seal,
    unseal,
)
from gateway.vault.aside import Aside
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp, unstamp
from gateway.vault.envelope import Sealer, sealed_under
from gateway.vault.keyring import Keyring
from gateway.vault.model import AnswerCameOut, ExchangeKnown, Taken
from gateway.vault.rows import AnswerRecord

COLUMNS: Final = (
    "client, exchange, quarantined, state, code, at, expires, route, products, hotels, echo, poll,"
    " size, failed, failures"
)
_STORED: Final = AnswerRecord._fields.index("sealed")
_INSERT: Final = (
    f"INSERT INTO answer ({COLUMNS}) VALUES ({', '.join('?' * _STORED)})"
    " ON CONFLICT (client, exchange) DO NOTHING RETURNING id"
)
_OPEN: Final = (
    f"SELECT {COLUMNS}, sealed FROM answer JOIN answer_body USING (id)"
    " WHERE client = ? AND exchange = ? AND quarantined = ? AND expires > ?"
)
_MARK: Final = (
    "UPDATE answer SET state = ?3 WHERE client = ?1 AND exchange = ?2"
    " AND state IN (SELECT value FROM json_each(?4))"
)
# Each of its products is the caller's, and it has one.
_WITHIN: Final = (
    "products <> '[]' AND NOT EXISTS (SELECT 1 FROM json_each(answer.products)"
    " WHERE value NOT IN (SELECT value FROM json_each(?)))"
)
# Not the bare column: this keeps SQLite from walking the index by expiry and then sorting all that it found.
_NOT_EXPIRED: Final = "coalesce(expires, '') > ?"
_AMONG_STATES: Final = "state IN (SELECT value FROM json_each(?))"
_OF_HOTEL: Final = "EXISTS (SELECT 1 FROM json_each(answer.hotels) WHERE value = ?)"
_WITH_FAILED: Final = "failed > 0"  # as its index says it
_WITHOUT_FAILED: Final = "failed = 0"
_PURGE: Final = "DELETE FROM answer WHERE id IN (SELECT id FROM answer WHERE expires <= ? LIMIT ?)"
_TOTALS: Final = "SELECT state, count(*), sum(size), min(at) FROM answer GROUP BY state"

# An answer can have megabytes, each of which is overwritten: others shall be written in between.
_PURGED_AT_ONCE: Final = 16
_ATTEMPTS: Final = 3

# What each state may come from. Nothing goes back: a note that comes late changes nothing. What was
# refused comes out with the answer that was made of it, and not otherwise.
_BEFORE: Final = {
    state: json.dumps(before)
    for state, before in {
        AnswerState.DELIVERED: ["undelivered"],
        AnswerState.REPLAYED: ["undelivered", "delivered"],
        AnswerState.ACKNOWLEDGED: ["undelivered", "delivered", "replayed"],
    }.items()
}
_FROM_QUARANTINE: Final = json.dumps(["refused"])


def insert(connection: Connection, record: AnswerRecord) -> None:
    """Adds an answer to the transaction. Raises ExchangeKnown."""
    row = connection.execute(_INSERT, record[:_STORED]).fetchone()
    if row is None:
        raise ExchangeKnown
    body = "INSERT INTO answer_body (id, sealed) VALUES (?, ?)"
    connection.execute(body, (row[0], record.sealed))


def come_out(connection: Connection, record: AnswerRecord) -> None:
    """Notes, in the transaction that adds an answer, what refused one it was made of, if of any.

    Raises AnswerCameOut when that one is not refused any more: it comes out once.
    """
    if not record.replays:
        return
    values = (record.client, record.replays, AnswerState.REPLAYED.value, _FROM_QUARANTINE)
    if connection.execute(_MARK, values).rowcount != 1:
        raise AnswerCameOut


class AnswerTable:
    """Answers by client and exchange id. `purge` and `totals` block on the disk, the others do not.

    Every method raises VaultUnavailable. What has expired is neither listed nor opened, whether it
    was purged or not.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        clock: Callable[[], datetime],
        aside: Aside,
        step: Step = no_step,
    ) -> None:
        self._database, self._keyring, self._clock = database, keyring, clock
        self._aside, self._step = aside, step

    async def quarantine(self, answer: Answer, code: str) -> None:
        """Keeps, durable, an answer that is not given on, as it came: `code` says why.

        Raises ExchangeKnown, and ValueError without a code.
        """
        if not code:
            raise ValueError("a refused answer without its reason")
        sealer = self._keyring.quarantine
        for _ in range(_ATTEMPTS):
            record = await self._aside.run(lambda: seal(sealer, answer, code))

            def work(connection: Connection, record: AnswerRecord = record) -> None:
                if sealed_under(record.sealed) != sealer.current:
                    raise Taken
                insert(connection, record)
                self._step("quarantine:row")

            try:
                await asyncio.wrap_future(self._database.write("quarantine", work))
            except Taken:  # it was sealed under a key that is not used any more
                continue
            return
        raise VaultUnavailable

    async def mark(self, exchange: str, state: AnswerState, *, client: str) -> bool:
        """Whether there is such an answer and it was not that far yet; it is from now on, durable.

        undelivered → delivered → replayed → acknowledged, each may be left out.
        Raises ValueError for a state that nothing comes to.
        """
        return await self.mark_all({(client, exchange): state}) == 1

    async def mark_all(self, reached: Mapping[tuple[str, str], AnswerState]) -> int:
        """As `mark`, for answers by client and exchange; how many were not that far yet."""
        values = [(*name, state.value, _before(state)) for name, state in reached.items()]
        if not values:
            return 0
        write = self._database.write("mark", lambda c: c.executemany(_MARK, values).rowcount)
        return await asyncio.wrap_future(write)

    async def reached(
        self, exchange: str, state: AnswerState, *, client: str, entry: Entry
    ) -> None:
        """As `mark`, with the audit's entry of it in the same transaction."""
        values = (client, exchange, state.value, _before(state))

        def work(connection: Connection) -> None:
            audit.append(connection, [entry])
            connection.execute(_MARK, values)

        await asyncio.wrap_future(self._database.write("reached", work))

    async def listed(
        self,
        *,
        states: Collection[AnswerState] = tuple(AnswerState),
        products: Collection[str] | None = None,
        client: str | None = None,
        exchange: str | None = None,
        hotel: str | None = None,
        echo: str | None = None,
        poll: bytes | None = None,
        since: datetime | None = None,
        failed: bool | None = None,
        limit: int = 100,
    ) -> list[AnswerRow]:
        """Up to `limit` answers, newest first: those that fit everything that is not None.

        With `products`, those of which every product is among them: an answer with another's
        bookings in it, or of no known product, is for those who may see all. `failed`: with a card in
        it that got no token, or without one.
        """
        where = [(_NOT_EXPIRED, stamp(self._clock()))]
        where += [] if set(states) == set(AnswerState) else [(_AMONG_STATES, json.dumps([*states]))]
        where += [] if products is None else [(_WITHIN, json.dumps([*products]))]
        where += [] if client is None else [("client = ?", client)]
        where += [] if exchange is None else [("exchange = ?", exchange)]
        where += [] if hotel is None else [(_OF_HOTEL, hotel)]
        where += [] if echo is None else [("echo = ?", echo)]
        where += [] if since is None else [("at >= ?", stamp(since))]
        conditions = [condition for condition, _ in where]
        conditions += [] if failed is None else [_WITH_FAILED if failed else _WITHOUT_FAILED]
        values: list[object] = [value for _, value in where]
        if poll is not None:
            conditions.append("poll = ?")
            values.append(poll)
        statement = (
            f"SELECT {COLUMNS} FROM answer WHERE {' AND '.join(conditions)}"
            " ORDER BY at DESC, id DESC LIMIT ?"
        )
        rows = await self._read(lambda c: c.execute(statement, [*values, limit]).fetchall())
        return [row_of(AnswerRecord._make((*row, b"", ""))) for row in rows]

    async def open(self, exchange: str, *, client: str) -> Answer | None:
        """The rewritten answer, whole; None when there is none, or it was refused.

        Raises RecordDamaged.
        """
        return await self._open(self._keyring.spool, exchange, client, quarantined=False)

    async def fetch(self, exchange: str, *, client: str, intent: Entry) -> Answer | None:
        """As `open`, for handing it out: `intent` is in the audit, durable, before it is opened."""
        await asyncio.wrap_future(
            self._database.write("fetch", lambda c: audit.append(c, [intent]))
        )
        return await self.open(exchange, client=client)

    async def open_refused(self, exchange: str, *, client: str) -> Answer | None:
        """The refused answer as it came, with whatever clear card data is in it. It is for whoever
        finds out why, and for another try at rewriting it; never for the client as it is.

        None when there is none. Raises RecordDamaged.
        """
        return await self._open(self._keyring.quarantine, exchange, client, quarantined=True)

    def purge(self, now: datetime) -> int:
        """Erases what expired until `now`; how many that were. Blocks."""
        erased, at = 0, stamp(now)
        while True:
            count = self._database.write("answer_purge", lambda c: _purge(c, at)).result()
            erased += count
            if count < _PURGED_AT_ONCE:
                return erased

    def totals(self) -> dict[AnswerState, AnswerTotals]:
        """How much is kept in each state, those that there are. Blocks."""
        rows = self._database.read(lambda c: c.execute(_TOTALS).fetchall())
        return {
            AnswerState(state): AnswerTotals(count, size, unstamp(oldest))
            for state, count, size, oldest in rows
        }

    async def _open(
        self, sealer: Sealer, exchange: str, client: str, *, quarantined: bool
    ) -> Answer | None:
        values = (client, exchange, quarantined, stamp(self._clock()))

        def work() -> Answer | None:
            row = self._database.read(lambda c: c.execute(_OPEN, values).fetchone())
            return None if row is None else unseal(sealer, AnswerRecord(*row))

        return await self._aside.run(work)

    async def _read(self, work: Callable[[Connection], list[Any]]) -> list[Any]:
        # Any: the columns' types, as the schema gives them
        return await self._aside.run(lambda: self._database.read(work))


def _before(state: AnswerState) -> str:
    """The states that this one may come from, in JSON."""
    before = _BEFORE.get(state)
    if before is None:
        raise ValueError("a state that no answer comes to")
    return before


def _purge(connection: Connection, at: str) -> int:
    return connection.execute(_PURGE, (at, _PURGED_AT_ONCE)).rowcount
