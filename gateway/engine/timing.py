"""Where an exchange's time goes: to us, to upstream, or to a client that takes its time."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Literal

Part = Literal["gateway", "upstream", "client"]


class Laps:
    """Begins with the gateway's part; `turn` says whose the time is from now on."""

    __slots__ = ("_clock", "_part", "_since", "_spent")

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._part: Part = "gateway"
        self._since = clock()
        self._spent: dict[Part, float] = {"gateway": 0.0}

    def turn(self, part: Part) -> None:
        """What passed was the last part's; what comes is `part`'s."""
        now = self._clock()
        self._spent[self._part] = self._spent.get(self._part, 0.0) + now - self._since
        self._part, self._since = part, now

    def note(self, seconds: dict[str, float]) -> None:
        """Writes `gateway`, without what `vault` took of it, and `upstream` if it was asked."""
        self.turn(self._part)
        if "upstream" in self._spent:
            seconds["upstream"] = self._spent["upstream"]
        seconds["gateway"] = max(0.0, self._spent["gateway"] - seconds.get("vault", 0.0))
