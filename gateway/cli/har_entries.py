"""The entries of a HAR file, one after the other: a day of traffic need not fit into memory.

A HAR is one JSON object; `log.entries` is where its exchanges stand. The file is read in pieces, and only the
bytes of one entry are ever held.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Final

PIECE: Final = 1 << 20
LARGEST: Final = 192 << 20  # an entry; a body of 48 MB takes 64 as base64
_SIGN: Final = re.compile(rb'["{}\[\]]')
_IN_STRING: Final = re.compile(rb'["\\]')
_LONGEST_NAME: Final = 16
_ENTRIES: Final = 3  # how deep an entry stands: in the top object, in `log`, in the list


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry's bytes (empty where it is larger than `LARGEST`), and the line it begins in."""

    line: int
    raw: bytes = field(repr=False)


class NoHar(Exception):
    """The file has no `log.entries`, or ends in the middle. `line` is where."""

    def __init__(self, line: int, *, cut: bool) -> None:
        super().__init__()
        self.line, self.cut = line, cut


@dataclass(slots=True)
class _Reader:
    """Where in the JSON we are. Fed with pieces; `entries` come out."""

    depth: int = 0
    in_string: bool = False
    escaped: bool = False
    name: bytearray = field(default_factory=bytearray)  # the last string, as far as it matters
    in_log: bool = False
    in_entries: bool = False
    found: bool = False  # the list of entries
    held: bytearray | None = None  # the entry at hand
    held_line: int = 0
    too_large: bool = False
    line: int = 1

    def feed(self, piece: bytes) -> Iterator[Entry]:
        at = counted = kept = 0
        while at < len(piece):
            if self.in_string:
                at = self._string(piece, at)
                continue
            match = _SIGN.search(piece, at)
            if match is None:
                break
            at = match.end()
            sign = match[0]
            if sign == b'"':
                self.in_string = True
                self.name.clear()
            elif sign in b"{[":
                if self.depth == _ENTRIES and self.in_entries and sign == b"{":
                    self.line += piece.count(b"\n", counted, at)
                    counted, kept = at, match.start()
                    self.held, self.held_line, self.too_large = bytearray(), self.line, False
                self._open(sign)
            else:
                self._close()
                if self.held is not None and self.depth == _ENTRIES:
                    self._keep(piece[kept:at])
                    yield Entry(self.held_line, b"" if self.too_large else bytes(self.held))
                    self.held = None
        self.line += piece.count(b"\n", counted)
        if self.held is not None:
            self._keep(piece[kept:])

    def _string(self, piece: bytes, at: int) -> int:
        """Goes to the end of a string, or of the piece."""
        if self.escaped:
            self.escaped = False
            return at + 1
        match = _IN_STRING.search(piece, at)
        end = match.start() if match else len(piece)
        if len(self.name) <= _LONGEST_NAME:
            self.name += piece[at : min(end, at + _LONGEST_NAME + 1)]
        if match is None:
            return end
        if match[0] == b"\\":
            self.escaped = True
        else:
            self.in_string = False
        return match.end()

    def _open(self, sign: bytes) -> None:
        if self.depth == 1:
            self.in_log = sign == b"{" and self.name == b"log"
        elif self.depth == 2:
            self.in_entries = self.in_log and sign == b"[" and self.name == b"entries"
            self.found = self.found or self.in_entries
        self.depth += 1

    def _close(self) -> None:
        self.depth -= 1
        if self.depth <= 2:
            self.in_entries = False
        if self.depth <= 1:
            self.in_log = False

    def _keep(self, part: bytes) -> None:
        if self.held is None or self.too_large:
            return
        self.held += part
        if len(self.held) > LARGEST:
            self.held, self.too_large = bytearray(), True


def entries(stream: IO[bytes], seen: Callable[[int], None]) -> Iterator[Entry]:
    """Every entry; `seen` is told of each piece's length. Raises NoHar, at the end, and OSError."""
    reader = _Reader()
    while piece := stream.read(PIECE):
        seen(len(piece))
        yield from reader.feed(piece)
    if reader.depth > 0 or reader.in_string:
        raise NoHar(reader.line, cut=True)
    if not reader.found:
        raise NoHar(reader.line, cut=False)
