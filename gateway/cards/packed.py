"""Compressed messages in base64, as a field of another one: `{"payload": "H4sIAAAA..."}`."""

from __future__ import annotations

import binascii
import heapq
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

# How base64 of gzip (RFC 1952) and zlib (RFC 1950) begins, where it begins with them. Four signs of which
# one is a capital and one a digit are soon looked for; `eJ` is not, and stands in words.
_GZIP: Final = b"H4sI"
_ZLIB: Final = frozenset({b"eJ", b"eN", b"eA"})
_LEAST: Final = 28  # signs: twelve digits, and what is around them
_SIGN: Final = rb"[A-Za-z0-9+/_-]"
_LINE: Final = rb"(?:\s|\\++[rn/]|&\#(?:10|13|[xX]0*+[AaDd]);|%0[AaDd])"  # PHP writes `\/` in JSON
_RUN: Final = re.compile(rb"(?:" + _LINE + rb"{0,40}+" + _SIGN + rb"++)++")
_BEFORE: Final = re.compile(_SIGN + rb"\Z")
_LINES: Final = re.compile(rb"\\++[rn]|&\#[0-9xXaAdD]+;|%0[AaDd]|[\s\\]")
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_PROBE: Final = 128
_LONGEST_LINE: Final = 256  # bytes that may stand between two signs
_WINDOW: Final = 1 << 16  # no call over more: it holds the interpreter
# Bytes, once unpacked, of all that stands in a message, or as many as the message has: what grows more is looked
# at up to there. A megabyte holds two hundred of them, and each could be any size.
_MOST: Final = 1 << 22
_SEARCHED: Final = 1 << 20  # bytes that one search looks at, while other threads wait
_ANY: Final = zlib.MAX_WBITS | 32  # gzip or zlib, by its head


def unpack(data: bytes, long: Iterable[int]) -> Iterator[tuple[int, int, bytes]]:
    """Where base64 of something compressed stands in `data`, and what it says. `long` are the places where
    long base64 begins: zlib is looked for there alone. Raises nothing. Linear: what was read is not begun
    in again."""
    end, room = 0, max(_MOST, len(data))
    for at in heapq.merge(_gzip(data), (at for at in long if data[at : at + 2] in _ZLIB)):
        if not room:
            return
        if at >= end and _begins(data, at):
            content, end = _unpacked(data, at, room)
            room -= len(content)
            if content:
                yield at, end, content


def _gzip(data: bytes) -> Iterator[int]:
    for begin in range(0, len(data), _SEARCHED):
        end = begin + _SEARCHED + len(_GZIP) - 1
        at = data.find(_GZIP, begin, end)
        while at >= 0:
            yield at
            at = data.find(_GZIP, at + 1, end)


def _begins(data: bytes, at: int) -> bool:
    """Whether something compressed begins there, as far as its first signs tell."""
    match = _RUN.match(data, at, at + _PROBE)
    if match is None or _BEFORE.search(data, max(0, at - 1), at) is not None:
        return False
    bare = _bare(match[0])
    if len(bare) < _LEAST:
        return False
    try:
        zlib.decompressobj(_ANY).decompress(_decoded(bare[: len(bare) // 4 * 4]), _PROBE)
    except zlib.error:
        return False
    return True


def _unpacked(data: bytes, at: int, room: int) -> tuple[bytes, int]:
    """What the base64 that begins at `at` says, up to `room` bytes, as far as it can be read; and where it
    ends."""
    decoder, parts, rest = zlib.decompressobj(_ANY), [], b""
    while room and (match := _RUN.match(data, at, at + _WINDOW)):
        last = match.end() < at + _WINDOW - _LONGEST_LINE
        bare = rest + _bare(match[0])
        whole = len(bare) if last else len(bare) // 4 * 4
        rest, at, packed = bare[whole:], match.end(), _decoded(bare[:whole])
        try:
            while packed and room:
                parts.append(decoder.decompress(packed, room))
                room -= len(parts[-1])
                packed = b""
                if decoder.eof:  # gzip may go on with another member
                    packed, decoder = decoder.unused_data, zlib.decompressobj(_ANY)
        except zlib.error:
            break
        if last:
            break
    return b"".join(parts), at


def _bare(text: bytes) -> bytes:
    return _LINES.sub(b"", text).translate(_URL_SAFE)


def _decoded(bare: bytes) -> bytes:
    bare = bare[: len(bare) - (len(bare) % 4 == 1)]
    return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4))
