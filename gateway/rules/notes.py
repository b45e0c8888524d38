"""The problems of one pack, gathered while it is compiled."""

from __future__ import annotations

from gateway.errors import Problem
from gateway.yaml_place import Key, Located

Place = tuple[Key, ...]


class Notes:
    """A list of problems that knows where a part of the pack stands."""

    def __init__(self, located: Located) -> None:
        self._located = located
        self._problems: list[Problem] = []

    def add(self, place: Place, message: str, hint: str = "") -> None:
        """Notes a problem at a place of the pack: at what stands there."""
        self._problems.append(self._located.problem(place, message, hint))

    def add_key(self, place: Place, message: str, hint: str = "") -> None:
        """Notes that a key does not belong where it stands, whatever its value."""
        self._problems.append(self._located.problem_of_key(place, message, hint))

    def problems(self) -> list[Problem]:
        """Each of them once, in the order of the file: two routes may meet the same mistake."""
        return sorted(dict.fromkeys(self._problems), key=lambda problem: problem.order)
