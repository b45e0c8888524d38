"""Base64 in a message that may hold a card: where it stands, and what it says."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.cards.packed import unpack

_BLOCK: Final = 1 << 15
_OVERLAP: Final = 512

# RFC 4648's two alphabets. Digits, spaces, dashes and dots use few of their signs, in a rhythm of
# four: the first two bits of such a byte are 00, so each place has few choices.
_SIGNS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_RHYTHM: Final = re.compile(rb"(?:[ILMNO][CDSTijyz][AEIMQUYcgk04][gtuw-z0-5]){3,}+")
_RHYTHM_SIGNS: Final = b"ILMNOCDSTijyzAEMQUYcgk04gtuwxyz012345"
_RHYTHM_MASK: Final = bytes(98 if byte in _RHYTHM_SIGNS else 46 for byte in range(256))
_RHYTHM_RUN: Final = b"b" * 12
_RHYTHM_SPAN: Final = re.compile(b"[" + _RHYTHM_SIGNS + b"]*+")

# Long base64 may hold a whole message. It is looked for by samples: four bytes apart, all of them
# belong to the alphabet or end a line.
_STRIDE: Final = 4
_SAMPLES: Final = 24
_LONG_MASK: Final = bytes(98 if byte in _SIGNS + b"\r\n" else 46 for byte in range(256))
_LONG_RUN: Final = b"b" * _SAMPLES
_LINE: Final = rb"(?:\s|\\++[rn]|&\#(?:10|13|[xX]0*+[AaDd]);|%0[AaDd])"
_LONG: Final = re.compile(rb"[A-Za-z0-9+/_-]++(?:" + _LINE + rb"{1,40}+[A-Za-z0-9+/_-]++){0,300}+")
_LINES: Final = re.compile(_LINE + b"+")
_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Wrapped:
    """`data[start:end]` is base64 of `content`. `is_message`: long enough to be looked into as a
    message of its own; else only its plain digits count."""

    start: int
    end: int
    content: bytes = field(repr=False)
    is_message: bool


def unwrap(data: bytes) -> Iterator[Wrapped]:
    """Every stretch of `data` that decodes to something in which a card could stand."""
    done, long = 0, []
    for begin in range(0, len(data), _BLOCK):
        block = data[begin : begin + _BLOCK + _OVERLAP]
        for start, end in _digit_stretches(block):
            yield Wrapped(begin + start, begin + end, _decode(block[start:end]), is_message=False)
        for start in _long_starts(block):
            if begin + start < done:
                continue
            long.append(begin + start)
            for piece in _long_pieces(data, begin + start):
                done = piece.end
                yield piece
    for start, end, content in unpack(data, long):
        yield Wrapped(start, end, content, is_message=True)


def _digit_stretches(block: bytes) -> Iterator[tuple[int, int]]:
    """Base64 of digits and separators at any alignment, with one block of four on either side."""
    mask = block.translate(_RHYTHM_MASK)
    hit = mask.find(_RHYTHM_RUN)
    while hit >= 0:
        span = _RHYTHM_SPAN.match(block, hit)
        stop = span.end() if span else hit + len(_RHYTHM_RUN)
        for match in _RHYTHM.finditer(block, hit, stop):
            start, end = match.span()
            while start >= 4 and match.start() - start < 8 and _all_signs(block[start - 4 : start]):
                start -= 4
            more = block[end : end + 8]
            while more and not _all_signs(more):
                more = more[:-1]
            yield start, end + len(more)
        hit = mask.find(_RHYTHM_RUN, stop)


def _all_signs(part: bytes) -> bool:
    return not part.translate(None, _SIGNS)


def _long_starts(block: bytes) -> Iterator[int]:
    """Where a run of base64 of about a hundred signs or more begins (or the block does)."""
    samples = block[::_STRIDE].translate(_LONG_MASK)
    hit = samples.find(_LONG_RUN)
    while hit >= 0:
        at = hit * _STRIDE
        while at > 0 and block[at - 1] in _SIGNS:
            at -= 1
        match = _LONG.match(block, at)
        end = match.end() if match else at + 1
        if end - at >= _STRIDE * _SAMPLES - 2 * _STRIDE:
            yield at
        hit = samples.find(_LONG_RUN, max(hit + 1, -(-end // _STRIDE)))


def _long_pieces(data: bytes, start: int) -> Iterator[Wrapped]:
    """Decodes a long run in pieces that overlap by more than a card."""
    rest = b""
    rest_start = start
    while match := _LONG.match(data, start, start + _PIECE):
        bare = rest + _unfold(match[0])
        whole = len(bare) // 4 * 4
        end = match.end()
        yield Wrapped(rest_start, end, _decode(bare), is_message=True)
        if end < start + _PIECE:
            return
        # The next piece begins on a block of four, a little before this one's end.
        rest, rest_start = bare[max(0, whole - _OVERLAP) :], max(start, end - 2 * _OVERLAP)
        start = end


def _unfold(text: bytes) -> bytes:
    bare = text.translate(None, b" \t\r\n\f\v")
    return bare if bare.isalnum() or _all_signs(bare) else _LINES.sub(b"", bare)


def _decode(text: bytes) -> bytes:
    text = text.translate(_URL_SAFE)
    text = text[: len(text) - (len(text) % 4 == 1)]
    return binascii.a2b_base64(text + b"=" * (-len(text) % 4))


_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
