r"""How a digit, or what stands between two digits, can be spelled in a message's bytes.

`decode` turns spelled digits and separators into plain ones and remembers where each came from,
so that the finder knows one form only: ASCII digits with ASCII separators.

Where the spellings come from: character references XML 1.0 section 4.1 and HTML's named ones,
`\uXXXX` RFC 8259 section 7, percent-encoding RFC 3986 section 2.1, `%uXXXX` ECMAScript annex B.
Each may be escaped again by an envelope (`&amp;#52;`, `\\u0034`, `%2534`).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

View = Literal[
    "plain", "separated", "reference", "escape", "percent", "wide", "split", "mixed", "base64"
]

# What may stand between two digits of one number, as single bytes. NUL is UTF-16's other half,
# 0xA0 is Latin-1's no-break space.
SEPARATORS: Final = b" -.+\t\r\n\xa0\0"

# A byte that stands for "something else": it ends a number.
_BREAK: Final = b"\x01"

_NAMED: Final = {
    b"nbsp": b" ", b"ensp": b" ", b"emsp": b" ", b"thinsp": b" ", b"Tab": b"\t",
    b"NewLine": b"\n", b"shy": b"", b"zwj": b"", b"zwnj": b"", b"hyphen": b"-", b"dash": b"-",
    b"ndash": b"-", b"mdash": b"-", b"minus": b"-", b"period": b".", b"plus": b"+",
}  # fmt: skip

# Possessive quantifiers: each of these is decided in one pass, whatever is thrown at it. Each alternative
# begins with its own sign, outside of any group: only then are all others passed over without being tried.
_UNIT: Final = re.compile(
    rb"""
    &(?P<reference>(?:amp;)*+(?:
        \#(?:0*+(?P<decimal>[0-9]{1,7}+)|[xX]0*+(?P<hex>[0-9A-Fa-f]{1,6}+));?
        |(?P<name>"""
    + b"|".join(_NAMED)
    + rb""");))
    |\\(?P<escape>\\*+(?:u(?P<u>[0-9A-Fa-f]{4})|x(?P<x>[0-9A-Fa-f]{2})|(?P<control>[nrt])))
    |%(?P<percent>(?:25)*+(?:u(?P<pu>[0-9A-Fa-f]{4})|(?P<ascii>[0-7][0-9A-Fa-f])
        |(?P<bytes>[89A-Fa-f][0-9A-Fa-f](?:%(?:25)*+[89ABab][0-9A-Fa-f])*+)))
    |\xef(?P<wide>\xbc[\x90-\x99]|\xbb\xbf)
    |\xd9(?P<wide_d9>[\xa0-\xa9])
    |\xdb(?P<wide_db>[\xb0-\xb9])
    |\xc2(?P<wide_c2>[\xa0\xad])
    |\xe2(?P<wide_e2>\x80[\x80-\x95\xaf]|\x81[\x9f\xa0]|\x88\x92)
    |\xe3(?P<wide_e3>\x80\x80)
    """,
    re.VERBOSE,
)
_PERCENT_BYTE: Final = re.compile(rb"%(?:25)*")

# Where decoding is worth its cost: a spelled digit, or a spelled something right after a plain
# digit. Each with its first byte, so that a body without that byte pays one memchr.
_DIGIT_REFERENCE: Final = (
    rb"0*+(?:4[89]|5[0-7]|163[2-9]|164[01]|177[6-9]|178[0-5]|6529[6-9]|6530[0-5])(?![0-9])"
    rb"|[xX]0*+(?:3[0-9]|6[6Ff][0-9]|[Ff]{2}1[0-9])(?![0-9A-Fa-f])"
)
_DIGIT_PERCENT: Final = rb"3[0-9]|u003|u06|u[Ff]{2}1|[Ee][Ff]%(?:25)*+[Bb][Cc]|[Dd][9Bb]%"
_DIGIT_ESCAPE: Final = rb"u(?:003[0-9]|06[6Ff][0-9]|[Ff]{2}1[0-9])|x3[0-9]"
MARKS: Final = tuple(
    (first, re.compile(pattern))
    for first, pattern in (
        (b"&", rb"&(?:(?:amp;)*+#(?:" + _DIGIT_REFERENCE + rb")|(?<=[0-9]&)[A-Za-z#])"),
        (
            b"%",
            rb"%(?:(?:25)*+(?:" + _DIGIT_PERCENT + rb")|(?<=[0-9]%)(?<!%[0-9A-F]{2}%)[0-9A-Fa-fu])",
        ),
        (b"\\", rb"\\(?:" + _DIGIT_ESCAPE + rb"|(?<=[0-9]\\)(?<!u[0-9A-Fa-f]{4}\\)[\\unrtx])"),
        (b"\xef", rb"\xef(?:\xbc[\x90-\x99]|(?<=[0-9]\xef)\xbb\xbf)"),
        (b"\xd9", rb"\xd9[\xa0-\xa9]"),
        (b"\xdb", rb"\xdb[\xb0-\xb9]"),
        (b"\xc2", rb"\xc2(?<=[0-9]\xc2)[\xa0\xad]"),
        (b"\xe2", rb"\xe2(?<=[0-9]\xe2)[\x80\x81\x88]"),
        (b"\xe3", rb"\xe3(?<=[0-9]\xe3)\x80\x80"),
    )
)

_KINDS: Final[tuple[View, ...]] = ("plain", "reference", "escape", "percent", "wide", "split")
_SPLIT: Final = _KINDS.index("split")
_KIND_OF: Final[dict[str, int]] = {str(kind): place for place, kind in enumerate(_KINDS)}


Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A stretch of a message with every spelling undone.

    `text[i]` was spelled by the raw bytes `starts[i]:ends[i]`; `kinds[i]` says how, 0 for plain.
    """

    text: bytes = field(repr=False)
    starts: list[int] = field(repr=False)
    ends: list[int] = field(repr=False)
    kinds: bytearray = field(repr=False)

    def view(self, start: int, end: int) -> View | None:
        """How `text[start:end]` was disguised; None where every byte of it is plain."""
        used = set(self.kinds[start:end]) - {0}
        if self.kinds[start] == _SPLIT and _SPLIT not in self.kinds[start + 1 : end]:
            used -= {_SPLIT}  # the split stands before the first digit, not inside
        if not used:
            return None
        return _KINDS[used.pop()] if len(used) == 1 else "mixed"


def decode(data: bytes, segments: Iterable[Span]) -> Decoded:
    """Undoes the spellings in `data`'s segments, which are read as if nothing stood between them."""
    text, kinds = bytearray(), bytearray()
    starts: list[int] = []
    ends: list[int] = []
    unseen = 0  # the kind of something invisible: the next byte bears its mark
    last = -1

    def copy(start: int, end: int) -> None:
        text.extend(data[start:end])
        starts.extend(range(start, end))
        ends.extend(range(start + 1, end + 1))
        kinds.append(unseen)
        kinds.extend(bytes(end - start - 1))

    for begin, stop in segments:
        if last not in {-1, begin}:
            unseen = _SPLIT
        last, position = stop, begin
        for match in _UNIT.finditer(data, begin, stop):
            start, end = match.span()
            if start > position:
                copy(position, start)
                unseen = 0
            position = end
            sign, kind = _unit(match[0])
            if not sign:
                unseen = kind
                continue
            text += sign
            starts.append(start)
            ends.append(end)
            kinds.append(kind)
        if stop > position:
            copy(position, stop)
            unseen = 0
    return Decoded(bytes(text), starts, ends, kinds)


def read(data: bytes, segments: Iterable[Span]) -> bytes:
    """The text of `decode` alone, for a third of the work."""
    return b"".join([_UNIT.sub(_read_unit, data[begin:stop]) for begin, stop in segments])


def read_again(text: bytes) -> bytes | None:
    """The text of `again`, of what `read` said; None as there."""
    said, count = _UNIT.subn(_read_unit, text)
    return said if count else None


def _read_unit(match: re.Match[bytes]) -> bytes:
    return _unit(match[0])[0]


def again(decoded: Decoded) -> Decoded | None:
    """What `decoded` says when its spellings spell spellings: `%26%2352%3B`, as when XML travels in
    a form. None when they do not."""
    if _UNIT.search(decoded.text) is None:
        return None
    inner = decode(decoded.text, ((0, len(decoded.text)),))
    starts = [decoded.starts[at] for at in inner.starts]
    ends = [decoded.ends[at - 1] for at in inner.ends]
    kinds = bytearray(
        kind or max(decoded.kinds[start:end])
        for kind, start, end in zip(inner.kinds, inner.starts, inner.ends, strict=True)
    )
    return Decoded(inner.text, starts, ends, kinds)


@functools.lru_cache(maxsize=1024)
def _unit(spelled: bytes) -> tuple[bytes, int]:
    """The one ASCII byte that a spelling stands for (none for what is invisible), and its kind."""
    match = _UNIT.fullmatch(spelled)
    if match is None or match.lastgroup is None:  # pragma: no cover - it was matched before
        return _BREAK, 0
    return _meaning(match), _KIND_OF[match.lastgroup.partition("_")[0]]


def _meaning(match: re.Match[bytes]) -> bytes:
    name = match["name"]
    if name is not None:
        return _NAMED[name]
    if match["control"]:
        return {b"n": b"\n", b"r": b"\r", b"t": b"\t"}[match["control"]]
    if match["decimal"]:
        return _sign(int(match["decimal"]))
    if match["bytes"]:
        raw = bytes.fromhex(_PERCENT_BYTE.sub(b"", match["bytes"]).decode("ascii"))
    elif match[0][0] < 0x80:
        return _sign(int(next(filter(None, map(match.__getitem__, _HEX_GROUPS))), 16))
    else:
        raw = match[0]
    try:
        signs = raw.decode("utf-8")
    except UnicodeDecodeError:
        return b" " if raw == b"\xa0" else _BREAK
    return _sign(ord(signs)) if len(signs) == 1 else _BREAK


_HEX_GROUPS: Final = ("hex", "u", "x", "pu", "ascii")


def _sign(code: int) -> bytes:
    if code < 0x80:
        return bytes((code,))
    if code > 0x10FFFF:
        return _BREAK
    character = chr(code)
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return b"%d" % digit
    category = unicodedata.category(character)
    if category == "Cf":
        return b""
    return b" " if category == "Zs" else b"-" if category == "Pd" or code == 0x2212 else _BREAK


# --- splits: what an XML parser drops from between two pieces of one text ---------------------------

_LEFT: Final = frozenset(b"0123456789;" + bytes(range(0x90, 0xBA)))
_RIGHT: Final = frozenset(b"0123456789&\\% -.+\t\r\n]<" + b"\xef\xd9\xdb\xc2\xe2\xe3")
_LEFT_REACH: Final = 6  # a digit, then a spelled separator at most
_NEAR: Final = 24
_WINDOW: Final = 1 << 20  # no search holds the interpreter for longer than this many bytes take


def splits(data: bytes) -> list[Span]:
    """The comments, processing instructions and CDATA edges between two pieces of one number, in
    order. Linear: every search goes forward from where the last one ended."""
    found: list[Span] = []
    if data.find(b"!") >= 0:
        found += _enclosed(data, b"!", b"<!--", b"-->")
        edges = [at - 1 for at in _places(data, b"!") if data[at - 1 : at + 8] == b"<![CDATA["]
        if edges:
            found += ((at, at + 9) for at in edges)
            found += ((at, at + 3) for at in _places(data, b"]]>"))
    if data.find(b"?") >= 0:
        found += _enclosed(data, b"?", b"<?", b"?>")
    found.sort()
    kept: list[Span] = []
    run: list[Span] = []
    for start, end in found:
        if run and run[-1][1] > start:
            continue  # inside the one before
        if run and run[-1][1] < start:
            kept += _joining(data, run, kept)
            run = []
        run.append((start, end))
    return kept + _joining(data, run, kept)


def _enclosed(data: bytes, sign: bytes, opener: bytes, closer: bytes) -> Iterator[Span]:
    end = 0
    for place in _places(data, sign):
        at = place - 1
        inside = at + len(opener)
        if data[max(at, 0) : inside] != opener:
            continue
        if end < inside + len(closer):
            closed = _find(data, closer, inside)
            if closed < 0:
                return
            end = closed + len(closer)
        yield at, end


def _joining(data: bytes, run: list[Span], before: list[Span]) -> list[Span]:
    """`run`, splits that touch one another, if a number may go on from its left to its right;
    `before` are the splits that were kept so far."""
    if not run:
        return []
    start, end = run[0][0], run[-1][1]
    left, right = data[max(0, start - _LEFT_REACH) : start], data[end : end + 2]
    goes_on = bool(before) and start - before[-1][1] <= _NEAR  # with a digit or separator between
    if not (goes_on or not _LEFT.isdisjoint(left)) or not right:
        return []
    return run if right[0] in _RIGHT and right != b"</" else []


def _places(data: bytes, sign: bytes) -> Iterator[int]:
    at = _find(data, sign, 0)
    while at >= 0:
        yield at
        at = _find(data, sign, at + len(sign))


def _find(data: bytes, sign: bytes, start: int) -> int:
    """`data.find`, in windows."""
    while start < len(data):
        at = data.find(sign, start, start + _WINDOW + len(sign))
        if at >= 0:
            return at
        start += _WINDOW
    return -1
