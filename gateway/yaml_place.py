"""Data read from YAML, and on which line each of its parts stands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import Problem

Key = str | int


@dataclass(slots=True)
class Located:
    """`data` as dicts (keys are text), lists and scalars; `line()` tells where a part stands.

    A place is the keys and list indexes that lead to it: `("routes", 0, "to")`.
    """

    data: object
    file: str
    keys: dict[tuple[Key, ...], int] = field(default_factory=dict, repr=False)
    values: dict[tuple[Key, ...], int] = field(default_factory=dict, repr=False)

    def line(self, place: Sequence[Key]) -> int:
        """The line of a part: its key's, or a list item's own. Steps that do not exist are skipped,
        so that the nearest part that encloses a missing one is told."""
        path = self.known(place)
        return self.keys.get(path) or self.values.get(path, 1)

    def known(self, place: Sequence[Key]) -> tuple[Key, ...]:
        """`place` without the steps that the data does not have."""
        path: tuple[Key, ...] = ()
        for step in place:
            if (*path, step) in self.values:
                path = (*path, step)
        return path

    def at(self, place: Sequence[Key]) -> object:
        """The part itself. `place` must exist."""
        part: Any = self.data  # a place leads through mappings and lists
        for step in place:
            part = part[step]
        return part

    def problem(self, place: Sequence[Key], message: str, hint: str = "") -> Problem:
        """A problem with the line of `place`."""
        return Problem(self.file, self.line(place), message, hint)

    def json(self) -> str:
        """The data as JSON: pydantic's strict mode reads lists as tuples, text as paths from it."""
        return json.dumps(self.data)
