"""Something that is started and stopped: with `with` from any thread, with `async with` on a loop."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Started(ABC):
    """`start` and `stop` block, so on an event loop they run in a thread."""

    @abstractmethod
    def start(self) -> Self:
        """Serves when it returns."""

    @abstractmethod
    def stop(self) -> None:
        """Ends it; nothing happens when it does not run."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)
