"""Keeps the libraries' own log lines away: they quote what peers sent (P16)."""

from __future__ import annotations

import asyncio
import errno
import logging
from typing import Any, Final

from gateway.log import event

# `asyncio` and `hpack` print exceptions and tasks, whose reprs hold arguments.
_TREES: Final = ("mitmproxy", "mitmproxy_rs", "asyncio", "hpack", "h11")


def silence() -> None:
    """Ends the libraries' loggers: no level, no handler, no propagation."""
    for name in _TREES:
        tree = logging.getLogger(name)
        tree.handlers[:] = [logging.NullHandler()]
        tree.setLevel(logging.CRITICAL + 1)
        tree.propagate = False
        for known in list(logging.Logger.manager.loggerDict):
            if known.startswith(name + "."):
                below = logging.getLogger(known)
                below.handlers[:] = []
                if below.level:  # to set a level has every logger forget what it knew
                    below.setLevel(logging.NOTSET)
                below.propagate = True


def report_unhandled(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler: which kind of exception, or what the system calls it (`EMFILE`); nothing
    of what it says."""
    error = context.get("exception")
    kind = type(error).__name__ if error is not None else ""
    if isinstance(error, OSError):
        kind = errno.errorcode.get(error.errno or 0, kind)
    event("unhandled_error", level=logging.ERROR, exception=kind)
