"""Hex dumps, as hexdump -C, xxd, od, tcpdump -X and Wireshark print them: which bytes they show.

00000010  31 31 31 31 31 31 31 31  31 31 31 31 31 31 30 30  |1111111111111100|
00000010: 3131 3131 3131 3131 3131 3131 3131 3030  1111111111111100
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_ROW: Final = 16  # bytes that a line shows
_IP_HEAD: Final = 20
_HEADS: Final = 40  # of IP without options, and of TCP
_LINE: Final = re.compile(
    rb"^[ \t]*(?:0x)?(?P<at>[0-9a-fA-F]{4,8}):?[ \t]{1,3}(?P<bytes>(?:(?:[0-9a-fA-F]{2}){1,2}(?:[ \t]{1,3}|\r?$)){2,16}+)[^\n]*\n?",
    re.MULTILINE,
)


class Dumped(NamedTuple):
    """Lines of a dump that follow one another: where they begin, and what they show."""

    start: int
    content: bytes


def dumped_in(data: bytes) -> Iterator[Dumped]:
    """What the dumps in a text show, each with its place. Raises nothing."""
    start, end, at, content = 0, -1, 0, bytearray()
    for line in _LINE.finditer(data):
        shown = bytes.fromhex(b"".join(line["bytes"].split()).decode("ascii"))[:_ROW]
        goes_on = line.start() == end and int(line["at"], 16) == at + _ROW
        if not goes_on and content:
            yield Dumped(start, bytes(content))
            content.clear()
        if not content:
            start = line.start()
        content += shown
        end, at = line.end(), int(line["at"], 16)
    if content:
        yield Dumped(start, bytes(content))


def rows_before(offset: int) -> int:
    """How many lines of a dump stand in front of the one that shows a byte."""
    return offset // _ROW


def undumped(raw: bytes) -> bytes | None:
    """What a file shows that is a dump, and of packets what they carry; None where it is something else."""
    dumps = [
        one for one in dumped_in(raw) if len(one.content) > _ROW
    ]  # a line alone may be columns
    lines = sum(-(-len(one.content) // _ROW) for one in dumps)
    if not dumps or 2 * lines < len([line for line in raw.splitlines() if line.strip()]):
        return None
    return b"".join(_carried(one.content) for one in dumps)


def _carried(packet: bytes) -> bytes:
    """What stands behind the heads of IP and TCP; all of it where there are none (RFC 791, RFC 9293)."""
    if packet[:1] != b"\x45" or len(packet) < _HEADS:
        return packet
    return packet[_IP_HEAD + (packet[_IP_HEAD + 12] >> 4) * 4 :]
