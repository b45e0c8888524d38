"""Splits: what an XML parser drops from between two pieces of one text, so that they are one number.

Comments, processing instructions and the edges of CDATA sections (XML 1.0, sections 2.5 to 2.7).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.cards.spelling import Span

_LEFT: Final = frozenset(b"0123456789;" + bytes(range(0x90, 0xBA)))
_RIGHT: Final = frozenset(b"0123456789&\\% -.+\t\r\n]<" + b"\xef\xd9\xdb\xc2\xe2\xe3")
_LEFT_REACH: Final = 6  # a digit, then a spelled separator at most
_NEAR: Final = 24
_WINDOW: Final = 1 << 20  # no search holds the interpreter for longer than this many bytes take


def splits(data: bytes) -> list[Span]:
    """The comments, processing instructions and CDATA edges between two pieces of one number, in
    order. Linear: every search goes forward from where the last one ended."""
    found: list[Span] = []
    if data.find(b"!") >= 0:
        found += _enclosed(data, b"!", b"<!--", b"-->")
        edges = [at - 1 for at in _places(data, b"!") if data[at - 1 : at + 8] == b"<![CDATA["]
        if edges:
            found += ((at, at + 9) for at in edges)
            found += ((at, at + 3) for at in _places(data, b"]]>"))
    if data.find(b"?") >= 0:
        found += _enclosed(data, b"?", b"<?", b"?>")
    found.sort()
    kept: list[Span] = []
    run: list[Span] = []
    for start, end in found:
        if run and run[-1][1] > start:
            continue  # inside the one before
        if run and run[-1][1] < start:
            kept += _joining(data, run, kept)
            run = []
        run.append((start, end))
    return kept + _joining(data, run, kept)


def _enclosed(data: bytes, sign: bytes, opener: bytes, closer: bytes) -> Iterator[Span]:
    end = 0
    for place in _places(data, sign):
        at = place - 1
        inside = at + len(opener)
        if data[max(at, 0) : inside] != opener:
            continue
        if end < inside + len(closer):
            closed = _find(data, closer, inside)
            if closed < 0:
                return
            end = closed + len(closer)
        yield at, end


def _joining(data: bytes, run: list[Span], before: list[Span]) -> list[Span]:
    """`run`, splits that touch one another, if a number may go on from its left to its right;
    `before` are the splits that were kept so far."""
    if not run:
        return []
    start, end = run[0][0], run[-1][1]
    left, right = data[max(0, start - _LEFT_REACH) : start], data[end : end + 2]
    goes_on = bool(before) and start - before[-1][1] <= _NEAR  # with a digit or separator between
    if not (goes_on or not _LEFT.isdisjoint(left)) or not right:
        return []
    return run if right[0] in _RIGHT and right != b"</" else []


def _places(data: bytes, sign: bytes) -> Iterator[int]:
    at = _find(data, sign, 0)
    while at >= 0:
        yield at
        at = _find(data, sign, at + len(sign))


def _find(data: bytes, sign: bytes, start: int) -> int:
    """`data.find`, in windows."""
    while start < len(data):
        at = data.find(sign, start, start + _WINDOW + len(sign))
        if at >= 0:
            return at
        start += _WINDOW
    return -1
