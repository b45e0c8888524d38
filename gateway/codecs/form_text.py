"""How a form spells its names and values: plus signs, percent escapes, UTF-8."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote_plus, unquote_to_bytes

from gateway.errors import MessageForbidden, MessageMalformed, MessageUnfit

# No name is as long, nor any field of a card; decoding more would hold up everything else.
LONGEST_TEXT: Final = 1 << 20
BAD_ESCAPE: Final = re.compile(rb"%(?![0-9a-fA-F]{2})")
SPELLED: Final = re.compile(rb"%[0-9a-fA-F]{2}|\+")


def decode(raw: bytes) -> str:
    """Plus signs and percent escapes undone, once. Raises `MessageMalformed` or
    `MessageForbidden`, as `form.py` says."""
    if len(raw) > LONGEST_TEXT:
        raise MessageForbidden
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        if BAD_ESCAPE.search(raw):
            raise MessageMalformed
        raw = unquote_to_bytes(raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:  # holds the input
        raise MessageMalformed from None


def spelled(match: re.Match[bytes]) -> bytes:
    """What one `SPELLED` sign stands for."""
    return b" " if match[0] == b"+" else bytes.fromhex(match[0][1:].decode("ascii"))


def quoted(content: bytes) -> bytes:
    """As a value has it that was read with `spelled`."""
    return quote_plus(content, safe="*").encode("ascii")  # as WHATWG writes a mask


def encode(text: str, safe: str = "") -> bytes:
    """A name or a value; `safe` signs stay as they are. Raises `MessageUnfit`."""
    if text.isascii() and text.isalnum():
        return text.encode("ascii")
    try:
        return quote_plus(text, safe=safe).encode("ascii")
    except UnicodeEncodeError:  # a lone surrogate; holds the text
        raise MessageUnfit from None
