"""Finds card numbers in bytes of any kind, in every disguise that the field has brought up.

Three passes, each with a gate that a message without cards leaves quickly:

1. plain digits, alone or with separators between: a byte translation leaves digits only, and a
   search for twelve of them in a row; and numbers that the caller named, in pieces (`scattered.py`);
2. spelled digits (references, escapes, percent, wide): decoded near their marks only;
3. base64 that spells digits, or that is long enough to hide a message.

Everything is done in windows, so that no single call keeps other threads waiting, and each pass
is linear in the number of bytes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from gateway.cards.judge import Known, Verdict, judge
from gateway.cards.near import Piece, pieces
from gateway.cards.scattered import in_pieces
from gateway.cards.spelling import SEPARATORS, Decoded, View, again, decode, read, read_again
from gateway.cards.unusual import PARTS, SIGNS, unusual
from gateway.cards.wrapped import unwrap
from gateway.secret import Secret

T = TypeVar("T")

_BLOCK: Final = 1 << 15
_OVERLAP: Final = 512  # a card, spelled as lavishly as it may be
_CARD: Final = 12  # digits; a shorter number is no card

_DIGIT_MASK: Final = bytes(
    48 if 48 <= byte < 58 else 47 if byte in PARTS else 101 if byte in b"eE" else 46
    for byte in range(256)
)
_RUN: Final = b"0" * _CARD
_MOST: Final = 8192
_SEAM: Final = 128  # a plain number with its separators is shorter
_STRETCH: Final = re.compile(b"[0-9][0-9" + re.escape(SEPARATORS) + b"]{0,%d}+" % (_MOST - 1))
_LEVELS: Final = 3  # a spelling of a spelling of a spelling
_RECENT: Final = 64
# How many signs before a number may have been taken for its digits, with a separator or two.
_BESIDE: Final = 3
_DEPTH: Final = 2  # base64 in base64 is looked into, no further


@dataclass(frozen=True, slots=True)
class Finding:
    """One card number. `spans` are the raw bytes of each digit as spelled, in order (but for the zeros at
    the end of a power of ten); where `view` is `base64` there is one span, of the whole encoded stretch.
    `known` tells a number that the caller named from one that only looks like a card."""

    digits: Secret[str]
    spans: tuple[tuple[int, int], ...]
    view: View
    known: bool

    @property
    def start(self) -> int:
        return self.spans[0][0]

    @property
    def end(self) -> int:
        return self.spans[-1][1]

    @property
    def in_place(self) -> bool:
        """Whether each digit can be replaced where it stands."""
        return self.view != "base64"


def find_cards(data: bytes, *, known: Collection[str] = ()) -> list[Finding]:
    """Every card number in `data`, in order, no two sharing a digit.

    `known` are numbers (digits only) that count as cards whatever they look like, also inside a
    longer run of digits. All others must pass `pan.is_plausible`. Raises nothing.
    """
    if len(data) < len(_RUN):  # no spelling of a digit is shorter than the digit
        return []
    return _find(data, Known.of(known), depth=0)


def has_long_number(data: bytes) -> bool:
    """Whether twelve or more digits stand together in any view, plausible or not."""
    return _has_long_number(data, depth=0)


def _has_long_number(data: bytes, depth: int) -> bool:
    texts = (text for piece in pieces(data) for text in _texts(data, piece))
    if any(True for text in itertools.chain((data,), texts) for _ in _stretches(text)):
        return True
    if depth == _DEPTH:
        return False
    return any(
        _has_long_number(wrapped.content, depth + 1 if wrapped.is_message else _DEPTH)
        for wrapped in unwrap(data)
    )


def _find(data: bytes, known: Known, depth: int) -> list[Finding]:
    found = [*_plain(data, known), *_spelled(data, known)]
    if depth < _DEPTH:
        found += _encoded(data, known, depth)
    if len(found) < 2:
        return found
    # Of two that begin at one place the longer: its first digits alone may pass for a card as well.
    found.sort(key=lambda one: (not one.known, not one.in_place, one.start, -len(one.spans)))
    return _without_overlaps(found)


def _without_overlaps(found: list[Finding]) -> list[Finding]:
    """Drops what shares a digit with a finding that stands earlier in the list; answers in order of
    place. Two numbers may be interleaved (one in a comment inside the other) and both count."""
    taken: set[int] = set()
    kept: list[Finding] = []
    for one in found:
        if not one.in_place:
            if any(_same(one, other) for other in kept[-_RECENT:]):
                continue  # found at two depths
        else:
            places = {place for span in one.spans for place in range(*span)}
            if not taken.isdisjoint(places):
                continue
            taken |= places
        kept.append(one)
    return sorted(kept, key=lambda one: one.start)


def _same(one: Finding, other: Finding) -> bool:
    overlap = one.start < other.end and other.start < one.end
    return overlap and one.digits.reveal() == other.digits.reveal()


# --- 1. plain digits --------------------------------------------------------------------------------


def _plain(data: bytes, known: Known) -> Iterator[Finding]:
    for verdict in _verdicts(data, known):
        number = data[verdict.start : verdict.end]
        places = [verdict.start + i for i, sign in enumerate(number) if 48 <= sign < 58]
        yield Finding(
            Secret("".join(chr(data[place]) for place in places) + "0" * verdict.zeros),
            tuple((place, place + 1) for place in places),
            "plain" if len(places) == len(number) else "separated",
            verdict.known,
        )


def _verdicts(text: bytes, known: Known) -> Iterator[Verdict]:
    odd: list[tuple[int, int]] = []
    for start, end in _stretches(text, odd):
        yield from judge(text, start, end, known)
    yield from in_pieces(text, known)
    for start, end in odd:
        yield from unusual(text, start, end)


def _stretches(data: bytes, odd: list[tuple[int, int]] | None = None) -> Iterator[tuple[int, int]]:
    """Where twelve or more digits stand with nothing but separators between them. `odd` is told where an
    unusual number may begin."""
    done = 0
    for begin in range(0, len(data), _BLOCK):
        low, high = max(begin, done), min(begin + _BLOCK + _OVERLAP, len(data))
        if low >= high:
            continue
        block = data[low:high]
        bare = block.translate(_DIGIT_MASK, SEPARATORS)
        if odd is not None and any(sign in _bare(data, begin, low, bare) for sign in SIGNS):
            odd.append((begin, begin + _BLOCK))
        hit = bare.find(_RUN)
        place = kept = 0
        while hit >= 0:
            place, kept = _advance(block, place, hit - kept), hit
            match = _STRETCH.search(data, low + place)
            if match is None:  # pragma: no cover - there are digits at `place`
                break
            stretch = match[0].rstrip(SEPARATORS)
            start, end = match.start(), match.start() + len(stretch)
            yield start, end
            if len(match[0]) == _MOST:  # it goes on: come back far enough to see a number whole
                end, stretch = end - _SEAM, stretch[:-_SEAM]
            done = end
            if end >= high:
                break
            place, kept = end - low, kept + _digits_in(stretch)
            hit = bare.find(_RUN, kept)


def _bare(data: bytes, begin: int, low: int, bare: bytes) -> bytes:
    """`bare`, of all of a window though a stretch of digits of the one before ended in it."""
    return bare if low == begin else data[begin:low].translate(_DIGIT_MASK, SEPARATORS) + bare


def _advance(block: bytes, place: int, count: int) -> int:
    """The index in `block`, from `place` on, after `count` bytes that are no separators."""
    while count:
        kept = len(block[place : place + count].translate(None, SEPARATORS))
        place += count
        count -= kept
    return place


def _digits_in(stretch: bytes) -> int:
    return len(stretch.translate(None, SEPARATORS))


# --- 2. spelled digits ------------------------------------------------------------------------------


def _spelled(data: bytes, known: Known) -> Iterator[Finding]:
    for piece in pieces(data):
        # Where each sign stood is found out for a text with a number in it: hardly any has one.
        if not any(True for text in _texts(data, piece) for _ in _verdicts(text, known)):
            continue
        for decoded in _levels(data, piece):
            for verdict in _verdicts(decoded.text, known):
                if piece.first <= decoded.starts[verdict.start] < piece.last:
                    yield from _disguised(decoded, verdict)


def _texts(data: bytes, piece: Piece) -> Iterator[bytes]:
    """The texts of `_levels`."""
    return _undone(read(data, piece.segments), read_again)


def _levels(data: bytes, piece: Piece) -> Iterator[Decoded]:
    return _undone(decode(data, piece.segments), again)


def _undone(said: T | None, again: Callable[[T], T | None]) -> Iterator[T]:
    """What a piece says, and what that says in turn: a spelling of a spelling."""
    for _ in range(_LEVELS):
        if said is None:
            return
        yield said
        said = again(said)


def _disguised(decoded: Decoded, verdict: Verdict) -> Iterator[Finding]:
    view = decoded.view(verdict.start, verdict.end)
    if view is None:
        if not any(decoded.kinds[max(0, verdict.start - _BESIDE) : verdict.start]):
            return  # the first pass has seen it
        # Behind `%20` the first pass took it for a longer one.
        bare = decoded.text[verdict.start : verdict.end].isdigit()
        view = "plain" if bare else "separated"
    places = [
        place for place in range(verdict.start, verdict.end) if 48 <= decoded.text[place] < 58
    ]
    yield Finding(
        Secret("".join(chr(decoded.text[place]) for place in places) + "0" * verdict.zeros),
        tuple((decoded.starts[place], decoded.ends[place]) for place in places),
        view,
        verdict.known,
    )


# --- 3. base64 --------------------------------------------------------------------------------------


def _encoded(data: bytes, known: Known, depth: int) -> Iterator[Finding]:
    for wrapped in unwrap(data):
        inner = _find(wrapped.content, known, depth + 1 if wrapped.is_message else _DEPTH)
        for one in inner:
            yield Finding(one.digits, ((wrapped.start, wrapped.end),), "base64", one.known)
