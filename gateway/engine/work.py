"""Commands and events of our own: run a coroutine, with or without waiting for its result."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from mitmproxy.proxy import commands, events


class Work(commands.Command):
    """Pauses the layer until `coroutine` is done; the reply is its result. It must not raise."""

    blocking = True

    def __init__(self, coroutine: Coroutine[Any, Any, object]) -> None:
        self.coroutine = coroutine

    def __repr__(self) -> str:
        return "Work()"


class Aside(commands.Command):
    """Runs `coroutine` without waiting for it. It must not raise."""

    def __init__(self, coroutine: Coroutine[Any, Any, object]) -> None:
        self.coroutine = coroutine

    def __repr__(self) -> str:
        return "Aside()"


@dataclass(repr=False)
class WorkCompleted(events.CommandCompleted):  # type: ignore[no-untyped-call]  # untyped there
    """The reply to a `Work`."""

    command: Work
    reply: object


class TimedOut(events.Event):
    """The session's deadline has passed."""
