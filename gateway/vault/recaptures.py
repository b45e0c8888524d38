"""Recaptures: found by client, by id, by booking; of each booking one at most still counts.

What becomes of one is decided by `gateway.recapture`, inside the transaction that reads it and
writes it: two who change the same one never see the same state.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from gateway.errors import RecordDamaged
from gateway.log import event
from gateway.vault.aside import Aside
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp, unstamp
from gateway.vault.envelope import Sealer
from gateway.vault.recapture import COLUMNS, OpenRecapture, Recapture, read_row, seal, unseal

Work = Literal["tell", "look"]  # tell the client; look for the link
Decide = Callable[[OpenRecapture | None], Sequence[OpenRecapture]]
Also = Callable[[Connection, Recapture], None]

_NEVER_CHANGES: Final = ("id", "client", "system", "itinerary", "created")
_ALL: Final = (*COLUMNS.split(", "), "sealed")
_PUT: Final = (
    f"INSERT INTO recapture ({', '.join(_ALL)}) VALUES ({', '.join('?' * len(_ALL))})"
    " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _ALL if name not in _NEVER_CHANGES)
)
_OPEN: Final = f"SELECT {COLUMNS}, sealed FROM recapture"
_BY_ID: Final = f"{_OPEN} WHERE id = ?"
_BY_EVENT: Final = f"{_OPEN} WHERE client = ? AND system = ? AND event_id = ?"
_CURRENT: Final = (
    f"{_OPEN} WHERE client = ? AND system = ? AND itinerary = ? AND state <> 'superseded'"
)
# What is pending and whose link is certainly over is shown as expired.
_SHOWN: Final = (
    "CASE WHEN state = 'pending' AND link_ends <= ? THEN 'expired' ELSE state END"
    " IN (SELECT value FROM json_each(?))"
)
_NEXT: Final = (
    "SELECT min(at) FROM (SELECT tell_due AS at FROM recapture WHERE tell_due IS NOT NULL"
    " UNION ALL SELECT look_due FROM recapture WHERE look_due IS NOT NULL) AS clock"
)
_AT_ONCE: Final = 20
# The hotel's day to cancel is over by far; whoever asks what became of it has asked.
KEPT: Final = timedelta(days=30)
_PURGE: Final = "DELETE FROM recapture WHERE changed <= ? AND tell_due IS NULL"


class RecaptureTable:
    """Every method raises VaultUnavailable; those that open what is sealed RecordDamaged too."""

    def __init__(
        self, database: Database, sealer: Sealer, aside: Aside, step: Step = no_step
    ) -> None:
        self._database, self._sealer, self._aside, self._step = database, sealer, aside, step

    async def change_current(
        self,
        client: str,
        system: str,
        itinerary: str,
        decide: Decide,
        *,
        event_id: str | None = None,
    ) -> OpenRecapture | None:
        """Puts, durable, what `decide` makes of the booking's recapture that counts (None: there is
        none), in its order; answers with the last of them, or with what stands.

        An `event_id` that is known already changes nothing: its recapture is the answer.
        """

        def work(connection: Connection) -> OpenRecapture | None:
            if event_id is not None:
                known = self._one(connection, _BY_EVENT, (client, system, event_id))
                if known is not None:
                    return known
            current = self._one(connection, _CURRENT, (client, system, itinerary))
            changed = decide(current)
            for one in changed:
                self._put(connection, one)
            return changed[-1] if changed else current

        return await asyncio.wrap_future(self._database.write("recapture", work))

    def current(
        self, connection: Connection, client: str, system: str, itinerary: str
    ) -> Recapture | None:
        """The booking's recapture that counts, as the transaction sees it; None: there is none."""
        one = self._one(connection, _CURRENT, (client, system, itinerary))
        return None if one is None else one.row

    async def change(
        self,
        id: str,
        decide: Callable[[OpenRecapture | None], OpenRecapture | None],
        also: Also | None = None,
    ) -> OpenRecapture | None:
        """Puts, durable, what `decide` makes of one recapture (None: there is none such); answers
        with it. `also` is done in the same transaction, with the recapture as it is then. Raises what
        `decide` raises, and then nothing is changed.
        """

        def work(connection: Connection) -> OpenRecapture | None:
            before = self._one(connection, _BY_ID, (id,))
            changed = decide(before)
            if changed is not None:
                self._put(connection, changed)
            now = changed or before
            if also is not None and now is not None:
                also(connection, now.row)
                self._step("recapture:also")
            return changed

        return await asyncio.wrap_future(self._database.write("recapture", work))

    async def claim(self, work: Work, now: datetime, until: datetime) -> list[OpenRecapture]:
        """Some of those whose `work` is due, each counted as tried once more. They are nobody else's
        before `until`, and due again then: whoever is killed meanwhile loses nothing. One that is
        damaged keeps none of the others waiting.
        """
        due, tries = f"{work}_due", f"{work}_tries"
        claim = (
            f"UPDATE recapture SET {due} = ?, {tries} = {tries} + 1 WHERE number IN"
            f" (SELECT number FROM recapture WHERE {due} <= ? ORDER BY {due} LIMIT ?)"
            f" RETURNING {COLUMNS}, sealed"
        )
        values = (stamp(until), stamp(now), _AT_ONCE)
        write = self._database.write(
            "recapture_claim", lambda c: c.execute(claim, values).fetchall()
        )
        opened = [self._whole(row) for row in await asyncio.wrap_future(write)]
        return [one for one in opened if one is not None]

    async def next_due(self) -> datetime | None:
        """When something is to be done next; None: nothing waits."""
        row = await self._read(lambda c: c.execute(_NEXT).fetchone())
        return None if row[0] is None else unstamp(row[0])

    async def open(self, id: str) -> OpenRecapture | None:
        """One, whole; None when there is none."""
        row = await self._read(lambda c: c.execute(_BY_ID, (id,)).fetchone())
        return None if row is None else unseal(self._sealer, row)

    async def listed(
        self,
        now: datetime,
        *,
        states: Collection[str] | None = None,
        client: str | None = None,
        limit: int = 100,
    ) -> list[Recapture]:
        """Up to `limit`, newest first; nothing sealed is opened. `states` may name `expired`."""
        where: list[str] = ["1 = 1"]
        values: list[object] = []
        if states is not None:
            where.append(_SHOWN)
            values += [stamp(now), json.dumps([*states])]
        if client is not None:
            where.append("client = ?")
            values.append(client)
        statement = (
            f"SELECT {COLUMNS} FROM recapture WHERE {' AND '.join(where)}"
            " ORDER BY number DESC LIMIT ?"
        )
        rows = await self._read(lambda c: c.execute(statement, [*values, limit]).fetchall())
        return [read_row(row) for row in rows]

    def purge(self, now: datetime) -> int:
        """Erases those that nothing happened to since `KEPT`; how many. Blocks."""
        values = (stamp(now - KEPT),)
        return self._database.write(
            "recapture_purge", lambda c: c.execute(_PURGE, values).rowcount
        ).result()

    def _whole(self, values: tuple[Any, ...]) -> OpenRecapture | None:
        try:
            return unseal(self._sealer, values)
        except RecordDamaged as error:
            event("recapture_damaged", level=logging.ERROR, code=error.code)
            return None

    def _one(
        self, connection: Connection, statement: str, values: tuple[str, ...]
    ) -> OpenRecapture | None:
        row = connection.execute(statement, values).fetchone()
        return None if row is None else unseal(self._sealer, row)

    def _put(self, connection: Connection, one: OpenRecapture) -> None:
        connection.execute(_PUT, seal(self._sealer, one))
        self._step("recapture:row")

    async def _read(self, work: Callable[[Connection], Any]) -> Any:
        # Any: the columns' types, as the schema gives them
        return await self._aside.run(lambda: self._database.read(work))
