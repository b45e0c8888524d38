"""Numbers that this exchange put in, in pieces: `4,242,424,...`, `4242</b><b>4242`, `4242_4242`.

Of a number that is known nothing has to be guessed, so that nearly anything may stand between its
pieces: punctuation, markup, the name of an entity, the soft line break of a quoted mail. Not so
letters, nor what a mask is made of: a masked number beside another one is no number.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final

from gateway.cards.judge import FEW, Known, Verdict

_MOST_PIECES: Final = 8
_GAP: Final = re.compile(rb"(?:[^0-9A-Za-z<>&*#]|[*#](?![*#])|<[^<>0-9]{1,64}>|&[A-Za-z]{2,24};)+")
_LONGEST_GAP: Final = 96  # bytes
_REACH: Final = 1024  # no number with its gaps is longer
_WINDOW: Final = 1 << 18  # no call over more: it holds the interpreter
_OTHERS: Final = bytes(byte for byte in range(256) if not 48 <= byte < 58)
_DIGITS: Final = re.compile(rb"[0-9]+")

_Span = tuple[int, int]


def in_pieces(text: bytes, known: Known) -> Iterator[Verdict]:
    """Where a known number stands in two to eight pieces. Linear; in order for each number."""
    if not known.numbers or len(known.numbers) > FEW:
        return
    sought = [number.encode("ascii") for number in known.numbers]
    for begin in range(0, len(text), _WINDOW):
        block = text[begin : begin + _WINDOW + _REACH]
        bare = block.translate(None, _OTHERS)
        split = [number for number in sought if bare.count(number) > block.count(number)]
        if not split:
            continue
        spans = [match.span() for match in _DIGITS.finditer(block)]
        before = [0, *accumulate(end - start for start, end in spans)]
        for number in split:
            at = bare.find(number)
            while at >= 0:
                found = _whole(block, spans, before, at, len(number))
                if found is not None and found[0] < _WINDOW:
                    yield Verdict(begin + found[0], begin + found[1], known=True)
                # No two share a digit: `42424242…` has a number at each second one.
                at = bare.find(number, at + (1 if found is None else len(number)))


def _whole(
    block: bytes, spans: Sequence[_Span], before: Sequence[int], at: int, length: int
) -> _Span | None:
    """Where the `length` digits of `block` stand that begin with its `at`-th one, if they are pieces of
    one number. `before[i]` counts the digits in front of `spans[i]`."""
    first, last = bisect_right(before, at) - 1, bisect_right(before, at + length - 1) - 1
    if not 0 < last - first < _MOST_PIECES:
        return None
    for (_, end), (start, _) in pairwise(spans[first : last + 1]):
        if start - end > _LONGEST_GAP or _GAP.fullmatch(block, end, start) is None:
            return None
    start = spans[first][0] + at - before[first]
    return start, spans[last][0] + at + length - before[last]
