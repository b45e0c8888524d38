"""Data read from YAML, and where each of its parts stands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.errors import Problem

Key = str | int


class Mark(NamedTuple):
    """A place in a file. Both count from 1, the column in characters."""

    line: int
    column: int


@dataclass(slots=True)
class Located:
    """`data` as dicts (keys are text), lists and scalars; `mark()` tells where a part stands.

    A place is the keys and list indexes that lead to it: `("routes", 0, "to")`.
    """

    data: object
    file: str
    keys: dict[tuple[Key, ...], Mark] = field(default_factory=dict, repr=False)
    values: dict[tuple[Key, ...], Mark] = field(default_factory=dict, repr=False)

    def line(self, place: Sequence[Key]) -> int:
        """The line of a part: its key's, or a list item's own. Steps that do not exist are skipped,
        so that the nearest part that encloses a missing one is told."""
        return self.mark_of_key(place).line

    def mark_of_key(self, place: Sequence[Key]) -> Mark:
        """Where a part's key stands, or a list item itself. Steps that do not exist are skipped."""
        path = self.known(place)
        return self.keys.get(path) or self.values.get(path, Mark(1, 1))

    def mark(self, place: Sequence[Key]) -> Mark:
        """Where a part itself stands: the value, if that is one text or number and begins on its
        key's line; else the key. Steps that do not exist are skipped."""
        path, key = self.known(place), self.mark_of_key(place)
        value = self.values.get(path, key)
        plain = not isinstance(self.at(path), dict | list)
        return value if plain and value.line == key.line else key

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
        """A problem with what stands at `place`."""
        line, column = self.mark(place)
        return Problem(self.file, line, message, hint, column)

    def problem_of_key(self, place: Sequence[Key], message: str, hint: str = "") -> Problem:
        """A problem with the key of `place`, whatever its value."""
        line, column = self.mark_of_key(place)
        return Problem(self.file, line, message, hint, column)

    def json(self) -> str:
        """The data as JSON: pydantic's strict mode reads lists as tuples, text as paths from it."""
        return json.dumps(self.data)
