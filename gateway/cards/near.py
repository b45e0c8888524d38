"""Which parts of a message are worth decoding: those near a mark of a disguise, in small pieces."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.cards.marks import marks
from gateway.cards.splits import splits

Segment = tuple[int, int]

# How far a number may go on from a mark in plain digits and plain separators: what is spelled is a
# mark itself.
_REACH: Final = 160
_WHOLE: Final = 512  # no card is longer than this, however lavishly it is spelled
_BLOCK: Final = 1 << 15
_PIECE: Final = 1 << 15
_MARK: Final = 64  # longer than what any mark's pattern looks at


@dataclass(frozen=True, slots=True)
class Piece:
    """Segments that are read as one text. A number belongs to the piece whose `[first, last)` its
    first byte stands in: pieces of one long text overlap, so that none is cut in two."""

    segments: tuple[Segment, ...]
    first: int
    last: int


def pieces(data: bytes) -> Iterator[Piece]:
    """Every part of `data` in which a disguised number could stand. Linear, and lazy."""
    cuts = splits(data)
    yield from _pieces(data, ())
    if cuts:
        yield from _pieces(data, cuts)


def _marks(data: bytes) -> Iterator[Segment]:
    known = marks(data)
    for begin in range(0, len(data), _BLOCK):
        end = begin + _BLOCK
        spans: list[Segment] = []
        for sign, pattern in known:
            if data.find(sign, begin, end) >= 0:
                spans += (
                    match.span()
                    for match in pattern.finditer(data, begin, end + _MARK)
                    if match.start() < end
                )
        yield from sorted(spans)


def _pieces(data: bytes, cuts: Sequence[Segment]) -> Iterator[Piece]:
    """One walk over the marks; `cuts` are left out of the text."""
    size = len(data)
    parts: list[Segment] = []  # of the text at hand, closed; the open one starts at `at`
    first = at = length = 0
    reach = -1
    all_marks = (
        heapq.merge(((*span, False) for span in _marks(data)), ((*span, True) for span in cuts))
        if cuts
        else ((*span, False) for span in _marks(data))
    )
    for start, end, is_cut in all_marks:
        if start < at and reach >= 0:
            continue  # inside a cut
        low = max(start - _REACH, at)
        if low > reach:
            if reach >= 0:
                yield Piece((*parts, (at, reach)), first, size)
            parts, length, at, first = [], 0, low, low
        if is_cut or start - at > _PIECE:
            parts.append((at, start))
            length += start - at
            at = end if is_cut else start
        reach = max(min(end + _REACH, size), at)
        if length > _PIECE:
            kept, last = _tail(parts)
            yield Piece(tuple(parts), first, last)
            parts, first, length = kept, last, 2 * _WHOLE
    if reach >= 0:
        yield Piece((*parts, (at, reach)), first, size)


def _tail(parts: Sequence[Segment]) -> tuple[list[Segment], int]:
    """The last bytes of a text, twice `_WHOLE` of them, and where the second half begins."""
    kept: list[Segment] = []
    middle, missing = 0, 2 * _WHOLE
    for start, end in reversed(parts):
        begin = max(start, end - missing)
        if missing > _WHOLE >= missing - (end - begin):
            middle = end - (missing - _WHOLE)
        kept.insert(0, (begin, end))
        missing -= end - begin
        if not missing:
            break
    return kept, middle
