"""What recaptures have to do by themselves: tell the PMS, look for links, forget what is old.

All of it stands in the vault: after a restart it goes on where it was. An attempt is counted before
it is made, and is due again if whoever makes it dies.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gateway.due import keep_doing
from gateway.log import event
from gateway.recapture.service import Recaptures
from gateway.recapture.webhook import Teller
from gateway.vault.recapture import OpenRecapture, RecaptureState
from gateway.vault.recaptures import RecaptureTable, Work

# Longer than an attempt may take.
_LEASE: Final = timedelta(minutes=3)
# A link is there with the notification: when it is not, the booking may not be one of this account.
_LOOK_AGAIN: Final = (30, 300, 1800)  # seconds


class Jobs:
    """`run` until it is cancelled; `wake` when something became due."""

    def __init__(
        self,
        *,
        table: RecaptureTable,
        recaptures: Recaptures,
        teller: Teller | None,
        clock: Callable[[], datetime],
        wake: asyncio.Event,
    ) -> None:
        self._table, self._recaptures, self._teller = table, recaptures, teller
        self._clock, self._wake = clock, wake

    async def run(self) -> None:
        """Does what is due, then sleeps until something else is."""
        await keep_doing(
            self.turn,
            self._table.next_due,
            wake=self._wake,
            clock=self._clock,
            waiting="recaptures_waiting",
        )

    async def turn(self) -> None:
        """Does what is due now. Raises VaultUnavailable, RecordDamaged."""
        now = self._clock()
        tells = await self._claim("tell", now) if self._teller is not None else []
        looks = await self._claim("look", now)
        await asyncio.gather(
            *(self._tell(one) for one in tells), *(self._look(one) for one in looks)
        )

    async def _claim(self, work: Work, now: datetime) -> list[OpenRecapture]:
        return await self._table.claim(work, now, now + _LEASE)

    async def _tell(self, one: OpenRecapture) -> None:
        if self._teller is None:
            return
        failure, now = await self._teller.tell(one), self._clock()
        due = self._teller.next(one.row.tell_tries, now) if failure else None
        told = None if failure else now
        if failure:
            level = logging.WARNING if due else logging.ERROR
            name = "recapture_not_told" if due else "recapture_given_up"
            event(name, level=level, id=one.row.id, code=failure, tries=one.row.tell_tries)

        def noted(current: OpenRecapture | None) -> OpenRecapture | None:
            if current is None:
                return None
            return replace(current, row=replace(current.row, told=told, tell_due=due))

        await self._table.change(one.row.id, noted)

    async def _look(self, one: OpenRecapture) -> None:
        found = None
        if one.row.state is RecaptureState.PENDING and self._clock() < one.row.may_cancel:
            found = await self._recaptures.look(one)
        tries, now = one.row.look_tries, self._clock()
        again = tries <= len(_LOOK_AGAIN) and now < one.row.may_cancel
        due = now + timedelta(seconds=_LOOK_AGAIN[tries - 1]) if again else None

        def noted(current: OpenRecapture | None) -> OpenRecapture | None:
            if current is None or current.row.look_due is None:  # the link was found
                return None
            return replace(current, row=replace(current.row, look_due=due))

        if found is None or found.row.look_due is not None:
            await self._table.change(one.row.id, noted)
