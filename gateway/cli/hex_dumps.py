"""Hex dumps, as hexdump -C, xxd, od, tcpdump -X and Wireshark print them: which bytes they show.

00000010  31 31 31 31 31 31 31 31  31 31 31 31 31 31 30 30  |1111111111111100|
00000010: 3131 3131 3131 3131 3131 3131 3131 3030  1111111111111100
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_ROW: Final = 16  # bytes that a line shows
_LINE: Final = re.compile(
    rb"^[ \t]*(?:0x)?[0-9a-fA-F]{4,8}:?[ \t]{1,3}(?P<bytes>(?:(?:[0-9a-fA-F]{2}){1,2}(?:[ \t]{1,3}|\r?$)){2,16}+)[^\n]*\n?",
    re.MULTILINE,
)


class Dumped(NamedTuple):
    """Lines of a dump that follow one another: where they begin, and what they show."""

    start: int
    content: bytes


def dumped_in(data: bytes) -> Iterator[Dumped]:
    """What the dumps in a text show, each with its place. Raises nothing."""
    start, end, content = 0, -1, bytearray()
    for line in _LINE.finditer(data):
        shown = bytes.fromhex(b"".join(line["bytes"].split()).decode("ascii"))[:_ROW]
        if line.start() != end and content:
            yield Dumped(start, bytes(content))
            content.clear()
        if not content:
            start = line.start()
        content += shown
        end = line.end()
    if content:
        yield Dumped(start, bytes(content))


def rows_before(offset: int) -> int:
    """How many lines of a dump stand in front of the one that shows a byte."""
    return offset // _ROW
