"""What the whole process needs before it serves: quick switches, threads and files enough, no core dump."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from gateway.heap import free_in_small_steps
from gateway.log import event

# Threads of the loop's own: key refresh, name look-ups, health. Messages have theirs (threads.py).
_THREADS: Final = 16
# Files that are no client's: the vault and its connections, rules, pages, control and metrics ports.
_FILES: Final = 256
_PR_SET_DUMPABLE: Final = 4  # linux/prctl.h
# How long a thread may keep the interpreter's lock when the loop wants it. Python's 5 ms add up with
# each thread that waits: at worst the loop stood for 682 ms under load, with this for 143 ms.
_SWITCH_SECONDS: Final = 0.0005


def leave_no_dump() -> None:
    """Keeps the memory, which holds cards and keys, from core dumps and from others of the same user.

    The limit alone does not: where dumps go to a program (`kernel.core_pattern` with `|`, as most distributions
    have it) the kernel does not look at it. What may not be dumped is also closed to debuggers, and to whoever
    reads `/proc/<pid>/mem` and `environ`, but root's.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def open_files_for(connections: int, backlog: int) -> None:
    """Sees to it that so many clients do not use up the files that the process may open, each with an upstream
    connection, and `backlog` more that are about to be refused (P33): then nobody is let in, and /readyz,
    the vault and an audit's file go without, too.

    Most systems start a process with 1024, and let it take more: it takes what it needs. Where that is
    not to be had, the log says so.
    """
    needed = 2 * connections + backlog + _FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    files = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    if files < needed:
        event("few_files", level=logging.WARNING, limit=files, needed=needed)


def settle() -> None:
    """To be called once, on the running event loop."""
    leave_no_dump()
    sys.setswitchinterval(_SWITCH_SECONDS)
    free_in_small_steps()
    threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="gateway")
    asyncio.get_running_loop().set_default_executor(threads)
