"""From gateway.yaml to a worker: at once, or as soon as the vault's key can be had.

1. What will not mend itself ends the start: a mistake in a file, a key that is missing, open to others or
   another vault's, a server that says no.
2. A server that can not give the key now is asked again, with growing pauses, for as long as it takes.
   Meanwhile the gateway's ports are open and refuse everything: `sealed`.
3. Whoever stops us then does not wait for the server.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from gateway import loaded
from gateway.config import Config
from gateway.errors import ConfigurationError, VaultSealed
from gateway.log import event
from gateway.sealed import Sealed
from gateway.vault.kek.patience import pauses
from gateway.worker import Worker

T = TypeVar("T")


async def unsealed(config: Config, stop: asyncio.Event) -> Worker | None:
    """A worker that is not started yet; None when `stop` was set before there was one.

    Raises what Worker raises, but for a VaultSealed that may pass; OSError where a port can not be had.
    """
    once = config.model_copy(update={"vault": config.vault.asking_once()})
    sealed: Sealed | None = None
    try:
        for pause in pauses():
            try:
                return await _beside(lambda: Worker(once), stop)
            except VaultSealed as error:
                if not error.again:
                    raise
                why = error
            except ConfigurationError:
                await asyncio.to_thread(loaded.refused_at_start, once)
                raise
            event(
                "kek_awaited", level=logging.WARNING, provider=why.provider, why=why.problem.message
            )
            if sealed is None:
                sealed = Sealed(config, why)
                await sealed.open()
            sealed.why = why
            if await _set_within(stop, pause):
                break
        return None
    finally:
        if sealed is not None:
            await sealed.close()


async def _beside(work: Callable[[], T], stop: asyncio.Event) -> T | None:
    """What `work` gives, run in a thread; None when `stop` is set before. Raises what `work` raises.

    The thread is left to itself then, and ends with the process: a server that does not answer would
    keep one of asyncio's for as long as it likes.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001  # handed to whoever waits, never swallowed
            done.set_exception(error)

    threading.Thread(target=run, name="start", daemon=True).start()
    result, stopping = asyncio.wrap_future(done), asyncio.ensure_future(stop.wait())
    either: list[asyncio.Future[Any]] = [result, stopping]  # Any: of two types
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    return result.result() if result.done() else None


async def _set_within(stop: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
