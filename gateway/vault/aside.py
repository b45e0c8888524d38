"""Threads for what would keep the event loop waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gateway.errors import VaultUnavailable

T = TypeVar("T")


class Aside:
    """A few threads of one name. One kind of work does not wait behind another's."""

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[[], T]) -> T:
        """Runs `work` in a thread. Raises what it raises, and VaultUnavailable after `close`."""
        try:
            future = self._pool.submit(work)
        except RuntimeError:  # closed
            future = None
        if future is None:
            raise VaultUnavailable
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Waits for what was begun. Further calls do nothing."""
        self._pool.shutdown()
