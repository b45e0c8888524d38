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
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

View = Literal[
    "plain", "separated", "reference", "escape", "percent", "wide", "split", "mixed", "base64"
]

# What may stand between two digits of one number, as single bytes. NUL is UTF-16's other half,
# 0xA0 is Latin-1's no-break space.
SEPARATORS: Final = b" -.+\t\r\n\x0b\x0c\xa0\0"

# A byte that stands for "something else": it ends a number.
_BREAK: Final = b"\x01"

_NAMED: Final = {
    b"nbsp": b" ", b"ensp": b" ", b"emsp": b" ", b"thinsp": b" ", b"Tab": b"\t",
    b"NewLine": b"\n", b"shy": b"", b"zwj": b"", b"zwnj": b"", b"hyphen": b"-", b"dash": b"-",
    b"ndash": b"-", b"mdash": b"-", b"minus": b"-", b"period": b".", b"plus": b"+",
    b"numsp": b" ", b"puncsp": b" ", b"hairsp": b" ", b"emsp13": b" ", b"emsp14": b" ",
    b"NonBreakingSpace": b" ", b"ThinSpace": b" ", b"HairSpace": b" ", b"MediumSpace": b" ",
    b"ZeroWidthSpace": b"", b"NoBreak": b"", b"lrm": b"", b"rlm": b"",
    b"sol": b"/", b"lowbar": b"_", b"UnderBar": b"_", b"colon": b":", b"verbar": b"|", b"vert": b"|",
    b"middot": b"/", b"centerdot": b"/", b"CenterDot": b"/", b"bull": b"/", b"bullet": b"/", b"horbar": b"-",
    b"VeryThinSpace": b" ", b"ThickSpace": b" ", b"NegativeThinSpace": b"",
}  # fmt: skip
# What is no dash by its name, and typed for one (the sound mark on a Japanese keyboard); what groups are parted
# with that is no ASCII; and the ends of lines that are none of ASCII's.
_TYPED: Final = {
    0x30FC: b"-", 0x2212: b"-", 0xB7: b"/", 0x2022: b"/", 0x2027: b"/", 0x85: b"\n", 0x2028: b"\n", 0x2029: b"\n",
}  # fmt: skip

# Possessive quantifiers: each of these is decided in one pass, whatever is thrown at it. Each alternative
# begins with its own sign, outside of any group: only then are all others passed over without being tried.
_UNIT: Final = re.compile(
    rb"""
    &(?P<reference>(?:amp;)*+(?:
        \#(?:0*+(?P<decimal>[0-9]{1,7}+)|[xX]0*+(?P<hex>[0-9A-Fa-f]{1,6}+));?
        |(?P<name>"""
    + b"|".join(_NAMED)
    + rb""")(?:;|(?<=nbsp|.shy)(?![A-Za-z]))))
    |\\(?P<escape>\\*+(?:u[dD]835\\++u[dD](?P<bold>[fF][c-fC-F][0-9A-Fa-f])|u(?P<u>[0-9A-Fa-f]{4})
        |x(?P<x>[0-9A-Fa-f]{2})|(?P<control>[nrtf/])))
    |%(?P<percent>(?:25)*+(?:u(?P<pu>[0-9A-Fa-f]{4})|(?P<ascii>[0-7][0-9A-Fa-f])
        |(?P<bytes>[89A-Fa-f][0-9A-Fa-f](?:%(?:25)*+[89ABab][0-9A-Fa-f])*+)))
    |\xef(?P<wide>\xbc[\x8d-\x99\x9a\xbf]|\xbb\xbf|\xb8[\x80-\x8f]|\xb9[\x98\xa3])
    |\xd9(?P<wide_d9>[\xa0-\xa9])
    |\xdb(?P<wide_db>[\xb0-\xb9])
    |\xc2(?P<wide_c2>[\x85\xa0\xad\xb7])
    |\xcc(?P<wide_cc>[\x80-\xbf])
    |\xcd(?P<wide_cd>[\x80-\xaf])
    |\xe0(?P<wide_e0>\xa5[\xa6-\xaf]|[\xa7\xa9\xab\xad\xaf\xb1\xb3\xb5\xb7][\xa6-\xaf]|[\xb9\xbb][\x90-\x99]
        |\xbc[\xa0-\xa9])
    |\xe1(?P<wide_e1>\x9a\x80|\xa0[\x8b-\x8e])
    |\xe2(?P<wide_e2>\x80[\x80-\x95\xa2\xa7-\xaf]|\x81[\x9f-\xaf]|\x83[\x90-\xb0]|\x88\x92)
    |\xe3(?P<wide_e3>\x80\x80|\x83\xbc)
    |\xf0(?P<wide_f0>\x9d\x9f[\x8e-\xbf]|\x9f\xaf[\xb0-\xb9])
    |\xf3(?P<wide_f3>\xa0[\x80-\x87][\x80-\xbf])
    """,
    re.VERBOSE,
)
_PERCENT_BYTE: Final = re.compile(rb"%(?:25)*")

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
    said = _NAMED.get(match["name"] or b"", _CONTROLS.get(match["control"] or b""))
    if said is not None:
        return said
    if match["bold"]:  # a surrogate pair: the mathematical digits' second half
        return _sign(0x1D400 + int(match["bold"], 16) - 0xC00)
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


# Blanks; dashes; what is not seen, or stands on a digit (the frame of a key).
_OF_CATEGORY: Final = {"Zs": b" ", "Pd": b"-", "Cf": b"", "Mn": b"", "Me": b""}
_CONTROLS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"f": b"\x0c", b"/": b"/"}
_HEX_GROUPS: Final = ("hex", "u", "x", "pu", "ascii")


def _sign(code: int) -> bytes:
    if code < 0x80:
        return bytes((code,))
    if code > 0x10FFFF or code in _TYPED:
        return _TYPED.get(code, _BREAK)
    character = chr(code)
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return b"%d" % digit
    if 0xFF00 < code < 0xFF5F:  # full-width ASCII
        return bytes((code - 0xFEE0,))
    return _OF_CATEGORY.get(unicodedata.category(character), _BREAK)
