"""What the readers of files, archives and databases hand to `card-gateway scan`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

OVERLAP: Final = 4096  # a number at the end of one chunk is seen whole at the start of the next


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of what stands at `place`. The first `overlap` bytes were in the chunk before.
    `line` is the number of the line it begins in, or 0 where lines mean nothing."""

    place: str
    data: bytes = field(repr=False)
    line: int = 1
    overlap: int = 0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that could not be looked into, and why."""

    place: str
    why: str


Part = Chunk | Unreadable
