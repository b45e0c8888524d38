"""How a JSON string's text is written: its escapes, and new text between them (RFC 8259 section 7)."""

from __future__ import annotations

import json
import re
from typing import Final

from gateway.codecs.embedded import Stretch
from gateway.errors import MessageUnfit

# Two escapes that are one character together come first.
_SPELLED: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\."
)


def written_in(start: int, end: int) -> Stretch:
    """What stands between a string's quotes, of a document that a `Scan` has read."""
    return Stretch(start, end, _SPELLED, _read, _write)


def _read(match: re.Match[bytes]) -> bytes:
    # A `Scan` has refused lone surrogates and unknown escapes.
    return str(json.loads(b'"' + match[0] + b'"')).encode()


def _write(content: bytes) -> bytes:
    try:
        return json.dumps(content.decode())[1:-1].encode("ascii")
    except UnicodeDecodeError:  # holds the content
        raise MessageUnfit from None
