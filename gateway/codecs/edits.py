"""Edits of a body's bytes: what a codec answers, and the one place where a body is put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final, NamedTuple

from gateway.errors import MessageUnfit

_PLACE: Final = itemgetter(0, 1)
PIECE: Final = 1024 * 1024  # bytes that one C call copies or searches while other threads wait


class Edit(NamedTuple):
    """`body[start:end]` of the original becomes `new`. `start == end` inserts.

    A tuple, as the changes below: a message with ten thousand cards has fifty thousand of each, and
    a frozen dataclass takes three times as long to make.
    """

    start: int
    end: int
    new: bytes

    def __repr__(self) -> str:
        return f"Edit(start={self.start}, end={self.end})"


@dataclass(frozen=True, slots=True)
class Spliced:
    """A changed body, and the edits that made it, in order of their place in the original."""

    body: bytes = field(repr=False)
    edits: list[Edit]


def apply_edits(body: bytes, edits: Iterable[Edit]) -> Spliced:
    """Splices `edits` into `body`. Several insertions at one point keep the order they are given in.

    Raises `MessageUnfit` where edits overlap.
    """
    ordered: list[Edit] = []
    copied: list[bytes] = []
    position = 0
    whole = len(body) <= PIECE
    for portion in (sorted(edits, key=_PLACE),) if whole else _portions(edits):
        parts: list[bytes] = copied if whole else []
        for start, end, new in portion:
            if start < position or end < start:
                raise MessageUnfit
            if start - position <= PIECE:
                parts.append(body[position:start])
            else:
                parts.extend(pieces(body, position, start))
            parts.append(new)
            position = end
        if not whole:
            copied.append(b"".join(parts))
        ordered += portion
    if not ordered:
        return Spliced(body, [])
    copied.extend(pieces(body, position, len(body)))
    return Spliced(b"".join(copied), ordered)


def _portions(edits: Iterable[Edit]) -> Iterator[list[Edit]]:
    """The edits in order, by the pieces of the body that they begin in.

    Sorting or joining fifty thousand at once would hold the interpreter's lock for 30 ms.
    """
    portions: dict[int, list[Edit]] = {}
    for edit in edits:
        portions.setdefault(edit.start // PIECE, []).append(edit)
    for place in sorted(portions):
        yield sorted(portions[place], key=_PLACE)


def pieces(body: bytes, start: int, end: int) -> Iterator[bytes]:
    """`body[start:end]` in slices of at most `PIECE` bytes.

    One long slice would hold the interpreter's lock while it copies; a join of slices gives it up.
    """
    for at in range(start, end, PIECE):
        yield body[at : min(at + PIECE, end)]
