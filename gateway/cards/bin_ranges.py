"""Ranges of card numbers by their first digits: `512933`, `526812-526819`. Pure but for `load_ranges`."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.errors import ConfigurationError, Problem

_LONGEST: Final = 11  # digits of a prefix; a card has twelve at least
_SHORTEST: Final = 6  # fewer would be whole schemes
_IN_COMMON: Final = 3
_FIRST: Final = frozenset("234568")  # ISO/IEC 7812: schemes that are cards for payment
_RANGE: Final = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_LINE: Final = re.compile(r"([0-9][0-9 -]*?)\s*(?:[,;#].*|\s[^0-9 -].*)?")


@dataclass(frozen=True, slots=True)
class Range:
    """From one prefix to another of its length, both included. `text`: as it was written."""

    text: str
    first: str = field(repr=False)
    last: str = field(repr=False)

    @property
    def bounds(self) -> tuple[str, str]:
        """The lowest and the highest digits in it, of one length for all ranges."""
        return self.first.ljust(_LONGEST, "0"), self.last.ljust(_LONGEST, "9")


@dataclass(frozen=True, slots=True)
class Ranges:
    """Ranges that do not overlap, in their order."""

    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()

    def hold(self, digits: str) -> bool:
        """Whether a card's number falls into one of them."""
        begin = digits[:_LONGEST]
        at = bisect_right(self.starts, begin) - 1
        return at >= 0 and begin <= self.ends[at]


def parse_range(text: str) -> Range:
    """One range. Raises ValueError, which says what is wrong with it."""
    found = _RANGE.fullmatch(text.replace(" ", ""))
    if found is None:
        raise ValueError(f"`{text}` is no prefix, and no range like `526812-526819`")
    first, last = found[1], found[2] or found[1]
    if len(first) != len(last):
        raise ValueError(f"`{text}`: both ends of a range have the same number of digits")
    if not _SHORTEST <= len(first) <= _LONGEST:
        raise ValueError(f"`{text}` must have {_SHORTEST} to {_LONGEST} digits")
    if first[0] not in _FIRST:
        raise ValueError(f"`{text}`: no card's number begins with {first[0]}")
    if first > last:
        raise ValueError(f"`{text}` ends before it begins")
    if first[:_IN_COMMON] != last[:_IN_COMMON]:
        raise ValueError(f"`{text}` is too wide: both ends begin with the same three digits")
    return Range(text, first, last)


def overlap(ranges: Iterable[Range]) -> Iterator[tuple[Range, Range]]:
    """Each range that holds a part of the one before it, in the order of their digits."""
    before: Range | None = None
    for one in sorted(ranges, key=lambda one: one.bounds):
        if before is not None and one.bounds[0] <= before.bounds[1]:
            yield before, one
        if before is None or one.bounds[1] > before.bounds[1]:
            before = one


def joined(ranges: Iterable[Range]) -> Ranges:
    """Ranges of which none overlaps another."""
    bounds = sorted(one.bounds for one in ranges)
    return Ranges(tuple(first for first, _ in bounds), tuple(last for _, last in bounds))


def read_ranges(lines: Iterable[str], file: str) -> tuple[Range, ...]:
    """A table: a range a line, what follows a comma or a word is a remark; `#` comments.

    Raises ConfigurationError, which names each line that is neither.
    """
    found: dict[Range, int] = {}
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        match = _LINE.fullmatch(bare)
        try:
            found.setdefault(parse_range(match[1] if match else bare.split(",")[0]), number)
        except ValueError as error:
            problems.append(Problem(file, number, str(error)))
    for pair in overlap(found):
        one, other = sorted(pair, key=lambda either: found[either])
        message = f"`{other.text}` overlaps `{one.text}` on line {found[one]}; remove one"
        problems.append(Problem(file, found[other], message))
    if problems:
        raise ConfigurationError(problems)
    return tuple(found)


def load_ranges(path: Path) -> tuple[Range, ...]:
    """The table in a file (UTF-8). Raises ConfigurationError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        problem = Problem(str(path), 0, "the table under virtual_bins: can not be read")
        raise ConfigurationError([problem]) from None
    return read_ranges(text.splitlines(), str(path))
