"""Where work on a message is done: on the event loop when it is small, in a thread when not."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

# What a message costs depends on how dense it is: up to 14 µs a byte was measured, so that 64 KB
# could hold the loop for 0.9 s. Up to this size it is about as long as handing it over and back.
IN_THREAD: Final = 8 * 1024

# Messages have threads of their own, so that slow ones do not keep the loop's default threads from
# what must not wait: key refresh, name look-ups, health. More would only contend for the lock.
_POOL: Final = ThreadPoolExecutor(
    max_workers=max(2, min(4, os.cpu_count() or 2)), thread_name_prefix="message"
)

P = ParamSpec("P")
T = TypeVar("T")


async def run(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls `work`, in a thread when `size` (bytes of the message) is above 8 KB."""
    if size <= IN_THREAD:
        return work(*args, **kwargs)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_POOL, functools.partial(work, *args, **kwargs))
