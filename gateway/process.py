"""What the whole process needs before it serves: quick switches, threads enough, no core dump."""

from __future__ import annotations

import asyncio
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from gateway.heap import free_in_small_steps

# Threads of the loop's own: key refresh, name look-ups, health. Messages have theirs (threads.py).
_THREADS: Final = 16
# How long a thread may keep the interpreter's lock when the loop wants it. Python's 5 ms add up with
# each thread that waits: at worst the loop stood for 682 ms under load, with this for 143 ms.
_SWITCH_SECONDS: Final = 0.0005


def settle() -> None:
    """To be called once, on the running event loop."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it would hold cards and keys
    sys.setswitchinterval(_SWITCH_SECONDS)
    free_in_small_steps()
    threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="gateway")
    asyncio.get_running_loop().set_default_executor(threads)
