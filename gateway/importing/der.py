"""Reads ASN.1 forward, a piece at a time: a file may be larger than the memory that it may take.

X.690: definite lengths as DER has them, and indefinite ones, which what writes in a stream uses (BER).
Tags of one byte are all that CMS has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

INTEGER: Final = 0x02
OCTETS: Final = 0x04
OBJECT: Final = 0x06
SEQUENCE: Final = 0x30
SET: Final = 0x31
_CONSTRUCTED: Final = 0x20
_CHUNK: Final = 64 * 1024
_SMALL: Final = 64 * 1024  # of what is read as a whole: keys, names, parameters
_DEEP: Final = 16


class Source(Protocol):
    """What is read from: a file."""

    def read(self, count: int, /) -> bytes:
        """Up to so many bytes; fewer only at the end."""


class NotDer(Exception):
    """What comes is not what must come."""


class Reader:
    """Elements of a file in their order. Every method raises NotDer."""

    def __init__(self, file: Source) -> None:
        self._file, self._at = file, 0
        self._ahead: tuple[int, int | None] | None = None  # the next element's tag and length
        self._ends: list[int | None] = []  # of those that were entered; None: marked by two zeros

    def peek(self) -> int | None:
        """The next element's tag; None: what was entered last has no more."""
        if self._ahead is None:
            end = self._ends[-1] if self._ends else None
            if end is not None and self._at >= end:
                return None
            self._ahead = self._head()
        return None if self._ahead == (0, 0) else self._ahead[0]

    def enter(self, tag: int) -> None:
        """Goes on with what is within the next element."""
        length = self._take(tag)
        if not tag & _CONSTRUCTED or len(self._ends) >= _DEEP:
            raise NotDer
        self._ends.append(self._end(length))

    def leave(self) -> None:
        """Goes on behind the element that was entered last, of which nothing may be left."""
        if self.peek() is not None:
            raise NotDer
        end = self._ends.pop()
        if end is None:
            self._ahead = None  # its two zeros
        elif self._at != end:
            raise NotDer

    def value(self, tag: int) -> bytes:
        """The next element's content, which is small."""
        length = self._take(tag)
        if length is None or length > _SMALL:
            raise NotDer
        self._end(length)
        return self._read(length)

    def skip(self) -> None:
        """Passes over the next element."""
        tag = self.peek()
        if tag is None:
            raise NotDer
        if tag & _CONSTRUCTED:
            self.enter(tag)
            while self.peek() is not None:
                self.skip()
            self.leave()
        else:
            self.value(tag)

    def octets(self, tag: int) -> Iterator[bytes]:
        """The content of the next element, however long, in pieces: `tag`, or the same constructed of
        OCTET STRINGs.
        """
        if self.peek() == tag | _CONSTRUCTED:
            self.enter(tag | _CONSTRUCTED)
            while self.peek() is not None:
                yield from self._pieces(OCTETS)
            self.leave()
        else:
            yield from self._pieces(tag)

    def _pieces(self, tag: int) -> Iterator[bytes]:
        length = self._take(tag)
        if length is None:
            raise NotDer
        self._end(length)
        while length > 0:
            piece = self._read(min(length, _CHUNK))
            length -= len(piece)
            yield piece

    def _take(self, tag: int) -> int | None:
        if self.peek() != tag or self._ahead is None:
            raise NotDer
        length = self._ahead[1]
        self._ahead = None
        return length

    def _end(self, length: int | None) -> int | None:
        """Where an element of this length ends: within the one around it."""
        if length is None:
            return None
        end = self._at + length
        around = next((one for one in reversed(self._ends) if one is not None), end)
        if end > around:
            raise NotDer
        return end

    def _head(self) -> tuple[int, int | None]:
        tag, first = self._read(2)
        if tag & 0x1F == 0x1F:
            raise NotDer
        if first < 0x80:
            return tag, first
        if first == 0x80:
            if not tag & _CONSTRUCTED:
                raise NotDer
            return tag, None
        if first > 0x88:
            raise NotDer
        return tag, int.from_bytes(self._read(first - 0x80), "big")

    def _read(self, count: int) -> bytes:
        read = self._file.read(count)
        if len(read) != count:
            raise NotDer
        self._at += count
        return read
