"""Collections go on by themselves. All of it stands in the vault: after a restart it goes on where it was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway.collections.steps import Steps
from gateway.due import keep_doing
from gateway.errors import GatewayError
from gateway.log import event
from gateway.vault.collections import CollectionTable

# Longer than a charge may take to be made.
LEASE: Final = timedelta(minutes=5)
# What a collection waits for makes it due, in a transaction of its own that nobody is told of.
_LOOK_SECONDS: Final = 2.0


class Jobs:
    """`run` until it is cancelled; `wake` when something became due."""

    def __init__(
        self,
        *,
        table: CollectionTable,
        steps: Steps,
        clock: Callable[[], datetime],
        wake: asyncio.Event,
    ) -> None:
        self._table, self._steps, self._clock, self._wake = table, steps, clock, wake

    async def run(self) -> None:
        """Does what is due, then sleeps until something else is."""
        await keep_doing(
            self.turn,
            self._table.next_due,
            wake=self._wake,
            clock=self._clock,
            waiting="collections_waiting",
            longest=_LOOK_SECONDS,
        )

    async def turn(self) -> None:
        """Moves those on that are due now. Raises VaultUnavailable."""
        now, due = self._clock(), await self._table.next_due()
        if due is None or due > now:  # looking costs less than writing
            return
        claimed = await self._table.claim(now, now + LEASE)
        await asyncio.gather(*(self._advance(id) for id in claimed))

    async def _advance(self, id: str) -> None:
        try:
            await self._steps.advance(id)
        except GatewayError as error:  # it is due again when its claim is over
            event("collection_not_advanced", level=logging.ERROR, id=id, code=error.code)
