"""What `card-gateway rules check` tells about a pack that is no mistake in its YAML."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import Problem


class Level(StrEnum):
    """How much a finding matters."""

    MISTAKE = "mistake"  # the gateway does not take the rules like this
    LOOK = "worth a look"  # it takes them, and somebody will have meant something else
    TOLD = "good to know"  # what the rules leave to the guard, or refuse: told when asked for


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about the packs: where, what is meant, and what to change (the problem's hint)."""

    level: Level
    kind: str  # a stable name: `tie`, `never-taken`, `shadowed`, …
    about: str  # `system/route`, `system`, or what it is in gateway.yaml
    problem: Problem
    yaml: str = ""  # to paste
    requests: tuple[str, ...] = ()  # `POST https://host/path`, each an example of what is meant
