"""Content coding: what stands between a body as it was sent and the bytes that a codec reads.

Only `identity` and `gzip` (RFC 9110 section 8.4.1; `x-gzip` is its old name) are undone. Whatever
else a header could say is refused, because a body that was not looked into is not forwarded.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

from gateway.cards.scan import has_long_number
from gateway.errors import BodyTooLarge, CodingNotSupported

_GZIP: Final = 16 + zlib.MAX_WBITS  # a gzip header and its checksum, nothing else
_FIXED: Final = 10  # bytes of a member's header that are always there
_EXTRA, _NAME, _COMMENT = 4, 8, 16  # of its flags: what else it has, in this order
_PIECE: Final = 256 * 1024  # decoded at once; zlib works without the interpreter's lock


def decode_body(body: bytes, codings: Sequence[str], limit: int) -> bytes:
    """The body without its content coding, at most `limit` bytes.

    `codings`: the values of all `Content-Encoding` fields as they came, one per field. None, or one
    `identity`: the body itself. One `gzip` or `x-gzip`, in any case: one complete gzip member
    (RFC 1952) and nothing after it; no bytes at all are an empty body, whatever the header says.

    Raises `CodingNotSupported` for any other, a list, a second field, a body that is not gzip, is
    cut off, fails its checksum, has something behind it, or a long number in its header: a body that is not
    changed leaves as it came, header and all; `BodyTooLarge` for more than `limit`
    bytes. No more than `limit` + 1 decoded bytes are ever held.
    """
    if len(codings) > 1:
        raise CodingNotSupported
    coding = codings[0].strip(" \t").lower() if codings else "identity"
    if coding == "identity":
        if len(body) > limit:
            raise BodyTooLarge
        return body
    if coding not in {"gzip", "x-gzip"}:
        raise CodingNotSupported
    return _gunzip(body, limit) if body else b""


def _gunzip(body: bytes, limit: int) -> bytes:
    decoder = zlib.decompressobj(_GZIP)
    parts: list[bytes] = []
    held = 0
    for start in range(0, len(body), _PIECE):
        if decoder.eof:
            raise CodingNotSupported  # something stands behind the member
        waiting = body[start : start + _PIECE]
        while waiting:
            part = _decompress(decoder, waiting, min(_PIECE, limit + 1 - held))
            held += len(part)
            if held > limit:
                raise BodyTooLarge
            parts.append(part)
            waiting = decoder.unconsumed_tail
    if not decoder.eof or decoder.unused_data:
        raise CodingNotSupported
    if has_long_number(_said_in_header(body)):
        raise CodingNotSupported
    return b"".join(parts)


def _said_in_header(member: bytes) -> bytes:
    """What the header of a gzip member, which was decoded, holds besides its fixed fields: a file's name, a
    comment, anything. None of it is in what is decoded."""
    flags, end = member[3], _FIXED
    if flags & _EXTRA:
        end += 2 + int.from_bytes(member[end : end + 2], "little")
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            end = member.index(b"\0", end) + 1
    return member[_FIXED:end]


def _decompress(decoder: zlib._Decompress, data: bytes, most: int) -> bytes:
    try:
        return decoder.decompress(data, most)
    except zlib.error:
        raise CodingNotSupported from None
