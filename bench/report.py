"""Everything that one run measured."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib.metadata import version

from bench.bulk import Bulk
from bench.codec import Codec
from bench.exchanges import Cost
from bench.goals import Goal
from bench.vault import Versus
from bench.window import Window


@dataclass(slots=True)
class Report:
    """Filled from top to bottom. `memory` is (MB now, MB at most) by moment."""

    costs: list[Cost] = field(default_factory=list)
    endpoint: Cost | None = None
    card_route: list[Cost] = field(default_factory=list)
    codecs: list[Codec] = field(default_factory=list)
    bulks: list[Bulk] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    vault: list[Versus] = field(default_factory=list)
    floor: dict[int, dict] = field(default_factory=dict)
    loop: dict | None = None
    idle: dict | None = None
    memory: dict[str, tuple[float, float]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def versions(self) -> dict[str, str]:
        return {"python": platform.python_version(), "mitmproxy": version("mitmproxy")}

    @property
    def met(self) -> bool:
        return all(goal.met for goal in self.goals)

    def plain(self) -> dict:
        """For JSON."""
        return {
            "versions": self.versions,
            "exchanges": [_plain(one) for one in self.costs],
            "endpoint": None if self.endpoint is None else _plain(self.endpoint),
            "card_route": [_plain(one) for one in self.card_route],
            "codec": [
                {"kind": one.kind.title, "bytes": one.bytes, "cpu_us": one.micros,
                 "parsing_us": one.parsing}
                for one in self.codecs
            ],
            "bulk": [
                {"kind": one.kind, "bookings": one.count, "bytes": one.bytes,
                 "wall_s": one.wall, "cpu_s": one.cpu}
                for one in self.bulks
            ],
            "floor": self.floor,
            "window": [
                {"cards": one.count, "bytes": one.bytes, "window_s": one.window, "wall_s": one.wall,
                 "share": one.share}
                for one in self.windows
            ],
            "vault": [
                {"store": one.store, "kind": one.kind, "cards": one.count, "ratio": one.ratio,
                 "floor_wall_s": one.floor_wall, "floor_cpu_s": one.floor_cpu,
                 "wall_s": one.wall, "cpu_s": one.cpu}
                for one in self.vault
            ],
            "loop": {"busy": self.loop, "idle": self.idle},
            "memory_mb": self.memory,
            "goals": [
                {"goal": one.title, "got": one.got, "at_most": one.at_most, "unit": one.unit,
                 "met": one.met}
                for one in self.goals
            ],
            "seconds": self.seconds,
        }  # fmt: skip


def _plain(cost: Cost) -> dict:
    return {"case": cost.case.title, "cpu_us": cost.micros, "ratio": cost.ratio}
