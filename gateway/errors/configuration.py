"""gateway.yaml or a pack is wrong."""

from __future__ import annotations

from dataclasses import dataclass


class ConfigurationError(Exception):
    """gateway.yaml or a pack is wrong. Holds every problem found, each with its place."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a YAML file: `file:line:column: message`, and what to do about it.

    Line and column count from 1; 0 is "the file as a whole", or "the line as a whole".
    """

    file: str
    line: int
    message: str
    hint: str = ""
    column: int = 0

    @property
    def place(self) -> str:
        """`file:line:column`, as compilers write it; as much of it as is known."""
        return ":".join([self.file, *(str(part) for part in (self.line, self.column) if part)])

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands in its file: for sorting."""
        return self.line, self.column

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f"\n    {self.hint}" if self.hint else "")
