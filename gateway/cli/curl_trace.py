"""What `curl --trace-ascii FILE` and `curl --trace FILE` write, brought into the form of a transcript.

    => Send data, 133 bytes (0x85)
    0000: {"card": {"number": …        64 bytes of text, or up to 16 as hexadecimal digits
    0040: …

Where a row begins is told in bytes, and a block's length; so a line's end (CR LF), which the text does not show, is
known. What is no sign of ASCII stands as a dot in `--trace-ascii`: of that the length is right, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

_HEAD: Final = 64 << 10  # as far as a recording may begin with other words
_TIME: Final = rb"(?:[\d:.]+ )?(?:\[[\d-]+\] )?"
_BLOCK: Final = re.compile(
    rb"^[ \t]*" + _TIME + rb"(?P<way>=>|<=) (?P<what>Send|Recv) (?P<kind>header|data|SSL data), (?P<size>\d{1,12}) bytes \(0x[0-9a-f]+\)[ \t]*\r?$"
)  # fmt: skip
_SENT: Final = re.compile(rb"^[ \t]*" + _TIME + rb"=> Send header, \d", re.MULTILINE)
_ROW: Final = re.compile(rb"[ \t]*(?P<at>[0-9a-f]{4,8}):(?: (?P<text>[^\r\n]*))?")
_HEX: Final = re.compile(rb"(?:[0-9a-f]{2} )+")
_LONG: Final = 64
_FULL: Final = re.compile(
    rb"^[ \t]*(?P<at>[0-9a-f]{4,8}): (?P<text>[^\r\n]{1,64})\r?(?:\n|\Z)", re.MULTILINE
)


class Rows(NamedTuple):
    """Rows of `--trace-ascii` that are one line on the wire: where they begin, and what they say."""

    start: int
    content: bytes


@dataclass(slots=True)
class _Block:
    """One block: which way it went, how long it was, and its rows."""

    line: int
    way: bytes
    head: bool
    size: int
    rows: list[tuple[int, bytes]] = field(default_factory=list)


def looks_like_trace(raw: bytes) -> bool:
    """Whether `raw` is what `curl --trace` or `--trace-ascii` wrote."""
    return _SENT.search(raw, 0, _HEAD) is not None


def untraced(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Each message as it was on the line, and the line of the recording that it begins in."""
    way, begins, held, over = b"", 0, bytearray(), False
    for block in _blocks(raw):
        if held and (block.way != way or (block.head and over and way == b"=>")):
            yield begins, bytes(held)
            held.clear()
        if not held:
            way, begins = block.way, block.line
        held += _content(block)
        over = not block.head or held.endswith(b"\r\n\r\n")
    if held:
        yield begins, bytes(held)


def broken_rows(data: bytes) -> Iterator[Rows]:
    """The lines in a text that `--trace-ascii` broke into rows of 64. Raises nothing."""
    start, end, at, content = 0, -1, 0, bytearray()
    for row in _FULL.finditer(data):
        goes_on = row.start() == end and int(row["at"], 16) == at + _LONG
        if not (goes_on and content):
            if len(content) > _LONG:
                yield Rows(start, bytes(content))
            start = row.start()
            content.clear()
        content += row["text"]
        end, at = row.end() if len(row["text"]) == _LONG else -1, int(row["at"], 16)
    if len(content) > _LONG:
        yield Rows(start, bytes(content))


def rows_before(offset: int) -> int:
    """How many rows stand in front of the one that shows a byte."""
    return offset // _LONG


def _blocks(raw: bytes) -> Iterator[_Block]:
    block: _Block | None = None
    for number, line in enumerate(raw.splitlines(), 1):
        begins = _BLOCK.match(line)
        row = _ROW.match(line) if begins is None else None
        if row is not None and block is not None:
            block.rows.append((int(row["at"], 16), row["text"] or b""))
            continue
        if block is not None and block.rows:
            yield block
        block = None
        if begins is not None and begins["kind"] != b"SSL data":
            block = _Block(number, begins["way"], begins["kind"] == b"header", int(begins["size"]))
    if block is not None and block.rows:
        yield block


def _content(block: _Block) -> bytes:
    ends = [at for at, _ in block.rows[1:]] + [block.size]
    rows = list(zip(block.rows, ends, strict=True))
    shown = [text[: 3 * max(end - at, 0)] for (at, text), end in rows]
    lengths = [3 * (end - at) for (at, _), end in rows]  # of text no row has so many signs
    if lengths == list(map(len, shown)) and all(map(_HEX.fullmatch, shown)):
        return bytes.fromhex(b"".join(shown).decode("ascii"))
    return b"".join(_row(text, end - at, head=block.head) for (at, text), end in rows)


def _row(text: bytes, width: int, *, head: bool) -> bytes:
    """A row of text of so many bytes: two more than it shows are a line's end, one more a blank that an editor cut
    off. Where lengths no longer fit, because somebody edited it, each row of a head is a line."""
    if width == len(text) + 2 or (head and len(text) < _LONG):
        return text + b"\r\n"
    return text.ljust(width) if width == len(text) + 1 else text
