r"""Every member of one name in a JSON body, wherever it stands.

Only its name says so: `"card" :`, in any spelling of its letters (`\u0063ard`). In a body that a
`Scan` has accepted a quote without a backslash before it opens or closes a string, and a colon
follows names only; so no text that talks of the name is taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

# Bytes that one search looks at: some 3 ns each, while other threads wait.
_PIECE: Final = 1 << 18
_KEPT: Final = 256  # patterns; the names are the rules'
_ESCAPES: Final = {
    '"': rb"\\\"", "\\": rb"\\\\", "/": rb"\\/",
    "\b": rb"\\b", "\f": rb"\\f", "\n": rb"\\n", "\r": rb"\\r", "\t": rb"\\t",
}  # fmt: skip


def member_starts(body: bytes, name: str, start: int, end: int) -> Iterator[int]:
    """Where the names of such members stand in `body[start:end]`, in order; the colon behind the
    name is the caller's to check."""
    overlap = 12 * len(name) + 2  # as long as a name can be
    for piece in range(start, end, _PIECE):
        last = min(piece + _PIECE + overlap, end)
        pattern = (_plain if body.find(b"\\", piece, last) < 0 else _spelled)(name)
        for match in pattern.finditer(body, piece, last):
            if match.start() < piece + _PIECE and body[match.start() - 1] != 0x5C:
                yield match.start()


@lru_cache(_KEPT)
def _plain(name: str) -> re.Pattern[bytes]:
    return re.compile(re.escape(f'"{name}"'.encode()))


@lru_cache(_KEPT)
def _spelled(name: str) -> re.Pattern[bytes]:
    return re.compile(b'"' + b"".join(_spellings(sign) for sign in name) + b'"')


def _spellings(sign: str) -> bytes:
    """A pattern for one character of a string: itself where it may stand so, or escaped."""
    raw = sign.encode("utf-16-be")
    units = [raw[at : at + 2].hex() for at in range(0, len(raw), 2)]
    escaped = b"".join(rb"\\u(?i:%b)" % unit.encode() for unit in units)
    ways = [escaped, *([_ESCAPES[sign]] if sign in _ESCAPES else [])]
    if sign not in {'"', "\\"}:
        ways.append(re.escape(sign.encode()))
    return b"(?:" + b"|".join(ways) + b")"
