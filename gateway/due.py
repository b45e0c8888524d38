"""Work that stands in the vault with a time: done when it is due, whoever restarts meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NoReturn

from gateway.errors import RecordDamaged, VaultUnavailable
from gateway.log import event

_LONGEST_SLEEP: Final = 30.0  # another process may have written something
_SHORTEST_SLEEP: Final = 0.05


async def keep_doing(
    turn: Callable[[], Awaitable[None]],
    next_due: Callable[[], Awaitable[datetime | None]],
    *,
    wake: asyncio.Event,
    clock: Callable[[], datetime],
    waiting: str,
    longest: float = _LONGEST_SLEEP,
) -> NoReturn:
    """Does what is due, then sleeps until something else is, or until `wake` is set, and no longer than
    `longest` seconds; until it is cancelled. While the vault is not there the log says so, as the event `waiting`.
    """
    while True:
        wake.clear()
        seconds = longest
        try:
            await turn()
            due = await next_due()
            if due is not None:
                seconds = min(seconds, max(_SHORTEST_SLEEP, (due - clock()).total_seconds()))
        except (VaultUnavailable, RecordDamaged) as error:
            event(waiting, level=logging.ERROR, code=error.code)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), seconds)
