"""What a body's first sign says of its format: XML begins with `<`, JSON with `{` or `[`."""

from __future__ import annotations

import re
from typing import Final

from gateway.codecs.document import Format

# A mark of UTF-8, UTF-16 or UTF-32, and blanks in those; NULs are halves of them.
_BEFORE: Final = re.compile(
    rb"(?:\xef\xbb\xbf|\xff\xfe(?:\0\0)?|\0\0\xfe\xff|\xfe\xff)?[\0 \t\r\n]*+"
)
_SIGNS: Final[dict[bytes, Format]] = {b"<": "xml", b"{": "json", b"[": "json"}
TOLD_BY_THEIR_SIGN: Final = frozenset({"xml", "json"})


def first_sign(body: bytes) -> Format | None:
    """The format that a body begins as; None where it begins as neither XML nor JSON. Whether it is one,
    only its codec can say."""
    return _SIGNS.get(first_signs(body)[:1])


def sign_of(format: Format) -> Format | None:
    """What `first_sign` says of a body of that format."""
    return format if format in TOLD_BY_THEIR_SIGN else None


def first_signs(body: bytes) -> bytes:
    """A body's first two signs, without a mark of its encoding and blanks."""
    match = _BEFORE.match(body)
    start = match.end() if match is not None else 0
    return body[start : start + 2]
