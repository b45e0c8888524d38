"""A text of a document taken as another document's bytes: XML in a form's field, JSON in a string.

The text is *written* in the way of the document around it (percent signs, references, escapes). When
some of its bytes change, only these are written anew: all others keep the spelling that they came
in. So a document inside another one is spliced like one that stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.codecs.edits import Edit
from gateway.errors import MessageUnfit

_CDATA_END: Final = b"]]>"


@dataclass(frozen=True, slots=True)
class Stretch:
    """`source[start:end]`, written in one way: what `spelled` matches stands for other bytes.

    `read` says which bytes one match stands for, `write` how new bytes are written here. In a CDATA
    section (`literal`) nothing can be escaped: what would end it is refused.
    """

    start: int
    end: int
    spelled: re.Pattern[bytes] | None = field(default=None, repr=False)
    read: Callable[[re.Match[bytes]], bytes] = field(default=lambda match: match[0], repr=False)
    write: Callable[[bytes], bytes] = field(default=bytes, repr=False)
    literal: bool = False

    def content(self, source: bytes) -> bytes:
        """The bytes that stand here."""
        raw = source[self.start : self.end]
        return raw if self.spelled is None else self.spelled.sub(self.read, raw)

    def places(self, source: bytes, offsets: Sequence[int]) -> Iterator[int]:
        """Where in `source` the content's bytes at `offsets`, which rise, are written.

        Raises `MessageUnfit` where one lies inside what stands for several bytes.
        """
        raw, passed = self.start, 0
        waiting = iter(offsets)
        offset = next(waiting, None)
        found = self.spelled.finditer(source, self.start, self.end) if self.spelled else ()
        for match in found:
            if offset is None:
                return
            plain = match.start() - raw
            while offset is not None and offset <= passed + plain:
                yield raw + offset - passed
                offset = next(waiting, None)
            passed += plain + len(self.read(match))
            raw = match.end()
            if offset is not None and offset < passed:
                raise MessageUnfit
        while offset is not None:
            if offset - passed > self.end - raw:
                raise MessageUnfit
            yield raw + offset - passed
            offset = next(waiting, None)


class Embedded:
    """The bytes that a place's text stands for, and how to change them where they are written."""

    __slots__ = ("_source", "_starts", "_stretches", "content")

    def __init__(self, source: bytes, stretches: Sequence[Stretch]) -> None:
        self._source, self._stretches = source, stretches
        parts = [stretch.content(source) for stretch in stretches]
        self._starts = [0]
        for part in parts:
            self._starts.append(self._starts[-1] + len(part))
        self.content = b"".join(parts)

    def __repr__(self) -> str:
        return f"Embedded({len(self.content)} bytes)"

    def edits(self, edits: Iterable[Edit]) -> list[Edit]:
        """Edits of `content` as edits of the source around it.

        Raises `MessageUnfit` for one that can not be written there.
        """
        parts = [part for edit in edits for part in self._parts(edit)]
        made: list[Edit] = []
        for number, stretch in enumerate(self._stretches):
            mine = [edit for which, edit in parts if which == number]
            if mine:
                made += self._written(stretch, mine)
        return made

    def _parts(self, edit: Edit) -> Iterator[tuple[int, Edit]]:
        """The edit cut at the ends of stretches; what is new goes to the first."""
        new, done = edit.new, False
        for number, (first, last) in enumerate(zip(self._starts, self._starts[1:], strict=False)):
            start, end = max(edit.start, first), min(edit.end, last)
            if start > end or (start == end and (done or edit.start != edit.end)):
                continue
            yield number, Edit(start - first, end - first, new)
            new, done = b"", True
        if not done:
            raise MessageUnfit

    def _written(self, stretch: Stretch, edits: Sequence[Edit]) -> Iterator[Edit]:
        offsets = [offset for edit in edits for offset in (edit.start, edit.end)]
        if sorted(offsets) != offsets:
            raise MessageUnfit
        places = list(stretch.places(self._source, offsets))
        for number, edit in enumerate(edits):
            start, end = places[2 * number : 2 * number + 2]
            if stretch.literal:
                self._check_literal(stretch, start, end, edit.new)
            yield Edit(start, end, stretch.write(edit.new))

    def _check_literal(self, stretch: Stretch, start: int, end: int, new: bytes) -> None:
        """A CDATA section may not end where it did not."""
        before = self._source[max(stretch.start, start - 2) : start]
        after = self._source[end : min(stretch.end, end + 2)]
        if _CDATA_END in before + new + after:
            raise MessageUnfit


def difference(old: bytes, new: bytes) -> list[Edit]:
    """The one edit that makes `new` of `old`, without what both begin and end with."""
    if old == new:
        return []
    start = _shared(old, new)
    rest = min(len(old), len(new)) - start
    end = _shared(old[::-1][:rest], new[::-1][:rest])
    return [Edit(start, len(old) - end, new[start : len(new) - end])]


def _shared(one: bytes, other: bytes) -> int:
    """How many bytes both begin with: halved again and again, so that the work is C's."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
