"""gateway.yaml or a pack is wrong."""

from __future__ import annotations


class ConfigurationError(Exception):
    """gateway.yaml or a pack is wrong. Holds every problem found, each with its place."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Problem:
    """One mistake in a YAML file: `file:line: message`, and what to do about it."""

    __slots__ = ("file", "hint", "line", "message")

    def __init__(self, file: str, line: int, message: str, hint: str = "") -> None:
        self.file, self.line, self.message, self.hint = file, line, message, hint

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}" + (f"\n    {self.hint}" if self.hint else "")
