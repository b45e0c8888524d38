"""Charges whose outcome is not known are looked for, by themselves, until it is.

All of it stands in the vault: after a restart it goes on where it was. A look is counted before it is
made, and is due again if whoever makes it dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.charges.schedule import next_look
from gateway.charges.service import Charges
from gateway.charges.states import LEASE
from gateway.errors import GatewayError, RecordDamaged, VaultUnavailable
from gateway.log import event
from gateway.vault.charge import OpenCharge
from gateway.vault.charges import ChargeTable

_LONGEST_SLEEP: Final = 30.0


class Jobs:
    """`run` until it is cancelled; `wake` when something became due."""

    def __init__(
        self,
        *,
        table: ChargeTable,
        charges: Charges,
        clock: Callable[[], datetime],
        wake: asyncio.Event,
    ) -> None:
        self._table, self._charges = table, charges
        self._clock, self._wake = clock, wake

    async def run(self) -> None:
        """Does what is due, then sleeps until something else is."""
        while True:
            self._wake.clear()
            seconds = _LONGEST_SLEEP
            try:
                await self.turn()
                due = await self._table.due_in()
                if due is not None:
                    seconds = min(seconds, max(0.05, due.total_seconds()))
            except (VaultUnavailable, RecordDamaged) as error:
                event("charges_waiting", level=logging.ERROR, code=error.code)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), seconds)

    async def turn(self) -> None:
        """Looks for those that are due now. Raises VaultUnavailable, RecordDamaged."""
        claimed = await self._table.claim(LEASE)
        await asyncio.gather(*(self._check(one) for one in claimed))

    async def _check(self, one: OpenCharge) -> None:
        try:
            await self._charges.check(one.row.id)
        except GatewayError as error:  # it is due again when its claim is over
            event("charge_not_checked", level=logging.ERROR, id=one.row.id, code=error.code)
            return
        if one.row.operation is not None and next_look(one.row, self._clock()) is None:
            event("charge_unresolved", level=logging.ERROR, id=one.row.id, tries=one.row.look_tries)
