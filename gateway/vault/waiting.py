"""Waiting on the event loop for what a thread does."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

T = TypeVar("T")


async def result_of(future: Future[T]) -> T:
    """What `future` ends in. Who is cancelled meanwhile cancels it, which stops it before it begins only.

    Does what `asyncio.wrap_future` does, which chains two futures both ways and takes twice as long: every
    message with a card waits here.
    """
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()
    future.add_done_callback(partial(_ended, loop, woken))
    try:
        await woken
    except asyncio.CancelledError:
        future.cancel()
        raise
    if future.cancelled():
        raise asyncio.CancelledError
    try:
        return future.result()
    finally:
        del future  # what it raises holds this frame, with all that its own frames hold


def _ended(
    loop: asyncio.AbstractEventLoop, woken: asyncio.Future[None], _future: Future[T]
) -> None:
    """On the thread that did it."""
    if not loop.is_closed():  # else nobody waits any more
        loop.call_soon_threadsafe(_wake, woken)


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():  # it was cancelled
        woken.set_result(None)
