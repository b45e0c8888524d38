r"""JSON's grammar (RFC 8259) as expressions over bytes, for `json_scan.py` and `json_entry.py`.

Only single-character repeats are possessive and every alternative starts with another character:
no pattern backtracks over more than one entry.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

# At worst (`0,0,0,...`) about a millisecond of matching: far below the 20 ms that an event loop may
# be held up in all.
WINDOW: Final = 1 << 13
OPENING: Final = (b"{", b"[")

_WS: Final = rb"[ \t\n\r]*+"
_HEX: Final = rb"[0-9a-fA-F]"
# A surrogate escape only as a pair, high before low.
_ESCAPE: Final = (
    rb'\\(?:["\\/bfnrt]|u(?:[0-9abcefABCEF]' + _HEX + rb"{3}|[dD][0-7]" + _HEX + rb"{2}"
    rb"|[dD][89abAB]" + _HEX + rb"{2}\\u[dD][c-fC-F]" + _HEX + rb"{2}))"
)  # fmt: skip
_PLAIN: Final = rb'[^"\\\x00-\x1f]*+'
_CHARS: Final = _PLAIN + rb"(?:" + _ESCAPE + _PLAIN + rb")*"
_STRING: Final = rb'"' + _CHARS + rb'"'
_NUMBER: Final = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_SCALAR: Final = rb"(?:" + _STRING + rb"|" + _NUMBER + rb"|true|false|null)"
_COLON: Final = _WS + rb":" + _WS
_COMMA: Final = _WS + rb","


def _run(entry: bytes, close: bytes) -> bytes:
    """A run of scalar entries, each with its comma; then, where one follows, the entry that `opens`
    a container, or the one before the bracket that `closes` this one."""
    scalars = rb"(?:" + _WS + entry + _SCALAR + _COMMA + rb")*"
    tail = rb"(?:(?P<opens>[{\[])|" + _SCALAR + _WS + rb"(?P<closes>" + close + rb"))"
    return scalars + rb"(?:" + _WS + entry + tail + rb")?"


class _Runs(NamedTuple):
    """What is read at a stroke in one kind of container, at its start, after an entry with its
    comma, and after one without. Only at the start and without a comma it may end `at_once`."""

    first: re.Pattern[bytes]
    further: re.Pattern[bytes]
    following: re.Pattern[bytes]


def _runs(entry: bytes, close: bytes) -> _Runs:
    run, at_once = _run(entry, close), _WS + rb"(?P<at_once>" + close + rb")|"
    return _Runs(*map(re.compile, (at_once + run, run, at_once + _COMMA + run)))


IN_OBJECT: Final = _runs(_STRING + _COLON, rb"\}")
IN_ARRAY: Final = _runs(b"", rb"\]")

# One entry: name (group 1), then the scalar (group 2) with what follows it, or an opening bracket.
_VALUE: Final = rb"(?:(" + _SCALAR + rb")" + _WS + rb"[,}\]]" + _WS + rb"|[{\[])"
MEMBER: Final = re.compile(rb"(" + _STRING + rb")" + _COLON + _VALUE)
ITEM: Final = re.compile(rb"()" + _VALUE)
# As `MEMBER`, of a body that was read already; the name's quotes are outside of group 1.
_READ: Final = rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
READ_MEMBER: Final = re.compile(
    _READ + _COLON + rb"(?:(" + _READ.replace(b"(", b"(?:", 1) + rb'|[^"{}\[\], \t\n\r]++)|[{\[])',
    re.DOTALL,
)
NAME: Final = re.compile(rb"(" + _STRING + rb")" + _COLON)
NEXT: Final = re.compile(_WS + rb"[,}\]]" + _WS)
CHARACTERS: Final = re.compile(_CHARS)
NO_STRING: Final = re.compile(_NUMBER + rb"|true|false|null")
NOT_SPACE: Final = re.compile(rb"[^ \t\n\r]")
LONE_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]" + _HEX + rb"{2}")
NOT_A_NUMBER: Final = re.compile(rb"NaN|-?Infinity")
