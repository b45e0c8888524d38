"""What the outbox has to do by itself: send, try again, give up.

All of it stands in the vault: after a restart it goes on where it was. Each client has a lane of its
own, so that a receiver that is slow keeps nobody else's notices waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from gateway.due import keep_doing
from gateway.log import event
from gateway.metrics import Metrics
from gateway.vault.notices import Notice, NoticeTable, OpenNotice
from gateway.webhooks.post import Post

KIND: Final = "X-Gateway-Event"
DELIVERY: Final = "X-Gateway-Delivery"
# Longer than an attempt may take.
LEASE: Final = timedelta(minutes=3)


class Lane:
    """One client's notices, in turns."""

    def __init__(
        self,
        client: str,
        *,
        table: NoticeTable,
        post: Post,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._client, self._table, self._post = client, table, post
        self._metrics, self._clock = metrics, clock
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Until it is cancelled."""
        await keep_doing(
            self.turn,
            lambda: self._table.next_due(self._client),
            wake=self.wake,
            clock=self._clock,
            waiting="notices_waiting",
        )

    async def turn(self) -> None:
        """Sends what is due now. Raises VaultUnavailable."""
        now = self._clock()
        claimed = await self._table.claim(self._client, now, now + LEASE)
        await asyncio.gather(*(self._send(one) for one in claimed))

    async def _send(self, one: OpenNotice) -> None:
        about = {KIND: one.row.kind, DELIVERY: one.row.id}
        failure, now = await self._post.send(one.body, about), self._clock()
        if not failure:
            await self._table.delivered(one.row, now)
            self._metrics.notices.labels("delivered").inc()
            return
        due = self._post.next(one.row.tries, now)
        await self._table.failed(one.row, failure, now, due)
        self._tell(one.row, failure, due)

    def _tell(self, row: Notice, code: str, due: datetime | None) -> None:
        name = "notice_not_delivered" if due else "notice_given_up"
        level = logging.WARNING if due else logging.ERROR
        event(name, level=level, id=row.id, client=row.client, code=code, tries=row.tries)
        self._metrics.notices.labels("failed" if due else "given_up").inc()


class Jobs:
    """`run` until it is cancelled."""

    def __init__(self, lanes: Sequence[Lane], table: NoticeTable) -> None:
        self.lanes, self._table = lanes, table

    async def run(self) -> None:
        """Every lane."""
        loop = asyncio.get_running_loop()

        def woken() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the next start sends it
                loop.call_soon_threadsafe(self._wake)

        self._table.wake(woken)
        async with asyncio.TaskGroup() as group:
            for lane in self.lanes:
                group.create_task(lane.run())

    def _wake(self) -> None:
        for lane in self.lanes:
            lane.wake.set()
